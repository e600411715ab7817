"""What a command is, and the one way in which every command runs, prints and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vcmpipe.cli.progress import Reporter, progress_bar
from vcmpipe.cli.say import print_json, say, warn

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Result(Generic[R]):
    """What a command came to.

    Attributes:
        report: What ``--json`` prints.
        show: Prints the report as tables.
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
        options: Its options' dataclass; the docstring's first line says in ``--help`` what it does.
        run: Does it, telling the reporter how far it is.
    """

    options: type[T]
    run: Callable[[T, Reporter], Result[Any]]


def execute(name: str, command: Command[Any], options: Any) -> int:
    """Run a command and print its result, as JSON where that is asked for.

    Returns:
        The exit code.
    """
    with progress_bar(name) as progress:
        result = command.run(options, progress)
    if options.json:
        print_json(result.report)
    else:
        result.show(result.report)
    for note in result.notes:
        warn(note)
    for fault in result.faults:
        say(fault)
    return int(bool(result.faults)) if result.code is None else result.code
