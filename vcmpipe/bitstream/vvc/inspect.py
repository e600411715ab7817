"""What a VVC stream says about itself: parameter sets, pictures, regions with their place, QP and bits."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.info import ParameterSetInfo, PictureInfo, PictureOrder, RegionInfo, StreamInfo, stream_info
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.bitstream.vui import Vui
from vcmpipe.bitstream.vvc.access_units import LEADING_TYPES, display_size, group_access_units
from vcmpipe.bitstream.vvc.nal import IDR_TYPES, RESERVED_VCL_TYPES, NalType
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.partition import Partition
from vcmpipe.bitstream.vvc.picture_header import read_picture_header
from vcmpipe.bitstream.vvc.slice_header import SLICE_TYPE_NAMES, Slice, read_slice_header, slice_qp
from vcmpipe.bitstream.vvc.timing import picture_rate
from vcmpipe.bitstream.vvc.vui import sample_aspect_of, vui_of
from vcmpipe.errors import BitstreamError


def inspect_stream(data: bytes) -> StreamInfo:
    """Read all headers of an Annex-B VVC stream; what cannot be read is listed in ``problems`` and passed over.

    Raises:
        BitstreamError: no VVC stream, or not one picture of it could be read.
    """
    reader = _Inspector()
    groups = group_access_units(data)
    for group in groups:
        reader.access_unit(group)
    return stream_info("vvc", data, groups, reader.pictures, reader.parameter_sets.values(), reader.problems)


@dataclass(slots=True)
class _Inspector:
    sets: ParameterSets = field(default_factory=ParameterSets)
    pictures: list[PictureInfo] = field(default_factory=list)
    parameter_sets: dict[bytes, ParameterSetInfo] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    order: PictureOrder = field(default_factory=PictureOrder)

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
                    slices.append((unit, read_slice_header(unit, self.sets, header)))
                elif (fields := self.sets.read(unit)) is not None:
                    self.parameter_sets.setdefault(unit.data, ParameterSetInfo(unit.type_name, number, fields))
                elif unit.type == NalType.PH:
                    header = read_picture_header(unit.payload(), self.sets)
                elif unit.type in RESERVED_VCL_TYPES:
                    raise BitstreamError(f"nal_unit_type {unit.type} is reserved")
            except BitstreamError as error:
                self.problems.append(f"picture {number}, {unit.type_name}: {error}")
            if slices and unit.type in LEADING_TYPES and not unit.layer_id:
                self.problems.append(f"behind picture {number}: {unit.type_name} without a picture (truncated stream)")
        vcl = next((unit for unit in group if unit.is_slice), None)
        if vcl is not None:
            bits = 8 * sum(unit.framing + len(unit.data) for unit in group)
            self.pictures.append(self._picture(number, vcl, bits, slices))

    def _picture(self, number: int, vcl: NalUnit, bits: int, slices: list[tuple[NalUnit, Slice]]) -> PictureInfo:
        width = height = ctu = 0
        shown = (0, 0)
        poc: int | None = None
        vui: Vui | None = None
        rate = sample_aspect = None
        regions: list[RegionInfo] = []
        try:
            if slices:
                header = slices[0][1].picture_header
                pps, sps = self.sets.active(header["ph_pic_parameter_set_id"])
                partition = self.sets.partition(header["ph_pic_parameter_set_id"])
                shown = display_size(header, self.sets)
                width, height, ctu = partition.width, partition.height, partition.ctu
                vui = vui_of(sps)
                rate, sample_aspect = picture_rate(sps), sample_aspect_of(sps)
                cycle = 1 << (sps["sps_log2_max_pic_order_cnt_lsb_minus4"] + 4)
                msb = 0 if vcl.type in IDR_TYPES else None
                poc = self.order.of(
                    header["ph_pic_order_cnt_lsb"],
                    cycle,
                    msb=header["ph_poc_msb_cycle_val"] * cycle if header.get("ph_poc_msb_cycle_present_flag") else msb,
                    reference=vcl.temporal_id == 0
                    and vcl.type not in (NalType.RASL, NalType.RADL)
                    and not header["ph_non_ref_pic_flag"],
                )
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
            rate=rate,
            sample_aspect=sample_aspect,
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
            # Slices of a damaged stream may mean another partition than the first of their picture.
            if piece.index < len(partition.slices)
        ]
