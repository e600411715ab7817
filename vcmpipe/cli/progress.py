"""Progress on stderr, with rate, time left and bytes: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from vcmpipe.process.text import duration

if TYPE_CHECKING:
    from rich.progress import ProgressColumn
    from rich.table import Column

# Seconds between plain lines where stderr is no terminal, at first and after some minutes.
_PLAIN_EVERY, _LATER_EVERY, _LATER = 10.0, 60.0, 600.0
# Steps that the rate is taken over: what was done long ago, or was there already, says little of what is left.
_STEPS = 64
# Columns below which there is no room for a bar.
_NARROW = 70


class Reporter(Protocol):
    """What shows how far a command is; may be called from any thread."""

    def __call__(self, done: int, total: int | None) -> None:
        """So many are done, of so many, where that is known."""
        ...

    def note(self, text: str) -> None:
        """Say something beside it."""
        ...

    def written(self, noun: str, size: int) -> None:
        """So many bytes are written; what is counted is called so."""
        ...


@contextmanager
def progress_bar(what: str, *, in_bytes: bool = False) -> Iterator[Reporter]:
    """A reporter on stderr for the time of a command; with ``in_bytes`` what is counted are bytes."""
    state = _State(in_bytes)
    if not sys.stderr.isatty():
        yield _PlainLines(what, state)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True)
    bar = () if console.width < _NARROW else (BarColumn(bar_width=min(40, console.width // 4)),)
    kept_short = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    columns = (TextColumn(what), *bar, _text_column(state, kept_short), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, expand=True) as shown:
        task = shown.add_task(what, total=None, visible=False)

        def changed() -> None:
            shown.update(task, completed=state.done, total=state.total, visible=True)

        yield _Told(state, changed)


class _State:
    """How far a command is, and how fast it goes."""

    def __init__(self, in_bytes: bool = False) -> None:
        self.done = 0
        self.total: int | None = None
        self._in_bytes, self._noun, self._size, self._note = in_bytes, "", 0, ""
        self._steps: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=_STEPS)

    def step(self, done: int, total: int | None) -> None:
        self.done, self.total = done, total
        self._steps.append((time.monotonic(), done))

    def note(self, text: str) -> None:
        self._note = text

    def written(self, noun: str, size: int) -> None:
        self._noun, self._size = noun, size

    def text(self) -> str:
        """``12 of 40 pictures, 3.2/s, 9 s left, 120 kB written, 50 trials``."""
        (began, before), (ended, now) = self._steps[0], self._steps[-1]
        rate = (now - before) / (ended - began) if ended > began and now > before else 0.0
        if self._in_bytes:
            counted = [f"{_size(self.done)} of {_size(self.total)}" if self.total else _size(self.done)]
            speed = f"{_size(rate)}/s"
        else:
            number = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
            nouns = f" {self._noun}{'s' * ((self.total or self.done) != 1)}" if self._noun else ""
            counted, speed = [number + nouns], _speed(rate)
        if rate and self.done:
            counted.append(speed)
            if self.total and self.total > self.done:
                left = (self.total - self.done) / rate - (time.monotonic() - ended)
                counted.append(f"{duration(max(left, 0))} left")
        if self._size:
            counted.append(f"{_size(self._size)} written")
        if self._note and not self.done and self.total is None:
            counted = []
        return ", ".join([*counted, *filter(None, [self._note])])


def _speed(rate: float) -> str:
    """Things per second, or where that is less than one, per minute or hour."""
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if rate * seconds >= 1 or unit == "h":
            break
    return f"{rate * seconds:.{1 if rate * seconds < 10 else 0}f}/{unit}"


def _size(size: float) -> str:
    """Bytes to show: ``512 bytes``, ``12.3 kB``, ``4.0 MB``, ``1.2 GB``."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:,.1f} {unit}"
    return f"{size:.0f} bytes"


class _Told:
    """Keeps what it is told, and says that there is something new."""

    def __init__(self, state: _State, changed: Callable[[], None]) -> None:
        self._state, self._changed = state, changed

    def __call__(self, done: int, total: int | None) -> None:
        self._state.step(done, total)
        self._changed()

    def note(self, text: str) -> None:
        self._state.note(text)
        self._changed()

    def written(self, noun: str, size: int) -> None:
        self._state.written(noun, size)
        self._changed()


class _PlainLines(_Told):
    """A line now and then."""

    def __init__(self, what: str, state: _State) -> None:
        super().__init__(state, self._print)
        self._what = what
        self._began = self._last = time.monotonic()
        self._lock = threading.Lock()

    def _print(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._last >= (_PLAIN_EVERY if now - self._began < _LATER else _LATER_EVERY):
                self._last = now
                # Where stderr is gone there is nobody left to tell.
                with contextlib.suppress(OSError):
                    print(f"vcmpipe: {self._what}: {self._state.text()}", file=sys.stderr)


def _text_column(state: _State, column: Column) -> ProgressColumn:
    """The text as a column of rich's, made anew at every refresh: the time left goes down in between."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Live(ProgressColumn):
        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            return Text(state.text(), overflow="ellipsis", no_wrap=True)

    return Live(table_column=column)
