"""Running a program to its end.

A program runs from an argument list (never through a shell) in a session of its own, so that it and whatever it started
can be ended together: on a timeout, an interrupt, any other exception, and when it has ended itself. Its exit code is
always checked.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcmpipe.errors import ProcessError
from vcmpipe.process import children
from vcmpipe.process.children import GRACE_SECONDS, Piece, Process, Reader, exit_reason, feed, has_exited
from vcmpipe.process.settings import Settings
from vcmpipe.process.text import failure_line, file_argument

STDERR_KEPT = 64 * 1024
"""Bytes of a program's stderr that are kept: the last ones, where programs say why they failed."""
STDOUT_LIMIT = 256 * 1024 * 1024
"""Bytes of stdout beyond which a program is stopped (its output is data, so it is never cut short silently)."""

# With these somebody asks a program to end; any other signal is an accident, which may not happen twice.
_REQUESTS = {getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT") if hasattr(signal, name)}
_PAUSE_BEFORE_RETRY = 0.2
# Scripts, and programs of Linux, Windows and macOS.
_PROGRAM_HEADS = (b"#!", b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


# When programs have to be done that are started within ``time_limit``, on the clock of time.monotonic().
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give all that runs in here no more than so many seconds together, whatever limits they have of their own."""
    token = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


@dataclass(frozen=True)
class Completed:
    """What a program that exited with code 0 left behind.

    Attributes:
        stdout: all of its standard output, as bytes.
        stderr: the last 64 KiB of its standard error, decoded as UTF-8 (bad bytes replaced).
    """

    stdout: bytes
    stderr: str


@dataclass(frozen=True)
class _Attempt:
    """One run: what it wrote, what went wrong (None: nothing), its exit code where that was it, and more."""

    completed: Completed
    failure: str | None
    returncode: int | None
    accident: bool  # whether a second run may go better


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    input: bytes | Iterable[Piece] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    memory_limit: int | None = None,
    retries: int | None = None,
) -> Completed:
    """Runs a program to its end; nothing that it started in its group outlives it.

    Args:
        argv: program and arguments; no shell sees them. A file name that may begin with ``-`` goes through
            ``file_argument`` first.
        timeout: seconds after which the program and its children are ended (times ``VCMPIPE_TIMEOUT_FACTOR``).
        input: bytes for its standard input, or pieces of them that are made while it reads (from the beginning each
            time that it is started); None gives it an empty one.
        cwd: its working directory.
        env: variables to set on top of the present environment.
        memory_limit: bytes of address space it gets (Linux); None takes ``VCMPIPE_MEMORY_LIMIT``, else no limit.
        retries: how often it is started again when a signal ended it; None takes ``VCMPIPE_RETRIES``, else 1. A program
            that cannot be run twice takes 0. Exit codes and timeouts are never tried again: they would come back.

    Returns:
        Its output, when its exit code is 0.

    Raises:
        ProcessError: it cannot be started, exits with another code, dies by a signal, writes more than ``STDOUT_LIMIT``
            bytes to stdout, or is still running after ``timeout`` seconds. One line with the reason, the short command
            and the last lines it wrote to stderr.
        InputError: an environment variable of vcmpipe's has no sensible value.
        Exception: whatever making a piece of ``input`` raised.
    """
    settings = Settings.from_environment()
    arguments = [os.fspath(argument) for argument in argv]
    limit = memory_limit or settings.memory_limit
    times = 1 + (settings.retries if retries is None else retries)
    for attempt in range(1, times + 1):
        allowed = min(timeout * settings.timeout_factor, max(_deadline.get() - time.monotonic(), 0.001))
        done = _run_once(arguments, allowed, input, cwd=cwd, env=env, memory_limit=limit)
        if done.failure is None:
            return done.completed
        if not done.accident or attempt == times:
            break
        time.sleep(_PAUSE_BEFORE_RETRY)
    reason = f"{done.failure}, {attempt} times in a row" if attempt > 1 else f"{done.failure}"
    if limit is not None:
        reason += f", with a memory limit of {limit >> 20} MiB"
    message = done.completed.stderr
    if not message and len(done.completed.stdout) < STDERR_KEPT:  # else it is data, not text
        message = done.completed.stdout[-2000:].decode("utf-8", "replace")
    raise ProcessError(failure_line(arguments, reason, message), done.returncode)


def probe(argv: Sequence[str | Path], *, timeout: float = 10.0, exit_code: int = 0) -> str | None:
    """What a program says to e.g. ``--version``: its stdout, else its stderr, stripped.

    None if it does not run, or does not exit with ``exit_code``.
    """
    try:
        done = _run_once([os.fspath(argument) for argument in argv], timeout)
    except ProcessError:
        return None
    if (done.returncode or 0) != exit_code or (done.failure is not None and done.returncode is None):
        return None
    return done.completed.stdout.decode("utf-8", "replace").strip() or done.completed.stderr.strip()


def start_problem(path: Path) -> str | None:
    """Why a program's file cannot be started; None where it can, or where it does not look like a program at all."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head.startswith(_PROGRAM_HEADS):
            arguments = [file_argument(path), "--version"]
            children.finish(children.start(arguments, has_input=False))
    except children.StartError as error:
        return error.reason
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def _run_once(
    arguments: list[str], timeout: float, input: bytes | Iterable[Piece] | None = None, **options: Any
) -> _Attempt:
    process = children.start(arguments, has_input=input is not None, **options)
    assert process.stdout is not None and process.stderr is not None
    out = Reader(process.stdout, STDOUT_LIMIT, keep_last=False)
    err = Reader(process.stderr, STDERR_KEPT, keep_last=True)
    stopped, feeder = False, None
    try:
        out.start()
        err.start()
        if input is not None:
            feeder = feed(process, input)
        failure = _await(process, out, err, timeout)
    finally:
        stopped = children.finish(process, out, err)
    if feeder is not None and feeder.error is not None:
        raise feeder.error
    completed = Completed(out.value(), err.value().decode("utf-8", "replace"))
    code = process.returncode
    if failure is not None or code == 0:
        return _Attempt(completed, failure, None, accident=False)
    accident = code < 0 and -code not in _REQUESTS and not stopped
    return _Attempt(completed, exit_reason(code), code, accident)


def _await(process: Process, out: Reader, err: Reader, timeout: float) -> str | None:
    """Waits until the program has exited and its pipes are at their end; what went wrong, or None.

    The pipes' ends wake us at once; waiting for the exit alone would have to poll, at a cost for every encode.
    """
    deadline = time.monotonic() + timeout
    exited_at: float | None = None
    while out.is_alive() or err.is_alive():
        now = time.monotonic()
        if out.overflow.is_set():
            return f"wrote more than {STDOUT_LIMIT >> 20} MiB to its standard output"
        if exited_at is None and has_exited(process):
            exited_at = now
        if exited_at is not None and now - exited_at > GRACE_SECONDS:
            break  # the program is done; children that it left behind hold its pipes
        if now >= deadline and exited_at is None:
            return f"did not finish within {timeout:.3g} s"
        (out if out.is_alive() else err).join(max(0.001, min(0.25, deadline - now)))
    if not children.wait_for_exit(process, max(0.0, deadline - time.monotonic())):
        return f"did not finish within {timeout:.3g} s"
    return None
