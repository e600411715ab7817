"""What a VVC stream says about itself: parameter sets, pictures, regions with their place, QP and bits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vcmpipe.bitstream.access_units import LEADING_TYPES, display_size, group_access_units
from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.geometry import Rect
from vcmpipe.bitstream.nal import IDR_TYPES, RESERVED_VCL_TYPES, NalType, NalUnit, split_nal_units
from vcmpipe.bitstream.parameter_sets import ParameterSets
from vcmpipe.bitstream.partition import Partition
from vcmpipe.bitstream.picture_header import read_picture_header
from vcmpipe.bitstream.slice_header import SLICE_TYPE_NAMES, Slice, read_slice, slice_qp
from vcmpipe.bitstream.vui import Vui, vui_of
from vcmpipe.errors import BitstreamError

_MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """A slice of a picture.

    Attributes:
        index: its place in the picture, from 0, in the order of slices.
        rect: where it lies, in luma samples of the coded picture.
        qp: SliceQpY, the luma QP of its coding units unless ``cu_qp_delta_possible``.
        bits: bits of its NAL unit, without the start code.
        subpic_id: ``sh_subpic_id``, None where the picture has no sub-pictures.
        slice_type: "I", "P" or "B".
        cu_qp_delta_possible: whether coding units may change the luma QP.
        chroma_qp_offsets: what is added to the chroma QP of (Cb, Cr) by the PPS and the slice header.
        chroma_qp_delta_possible: whether coding units may change the chroma QPs.
    """

    index: int
    rect: Rect
    qp: int
    bits: int
    subpic_id: int | None
    slice_type: str
    cu_qp_delta_possible: bool
    chroma_qp_offsets: tuple[int, int]
    chroma_qp_delta_possible: bool


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """A coded picture.

    Attributes:
        index: its number in decoding order, from 0.
        nal_type: ``nal_unit_type`` in words, such as IDR_N_LP.
        slice_types: the kinds of its slices, such as "I" or "BI".
        poc: picture order count; None where it could not be told.
        temporal_id: TemporalId.
        width: coded width in luma samples; 0 where the headers could not be read.
        height: coded height in luma samples; 0 where the headers could not be read.
        display_width: width after the conformance window.
        display_height: height after the conformance window.
        ctu: CTU size in luma samples.
        bits: bits of its access unit, with start codes, parameter sets and messages; all pictures' sum to the stream's.
        regions: its slices. Empty where they are runs of tiles instead of rectangles, or could not be read.
        cu_qp_delta_possible: whether coding units may change the luma QP of any region (also where that is not known).
        chroma_qp_delta_possible: whether coding units may change the chroma QPs of any region.
        vui: the colour that its SPS states, if any.
    """

    index: int
    nal_type: str
    slice_types: str
    poc: int | None
    temporal_id: int
    width: int
    height: int
    display_width: int
    display_height: int
    ctu: int
    bits: int
    regions: tuple[RegionInfo, ...]
    cu_qp_delta_possible: bool
    chroma_qp_delta_possible: bool
    vui: Vui | None


@dataclass(frozen=True, slots=True)
class ParameterSetInfo:
    """A parameter set: "SPS" or "PPS", the number of the picture before which it is first sent, and its elements."""

    kind: str
    before_picture: int
    elements: dict[str, int]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """All of a stream; ``dataclasses.asdict`` gives something that JSON can hold.

    Attributes:
        bytes: its size.
        pictures: its pictures in decoding order.
        parameter_sets: its SPS and PPS, repetitions left out.
        nal_units: number of NAL units by type.
        problems: what is damaged or could not be read, each with the element's name; empty for a sound stream. That a
            stream was cut inside the data of its last slice shows in decoding only.
        codec: "vvc" or "hevc".
    """

    bytes: int
    pictures: tuple[PictureInfo, ...]
    parameter_sets: tuple[ParameterSetInfo, ...]
    nal_units: dict[str, int]
    problems: tuple[str, ...]
    codec: str = "vvc"


def ctu_qps(picture: PictureInfo) -> list[list[int | None]]:
    """The slice QP at every CTU of a picture, rows by columns in raster order; None where no region lies."""
    ctu = picture.ctu
    columns, rows = (-(-picture.width // ctu), -(-picture.height // ctu)) if ctu else (0, 0)
    found: list[list[int | None]] = [[None] * columns for _ in range(rows)]
    for region in picture.regions:
        first, last = region.rect.x // ctu, -(-(region.rect.x + region.rect.width) // ctu)
        for row in range(region.rect.y // ctu, -(-(region.rect.y + region.rect.height) // ctu)):
            found[row][first:last] = [region.qp] * (last - first)
    return found


def inspect_stream(data: bytes) -> StreamInfo:
    """Read all headers of an Annex-B VVC stream.

    Args:
        data: the stream; any VVC stream will do. What cannot be read is listed in ``problems`` and passed over.

    Raises:
        BitstreamError: no VVC stream, or not one picture of it could be read.
    """
    units = split_nal_units(data)
    reader = _Inspector()
    for group in group_access_units(units):
        reader.access_unit(group)
    if not any(picture.width for picture in reader.pictures):
        detail = f": {reader.problems[0]}" if reader.problems else " (cut behind its headers, or no VVC stream)"
        raise BitstreamError(f"no picture of the stream could be read{detail}")
    trailing = 8 * len(data) - sum(picture.bits for picture in reader.pictures) - reader.unassigned_bits
    last = reader.pictures[-1]
    values = {name: getattr(last, name) for name in PictureInfo.__slots__}
    reader.pictures[-1] = PictureInfo(**values | {"bits": last.bits + trailing + reader.unassigned_bits})
    problems = reader.problems[:_MAX_PROBLEMS]
    if len(reader.problems) > _MAX_PROBLEMS:
        problems.append(f"and {len(reader.problems) - _MAX_PROBLEMS} more problems")
    return StreamInfo(
        bytes=len(data),
        pictures=tuple(reader.pictures),
        parameter_sets=tuple(reader.parameter_sets),
        nal_units=dict(Counter(unit.type_name for unit in units)),
        problems=tuple(problems),
    )


@dataclass(slots=True)
class _Inspector:
    sets: ParameterSets = field(default_factory=ParameterSets)
    pictures: list[PictureInfo] = field(default_factory=list)
    parameter_sets: list[ParameterSetInfo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unassigned_bits: int = 0
    seen_sets: set[bytes] = field(default_factory=set)
    poc: _PictureOrder = field(default_factory=lambda: _PictureOrder())

    def access_unit(self, group: list[NalUnit]) -> None:
        """Read one access unit."""
        header: Fields | None = None
        slices: list[tuple[NalUnit, Slice]] = []
        number = len(self.pictures)
        for unit in group:
            try:
                if unit.layer_id:
                    raise BitstreamError(f"nuh_layer_id = {unit.layer_id}: layers above 0 are not examined")
                if unit.is_slice:
                    slices.append((unit, read_slice(unit, self.sets, header)))
                elif unit.type == NalType.SPS:
                    self._note(unit, "SPS", self.sets.read_sps(unit.payload()))
                elif unit.type == NalType.PPS:
                    self._note(unit, "PPS", self.sets.read_pps(unit.payload()))
                elif unit.type == NalType.PH:
                    header = read_picture_header(unit.payload(), self.sets)
                elif unit.type in RESERVED_VCL_TYPES:
                    raise BitstreamError(f"nal_unit_type {unit.type} is reserved")
            except BitstreamError as error:
                self.problems.append(f"picture {number}, {unit.type_name}: {error}")
            if slices and unit.type in LEADING_TYPES and not unit.layer_id:
                self.problems.append(f"behind picture {number}: {unit.type_name} without a picture (truncated stream)")
        bits = 8 * sum(unit.framing + len(unit.data) for unit in group)
        vcl = next((unit for unit in group if unit.is_slice), None)
        if vcl is None:
            self.unassigned_bits += bits
        else:
            self.pictures.append(self._picture(number, vcl, bits + self.unassigned_bits, slices))
            self.unassigned_bits = 0

    def _note(self, unit: NalUnit, kind: str, elements: Fields) -> None:
        if unit.data not in self.seen_sets:
            self.seen_sets.add(unit.data)
            self.parameter_sets.append(ParameterSetInfo(kind, len(self.pictures), elements))

    def _picture(self, number: int, vcl: NalUnit, bits: int, slices: list[tuple[NalUnit, Slice]]) -> PictureInfo:
        width = height = ctu = 0
        shown = (0, 0)
        poc: int | None = None
        vui: Vui | None = None
        regions: list[RegionInfo] = []
        try:
            if slices:
                header = slices[0][1].picture_header
                pps, sps = self.sets.active(header["ph_pic_parameter_set_id"])
                partition = self.sets.partition(header["ph_pic_parameter_set_id"])
                shown = display_size(header, self.sets)
                width, height, ctu = partition.width, partition.height, partition.ctu
                vui = vui_of(sps)
                poc = self.poc.of(vcl, header, sps)
                regions = self._regions(number, slices, partition, pps)
        except BitstreamError as error:
            self.problems.append(f"picture {number}: {error}")
        return PictureInfo(
            index=number,
            nal_type=vcl.type_name,
            slice_types="".join(sorted({SLICE_TYPE_NAMES[piece.type] for _, piece in slices})),
            poc=poc,
            temporal_id=vcl.temporal_id,
            width=width,
            height=height,
            display_width=shown[0],
            display_height=shown[1],
            ctu=ctu,
            bits=bits,
            regions=tuple(regions),
            cu_qp_delta_possible=not regions or any(region.cu_qp_delta_possible for region in regions),
            chroma_qp_delta_possible=not regions or any(region.chroma_qp_delta_possible for region in regions),
            vui=vui,
        )

    def _regions(
        self, number: int, slices: list[tuple[NalUnit, Slice]], partition: Partition, pps: Fields
    ) -> list[RegionInfo]:
        if not partition.rectangular:
            self.problems.append(
                f"picture {number}: pps_rect_slice_flag = 0: slices that are no rectangles are not listed"
            )
            return []
        if sorted(piece.index for _, piece in slices) != list(range(len(partition.slices))):
            self.problems.append(
                f"picture {number}: {len(slices)} slices of {len(partition.slices)} (truncated or damaged stream)"
            )
        listed = pps.get("pps_cu_chroma_qp_offset_list_enabled_flag", 0)
        return [
            RegionInfo(
                index=piece.index,
                rect=partition.samples(partition.slices[piece.index]),
                qp=slice_qp(piece, pps),
                bits=8 * len(unit.data),
                subpic_id=piece.fields.get("sh_subpic_id"),
                slice_type=SLICE_TYPE_NAMES[piece.type],
                cu_qp_delta_possible=bool(pps["pps_cu_qp_delta_enabled_flag"]),
                chroma_qp_offsets=(
                    pps.get("pps_cb_qp_offset", 0) + piece.fields.get("sh_cb_qp_offset", 0),
                    pps.get("pps_cr_qp_offset", 0) + piece.fields.get("sh_cr_qp_offset", 0),
                ),
                chroma_qp_delta_possible=bool(listed and piece.fields.get("sh_cu_chroma_qp_offset_enabled_flag")),
            )
            for unit, piece in slices
        ]


@dataclass(slots=True)
class _PictureOrder:
    """Picture order counts (H.266 clause 8.3.1)."""

    previous: int = 0
    first: bool = True

    def of(self, unit: NalUnit, header: Fields, sps: Fields) -> int:
        """The picture order count of the next picture in decoding order."""
        lsb = header["ph_pic_order_cnt_lsb"]
        cycle = 1 << (sps["sps_log2_max_pic_order_cnt_lsb_minus4"] + 4)
        if header.get("ph_poc_msb_cycle_present_flag"):
            msb = header["ph_poc_msb_cycle_val"] * cycle
        elif unit.type in IDR_TYPES or self.first:
            msb = 0
        else:
            msb = self.previous - self.previous % cycle
            distance = lsb - self.previous % cycle
            msb += cycle if distance <= -cycle // 2 else -cycle if distance > cycle // 2 else 0
        self.first = False
        if (
            unit.temporal_id == 0
            and unit.type not in (NalType.RASL, NalType.RADL)
            and not header["ph_non_ref_pic_flag"]
        ):
            self.previous = msb + lsb
        return msb + lsb
