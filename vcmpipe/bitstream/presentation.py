"""How a player is to show a stream: frame rate, shape of samples, colour, in the numbers that parameter sets carry."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import InputError

EXTENDED_ASPECT = 255
# aspect_ratio_idc 1..16 (ITU-T H.273 table 10)
_ASPECTS = "1:1 12:11 10:11 16:11 40:33 24:11 20:11 32:11 80:33 18:11 15:11 64:33 160:99 4:3 3:2 2:1"
_CODES = {Fraction(*map(int, ratio.split(":"))): code for code, ratio in enumerate(_ASPECTS.split(), 1)}
_RATIOS = {code: ratio for ratio, code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Presentation:
    """What parameter sets are to state; None leaves what they say.

    Attributes:
        rate: frames per second.
        sample_aspect: width of a sample by its height.
        vui: colour.
        video: that the pictures are several, even where the stream has but one.

    Raises:
        InputError: a number that is not positive, or too large or small to be stated.
    """

    rate: Fraction | None = None
    sample_aspect: Fraction | None = None
    vui: Vui | None = None
    video: bool = False

    def __post_init__(self) -> None:
        if self.rate is not None:
            ticks(self.rate)
        if self.sample_aspect is not None:
            aspect_code(self.sample_aspect)


def ticks(rate: Fraction) -> tuple[int, int]:
    """num_units_in_tick and time_scale, 32 bits each, of a rate; the nearest that can be stated."""
    scale, units = _limited(rate, 32, "frame rate")
    return units, scale


def rate_of(units: int, scale: int, duration: int = 1) -> Fraction | None:
    """Pictures per second where one takes ``duration`` ticks; None where that is not stated (0)."""
    return Fraction(scale, units * duration) if units and scale else None


def aspect_code(aspect: Fraction) -> tuple[int, int, int]:
    """aspect_ratio_idc of a sample aspect ratio, and the width and height, 16 bits each, that 255 brings."""
    return _CODES.get(aspect, EXTENDED_ASPECT), *_limited(aspect, 16, "sample aspect ratio")


def aspect_of(code: int, width: int, height: int) -> Fraction | None:
    """The sample aspect ratio of an aspect_ratio_idc; None where it is unspecified or reserved."""
    if code == EXTENDED_ASPECT:
        return Fraction(width, height) if width and height else None
    return _RATIOS.get(code)


def _limited(ratio: Fraction, bits: int, name: str) -> tuple[int, int]:
    """Numerator and denominator of at most so many bits."""
    most = (1 << bits) - 1
    if ratio <= 0:
        raise InputError(f"a {name} of {ratio} cannot be stated: it must be above 0")
    # The greater of the two is what has to be limited.
    if not 1 <= max(ratio, 1 / ratio) <= most:
        raise InputError(f"a {name} of {float(ratio):g} cannot be stated: it must lie in 1/{most}..{most}")
    near = min(ratio, 1 / ratio).limit_denominator(most)
    return (near.numerator, near.denominator) if ratio <= 1 else (near.denominator, near.numerator)
