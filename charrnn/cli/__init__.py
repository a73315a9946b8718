"""The command line. One file for each command, and ``display`` for all that is drawn.

Commands import what they need when they run: ``charrnn --help`` has no use for NumPy. Of the
commands themselves only the one that was asked for is made: each has dozens of options.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from importlib import import_module

import typer

from charrnn.cli import terminal
from charrnn.cli.arguments import dash_advice
from charrnn.cli.help import Command, Group
from charrnn.cli.terminal import ignore_no_size, open_streams, silence_stdout, speak_utf8
from charrnn.errors import CharrnnError
from charrnn.launcher import announced, announced_size
from charrnn.signals import HandledBy
from charrnn.version import __version__
from charrnn.words import for_a_command

MOST = 600  # characters of an error
COMMANDS = {
    **{name: name for name in ("train", "sample", "score", "predict", "evaluate", "inspect")},
    "play": "play",
    "serve": "serve",
    "list": "list_models",  # its function; the word itself is Python's
    "export": "export",
    "import": "import_model",
}
FILES = {"import": "importing"}
"""Of commands whose own name no module can have."""


def make_app(*commands: str) -> typer.Typer:
    """The program with some of its commands."""
    app = typer.Typer(
        name="charrnn",
        cls=Group,
        help="Teach a recurrent network to write like a text you love.",
        epilog="Start with: charrnn train corpus.txt, then: charrnn sample --temp 0.8",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for name in commands:
        module = import_module(f"charrnn.cli.{FILES.get(name, name)}")
        app.command(name, cls=Command, epilog=module.EPILOG)(getattr(module, COMMANDS[name]))
    return app


def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version."),
) -> None:
    if version:
        print(f"charrnn {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line; every foreseen error is one line and an exit code."""
    open_streams()
    terminal.LOADING_SECONDS = time.process_time()
    code = run(sys.argv[1:])
    # One more Ctrl-C draws no traceback on the way out.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code: 0, 1 (went wrong), 2 (asked wrongly), 130 (Ctrl-C), 143 (SIGTERM)."""
    speak_utf8()
    ignore_no_size()
    end = terminal.Ending()
    in_job = arguments[:1] == ["train"] and announced_size() > 1
    with HandledBy(end), for_a_command():
        try:
            code = _run(arguments)
        except BaseException as error:
            if not _is_interruption(error):
                if in_job:
                    traceback.print_exc()  # what nobody foresaw: the others would wait for ever
                    _end_job(1)
                raise
            code = 130
    if not end.number:
        return code
    code = 128 + end.number  # the shell's convention
    if in_job:
        _end_job(code)
    return code


def _is_interruption(error: BaseException | None) -> bool:
    """Whether a signal is what it comes of: before Python 3.12 what is raised in a ``__set_name__``, as where modules are loaded, becomes a RuntimeError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _end_job(code: int) -> None:
    """End all ranks of a job, also where this one has not joined them yet: they wait for it."""
    try:
        from charrnn.nn.mpi import abort

        abort(code)
    except Exception:  # there is no MPI, or the loading of what it takes was what was interrupted
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)  # which launchers heed


def _run(arguments: list[str]) -> int:
    # Shards of a batch are charrnn's threads (see charrnn.nn.parallel). This must be said before NumPy
    # is loaded; Accelerate, on macOS, cannot be told later.
    for library in ("OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_THREADS"] = "1"
    try:
        asked = [name for name in COMMANDS if name in arguments[:1]]
        app = make_app(*(asked or COMMANDS))
        code = app(arguments, prog_name="charrnn", standalone_mode=False)
        sys.stdout.flush()
    except (CharrnnError, typer.TyperException) as error:
        if isinstance(error, CharrnnError):
            return _fail(str(error), error.exit_code)
        message = " ".join(error.format_message().splitlines())
        return _fail(message + dash_advice(arguments), error.exit_code)
    except (MemoryError, SystemError, ImportError, RuntimeError) as error:
        if not _short_of_memory(error):
            raise
        advice = "; try a smaller --hidden-size, --batch-size or --seq-length"
        return _fail(f"out of memory{advice if arguments[:1] == ['train'] else ''}", 1)
    except (BrokenPipeError, SystemExit) as error:
        # Typer makes the second of the first; it also ends shell completion so.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        silence_stdout()
        return 0
    except OSError as error:
        silence_stdout()
        where = error.filename or "input or output failed"
        return _fail(f"{where}: {error.strerror or error}", 1)
    return code if isinstance(code, int) else 0


def _short_of_memory(error: BaseException | None) -> bool:
    """Whether that is behind an error: of Python, of C code that does not say so, of a library or a thread."""
    if error is None or isinstance(error, (MemoryError, SystemError)):
        return error is not None
    told = ("failed to map segment", "annot allocate memory", "can't start new thread")
    return any(words in str(error) for words in told) or _short_of_memory(error.__context__)


def _fail(message: str, code: int) -> int:
    if len(message) > MOST:  # a text where a file was expected, or a name out of a checkpoint
        message = f"{message[: MOST // 2]} … {message[-MOST // 2 :]}"
    terminal.tell_failure(message)
    size, rank, local = announced()
    if terminal.job or (size > 1 and rank != local):  # on another machine than the first
        _end_job(code)
    return code
