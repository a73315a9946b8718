"""Put together a text of one kind from what Debian packages hold, and print its path.

    python benchmarks/texts.py --list
    python benchmarks/quality.py $(python benchmarks/texts.py code) --split 90/5/5 --test

No text is kept with charrnn: each follows from the files of packages, so it is the same wherever these have
the same version. Standard error tells its size and SHA-256.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

COLLECTIONS = "/usr/share/games/fortunes"
ENGLISH = "fortunes-min", "fortunes"
RUSSIAN = ("fortunes-ru",)
PYTHON = "libpython3.11-minimal", "libpython3.11-stdlib"
MANUALS = ("manpages-dev",)
NOVELS = ("r-cran-janeaustenr", "r-base-core")
WORDS, SHORTEST = 9_999, 3  # that a model of words knows; of a sentence
APART = "songs-poems"  # not in the general text, so that something is left to learn after it
CHANNELS = "debian", "knghtbrd", "linux"  # of these what people said to each other


@dataclass(frozen=True)
class Text:
    """A text, and where it comes from."""

    what: str
    packages: tuple[str, ...]
    assemble: Callable[[], str]
    options: str = ""  # of quality.py, other than the usual ones


def told(*command: str) -> str:
    """What a command prints."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{' '.join(command)}: {getattr(error, 'stderr', '') or error}".strip())


def joined(packages: Sequence[str], pattern: str, but: Sequence[str] = (), after: str = "") -> str:
    """The files of packages whose paths match, in order, as one text.

    Args:
        but: Patterns of paths that are left out.
        after: What stands after each file.
    """
    paths = told("dpkg", "-L", *packages).splitlines()
    paths = [path for path in paths if fnmatch(path, pattern) and Path(path).is_file()]
    paths = [path for path in paths if not any(fnmatch(path, one) for one in but)]
    return "".join(read(Path(path)) + after for path in sorted(paths))


def read(path: Path) -> str:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
        return file.read()


def sayings(packages: Sequence[str], names: str = "*", but: Sequence[str] = ()) -> str:
    """Those of ``fortune``, with an empty line after each."""
    indices = "*.dat", "*.u8"
    text = joined(packages, f"{COLLECTIONS}/{names}", (*indices, *but))
    return text.replace("\n%\n", "\n\n")


def chat() -> str:
    return "".join(sayings(ENGLISH, name) for name in CHANNELS)


def scripture() -> str:
    """Without the names of book, chapter and verse."""
    lines = told("bible", "-f", "Gen1:1-Rev22:21").splitlines()
    return "\n".join(line.partition(" ")[2] for line in lines)


def essays() -> str:
    return joined(["anarchism"], "*/markdown/sec[B-H]*.md.gz", after="\n")


def novels() -> str:
    """Four of Jane Austen's and the beginning of a fifth, with lines that end in CR LF, as old texts of the net have them."""
    read = "cat(emma,mansfieldpark,northangerabbey,persuasion,prideprejudice,sep='\\n')"
    text = told("Rscript", "-e", f"library(janeaustenr);{read}")
    text = text[:3_000_000]
    return text[: text.rindex("\n") + 1].replace("\n", "\r\n")


def words() -> str:
    """The essays as models of words have them: a sentence a line, in lower case, without most marks, the 9,999 most frequent words, ``N`` for numbers."""
    text = unicodedata.normalize("NFKC", essays()).replace("’", "'").lower()
    sentences = re.split(r"(?<=[.!?])\s+|\n\n+", text)
    lines = [re.findall(r"[a-z]+(?:'[a-z]+)?|\d[\d.,]*|[$%&]", line) for line in sentences]
    lines = [["N" if word[0].isdigit() else word for word in line] for line in lines]
    lines = [line for line in lines if len(line) >= SHORTEST]
    counted = Counter(word for line in lines for word in line)
    known = {word for word, _ in counted.most_common(WORDS)}
    return "".join(
        " ".join(word if word in known else "<unk>" for word in line) + "\n" for line in lines
    )


def names() -> str:
    return "".join(f"{name}\n" for name in sorted(told("apt-cache", "pkgnames").split()))


def general() -> str:
    return plain("\n".join([sayings(ENGLISH, but=[f"*/{APART}"]), essays(), scripture()]))


def plain(text: str) -> str:
    """In ASCII, as far as that has something alike: what is learnt first should know no more characters than what follows."""
    for fine, coarse in zip("‘’“”–—…", ("'", "'", '"', '"', "-", "--", "..."), strict=True):
        text = text.replace(fine, coarse)
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c == "\n" or " " <= c <= "~")


TEXTS = {
    "scripture": Text("narrative: the King James Bible", ("bible-kjv-text",), scripture),
    "essays": Text("essays of today, in Markdown", ("anarchism",), essays),
    "novels": Text("novels, bytes with CR LF", NOVELS, novels, "--split 80/10/10 --bytes"),
    "words": Text("sentences of ten thousand words", ("anarchism",), words),
    "code": Text(
        "code: Python's library", PYTHON, lambda: joined(PYTHON, "*.py", but=["*/encodings/*"])
    ),
    "russian": Text("another script: sayings", RUSSIAN, lambda: sayings(RUSSIAN, "ru/*")),
    "chat": Text(
        "chat-like lines: quotes from channels, few of them", ENGLISH, chat, "--split 80/10/10"
    ),
    "names": Text("records: names of Debian's packages", ("apt",), names, "--records"),
    "markup": Text(
        "markup: manual pages of system calls, in roff",
        MANUALS,
        lambda: joined(MANUALS, "/usr/share/man/man2/*"),
    ),
    "general": Text(
        "English to start from: sayings, essays, scripture",
        (*ENGLISH, "anarchism", "bible-kjv-text"),
        general,
    ),
    "songs": Text(
        "songs and poems, none of them in the general text",
        ENGLISH,
        lambda: plain(sayings(ENGLISH, APART)),
    ),
}


def listed() -> str:
    """All texts, one a line."""
    width = max(map(len, TEXTS))
    return "".join(
        f"{name:<{width}}  {text.what} ({', '.join(text.packages)}) {text.options}".rstrip() + "\n"
        for name, text in TEXTS.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=TEXTS, nargs="?", help="which one")
    parser.add_argument(
        "--list", action="store_true", help="which there are, and of which packages"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="where to; NAME.txt in a temporary folder"
    )
    options = parser.parse_args()
    if options.list:
        sys.stdout.write(listed())
        return
    if not options.name:
        parser.error("which text? see --list")
    output = options.output or Path(tempfile.gettempdir(), f"{options.name}.txt")
    text = TEXTS[options.name].assemble().encode()
    output.write_bytes(text)
    digest = hashlib.sha256(text).hexdigest()
    print(f"{options.name}: {len(text):,} bytes, SHA-256 {digest}", file=sys.stderr)
    print(output)


if __name__ == "__main__":
    main()
