"""The program: interrupts, errors and exit codes around the commands. Results go to stdout, all else to stderr."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vcmpipe.cli.say import drop_stdout, say
from vcmpipe.errors import VcmError
from vcmpipe.process import interrupt, stop_all
from vcmpipe.process.last_resort import last_resort


def _interrupted(number: int, frame: Any) -> None:
    if interrupt.taken():
        return
    # Once: what follows is the cleaning up, and a second Ctrl-C in the middle of that would leave half of it.
    # Not SIG_IGN: last_resort is still to hear of it.
    for each in _INTERRUPTS:
        signal.signal(each, lambda number, frame: None)
    interrupt.want()
    raise KeyboardInterrupt


def _end() -> None:
    """The end of a process that did not clean up in time: a library is at work that never comes back."""
    stop_all()
    say("interrupted, and ended at once: it could not clean up; hidden .vcmpipe-* files may be left beside the output")
    os._exit(130)


_INTERRUPTS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _interrupts() -> Iterator[None]:
    """A polite kill and a closed terminal clean up as Ctrl-C does; a signal that is ignored (nohup) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    interrupt.forget()
    try:
        for number, handler in before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _interrupted)
        with last_resort(_INTERRUPTS, interrupt.want, _end):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None) -> int:
    """Run the command line, by default with the arguments of this process.

    Returns:
        The exit code: 0, 1 (failure), 2 (bad usage or input), 3 (done, but not all: see ``--on-error``), 130
        (interrupted).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if debug := "--debug" in arguments:
        arguments.remove("--debug")
    # A stream that the caller closed is None to Python, and its number would go to the next file that is opened.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    # A file name that stdout's encoding does not hold is shown escaped.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _interrupts():
            return _run(arguments)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError):
            drop_stdout()  # it may be stdout that failed, and would again when Python flushes it on leaving
        say(_reason(error))
        return error.exit_code if isinstance(error, VcmError) else 1


def _run(arguments: list[str]) -> int:
    from vcmpipe.cli.command import execute
    from vcmpipe.cli.commands import COMMANDS
    from vcmpipe.cli.parser import parse

    name, options = parse(arguments)
    return execute(name, COMMANDS[name], options)


def _reason(error: Exception) -> str:
    """What to tell the user; an error that nobody foresaw says how to see more of it."""
    if isinstance(error, VcmError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{error.filename or 'the output'} cannot be written: the disk is full; free space or choose another place"
        )
    if isinstance(error, MemoryError):
        return "out of memory: work on fewer pictures side by side (--jobs 1), or on smaller ones"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions"
    return f"{type(error).__name__}: {error} (not foreseen; --debug shows where)"
