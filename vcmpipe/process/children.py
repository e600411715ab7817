"""Running programs as groups: started in a session of their own, ended with all that they started.

A group is ended while its leader, though it may have exited, has not been collected yet: until then its number cannot
have become somebody else's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from vcmpipe.errors import ProcessError
from vcmpipe.process.text import one_line

GRACE_SECONDS = 2.0
"""Time between SIGTERM and SIGKILL, and time that orphaned grandchildren get to close the pipes."""

Process = subprocess.Popen[bytes]
Piece = bytes | memoryview

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_CHUNK = 64 * 1024
_live: set[Process] = set()
_stopped: set[int] = set()  # id() of the live ones that stop_all has ended
_lock = threading.RLock()


class Reader(threading.Thread):
    """Reads a pipe to its end; keeps ``limit`` bytes: the last ones, or the first ones and says ``overflow``."""

    def __init__(self, pipe: IO[bytes], limit: int, *, keep_last: bool) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit, self._keep_last = pipe, limit, keep_last
        self._kept = bytearray()
        self.overflow = threading.Event()

    def run(self) -> None:
        """The thread's work."""
        # read1 returns what is there; ValueError: the pipe was closed under us after a grandchild kept it open.
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._pipe.read1(_CHUNK):  # type: ignore[attr-defined]
                if self._keep_last:
                    self._kept += chunk
                    if len(self._kept) > 2 * self._limit:
                        del self._kept[: -self._limit]
                elif len(self._kept) + len(chunk) <= self._limit:
                    self._kept += chunk
                else:
                    self.overflow.set()

    def value(self) -> bytes:
        """What was kept."""
        kept = bytes(self._kept)
        return kept[-self._limit :] if self._keep_last else kept


class StartError(ProcessError):
    """A program cannot be started: which one, and for what reason."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program} {reason}")
        self.args, self.reason = (program, reason), reason

    def __str__(self) -> str:
        return " ".join(self.args)


def start(
    arguments: list[str],
    *,
    has_input: bool,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    memory_limit: int | None = None,
) -> Process:
    """Start a program with pipes, StartError where it cannot be; ``finish`` has to follow."""
    if not arguments or not arguments[0]:
        raise StartError("the command is empty:", "no program was named")
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise StartError(one_line(arguments[0]), _start_failure(arguments[0], cwd, error)) from error
    with _lock:
        _live.add(process)
    if memory_limit is not None:
        _limit_memory(process, memory_limit)
    return process


def _limit_memory(process: Process, limit: int) -> None:
    """Limits the address space from outside: code between fork and exec is not safe where there are threads."""
    if sys.platform == "linux":
        import resource

        # ProcessLookupError: it has ended already. PermissionError: it is set-uid; ValueError: over the hard limit.
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))


def _start_failure(program: str, cwd: Path | None, error: OSError | ValueError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if cwd is not None and not Path(cwd).is_dir():
        return f"cannot be started: its working folder {one_line(str(cwd))} is not a folder"
    if code == errno.ENOENT:
        if os.sep in program and Path(program).exists():
            return "cannot be started: the interpreter or loader that it names is missing here"
        return "was not found: install it, put it on PATH, or give its full path"
    reasons = {
        errno.EACCES: "it is no executable file (chmod +x it, or give another path)",
        errno.ENOEXEC: "it is no program for this machine (wrong architecture or a damaged file)",
        errno.E2BIG: "its command line is too long",
    }
    return f"cannot be started: {reasons.get(code or 0) or one_line(str(error))}"


class Feeder(threading.Thread):
    """Writes a program's input from a thread of its own, piece by piece where it is made on demand.

    Attributes:
        error: what making the next piece raised; the input then ends there.
    """

    def __init__(self, process: Process, data: bytes | Iterable[Piece]) -> None:
        super().__init__(daemon=True)
        self._process, self._data = process, data
        self.error: BaseException | None = None

    def run(self) -> None:
        """Write everything and close the input."""
        assert self._process.stdin is not None
        pieces = iter([self._data] if isinstance(self._data, bytes) else self._data)
        while True:
            try:
                piece = next(pieces, None)
            except BaseException as error:
                self.error = error
                break
            if piece is None:
                break
            # A program may exit without having read all of its input: its exit code says whether that was right.
            try:
                self._process.stdin.write(piece)
            except (OSError, ValueError):
                break
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()


def feed(process: Process, data: bytes | Iterable[Piece]) -> Feeder:
    """Begin to write a program's input."""
    feeder = Feeder(process, data)
    feeder.start()
    return feeder


def has_exited(process: Process) -> bool:
    """Whether the program itself has exited; where the system can tell (``waitid``) it is not collected yet."""
    if process.returncode is not None:
        return True
    if sys.platform != "win32" and hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def wait_for_exit(process: Process, seconds: float) -> bool:
    """Waits until the program has exited; False when the time is over first."""
    deadline, pause = time.monotonic() + seconds, 0.0005
    while not has_exited(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(0.05, 2 * pause)
    return True


def finish(process: Process, *readers: Reader) -> bool:
    """End what is left of the program's group and collect it: SIGTERM where it still runs, a grace, SIGKILL.

    Returns whether ``stop_all`` had ended it before.
    """
    if not has_exited(process):
        signal_group(process, signal.SIGTERM)
        wait_for_exit(process, GRACE_SECONDS)
    # The group lives on after its leader while a child of the leader does: those children are what is meant here.
    if process.returncode is None or any(reader.is_alive() for reader in readers):
        signal_group(process, KILL)
    while not wait_for_exit(process, 60.0):
        pass
    with _lock:
        process.wait()
        _live.discard(process)
        stopped = id(process) in _stopped
        _stopped.discard(id(process))
    for reader in readers:
        if reader.ident is not None:
            reader.join(GRACE_SECONDS)
    # A pipe that a reader still blocks on stays open: closing it would wait for that reader.
    if not any(reader.is_alive() for reader in readers):
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    return stopped


def signal_group(process: Process, number: signal.Signals) -> None:
    """Sends a signal to the program and to what it started."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    elif process.poll() is None:
        process.kill()


def stop_all() -> None:
    """Ends every program that is running now, in whatever thread; their ``run`` calls raise ProcessError.

    For the thread that gets the interrupt while workers wait for their encoders.
    """
    with _lock:
        processes = list(_live)
        for process in processes:
            _stopped.add(id(process))
            signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        wait_for_exit(process, max(0.0, deadline - time.monotonic()))
    with _lock:
        for process in processes:
            if process in _live:  # not collected yet, so that its number is still its own
                signal_group(process, KILL)


def exit_reason(code: int) -> str:
    """What an exit code other than 0 means."""
    if code >= 0:
        return f"failed with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"was ended by signal {name}{hint}"
