"""Pictures that cannot be read or coded: where a run stops, or what it leaves out by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vcmpipe.errors import InputError, OutputError, VcmError
from vcmpipe.frames import Frame, PictureSource
from vcmpipe.sidecar import LeftOutRecord


class Faults:
    """What fails in one run.

    Args:
        skip: Whether it is left out; else the run ends there.
    """

    def __init__(self, *, skip: bool) -> None:
        self.skip = skip
        self._records: list[LeftOutRecord] = []
        self._stopped_at: VcmError | None = None

    @property
    def records(self) -> list[LeftOutRecord]:
        """What was left out, in the order of the source."""
        return sorted(self._records, key=lambda record: record.index)

    @property
    def frames(self) -> int:
        """How many frames were left out, as far as that is known."""
        return sum(record.frames or 0 for record in self._records)

    def check(self) -> None:
        """Raise the error at which reading ended; to be called when what came before is done."""
        if self._stopped_at is not None:
            raise self._stopped_at

    def readable(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames that can be read.

        At one that cannot be, those before it are finished first, and then the run ends; or it is left out. Of a video
        nothing can be read beyond a damaged place.
        """
        if isinstance(frames, PictureSource):
            for place, path in enumerate(frames.paths):
                try:
                    frame = frames[place]
                except InputError as error:
                    self._not_read(frames.first + place * frames.stride, str(path), 1, error)
                    if not self.skip:
                        return
                else:
                    yield frame
            return
        last: Frame | None = None
        try:
            for last in frames:
                yield last
        except InputError as error:
            if last is None:
                raise
            self._not_read(last.index + 1, last.source, None, error)

    def _not_read(self, index: int, source: str, frames: int | None, error: InputError) -> None:
        if self.skip:
            self.leave_out(index, source, frames, error)
        else:
            self._stopped_at = error

    def leave_out(self, index: int, source: str, frames: int | None, error: VcmError) -> None:
        """Leave something out, where that is wanted: see ``LeftOutRecord``.

        Raises:
            VcmError: It is not wanted, or it is the output that fails, as it would for all that follows.
        """
        if not self.skip or isinstance(error, OutputError):
            raise error
        self._records.append(LeftOutRecord(index, Path(source).name, frames, str(error)))

    def not_looked_at(self, frame: Frame, error: VcmError) -> None:
        """The same for a frame on which the detector failed."""
        self.leave_out(frame.index, frame.source, 1, error)
