"""Streams one behind the other: consecutive coded video sequences in one stream (ITU-T H.265 clause 7.4.2.4)."""

from __future__ import annotations

from vcmpipe.bitstream.hevc.nal import IDR_TYPES, split_nal_units
from vcmpipe.bitstream.hevc.parameter_sets import set_place
from vcmpipe.bitstream.nal import SetsInForce, join_nal_units
from vcmpipe.errors import BitstreamError


class StreamWriter:
    """Joins streams into one as they come, holding none of them: what ``add`` returns is appended to the output.

    Parameter sets that are equal to those in force are left out.
    """

    def __init__(self) -> None:
        self._sets = SetsInForce(set_place)
        self.streams = 0

    def add(self, stream: bytes) -> bytes:
        """The bytes with which an Annex-B stream continues the output.

        Raises:
            BitstreamError: no HEVC stream, no picture, or one that does not begin with an IDR picture.
        """
        try:
            units = split_nal_units(stream)
            first = next((unit for unit in units if unit.is_slice), None)
            if first is None:
                raise BitstreamError("it holds no coded picture (it was truncated, or nothing was encoded)")
            if first.type not in IDR_TYPES:
                raise BitstreamError(f"its first picture is {first.type_name}, no IDR picture")
            output = [unit for unit in units if not self._sets.repeats(unit)]
        except BitstreamError as error:
            raise BitstreamError(f"stream {self.streams} of the joined ones: {error}") from None
        self.streams += 1
        return join_nal_units(output)
