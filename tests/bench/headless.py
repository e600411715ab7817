"""A headless Chromium by the DevTools protocol over a pipe: no driver, no port, no further package."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0


def find_browser() -> str | None:
    """A Chromium: the one that VCMPIPE_CHROMIUM names, else one on the path."""
    named = os.environ.get("VCMPIPE_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page. Everything that it asked the network for, and every complaint, is kept."""

    def __init__(self, program: str, profile: Path) -> None:
        inward, outward = os.pipe(), os.pipe()
        words = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            "--disable-extensions", "--mute-audio", "--force-color-profile=srgb", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip

        def three_and_four() -> None:
            # Chromium reads commands from descriptor 3 and answers on 4; neither may be what the other is made of.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (inward[0], outward[1])]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            words, preexec_fn=three_and_four, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(inward[0])
        os.close(outward[1])
        self._in, self._out = inward[1], outward[0]
        self._numbers = itertools.count(1)
        self._buffer = b""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = self._scripts = True
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError, AssertionError):
            self._call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _send(self, method: str, values: dict[str, Any], session: str | None) -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": values}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._in, data) :]
        return number

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            part = os.read(self._out, 1 << 20)
            assert part, "Chromium went away"
            self._buffer += part
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, values = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"][:100])
        elif method == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(values["args"])[:500])
        elif method == "Log.entryAdded":
            self.complaints.append(values["entry"]["text"])
        elif method == "Page.loadEventFired":
            self._loaded = True

    def _wait(self, number: int) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = self._receive(deadline - time.monotonic())
            if message and message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
        raise AssertionError("Chromium does not answer")

    def _call(self, method: str, **values: Any) -> dict[str, Any]:
        return self._wait(self._send(method, values, None))

    def _ask(self, method: str, **values: Any) -> dict[str, Any]:
        return self._wait(self._send(method, values, self._session))

    def scripts(self, wanted: bool) -> None:
        """Whether pages may run scripts; ``run`` still may."""
        self._ask("Emulation.setScriptExecutionDisabled", value=not wanted)
        self._scripts = wanted

    def size(self, width: int, height: int) -> None:
        """The window's inner size in CSS pixels."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def dark(self, wanted: bool) -> None:
        """What the system prefers."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        self.requests.clear()
        self.complaints.clear()
        self._go("Page.navigate", url=path.resolve().as_uri())

    def reload(self) -> None:
        """Load the same page again and wait until it is there."""
        self._go("Page.reload")

    def _go(self, method: str, **values: Any) -> None:
        self._loaded = False
        self._ask(method, **values)
        deadline = time.monotonic() + PATIENCE
        while not self._loaded:
            assert time.monotonic() < deadline, "the page does not load"
            self._receive(1.0)
        self.settle()

    def settle(self) -> None:
        """Wait until pictures are decoded and two frames were drawn; without scripts there is nothing to wait for."""
        if not self._scripts:
            return
        self.run(
            "Promise.all([...document.images].map(i => i.decode().catch(() => 0)))"
            ".then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))))"
        )

    def run(self, script: str) -> Any:
        """The value of an expression, promises awaited."""
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def key(self, name: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button at a place of the window, move, release."""
        for kind, (x, y), buttons in (("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0)):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def picture(self, clip: dict[str, float] | None = None, *, whole: bool = False) -> np.ndarray:
        """What is seen, RGB; ``clip`` with x, y, width, height in the document, ``whole`` the whole page."""
        values: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole or clip is not None}
        if clip is not None:
            values["clip"] = clip | {"scale": 1}
        elif whole:
            box = self._ask("Page.getLayoutMetrics")["cssContentSize"]
            values["clip"] = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
        data = base64.b64decode(self._ask("Page.captureScreenshot", **values)["data"])
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]

    def place(self, selector: str) -> dict[str, float]:
        """Where an element stands in the document."""
        return self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height}; })()"
        )
