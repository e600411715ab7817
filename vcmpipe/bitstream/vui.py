"""Video usability information: how sample values become colours (ITU-T H.274 clause 7.2, H.266 clause 7.3.4)."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.bitstream.bits import Bits, BitWriter, Fields
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames.chroma import Siting
from vcmpipe.frames.colour import ColourSpec, Matrix

_MATRICES: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601"}
_SITINGS: dict[int, Siting] = {0: "left", 1: "centre", 2: "topleft"}


@dataclass(frozen=True, slots=True)
class Vui:
    """The colour of a stream, in the codes of ITU-T H.273.

    Attributes:
        colour_primaries: ``vui_colour_primaries``, 0..255 (1: BT.709, 2: unspecified).
        transfer: ``vui_transfer_characteristics``, 0..255.
        matrix: ``vui_matrix_coeffs``, 0..255 (1: BT.709, 5 and 6: BT.601).
        full_range: ``vui_full_range_flag``.
        chroma_siting: ``vui_chroma_sample_loc_type_frame``, 0..6 (0: left, 1: centre, 2: top left), or None: not said.

    Raises:
        InputError: a code is out of its range.
    """

    colour_primaries: int
    transfer: int
    matrix: int
    full_range: bool
    chroma_siting: int | None

    def __post_init__(self) -> None:
        for name, code in (("primaries", self.colour_primaries), ("transfer", self.transfer), ("matrix", self.matrix)):
            if not 0 <= code <= 255:
                raise InputError(f"VUI: the code of the {name} is 0..255, not {code}")
        if self.chroma_siting is not None and not 0 <= self.chroma_siting <= 6:
            raise InputError(f"VUI: the chroma sample location type is 0..6, not {self.chroma_siting}")

    @classmethod
    def of_colour(cls, colour: ColourSpec) -> Vui:
        """The codes that state a colour.

        Primaries are 1 (BT.709, which sRGB shares) and the transfer is 1 (BT.709): sRGB's own code 13 would be the
        letter of it, but players treat pictures with it inconsistently, and none applies a curve between 1 and 13.
        BT.601 is matrix 6.
        """
        return cls(
            colour_primaries=1,
            transfer=1,
            matrix=1 if colour.matrix == "bt709" else 6,
            full_range=colour.range == "full",
            chroma_siting=next(code for code, name in _SITINGS.items() if name == colour.siting),
        )


def colour_of(vui: Vui | None) -> ColourSpec:
    """What a stream states; what it leaves open, or states in a way not known here, is BT.709, limited, left.

    Matrices 5 and 6 are BT.601; every other one (unspecified, BT.2020, ...) is read as BT.709.
    """
    if vui is None:
        return ColourSpec()
    siting = "left" if vui.chroma_siting is None else _SITINGS.get(vui.chroma_siting, "left")
    return ColourSpec(_MATRICES.get(vui.matrix, "bt709"), "full" if vui.full_range else "limited", siting)


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
