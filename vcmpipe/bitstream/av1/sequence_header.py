"""Sequence headers: one description for reading and writing (clauses 5.5, 6.4)."""

from __future__ import annotations

from fractions import Fraction

from vcmpipe.bitstream.bits import BitReader, Bits, BitWriter, Fields, flags
from vcmpipe.bitstream.presentation import rate_of
from vcmpipe.bitstream.vui import Vui

SELECT = 2
"""SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV: each frame says it for itself."""
_SRGB = (1, 13, 0)
# chroma_sample_position 1 is on the left between two rows (H.273 calls it 0), 2 top left (2); 0 is unknown.
_SITINGS: dict[int, int | None] = {0: None, 1: 0, 2: 2}
_POSITIONS = {0: 1, 2: 2}


def read_sequence_header(payload: bytes) -> Fields:
    """The syntax elements of a sequence header; BitstreamError where it is damaged."""
    bits = BitReader(payload, "sequence header")
    _sequence_header(bits)
    bits.end("trailing_bits")
    return bits.fields


def write_sequence_header(fields: Fields) -> bytes:
    """The payload that has these syntax elements."""
    bits = BitWriter("sequence header", fields)
    _sequence_header(bits)
    bits.trailing("trailing_bits")
    return bits.data()


def _sequence_header(bits: Bits) -> None:
    fields = bits.fields
    bits.u("seq_profile", 3, 2)
    flags(bits, ("still_picture", "reduced_still_picture_header"))
    reduced = fields["reduced_still_picture_header"]
    if reduced:
        bits.u("seq_level_idx[0]", 5)
    else:
        _operating_points(bits)
    width = bits.u("frame_width_bits_minus_1", 4) + 1
    height = bits.u("frame_height_bits_minus_1", 4) + 1
    bits.u("max_frame_width_minus_1", width)
    bits.u("max_frame_height_minus_1", height)
    if not reduced and bits.u("frame_id_numbers_present_flag", 1):
        bits.u("delta_frame_id_length_minus_2", 4)
        bits.u("additional_frame_id_length_minus_1", 3)
    flags(bits, ("use_128x128_superblock", "enable_filter_intra", "enable_intra_edge_filter"))
    if not reduced:
        _inter_tools(bits)
    flags(bits, ("enable_superres", "enable_cdef", "enable_restoration"))
    _colour(bits)
    bits.u("film_grain_params_present", 1)


def _operating_points(bits: Bits) -> None:
    model = delay_bits = 0
    if bits.u("timing_info_present_flag", 1):
        bits.u("num_units_in_display_tick", 32)
        bits.u("time_scale", 32)
        if bits.u("equal_picture_interval", 1):
            bits.ue("num_ticks_per_picture_minus_1")  # uvlc(), which has the same codes
        model = bits.u("decoder_model_info_present_flag", 1)
        if model:
            delay_bits = bits.u("buffer_delay_length_minus_1", 5) + 1
            bits.u("num_units_in_decoding_tick", 32)
            bits.u("buffer_removal_time_length_minus_1", 5)
            bits.u("frame_presentation_time_length_minus_1", 5)
    display_delay = bits.u("initial_display_delay_present_flag", 1)
    for i in range(bits.u("operating_points_cnt_minus_1", 5) + 1):
        bits.u(f"operating_point_idc[{i}]", 12)
        if bits.u(f"seq_level_idx[{i}]", 5) > 7:
            bits.u(f"seq_tier[{i}]", 1)
        if model and bits.u(f"decoder_model_present_for_this_op[{i}]", 1):
            bits.u(f"decoder_buffer_delay[{i}]", delay_bits)
            bits.u(f"encoder_buffer_delay[{i}]", delay_bits)
            bits.u(f"low_delay_mode_flag[{i}]", 1)
        if display_delay and bits.u(f"initial_display_delay_present_for_this_op[{i}]", 1):
            bits.u(f"initial_display_delay_minus_1[{i}]", 4)


def _inter_tools(bits: Bits) -> None:
    flags(bits, ("enable_interintra_compound", "enable_masked_compound", "enable_warped_motion", "enable_dual_filter"))
    order_hint = bits.u("enable_order_hint", 1)
    if order_hint:
        flags(bits, ("enable_jnt_comp", "enable_ref_frame_mvs"))
    screen = SELECT
    if not bits.u("seq_choose_screen_content_tools", 1):
        screen = bits.u("seq_force_screen_content_tools", 1)
    if screen and not bits.u("seq_choose_integer_mv", 1):
        bits.u("seq_force_integer_mv", 1)
    if order_hint:
        bits.u("order_hint_bits_minus_1", 3)


def _colour(bits: Bits) -> None:
    fields = bits.fields
    profile, mono = fields["seq_profile"], 0
    high = bits.u("high_bitdepth", 1)
    twelve = bits.u("twelve_bit", 1) if profile == 2 and high else 0
    if profile != 1:
        mono = bits.u("mono_chrome", 1)
    codes = (2, 2, 2)
    if bits.u("color_description_present_flag", 1):
        codes = (
            bits.u("color_primaries", 8),
            bits.u("transfer_characteristics", 8),
            bits.u("matrix_coefficients", 8),
        )
    if mono:
        bits.u("color_range", 1)
        return
    if codes != _SRGB:
        bits.u("color_range", 1)
        across, down = {0: (1, 1), 1: (0, 0), 2: (1, 0)}[profile]
        if twelve:
            across = bits.u("subsampling_x", 1)
            down = bits.u("subsampling_y", 1) if across else 0
        if across and down:
            bits.u("chroma_sample_position", 2)
    bits.u("separate_uv_delta_q", 1)


def vui_of(fields: Fields) -> Vui:
    """The colour that a sequence header states, unspecified codes (2) where it has none."""
    return Vui(
        colour_primaries=fields.get("color_primaries", 2),
        transfer=fields.get("transfer_characteristics", 2),
        matrix=fields.get("matrix_coefficients", 2),
        full_range=fields.get("color_range", 1) == 1,  # sRGB has no bit for it
        chroma_siting=_SITINGS.get(fields.get("chroma_sample_position", 0)),
    )


def states_colour(fields: Fields) -> bool:
    """Whether a sequence header says anything about the colour that is not the default."""
    return bool(fields["color_description_present_flag"] or fields.get("color_range"))


def set_colour(fields: Fields, vui: Vui) -> None:
    """State a colour; chroma that is sited between four luma samples has no code, and is stated as unknown."""
    fields["color_description_present_flag"] = 1
    fields["color_primaries"], fields["transfer_characteristics"] = vui.colour_primaries, vui.transfer
    fields["matrix_coefficients"], fields["color_range"] = vui.matrix, int(vui.full_range)
    fields["chroma_sample_position"] = _POSITIONS.get(-1 if vui.chroma_siting is None else vui.chroma_siting, 0)


def sequence_rate(fields: Fields) -> Fraction | None:
    """Pictures per second, where all are equally far apart."""
    if not fields.get("equal_picture_interval"):
        return None
    ticks = fields["num_ticks_per_picture_minus_1"] + 1
    return rate_of(fields["num_units_in_display_tick"], fields["time_scale"], ticks)
