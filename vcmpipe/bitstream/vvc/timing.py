"""general_timing_hrd_parameters() and ols_timing_hrd_parameters() (ITU-T H.266 clauses 7.3.5.1 to 7.3.5.3)."""

from __future__ import annotations

from fractions import Fraction

from vcmpipe.bitstream.bits import Bits, Fields
from vcmpipe.bitstream.presentation import rate_of, ticks


def sps_timing_hrd(s: Bits, max_sublayers_minus1: int) -> None:
    """The timing and HRD parameters of an SPS, from sps_timing_hrd_params_present_flag on."""
    if not s.u("sps_timing_hrd_params_present_flag", 1):
        return
    _general_timing_hrd_parameters(s)
    present = s.u("sps_sublayer_cpb_params_present_flag", 1) if max_sublayers_minus1 else 0
    for i in range(0 if present else max_sublayers_minus1, max_sublayers_minus1 + 1):
        _ols_timing_hrd_parameters(s, i)


def _general_timing_hrd_parameters(s: Bits) -> None:
    s.u("num_units_in_tick", 32)
    s.u("time_scale", 32)
    nal = s.u("general_nal_hrd_params_present_flag", 1)
    vcl = s.u("general_vcl_hrd_params_present_flag", 1)
    if nal or vcl:
        s.u("general_same_pic_timing_in_all_ols_flag", 1)
        decoding_units = s.u("general_du_hrd_params_present_flag", 1)
        if decoding_units:
            s.u("tick_divisor_minus2", 8)
        s.u("bit_rate_scale", 4)
        s.u("cpb_size_scale", 4)
        if decoding_units:
            s.u("cpb_size_du_scale", 4)
        s.ue("hrd_cpb_cnt_minus1", 31)


def _ols_timing_hrd_parameters(s: Bits, i: int) -> None:
    nal, vcl = s.fields["general_nal_hrd_params_present_flag"], s.fields["general_vcl_hrd_params_present_flag"]
    fixed = s.u(f"fixed_pic_rate_general_flag[{i}]", 1) or s.u(f"fixed_pic_rate_within_cvs_flag[{i}]", 1)
    if fixed:
        s.ue(f"elemental_duration_in_tc_minus1[{i}]", 2047)
    elif (nal or vcl) and s.fields["hrd_cpb_cnt_minus1"] == 0:
        s.u(f"low_delay_hrd_flag[{i}]", 1)
    for kind, present in (("nal", nal), ("vcl", vcl)):
        if present:
            _sublayer_hrd_parameters(s, f"{kind}][{i}")


def _sublayer_hrd_parameters(s: Bits, i: str) -> None:
    for j in range(s.fields["hrd_cpb_cnt_minus1"] + 1):
        s.ue(f"bit_rate_value_minus1[{i}][{j}]")
        s.ue(f"cpb_size_value_minus1[{i}][{j}]")
        if s.fields["general_du_hrd_params_present_flag"]:
            s.ue(f"cpb_size_du_value_minus1[{i}][{j}]")
            s.ue(f"bit_rate_du_value_minus1[{i}][{j}]")
        s.u(f"cbr_flag[{i}][{j}]", 1)


def picture_rate(sps: Fields) -> Fraction | None:
    """Pictures per second, all sublayers shown, as an SPS states them."""
    return rate_of(sps.get("num_units_in_tick", 0), sps.get("time_scale", 0), _duration(sps))


def _duration(sps: Fields) -> int:
    """Ticks per picture."""
    return sps.get(f"elemental_duration_in_tc_minus1[{sps['sps_max_sublayers_minus1']}]", 0) + 1


def timed(sps: Fields, rate: Fraction) -> Fields:
    """An SPS that states a rate: one tick per picture, or as many as there are where it describes a HRD."""
    if any(sps.get(f"general_{kind}_hrd_params_present_flag") for kind in ("nal", "vcl")):
        units, scale = ticks(rate * _duration(sps))
        return sps | {"num_units_in_tick": units, "time_scale": scale}
    top = sps["sps_max_sublayers_minus1"]
    units, scale = ticks(rate)
    return sps | {
        "sps_timing_hrd_params_present_flag": 1,
        "num_units_in_tick": units,
        "time_scale": scale,
        "general_nal_hrd_params_present_flag": 0,
        "general_vcl_hrd_params_present_flag": 0,
        "sps_sublayer_cpb_params_present_flag": 0,
        f"fixed_pic_rate_general_flag[{top}]": 1,
        f"elemental_duration_in_tc_minus1[{top}]": 0,
    }
