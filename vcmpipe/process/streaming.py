"""Running a program whose output is read while it runs."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vcmpipe.errors import ProcessError
from vcmpipe.process import children
from vcmpipe.process.children import Process, Reader, exit_reason, feed
from vcmpipe.process.runner import STDERR_KEPT
from vcmpipe.process.settings import Settings
from vcmpipe.process.text import failure_line


class Output:
    """A running program's standard output, read piece by piece; a read may wait ``stall`` seconds for it."""

    def __init__(self, process: Process, stall: float) -> None:
        self._process, self._stall = process, stall
        self._deadline: float | None = None
        self._closed = threading.Event()
        self.stalled = False
        threading.Thread(target=self._watch, daemon=True).start()

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only where the output is at its end."""
        assert self._process.stdout is not None
        # Only while we wait for the program: it may well wait for us.
        self._deadline = time.monotonic() + self._stall
        try:
            return self._process.stdout.read(size)
        finally:
            self._deadline = None

    def close(self) -> None:
        """Ends the watch."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(0.25):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self.stalled = True
                children.signal_group(self._process, children.KILL)  # the read then comes to the output's end
                return


@contextmanager
def streaming(
    argv: Sequence[str | Path],
    *,
    stall: float,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    memory_limit: int | None = None,
) -> Iterator[Output]:
    """Runs a program and hands out its standard output while it runs; it is ended with the block at the latest.

    Args:
        argv: As in ``run``.
        stall: Seconds (times ``VCMPIPE_TIMEOUT_FACTOR``) that the program may take for what it is requested; how long
            it runs in all is not limited.
        input: Bytes for its standard input.
        env: Variables to set on top of the present environment.
        memory_limit: As in ``run``; here it goes before ``VCMPIPE_MEMORY_LIMIT``, too.

    Raises:
        ProcessError: It cannot be started; or, when the block has ended without an error, it had to be ended because it
            stalled, or did not exit with 0.
    """
    settings = Settings.from_environment()
    limit = memory_limit or settings.memory_limit
    arguments = [os.fspath(argument) for argument in argv]
    returncode = None
    stall *= settings.timeout_factor
    process = children.start(arguments, has_input=input is not None, env=env, memory_limit=limit)
    assert process.stderr is not None
    err = Reader(process.stderr, STDERR_KEPT, keep_last=True)
    failure = None
    output = Output(process, stall)
    try:
        err.start()
        if input is not None:
            feed(process, input)
        yield output
        if output.stalled:
            failure = f"gave no answer within {stall:.3g} s"
        elif not children.wait_for_exit(process, stall):
            failure = f"did not finish within {stall:.3g} s"
    finally:
        output.close()
        children.finish(process, err)
        with contextlib.suppress(OSError):
            process.stdout.close()  # type: ignore[union-attr]
    if failure is None and process.returncode != 0:
        returncode, failure = process.returncode, exit_reason(process.returncode)
    if failure is not None:
        if limit is not None:
            failure += f", with a memory limit of {limit >> 20} MiB"
        raise ProcessError(failure_line(arguments, failure, err.value().decode("utf-8", "replace")), returncode)
