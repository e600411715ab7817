"""Figures as text: numbers, intervals, and why there is none."""

from __future__ import annotations

from collections.abc import Callable

from vcmpipe.bench.result import Average, BenchResult
from vcmpipe.evaluation import Estimate
from vcmpipe.evaluation.bootstrap import LEAST_DEFINED

NOTHING = "-"
REASONS = {
    "no_points": "not measured",
    "single_point": "one point only",
    "no_overlap": "no overlap",
    "not_reached": "not reached",
    "anchor_not_reached": "anchor: not reached",
    "neither_reached": "neither reaches it",
    "not_finite": "out of range",
    "no_objects": "no objects",
}
QUALITY_TITLES = {
    "retention": "retention",
    "second_retention": "2nd detector",
    "satisfied": "satisfied",
    "track_retention": "track retention",
    "second_track_retention": "2nd track retention",
    "hota": "HOTA",
    "idf1": "IDF1",
    "mota": "MOTA",
    "hota_source": "HOTA vs source",
    "idf1_source": "IDF1 vs source",
    "mota_source": "MOTA vs source",
    "second_hota_source": "2nd HOTA vs source",
    "second_idf1_source": "2nd IDF1 vs source",
    "second_mota_source": "2nd MOTA vs source",
    "ap": "AP",
    "ap50": "AP50",
    "ap_source": "AP vs source",
    "ap50_source": "AP50 vs source",
    "second_ap_source": "2nd AP vs source",
    "xpsnr": "XPSNR",
    "vmaf": "VMAF",
}
# Shares have three digits, decibels and VMAF's points fewer.
QUALITY_DIGITS = {"xpsnr": 2, "vmaf": 1}
_RATE_TITLES: dict[Average, str] = {
    "pictures": "bytes per picture",
    "bpp": "bits per pixel, mean of pictures",
    "classes": "bytes per picture, mean of classes",
}
_SEQUENCE_RATE_TITLES: dict[Average, str] = {
    "pictures": "kbit/s",
    "bpp": "bits per pixel, mean of frames",
    "classes": "kbit/s, mean of classes",
}
# Shares below this are not worth a word in a table; files have them all.
_SHARE = 0.01


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separators, or a dash where there is none."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def rate_title(result: BenchResult) -> str:
    """What a bench's rates are."""
    return (_SEQUENCE_RATE_TITLES if result.sequences else _RATE_TITLES)[result.average]


def rate_digits(result: BenchResult) -> int:
    """Digits behind the point that a rate is shown with."""
    return 4 if result.average == "bpp" else 1 if result.sequences else 0


def rate(value: float | None, result: BenchResult) -> str:
    """A rate in its unit's digits."""
    return number(value, rate_digits(result))


def percent(found: Estimate, *, signed: bool = True) -> str:
    """A percentage with one digit, or the reason why there is none."""
    if found.value is None:
        return reason(found)
    return f"{_signed(found.value, signed)} %"


def _signed(value: float, signed: bool) -> str:
    value = round(value, 1) + 0.0  # no minus before a zero
    return f"{value:+,.1f}" if signed and value else f"{value:,.1f}"


def reason(found: Estimate) -> str:
    """Why a figure is missing, as text."""
    return REASONS.get(found.reason or "", found.reason or NOTHING)


def interval(found: Estimate, write: Callable[[float], str], between: str = ", ") -> str:
    """An interval as text, with open ends, and the share of the draws that it is made of where some have no figure.

    Empty where no draws were made.
    """
    parts = []
    if found.low is not None and found.high is not None:
        parts.append(f"{write(found.low)} to {write(found.high)}")
    elif found.low is not None:
        parts.append(f"{write(found.low)} or more")
    elif found.high is not None:
        parts.append(f"{write(found.high)} or less")
    sides = ("not_reached", "anchor_not_reached")
    defined = 1.0 - sum(share for name, share in found.undefined.items() if name not in sides)
    if found.undefined and not parts and defined >= LEAST_DEFINED:
        parts.append("open on both sides")
    if defined <= 1.0 - _SHARE:
        parts.append(f"in {100 * defined:.0f} % of draws" if not parts else f"{100 * defined:.0f} % of draws")
    return between.join(parts)


def with_interval(text: str, found: Estimate, write: Callable[[float], str]) -> str:
    """A cell of a table: the figure, its interval, and its share of draws, each on a line of its own.

    A figure that is missing shows no interval: that some of the resamples have one would only confuse.
    """
    more = interval(found, write, "\n") if found.value is not None else ""
    return f"{text}\n{more}" if more else text


def percent_cell(found: Estimate, *, signed: bool = True) -> str:
    """A percentage with its interval."""
    return with_interval(percent(found, signed=signed), found, lambda value: _signed(value, signed))


def number_cell(found: Estimate, digits: int = 0) -> str:
    """A number with its interval, or why there is none."""
    text = reason(found) if found.value is None else number(found.value, digits)
    return with_interval(text, found, lambda value: number(value, digits))
