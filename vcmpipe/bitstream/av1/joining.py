"""Streams one behind the other: consecutive coded video sequences in one stream (clause 7.5)."""

from __future__ import annotations

from vcmpipe.bitstream.av1.temporal_units import split_temporal_units
from vcmpipe.errors import BitstreamError


class StreamWriter:
    """Joins streams into one as they come, holding none of them: what ``add`` returns is appended to the output.

    Sequence headers are kept, where equal ones are in force, too: without one decoding cannot begin there.
    """

    def __init__(self) -> None:
        self.streams = 0

    def add(self, stream: bytes) -> bytes:
        """The bytes with which a stream continues the output.

        Raises:
            BitstreamError: no AV1 stream, no picture, or one with which decoding cannot begin.
        """
        try:
            if not split_temporal_units(stream)[0].is_a("idr"):
                raise BitstreamError("it begins with no sequence header and key frame")
        except BitstreamError as error:
            raise BitstreamError(f"stream {self.streams} of the joined ones: {error}") from None
        self.streams += 1
        return stream
