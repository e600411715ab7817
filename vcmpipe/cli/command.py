"""What a command is, and the one way in which every command runs, prints and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vcmpipe.cli.progress import Reporter, progress_bar
from vcmpipe.cli.say import print_json, reader_may_leave, say, warn
from vcmpipe.process.extras import explained, need

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Result(Generic[R]):
    """What a command came to.

    Attributes:
        report: What ``--json`` prints; ``show`` prints it as tables.
        notes: What a user should know, a line each.
        faults: What went wrong although there is a report, a line each.
        code: The exit code; None: 1 with faults, 0 without.
    """

    report: R
    show: Callable[[R], None]
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()
    code: int | None = None


@dataclass(frozen=True)
class Command(Generic[T]):
    """A subcommand.

    Attributes:
        options: Whose docstring's first line stands in ``--help``.
        run: What runs it.
        extra: The extra of vcmpipe whose libraries it needs; empty where the core is enough.
        in_bytes: Whether its progress counts bytes.
    """

    options: type[T]
    run: Callable[[T, Reporter], Result[Any]]
    extra: str = ""
    in_bytes: bool = False


def execute(name: str, command: Command[Any], options: Any) -> int:
    """Run a command, print its result, as JSON where the options say so, and return the exit code."""
    if command.extra:
        need(f"vcmpipe {name}", command.extra)
    try:
        with progress_bar(name, in_bytes=command.in_bytes) as progress:
            result = command.run(options, progress)
    except ModuleNotFoundError as error:
        raise explained(error, f"vcmpipe {name}") or error from error
    with reader_may_leave():
        if options.json:
            print_json(result.report)
        else:
            result.show(result.report)
    for note in result.notes:
        warn(note)
    for fault in result.faults:
        say(fault)
    return int(bool(result.faults)) if result.code is None else result.code
