"""Streams one behind the other: consecutive coded video sequences in one stream (ITU-T H.266 clauses 7.4.2.4, 3)."""

from __future__ import annotations

from collections.abc import Sequence

from vcmpipe.bitstream.nal import NalUnit, join_nal_units
from vcmpipe.bitstream.vvc.nal import IDR_TYPES, NalType, make_nal, sets_in_force, split_nal_units
from vcmpipe.errors import BitstreamError


class StreamWriter:
    """Joins streams into one as they come, holding none of them: what ``add`` returns is appended to the output.

    Parameter sets that are equal to those in force are left out; so pictures of one size and setting cost no more than
    their slices. Streams of other sizes, colours or layouts may reuse the same parameter set ids: theirs are resent.
    """

    def __init__(self) -> None:
        self._sets = sets_in_force()
        self._begun = False
        self.streams = 0

    def add(self, stream: bytes) -> bytes:
        """The bytes with which an Annex-B stream continues the output.

        Raises:
            BitstreamError: no VVC stream, no picture, or one that does not begin with an IDR or CRA picture.
        """
        try:
            units = split_nal_units(stream)
            first = next((unit for unit in units if unit.is_slice), None)
            if first is None:
                raise BitstreamError("it holds no coded picture (it was truncated, or nothing was encoded)")
            if first.type not in IDR_TYPES | {NalType.CRA}:
                raise BitstreamError(f"its first picture is {first.type_name}, decoding can begin with IDR or CRA only")
            output: list[NalUnit] = []
            if self._begun and first.type == NalType.CRA:
                # Only behind an end of sequence does a CRA picture begin a coded video sequence of its own.
                output.append(make_nal(NalType.EOS, b""))
            # Until its first picture a stream must bring what it uses, so only equal sets may be left out there.
            output += [unit for unit in units if not self._sets.repeats(unit)]
        except BitstreamError as error:
            raise BitstreamError(f"stream {self.streams} of the joined ones: {error}") from None
        self._begun = True
        self.streams += 1
        return join_nal_units(output)


def concatenate(streams: Sequence[bytes]) -> bytes:
    """Join Annex-B streams, of pictures of any sizes, into one; see ``StreamWriter``, whose errors it raises."""
    writer = StreamWriter()
    return b"".join([writer.add(stream) for stream in streams])
