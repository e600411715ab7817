"""Streams as MP4 and MKV hold them, with a length in front of every NAL unit (ISO/IEC 14496-15), back to Annex B."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from vcmpipe.bitstream.bits import BitReader
from vcmpipe.bitstream.nal import START_CODE
from vcmpipe.errors import BitstreamError

# DCI and OPI come once at most: their arrays state no number (14496-15 clause 11.2.4.2).
_SINGLE = frozenset({12, 13})
_HEVC_ARRAYS = 22


def to_annex_b(configuration: bytes, packets: Iterable[bytes], codec: Literal["vvc", "hevc"]) -> bytes:
    """The Annex-B stream, start codes of four bytes, of the packets of a track.

    Parameter sets that the configuration record holds and the first packet does not are put in front.

    Raises:
        BitstreamError: The record or a packet is damaged.
    """
    size, sets = (_vvc_record if codec == "vvc" else _hevc_record)(configuration)
    parts: list[bytes] = []
    for number, packet in enumerate(packets):
        units = list(_split(packet, size, number))
        if not number:
            units = [unit for unit in sets if unit not in units] + units
        parts += [part for unit in units for part in (START_CODE, unit)]
    return b"".join(parts)


def _split(packet: bytes, size: int, number: int) -> Iterator[bytes]:
    place = 0
    while place < len(packet):
        start = place + size
        place = start + int.from_bytes(packet[place:start], "big")
        if start > len(packet) or place > len(packet):
            raise BitstreamError(f"packet {number}: a NAL unit is longer than the packet (damaged or truncated file)")
        # What no byte stream can hold (an empty unit, a start code inside one) is none; zeros at its end count nothing.
        unit = packet[start:place].rstrip(b"\0")
        if not unit or b"\0\0\1" in unit:
            raise BitstreamError(f"packet {number}: it holds no NAL units with their lengths (damaged file)")
        yield unit


def _hevc_record(data: bytes) -> tuple[int, list[bytes]]:
    """The bytes of a length, and the parameter sets, of an HEVCDecoderConfigurationRecord (clause 8.3.2.1)."""
    if len(data) <= _HEVC_ARRAYS:
        raise BitstreamError("hvcC: the decoder configuration record is missing or cut")
    reader = BitReader(data[_HEVC_ARRAYS:], "hvcC")
    return (data[21] & 3) + 1, _arrays(reader, frozenset(), type_bits=6)


def _vvc_record(data: bytes) -> tuple[int, list[bytes]]:
    """The same of a VvcDecoderConfigurationRecord (clause 11.2.4.2)."""
    reader = BitReader(data, "vvcC")
    reader.u("reserved", 5)
    size = reader.u("LengthSizeMinusOne", 2) + 1
    if reader.u("ptl_present_flag", 1):
        reader.u("ols_idx", 9)
        sublayers = reader.u("num_sublayers", 3)
        reader.u("constant_frame_rate, chroma_format_idc, bit_depth_minus8, reserved", 2 + 2 + 3 + 5)
        _profile_tier_level(reader, sublayers)
        reader.u("max_picture_width, max_picture_height, avg_frame_rate", 48)
    return size, _arrays(reader, _SINGLE, type_bits=5)


def _profile_tier_level(reader: BitReader, sublayers: int) -> None:
    reader.u("reserved", 2)
    constraint_bytes = reader.u("num_bytes_constraint_info", 6)
    reader.u("profile, tier, level", 16)
    for _ in range(constraint_bytes):
        reader.u("flags and constraints", 8)
    present = 0
    if sublayers > 1:
        present = reader.u("ptl_sublayer_level_present_flags", 8).bit_count()
    for _ in range(present):
        reader.u("sublayer_level_idc", 8)
    for _ in range(reader.u("num_sub_profiles", 8)):
        reader.u("general_sub_profile_idc", 32)


def _arrays(reader: BitReader, single: frozenset[int], type_bits: int) -> list[bytes]:
    sets = []
    for _ in range(reader.u("num_of_arrays", 8)):
        reader.u("array_completeness, reserved", 8 - type_bits)
        kind = reader.u("NAL_unit_type", type_bits)
        for _ in range(1 if kind in single else reader.u("num_nalus", 16)):
            length = reader.u("nal_unit_length", 16)
            sets.append(bytes(reader.u("nal_unit", 8) for _ in range(length)))
    return sets
