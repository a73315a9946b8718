"""What the bytes of a text tell: which of Unicode's encodings they are in, and how their lines end."""

from __future__ import annotations

from collections.abc import Iterable

MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""By the marks that files begin with."""

HEAD = 1 << 12  # bytes in which zeros are looked for, where there is no mark
FEWEST = 16  # bytes that tell anything
ZEROS = 20  # of so many bytes of UTF-16 at least one is zero: half of a blank, a digit, a line end


def wide_encoding(head: bytes) -> tuple[str, str] | None:
    """UTF-16 or UTF-32, and what iconv calls it with its order of bytes; None for anything else.

    Without a mark they show by their zeros, which stand at one place of each unit only, beside hardly any
    letters of ASCII. Text in UTF-8 has no zeros, or else they separate words. (Chinese without a mark, which
    has such letters there, is not found.)

    Args:
        head: The beginning of a text.
    """
    for mark, kind in MARKS.items():
        if head.startswith(mark):
            return kind, kind.lower()
    head = head[: min(len(head), HEAD) // 4 * 4]
    if len(head) < FEWEST or ZEROS * head.count(0) < len(head):
        return None
    for order, quarters in (
        ("le", (head[3::4], head[2::4])),
        ("be", (head[::4], head[1::4])),
    ):
        if not any(quarters[0]) and max(quarters[1]) <= 0x10:  # no character is above U+10FFFF
            return ("UTF-32", f"utf-32{order}") if _is_text(head, f"utf-32-{order}") else None
    for order, high, low in (("le", head[1::2], head[::2]), ("be", head[::2], head[1::2])):
        letters = any(0x40 <= byte < 0x7F for byte in high)
        if high.count(0) > 9 * low.count(0) and not letters and _is_text(head, f"utf-16-{order}"):
            return "UTF-16", f"utf-16{order}"
    return None


def _is_text(head: bytes, encoding: str) -> bool:
    """Whether bytes can be decoded to something without control characters."""
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if error.end < len(head):  # else a pair is cut in two
            return False
        text = head[: error.start].decode(encoding)
    return all(c >= " " or c in "\t\n\f\r" for c in text)


def ends_lines_by_cr(blocks: Iterable[bytes]) -> bool:
    """Whether CR ends the lines, as on old Macintoshes: there are some, and no LF.

    A single one that does not end the text is just a character in a text of one line.
    """
    found, last = 0, b""
    for block in blocks:
        if b"\n" in block:
            return False
        found, last = found + block.count(b"\r"), block[-1:]
    return found > 1 or last == b"\r"
