"""AV1 as MP4 and MKV hold it, back to the low-overhead format (AV1 Codec ISO Media File Format Binding, clause 2)."""

from __future__ import annotations

from collections.abc import Iterable

from vcmpipe.bitstream.av1.obu import DELIMITER, SEQUENCE_HEADER, TEMPORAL_DELIMITER, split_obus
from vcmpipe.errors import BitstreamError

_RECORD_HEAD = 4
_MARKER_AND_VERSION = 0x81


def to_low_overhead(configuration: bytes, packets: Iterable[bytes]) -> bytes:
    """The stream of the packets of a track, each with the temporal delimiter that containers leave out.

    A sequence header that the configuration record holds and the first packet does not is put in front.

    Raises:
        BitstreamError: The record or a packet is damaged.
    """
    parts: list[bytes] = []
    for number, packet in enumerate(packets):
        try:
            units = split_obus(packet)
        except BitstreamError as error:
            raise BitstreamError(f"packet {number}: {error}") from None
        kept = [unit.data for unit in units if unit.type != TEMPORAL_DELIMITER]
        if not number and not any(unit.type == SEQUENCE_HEADER for unit in units):
            kept = _sets(configuration) + kept
        parts += [DELIMITER, *kept]
    return b"".join(parts)


def _sets(record: bytes) -> list[bytes]:
    """The OBUs of an AV1CodecConfigurationRecord (clause 2.3.3)."""
    if len(record) < _RECORD_HEAD or record[0] != _MARKER_AND_VERSION:
        raise BitstreamError("av1C: the decoder configuration record is missing or cut")
    return [unit.data for unit in split_obus(record[_RECORD_HEAD:])] if len(record) > _RECORD_HEAD else []
