"""What is shown of work under way: rate, time left, bytes; on a terminal, a narrow one, and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from vcmpipe.cli import progress as module
from vcmpipe.cli.progress import progress_bar


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.mark.parametrize(
    ("seconds", "done", "total", "text"),
    [
        (10, 5, 40, "5 of 40, 30/min, 70 s left"),
        (10, 20, 40, "20 of 40, 2.0/s, 10 s left"),
        (10, 400, 40_000, "400 of 40,000, 40/s, 16 min left"),
        (3600, 5, 40, "5 of 40, 5.0/h, 7.0 h left"),
        (10, 40, 40, "40 of 40, 4.0/s"),
        (10, 5, None, "5, 30/min"),
        (0, 5, 40, "5 of 40"),
    ],
)
def test_rate_and_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str], seconds: float, done: int, total: int | None, text: str
) -> None:
    state = module._State()
    clock.now += seconds
    state.step(done, total)
    assert state.text() == text


def test_the_rate_is_that_of_late_and_time_goes_on(clock: Clock) -> None:
    state = module._State()
    for number in range(1, 200):  # what an earlier run had done comes at once
        state.step(number, 300)
    clock.now += 100
    for number in range(200, 280):
        clock.now += 1
        state.step(number, 300)
    assert state.text() == "279 of 300, 1.0/s, 21 s left"
    clock.now += 6
    assert state.text() == "279 of 300, 1.0/s, 15 s left"
    clock.now += 60
    assert state.text() == "279 of 300, 1.0/s, 0 s left"


def test_things_and_bytes(clock: Clock) -> None:
    state = module._State()
    state.note("3 frames read")
    assert state.text() == "3 frames read"
    clock.now += 2
    state.written("picture", 1_234_567)
    state.step(1, 4)
    state.note("20 trials")
    assert state.text() == "1 of 4 pictures, 30/min, 6 s left, 1.2 MB written, 20 trials"
    state = module._State(in_bytes=True)
    clock.now += 2
    state.step(3_000_000, 9_000_000)
    assert state.text() == "3.0 MB of 9.0 MB, 1.5 MB/s, 4 s left"


def test_lines_now_and_then_where_stderr_is_no_terminal(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("encode") as report:
        for number in range(1, 2001):
            clock.now += 1
            report(number, 2000)
        report.written("picture", 999)
        report.note("x")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "vcmpipe: encode: 10 of 2,000, 1.0/s, 33 min left"
    # Every ten seconds for ten minutes, then every minute.
    assert 59 <= sum(int(re.search(r": ([\d,]+) of", line)[1].replace(",", "")) <= 600 for line in lines) <= 60  # type: ignore[index]
    assert 80 <= len(lines) <= 84


SCRIPT = """
import sys, time
from vcmpipe.cli.progress import progress_bar
with progress_bar("encode") as report:
    report.note("5 frames read")
    for number in range(1, 6):
        time.sleep(0.25)
        report.written("picture", 120_000 * number)
        report(number, 5)
        report.note(f"{9 * number} trials of many versions of pictures")
print("done")
"""


def on_a_terminal(columns: int) -> list[str]:
    """What a terminal of so many columns is sent, redrawn line after redrawn line, without escape sequences."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    root = str(Path(module.__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([root, environment.get("PYTHONPATH", "")])
    child = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:
            pass  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    assert child.wait(60) == 0
    reader.join(10)
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(pieces).decode())
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_a_terminal_has_one_line_that_fits(columns: int) -> None:
    lines = on_a_terminal(columns)
    assert lines[-1] == "done"  # and the bar is gone
    shown = [line for line in lines if line.startswith("encode")]
    assert shown and all(len(line) <= columns for line in lines)
    assert any("━" in line for line in shown) == (columns >= 70)
    wanted = r"4 of 5 pictures, \d" if columns < 60 else r"4 of 5 pictures, [\d.]+/(s|min), \d s left"
    assert any(re.search(wanted, line) for line in shown)
    if columns == 120:
        assert any("480.0 kB written, 36 trials" in line for line in shown)
