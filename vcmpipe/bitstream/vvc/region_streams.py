"""The parts of merging that read: region streams, picture by picture, and what is refused in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.bitstream.vvc.access_units import group_access_units
from vcmpipe.bitstream.vvc.nal import NalType, make_nal
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.picture_header import read_picture_header
from vcmpipe.bitstream.vvc.slice_header import Slice, read_slice
from vcmpipe.errors import BitstreamError

_UNPROVED_SPS = """
    gci_present_flag ptl_multilayer_enabled_flag sps_video_parameter_set_id sps_ref_pic_resampling_enabled_flag
    sps_entropy_coding_sync_enabled_flag sps_lmcs_enabled_flag sps_weighted_pred_flag sps_weighted_bipred_flag
    sps_long_term_ref_pics_flag sps_ref_wraparound_enabled_flag sps_explicit_scaling_list_enabled_flag
    sps_virtual_boundaries_enabled_flag sps_field_seq_flag sps_extension_flag general_nal_hrd_params_present_flag
    general_vcl_hrd_params_present_flag
"""
_UNPROVED_PPS = """
    pps_mixed_nalu_types_in_pic_flag pps_scaling_window_explicit_signalling_flag pps_subpic_id_mapping_present_flag
    pps_weighted_pred_flag pps_weighted_bipred_flag pps_ref_wraparound_enabled_flag
    pps_picture_header_extension_present_flag pps_slice_header_extension_present_flag pps_extension_flag
    pps_rpl_info_in_ph_flag pps_sao_info_in_ph_flag pps_alf_info_in_ph_flag pps_qp_delta_info_in_ph_flag
    pps_dbf_info_in_ph_flag
"""
_DROPPED = frozenset({NalType.AUD, NalType.PREFIX_SEI, NalType.SUFFIX_SEI, NalType.EOS, NalType.EOB, NalType.FD})


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One picture of a stream, as it is taken apart.

    Attributes:
        slices: its slices in order.
        pps: its PPS.
        sps: its SPS.
        aps: the ALF APS in force for it by aps_adaptation_parameter_set_id, each the payload behind its first byte.
    """

    slices: tuple[Slice, ...]
    pps: Fields
    sps: Fields
    aps: dict[int, bytes]

    @property
    def picture_header(self) -> Fields:
        """The elements of its picture header."""
        return self.slices[0].picture_header


def alf_aps(number: int, filters: bytes, temporal_id: int) -> NalUnit:
    """An ALF APS with that id; ``filters`` is what ``CodedPicture.aps`` holds (H.266 clause 7.3.2.6)."""
    return make_nal(NalType.PREFIX_APS, bytes((number,)) + filters, temporal_id)


def read_coded_pictures(data: bytes, where: str) -> Iterator[CodedPicture]:
    """Take an Annex-B stream apart, refusing what rewriting has not been proved for.

    Raises:
        BitstreamError: damage, or an element that is refused; the message begins with ``where``, such as "region 3".
    """
    sets = ParameterSets()
    aps: dict[int, bytes] = {}
    try:
        for group in group_access_units(data):
            slices = _read_group(group, sets, aps)
            if not slices:
                raise BitstreamError("the stream holds no coded picture (it was truncated, or nothing was encoded)")
            pps, sps = sets.active(slices[0].picture_header["ph_pic_parameter_set_id"])
            for structure, fields, names in (("SPS", sps, _UNPROVED_SPS.split()), ("PPS", pps, _UNPROVED_PPS.split())):
                if name := next((name for name in names if fields.get(name)), None):
                    raise BitstreamError(
                        f"{structure}: {name} = {fields[name]} is not supported here (only what has been proved is "
                        "rewritten)"
                    )
            yield CodedPicture(tuple(slices), pps, sps, dict(aps))
    except BitstreamError as error:
        raise BitstreamError(f"{where}: {error}") from None


def _read_group(group: list[NalUnit], sets: ParameterSets, aps: dict[int, bytes]) -> list[Slice]:
    slices: list[Slice] = []
    header: Fields | None = None
    for unit in group:
        if unit.layer_id:
            raise BitstreamError(f"nuh_layer_id = {unit.layer_id} is not supported here (one layer only)")
        if unit.is_slice:
            slices.append(read_slice(unit, sets, header))
        elif unit.type == NalType.PREFIX_APS:
            payload = unit.payload()
            if len(payload) < 2:
                raise BitstreamError(
                    "APS: the data ends before or in aps_chroma_present_flag (truncated or damaged stream)"
                )
            if payload[0] >> 5:
                raise BitstreamError(f"APS: aps_params_type = {payload[0] >> 5} is not supported here (only ALF, 0)")
            aps[payload[0]] = payload[1:]
        elif unit.type == NalType.PH:
            header = read_picture_header(unit.payload(), sets)
        elif sets.read(unit) is None and unit.type not in _DROPPED:
            raise BitstreamError(f"nal_unit_type {unit.type} ({unit.type_name}) is not supported here")
    return slices
