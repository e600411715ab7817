"""What an AV1 stream says about itself. A frame is one region, whose QP stands for a step of its quantizer's index."""

from __future__ import annotations

from vcmpipe.bitstream.av1.frame_header import FRAME_TYPES, INTRA_ONLY, KEY, FrameHeader, FrameReader
from vcmpipe.bitstream.av1.obu import SEQUENCE_HEADER, Obu, group_temporal_units
from vcmpipe.bitstream.av1.sequence_header import sequence_rate, vui_of
from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.info import ParameterSetInfo, PictureInfo, RegionInfo, StreamInfo, stream_info
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect

INDICES_PER_QP = 4
"""Encoders call 0..63 the QP; its ``base_q_idx`` is four times that, but for the last two, which are 249 and 255."""


def inspect_stream(data: bytes) -> StreamInfo:
    """Read the headers of an AV1 stream; what cannot be read is listed in ``problems`` and passed over.

    Raises:
        BitstreamError: no AV1 stream, or not one picture of it could be read.
    """
    reader = FrameReader()
    pictures: list[PictureInfo] = []
    headers: dict[bytes, ParameterSetInfo] = {}
    problems: list[str] = []
    groups = group_temporal_units(data)
    for group in groups:
        number = len(pictures)
        shown: FrameHeader | None = None
        for unit in group:
            try:
                frame = reader.read(unit)
            except BitstreamError as error:
                problems.append(f"picture {number}: {error}")
                continue
            if unit.type == SEQUENCE_HEADER and reader.sequence is not None:
                headers.setdefault(unit.data, ParameterSetInfo("sequence header", number, dict(reader.sequence)))
            shown = frame if frame is not None and frame.shown else shown
        if shown is not None and reader.sequence is not None:
            pictures.append(_picture(group, shown, reader.sequence, number))
        elif any(unit.is_slice for unit in group):
            problems.append(f"picture {number}: a temporal unit shows no frame that could be read")
    return stream_info("av1", data, groups, pictures, headers.values(), problems)


def _picture(group: list[Obu], frame: FrameHeader, sequence: Fields, number: int) -> PictureInfo:
    # Blocks go on to a multiple of 8 (MiCols and MiRows, clause 5.9.9).
    width, height = (-(-samples // 8) * 8 for samples in (frame.width, frame.height))
    kind = "I" if frame.type in (KEY, INTRA_ONLY) else "P"
    region = RegionInfo(
        index=0,
        rect=Rect(0, 0, width, height),
        qp=frame.index // INDICES_PER_QP,
        bits=8 * sum(len(unit.data) for unit in group if unit.type != SEQUENCE_HEADER),
        subpic_id=None,
        slice_type=kind,
        cu_qp_delta_possible=frame.deltas,
        chroma_qp_offsets=(frame.chroma[0] // INDICES_PER_QP, frame.chroma[1] // INDICES_PER_QP),
        chroma_qp_delta_possible=False,
    )
    return PictureInfo(
        index=number,
        nal_type=FRAME_TYPES[frame.type],
        slice_types=kind,
        poc=None,  # pictures come in the order in which they are shown
        temporal_id=next((unit.temporal_id for unit in group if unit.is_slice), 0),
        width=width,
        height=height,
        display_width=frame.width,
        display_height=frame.height,
        ctu=128 if sequence["use_128x128_superblock"] else 64,
        bits=8 * sum(len(unit.data) for unit in group),
        regions=(region,),
        cu_qp_delta_possible=frame.deltas,
        chroma_qp_delta_possible=False,
        vui=vui_of(sequence),
        rate=sequence_rate(sequence),
    )
