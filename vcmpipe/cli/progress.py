"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds between plain lines where stderr is no terminal.
_PLAIN_EVERY = 10.0


class Reporter(Protocol):
    """What shows how far a command is."""

    def __call__(self, done: int, total: int | None) -> None:
        """So many are done, of so many, where that is known."""
        ...

    def note(self, text: str) -> None:
        """Say something beside it; may be called from any thread."""
        ...


@contextmanager
def progress_bar(what: str) -> Iterator[Reporter]:
    """A reporter on stderr for the time of a command."""
    if not sys.stderr.isatty():
        yield _PlainLines(what)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        *(TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(what, total=None, note="", visible=False))


class _Bar:
    """rich's bar."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: int, total: int | None) -> None:
        self._bar.update(self._task, completed=done, total=total, visible=True)

    def note(self, text: str) -> None:
        self._bar.update(self._task, note=text, visible=True)


class _PlainLines:
    """A line now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last = time.monotonic()
        self._state = ""
        self._note = ""
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int | None) -> None:
        self._state = f"{done} of {total}" if total else str(done)
        self._print()

    def note(self, text: str) -> None:
        self._note = f", {text}"
        self._print()

    def _print(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._last >= _PLAIN_EVERY:
                self._last = now
                print(f"vcmpipe: {self._what}: {self._state or 0}{self._note}", file=sys.stderr)
