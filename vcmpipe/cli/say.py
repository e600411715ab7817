"""What commands print: reports as JSON on stdout, lines for human readers on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from vcmpipe.process import one_line


def say(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    # Where stderr is gone there is nobody left to tell.
    with contextlib.suppress(OSError):
        print(f"vcmpipe: {one_line(' '.join(message.split()))}", file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """A note on stderr."""
    say(f"note: {message}")


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print in the block, to the end: where the reader left (``vcmpipe inspect ... | head``) that is no error of ours.

    It is none of what was printed, either: the command's exit code stays what it is.
    """
    try:
        yield
        # Here, where a full disk or a reader that left can still be told from success.
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()


def drop_stdout() -> None:
    """Lets go of a stdout that failed: it would fail again when Python flushes it on leaving."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(report: Any) -> None:
    """A report on stdout: a dataclass, by its own ``to_dict`` where it has one, or a dictionary."""
    if not isinstance(report, dict):
        report = report.to_dict() if hasattr(report, "to_dict") else asdict(report)
    print(json.dumps(report, indent=2, default=_plain))


def _plain(value: object) -> str:
    """What JSON has no form for: a fraction, such as a frame rate of 30000/1001."""
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be printed as JSON")
