"""What tags mean together, spelled out slowly, to compare with."""

from __future__ import annotations

from collections.abc import Sequence


def spans_of(tags: Sequence[str], *, iob: bool) -> set[tuple[int, int, str]]:
    """Of one text: where each span begins and ends, and its kind."""
    found = set()
    for start, tag in enumerate(tags):
        before = tags[start - 1] if start else None
        if not iob:
            begins, kind, goes_on = tag != before, tag, {tag}
        else:
            letter, _, name = tag.partition("-")
            kind, end = name or "B", name and f"-{name}"
            goes_on = {f"I{end}"}
            begins = letter == "B" or (letter == "I" and before not in (f"B{end}", f"I{end}"))
        if begins:
            stop = start + 1
            while stop < len(tags) and tags[stop] in goes_on:
                stop += 1
            found.add((start, stop, kind))
    return found
