"""The text that is learnt where none is named."""

from charrnn.errors import InputError

DEFAULT_SOURCE = "the Python language reference (pydoc_data.topics)"


def default_text() -> str:
    """The Python language reference that CPython carries for ``help()``; it varies by version.

    Raises:
        InputError: This Python comes without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError(
            "this Python lacks the default corpus (pydoc_data.topics); name a text file to train on"
        ) from None
    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))
