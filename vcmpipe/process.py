"""The one place that starts external programs, and the one way in which files are published.

A program runs from an argument list (never through a shell) in a session of its own, so that it and whatever it started
can be ended together: on a timeout, an interrupt, or any other exception. Its exit code is always checked.
A file is published by writing beside the target, fsync and rename: a reader sees the old file or the whole new one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vcmpipe.errors import OutputError, ProcessError

STDERR_KEPT = 64 * 1024
"""Bytes of a program's stderr that are kept: the last ones, where programs say why they failed."""
STDOUT_LIMIT = 256 * 1024 * 1024
"""Bytes of stdout beyond which a program is stopped (its output is data, so it is never cut short silently)."""
GRACE_SECONDS = 2.0
"""Time between SIGTERM and SIGKILL, and time that orphaned grandchildren get to close the pipes."""

_CHUNK = 64 * 1024
_live: set[subprocess.Popen[bytes]] = set()
_live_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """What a program that exited with code 0 left behind.

    Attributes:
        stdout: all of its standard output, as bytes.
        stderr: the last 64 KiB of its standard error, decoded as UTF-8 (bad bytes replaced).
    """

    stdout: bytes
    stderr: str


class _Reader(threading.Thread):
    """Reads a pipe to its end; keeps ``limit`` bytes: the last ones, or the first ones and says ``overflow``."""

    def __init__(self, pipe: IO[bytes], limit: int, *, keep_last: bool) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit, self._keep_last = pipe, limit, keep_last
        self._kept = bytearray()
        self.overflow = threading.Event()

    def run(self) -> None:
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
        kept = bytes(self._kept)
        return kept[-self._limit :] if self._keep_last else kept


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    input: bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Runs a program to its end.

    Args:
        argv: program and arguments; no shell sees them. A file name that may begin with ``-`` goes through
            ``file_argument`` first.
        timeout: seconds after which the program and its children are ended.
        input: bytes for its standard input; None gives it an empty one.
        cwd: its working directory.
        env: variables to set on top of the present environment.

    Returns:
        Its output, when its exit code is 0.

    Raises:
        ProcessError: it cannot be started, exits with another code, dies by a signal, writes more than ``STDOUT_LIMIT``
            bytes to stdout, or is still running after ``timeout`` seconds. One line with the reason, the short command
            and the last lines it wrote to stderr.
    """
    arguments = [os.fspath(argument) for argument in argv]
    process = _start(arguments, has_input=input is not None, cwd=cwd, env=env)
    assert process.stdout is not None and process.stderr is not None
    out = _Reader(process.stdout, STDOUT_LIMIT, keep_last=False)
    err = _Reader(process.stderr, STDERR_KEPT, keep_last=True)
    try:
        out.start()
        err.start()
        if input is not None:
            threading.Thread(target=_feed, args=(process.stdin, input), daemon=True).start()
        failure = _await(process, out, err, timeout)
    finally:
        # After a clean end nothing is left to be ended: the group's number might by then be somebody else's.
        if process.returncode is None or out.is_alive() or err.is_alive():
            _end(process)
        with _live_lock:
            _live.discard(process)
        for reader in (out, err):
            if reader.ident is not None:
                reader.join(GRACE_SECONDS)
        for pipe in (process.stdin, process.stdout, process.stderr):
            # A pipe that a reader still blocks on stays open: closing it would wait for that reader.
            if pipe is not None and not (out.is_alive() or err.is_alive()):
                with contextlib.suppress(OSError):
                    pipe.close()
    stderr = err.value().decode("utf-8", "replace")
    if failure is None and process.returncode != 0:
        failure = _exit_reason(process.returncode)
    if failure is not None:
        raise ProcessError(_failure_line(arguments, failure, stderr or out.value()[-2000:].decode("utf-8", "replace")))
    return Completed(out.value(), stderr)


def probe(argv: Sequence[str | Path], *, timeout: float = 10.0) -> str | None:
    """What a program says to e.g. ``--version``: its stdout, else its stderr, stripped; None if it does not run."""
    try:
        completed = run(argv, timeout=timeout)
    except ProcessError:
        return None
    return completed.stdout.decode("utf-8", "replace").strip() or completed.stderr.strip()


def stop_all() -> None:
    """Ends every program that is running now, in whatever thread; their ``run`` calls raise ProcessError.

    For the thread that gets the interrupt while workers wait for their encoders.
    """
    with _live_lock:
        processes = list(_live)
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def file_argument(path: Path) -> str:
    """A path as an argument that no program takes for an option or a protocol (``-i.png``, ``http:x.png``)."""
    return str(path.absolute())


def one_line(text: str) -> str:
    """The text with line ends, control characters and undecodable bytes escaped, so that a message stays a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _start(
    arguments: list[str], *, has_input: bool, cwd: Path | None, env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    if not arguments or not arguments[0]:
        raise ProcessError("no program was named: the command is empty")
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
        raise ProcessError(_start_failure(arguments, cwd, error)) from error
    with _live_lock:
        _live.add(process)
    return process


def _start_failure(arguments: list[str], cwd: Path | None, error: OSError | ValueError) -> str:
    program = one_line(arguments[0])
    code = error.errno if isinstance(error, OSError) else None
    if cwd is not None and not Path(cwd).is_dir():
        return f"{program} cannot be started: its working folder {one_line(str(cwd))} is not a folder"
    if code == errno.ENOENT:
        if os.sep in arguments[0] and Path(arguments[0]).exists():
            return f"{program} cannot be started: the interpreter or loader that it names is missing here"
        return f"{program} was not found: install it, put it on PATH, or give its full path"
    if code == errno.EACCES:
        return f"{program} cannot be started: it is no executable file (chmod +x it, or give another path)"
    if code == errno.ENOEXEC:
        return f"{program} cannot be started: it is no program for this machine (wrong architecture or a damaged file)"
    if code == errno.E2BIG:
        return f"{program} cannot be started: its command line is too long"
    return f"{program} cannot be started: {one_line(str(error))}"


def _feed(pipe: IO[bytes], data: bytes) -> None:
    # A program may exit without having read all of its input: its exit code says whether that was right.
    with contextlib.suppress(OSError, ValueError):
        pipe.write(data)
    with contextlib.suppress(OSError, ValueError):
        pipe.close()


def _await(process: subprocess.Popen[bytes], out: _Reader, err: _Reader, timeout: float) -> str | None:
    """Waits until the program has exited and its pipes are at their end; what went wrong, or None.

    The pipes' ends wake us at once; ``Popen.wait(timeout)`` polls, which would cost up to 50 ms for every encode.
    """
    deadline = time.monotonic() + timeout
    exited_at: float | None = None
    while out.is_alive() or err.is_alive():
        now = time.monotonic()
        if out.overflow.is_set():
            return f"wrote more than {STDOUT_LIMIT >> 20} MiB to its standard output"
        if exited_at is None and process.poll() is not None:
            exited_at = now
        if exited_at is not None and now - exited_at > GRACE_SECONDS:
            break  # the program is done; children that it left behind hold its pipes
        if now >= deadline and exited_at is None:
            return f"did not finish within {timeout:g} s"
        (out if out.is_alive() else err).join(max(0.001, min(0.25, deadline - now)))
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return f"did not finish within {timeout:g} s"
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of the program's group: SIGTERM, a grace, SIGKILL."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group lives on after its leader while a child of the leader does: those children are what is meant here.
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    elif process.poll() is None:
        process.kill()


def _exit_reason(code: int) -> str:
    if code >= 0:
        return f"failed with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"was ended by signal {name}{hint}"


def _failure_line(arguments: list[str], reason: str, output: str) -> str:
    # Programs that redraw a progress line end it with \r: only what they wrote last is of use.
    lines = [line.strip() for line in output.replace("\r", "\n").splitlines() if line.strip()]
    said = one_line(" | ".join(lines[-3:]))
    if len(said) > 500:
        said = "..." + said[-500:]
    command = one_line(shlex.join(arguments))
    if len(command) > 300:
        command = f"{command[:200]} ... {command[-95:]}"
    name = one_line(Path(arguments[0]).name)
    return f"{name} {reason}: {said or 'it wrote no message'} (command: {command})"


@contextlib.contextmanager
def temporary_folder(prefix: str = "vcmpipe-") -> Iterator[Path]:
    """A new folder under the system's temporary folder, removed with all it holds at the end.

    Raises:
        OutputError: it cannot be made, or the disk fills up within the block.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        where = one_line(os.environ.get("TMPDIR", "the system's temporary folder"))
        raise OutputError(
            f"no temporary folder can be made ({error.strerror or error}): free space in {where}, "
            "or set TMPDIR to a folder that can be written to"
        ) from error
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise OutputError(
                f"the temporary folder {one_line(str(Path(name).parent))} is full: free space there, or set TMPDIR "
                "to a folder with more room"
            ) from error


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Path]:
    """A path to write to, beside ``path`` and with its suffix, that becomes ``path`` when the block ends without error.

    Missing parent folders are made. The new file is flushed to the disk before it takes the name; a symbolic link is
    followed. On an exception the temporary file and parent folders made for it are removed; ``path`` is left alone.

    Yields:
        A path that does not exist yet.

    Raises:
        OutputError: the place cannot be written to, the disk is full, or the block wrote nothing.
    """
    target = Path(os.path.realpath(path))
    made: list[Path] = []
    part = target.with_name(f".vcmpipe-{secrets.token_hex(8)}{target.suffix[:16]}")
    done = False
    try:
        try:
            if target.exists() and not stat.S_ISREG(target.stat().st_mode):
                kind = "a folder" if target.is_dir() else "no regular file"
                raise OutputError(f"{one_line(str(path))} cannot be written: it is {kind}; name a file")
            make_parents(target.parent, made)
            # Made and removed again: says now, before hours of encoding, that the place cannot be written to.
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            part.unlink()
        except OSError as error:
            raise output_error(path, error) from error
        try:
            yield part
        except OSError as error:
            if error.errno in _FULL or (error.filename is not None and str(error.filename) == str(part)):
                raise output_error(path, error) from error
            raise
        if not part.is_file():
            raise OutputError(f"{one_line(str(path))} was not written: nothing was produced for it")
        try:
            _sync(part)
            part.replace(target)
            done = True
            if os.name == "posix":
                _sync(target.parent)
        except OSError as error:
            raise output_error(path, error) from error
    finally:
        if not done:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for folder in reversed(made):
                    folder.rmdir()


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def make_parents(folder: Path, made: list[Path]) -> None:
    """Makes a folder with its parents and adds those that were missing to ``made``, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        made.append(new)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot sync a folder (EINVAL); that is no failure to write.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def output_error(path: Path, error: OSError) -> OutputError:
    """The error for a place that could not be written to, with the way out."""
    name = one_line(str(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{name} cannot be written: the disk is full; free space or choose another place")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{name} cannot be written: permission denied; choose a place that you may write to")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return OutputError(f"{name} cannot be written: part of its path is a file; choose another place")
    return OutputError(f"{name} cannot be written: {one_line(error.strerror or str(error))}; choose another place")
