"""Takes the picture of a page of ``charrnn export`` that the README shows, in a headless Chromium: ``make picture``.

It is not a part of ``make docs``: another Chromium or other fonts make another picture of the same page.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import charrnn
from charrnn.sharing.web.page import page

DOCS = Path(__file__).parent
TARGET = DOCS / "images" / "page.png"
WIDTH, HEIGHT, ROOM = 860, 880, 1800
"""Of the picture, and the height that lets all of the page be seen."""
PRIME = "The class statement "

sys.path.insert(0, str(DOCS.parent / "tests"))  # which drive a browser


def main() -> int:
    """Write a little with the demo model, and take the picture; returns an exit code."""
    from browser import Browser, find_browser

    program = find_browser()
    if not program:
        print("needs Chromium", file=sys.stderr)
        return 1
    model = charrnn.load(DOCS.parent / "checkpoints" / "demo.npz")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.html"
        path.write_text(page(model, "demo"), encoding="utf-8")
        browser = Browser(program, Path(folder) / "profile")
        try:
            browser.resize(WIDTH, ROOM)
            browser.emulate()
            browser.open(path)
            browser.run("document.getElementById('text').focus()")
            browser.type(PRIME)
            browser.run("document.getElementById('write').click()")
            there = f"document.getElementById('text').value.length === {len(PRIME) + 300}"
            browser.wait(there)
            browser.wait("document.getElementById('ghost').textContent.length > 10")
            browser.wait("document.querySelector('#next b').textContent !== ''")
            browser.picture(TARGET, HEIGHT)
        finally:
            browser.close()
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
