"""Work that a run of ``encode`` leaves for the next one, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vcmpipe.coding.journal import KINDS
from vcmpipe.errors import OutputError, VcmError
from vcmpipe.process.progress import Warn
from vcmpipe.process.text import count
from vcmpipe.process.work_folder import WorkFolder, work_folder


class StoppedError(VcmError):
    """A run stopped at a failure, and what it had finished is kept; exit code 1."""


@contextmanager
def kept_work(out: Path, warn: Warn, *, fresh: bool = False, may_skip: bool = True) -> Iterator[WorkFolder]:
    """The work folder of an output, which goes with the block, unless that ends early with something finished.

    Args:
        out: The output, whose lock the caller holds.
        warn: Called with what an interrupted run leaves.
        fresh: Begin anew: what an earlier run left is removed.
        may_skip: Whether ``--on-error skip`` would help.

    Raises:
        StoppedError: The block failed with another error, and what was finished is kept.
    """
    with work_folder(out, fresh=fresh) as work:
        try:
            yield work
        except (VcmError, KeyboardInterrupt) as error:
            kept = _kept(work)
            if not kept:
                work.clear()
                raise
            if isinstance(error, KeyboardInterrupt):
                warn(kept)
                raise
            skip = (
                ", and --on-error skip leaves out what fails" if may_skip and not isinstance(error, OutputError) else ""
            )
            raise StoppedError(f"{error} ({kept}{skip})") from error


def _kept(work: WorkFolder) -> str:
    for kind in KINDS:
        if done := work.count(kind):
            return f"{count(done, kind)} {'is' if done == 1 else 'are'} kept: the same command continues from there"
    return "what was tried is kept: the same command continues from there" if work.has_cache else ""
