"""The VUI of an SPS (ITU-T H.274 clause 7.2, H.266 clause 7.3.4)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Bits, BitWriter, Fields
from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import BitstreamError


def sps_vui(s: Bits) -> None:
    """The VUI of an SPS, from sps_vui_parameters_present_flag on."""
    if not s.u("sps_vui_parameters_present_flag", 1):
        return
    size = s.ue("sps_vui_payload_size_minus1", 1023) + 1
    s.align("sps_vui_alignment_zero_bit")
    end = s.position + 8 * size
    _vui_parameters(s)
    if s.position > end:
        raise BitstreamError(
            f"{s.structure}: vui_payload is longer than sps_vui_payload_size_minus1 says (damaged stream)"
        )
    if s.position < end:
        # vui_payload_bit_equal_to_one and zeros, or reserved extension data in front of them.
        s.payload_tail("vui_payload_tail", end - s.position)


def _vui_parameters(s: Bits) -> None:
    progressive = s.u("vui_progressive_source_flag", 1)
    interlaced = s.u("vui_interlaced_source_flag", 1)
    s.u("vui_non_packed_constraint_flag", 1)
    s.u("vui_non_projected_constraint_flag", 1)
    if s.u("vui_aspect_ratio_info_present_flag", 1):
        s.u("vui_aspect_ratio_constant_flag", 1)
        if s.u("vui_aspect_ratio_idc", 8) == 255:
            s.u("vui_sar_width", 16)
            s.u("vui_sar_height", 16)
    if s.u("vui_overscan_info_present_flag", 1):
        s.u("vui_overscan_appropriate_flag", 1)
    if s.u("vui_colour_description_present_flag", 1):
        s.u("vui_colour_primaries", 8)
        s.u("vui_transfer_characteristics", 8)
        s.u("vui_matrix_coeffs", 8)
        s.u("vui_full_range_flag", 1)
    if s.u("vui_chroma_loc_info_present_flag", 1):
        if progressive and not interlaced:
            s.ue("vui_chroma_sample_loc_type_frame", 6)
        else:
            s.ue("vui_chroma_sample_loc_type_top_field", 6)
            s.ue("vui_chroma_sample_loc_type_bottom_field", 6)


def is_vui_element(name: str) -> bool:
    """Whether an SPS element belongs to the VUI."""
    return name.startswith(("vui_", "sps_vui_"))


def vui_fields(vui: Vui) -> Fields:
    """The SPS elements, sps_vui_parameters_present_flag first, that state ``vui`` for progressive pictures."""
    fields: Fields = {
        "vui_progressive_source_flag": 1,
        "vui_interlaced_source_flag": 0,
        "vui_non_packed_constraint_flag": 0,
        "vui_non_projected_constraint_flag": 0,
        "vui_aspect_ratio_info_present_flag": 0,
        "vui_overscan_info_present_flag": 0,
        "vui_colour_description_present_flag": 1,
        "vui_colour_primaries": vui.colour_primaries,
        "vui_transfer_characteristics": vui.transfer,
        "vui_matrix_coeffs": vui.matrix,
        "vui_full_range_flag": int(vui.full_range),
        "vui_chroma_loc_info_present_flag": int(vui.chroma_siting is not None),
    }
    if vui.chroma_siting is not None:
        fields["vui_chroma_sample_loc_type_frame"] = vui.chroma_siting
    measure = BitWriter("VUI", fields)
    _vui_parameters(measure)
    left = -measure.position % 8
    if left:
        fields["vui_payload_tail"] = (1 << left) | (1 << (left - 1))
    size = (measure.position + left) // 8
    return {"sps_vui_parameters_present_flag": 1, "sps_vui_payload_size_minus1": size - 1, **fields}


def vui_of(sps: Fields) -> Vui | None:
    """The colour that an SPS states; None where it states none."""
    if not sps.get("vui_colour_description_present_flag"):
        return None
    siting = sps.get("vui_chroma_sample_loc_type_frame", sps.get("vui_chroma_sample_loc_type_top_field"))
    return Vui(
        colour_primaries=sps["vui_colour_primaries"],
        transfer=sps["vui_transfer_characteristics"],
        matrix=sps["vui_matrix_coeffs"],
        full_range=bool(sps["vui_full_range_flag"]),
        chroma_siting=siting,
    )
