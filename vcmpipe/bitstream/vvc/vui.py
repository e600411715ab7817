"""The VUI of an SPS (ITU-T H.274 clause 7.2, H.266 clause 7.3.4)."""

from __future__ import annotations

from fractions import Fraction

from vcmpipe.bitstream.bits import Bits, BitWriter, Fields
from vcmpipe.bitstream.presentation import aspect_code, aspect_of
from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import BitstreamError

_FLAGS = (
    "vui_progressive_source_flag",
    "vui_interlaced_source_flag",
    "vui_non_packed_constraint_flag",
    "vui_non_projected_constraint_flag",
    "vui_aspect_ratio_info_present_flag",
    "vui_overscan_info_present_flag",
    "vui_colour_description_present_flag",
    "vui_chroma_loc_info_present_flag",
)


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


def restated_vui(sps: Fields, vui: Vui | None = None, sample_aspect: Fraction | None = None) -> Fields:
    """The VUI elements of an SPS, sps_vui_parameters_present_flag first, with another colour or sample aspect ratio.

    What is None stays as ``sps`` states it, and so does all else. An SPS without a VUI gets one for progressive
    pictures, if there is something to state.
    """
    fields = {name: value for name, value in sps.items() if is_vui_element(name)}
    if vui is None and sample_aspect is None:
        return fields
    if not fields.get("sps_vui_parameters_present_flag"):
        fields = dict.fromkeys(_FLAGS, 0) | {"sps_vui_parameters_present_flag": 1, "vui_progressive_source_flag": 1}
    if vui is not None:
        fields |= {
            "vui_colour_description_present_flag": 1,
            "vui_colour_primaries": vui.colour_primaries,
            "vui_transfer_characteristics": vui.transfer,
            "vui_matrix_coeffs": vui.matrix,
            "vui_full_range_flag": int(vui.full_range),
            "vui_chroma_loc_info_present_flag": int(vui.chroma_siting is not None),
        }
        fields = {name: value for name, value in fields.items() if not name.startswith("vui_chroma_sample_loc")}
        if vui.chroma_siting is not None:
            frames = fields["vui_progressive_source_flag"] and not fields["vui_interlaced_source_flag"]
            kinds = ("frame",) if frames else ("top_field", "bottom_field")
            fields |= {f"vui_chroma_sample_loc_type_{kind}": vui.chroma_siting for kind in kinds}
    if sample_aspect is not None:
        fields |= {"vui_aspect_ratio_info_present_flag": 1, "vui_aspect_ratio_constant_flag": 1}
        names = ("vui_aspect_ratio_idc", "vui_sar_width", "vui_sar_height")
        fields |= dict(zip(names, aspect_code(sample_aspect), strict=True))
    return _sized(fields)


def _sized(fields: Fields) -> Fields:
    """VUI elements with the tail and the size that go with them; reserved extension data are kept."""
    tail = fields.pop("vui_payload_tail", 0)
    # Behind the leading one: extension data, vui_payload_bit_equal_to_one, zeros.
    extension = tail >> (tail & -tail).bit_length() if tail else 0
    measure = BitWriter("VUI", fields)
    _vui_parameters(measure)
    bits = measure.position + max(extension.bit_length() - 1, 0)
    if -bits % 8 or extension > 1:
        left = -bits % 8 or 8
        fields["vui_payload_tail"] = (max(extension, 1) << left) | (1 << (left - 1))
        bits += left
    return fields | {"sps_vui_payload_size_minus1": bits // 8 - 1}


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


def sample_aspect_of(sps: Fields) -> Fraction | None:
    """The sample aspect ratio that an SPS states, or None."""
    return aspect_of(sps.get("vui_aspect_ratio_idc", 0), sps.get("vui_sar_width", 0), sps.get("vui_sar_height", 0))
