"""A headless Chromium, driven through a pair of pipes by its DevTools protocol. No package needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STUCK_AFTER = 60  # seconds until a browser counts as stuck


def find_browser() -> str | None:
    """The program, where there is one and pipes can be handed to it."""
    found = filter(None, map(shutil.which, NAMES))
    return next(found, None) if os.name == "posix" else None


class Browser:
    """A page in a browser.

    Attributes:
        errors: What its scripts threw or the console was told as an error, so far.
        requests: Addresses that were asked for, so far.
    """

    def __init__(self, program: str, folder: Path) -> None:
        # The browser reads commands from descriptor 3 and writes answers to descriptor 4.
        command_end, self._commands = os.pipe()
        self._answers, answer_end = os.pipe()
        options = (
            "--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --no-first-run "
            "--disable-background-networking --disable-component-update --disable-sync --disable-quic "
            f"--disable-dev-shm-usage --window-size=1100,900 --user-data-dir={folder}"
        )
        shell = f'exec "$0" {options} about:blank 3<&{command_end} 4>&{answer_end}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, program],
            pass_fds=(command_end, answer_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_end)
        os.close(answer_end)
        self._number, self._rest, self._session = 0, b"", ""
        self._seen: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.requests: list[str] = []
        (target,) = [
            each
            for each in self._call("Target.getTargets")["targetInfos"]
            if each["type"] == "page"
        ]
        attached = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def renew(self) -> None:
        """As if nothing had been seen or set before."""
        self._go("about:blank")
        self._call("Emulation.clearDeviceMetricsOverride")
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=0, y=0)
        self.emulate()
        self.errors.clear()
        self.requests.clear()

    def open(self, path: Path) -> None:
        """Load a file, and wait until it is there."""
        self._go(path.resolve().as_uri())

    def _go(self, address: str) -> None:
        self._seen.clear()
        self._call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self._seen):
            self._take(self._message())

    def run(self, script: str) -> Any:
        """The value of an expression."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, *, ctrl: bool = False) -> None:
        """A key, pressed and let go."""
        for kind in ("rawKeyDown", "keyUp"):
            codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}
            number = {**codes, "Escape": 27}.get(key, 0)
            code = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number}
            self._call("Input.dispatchKeyEvent", **code, modifiers=2 * ctrl)

    def type(self, text: str) -> None:
        """Text, put in where the focus is, as a keyboard does."""
        self._call("Input.insertText", text=text)

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + STUCK_AFTER
        while not self.run(condition):
            assert time.monotonic() < until, (condition, self.errors)
            time.sleep(0.02)

    def resize(self, width: int, height: int) -> None:
        """What the page is seen through, in its pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def hover(self, x: float, y: float) -> None:
        """The mouse, moved there."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def emulate(self, *, dark: bool = False, scripts: bool = True) -> None:
        """What the system's colours are, and whether scripts run in the next page."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[feature])
        self._call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def picture(self, path: Path, height: int | None = None) -> None:
        """The whole page as a PNG file, for eyes; or what is seen of it, down to a height."""
        whole: dict[str, Any] = {"captureBeyondViewport": True}
        if height is not None:
            size = {"width": self.run("innerWidth"), "height": height}
            whole = {"clip": {"x": 0, "y": 0, **size, "scale": 1}}
        data = self._call("Page.captureScreenshot", **whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF")["data"])

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._take(message)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], STUCK_AFTER)
            assert ready, "the browser does not answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser has gone"
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found

    def _take(self, event: dict[str, Any]) -> None:
        self._seen.append(event)
        parameters = event["params"]
        if event["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded":
            self.errors.append(parameters["entry"]["text"])
        elif event["method"] == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
