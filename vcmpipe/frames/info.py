"""What is known about a video before its frames are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.times import usable_rate

if TYPE_CHECKING:
    import av
    import av.container
    import av.video.stream


@dataclass(frozen=True)
class VideoInfo:
    """A video's properties, as its frames are given: after turning, taking every Nth, and ``fps``.

    Attributes:
        rate: average frames per second; None where it is not known.
        sample_aspect: width of a pixel : its height.
        interlaced: whether its frames consist of two fields.
        rotation: degrees, clockwise, by which frames are turned to be upright: 0, 90, 180 or 270.
        depth: bits per sample, 8 or 10.
        colour: what the samples mean; None for RGB.
        has_audio: whether there is sound.
        notes: lines for the user.
    """

    rate: Fraction | None
    sample_aspect: Fraction = Fraction(1)
    interlaced: bool = False
    rotation: int = 0
    depth: int = 8
    colour: ColourSpec | None = None
    has_audio: bool = False
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The properties as JSON holds them, ratios as text."""
        return {
            "rate": None if self.rate is None else str(self.rate),
            "sample_aspect": str(self.sample_aspect),
            "interlaced": self.interlaced,
            "rotation": self.rotation,
            "depth": self.depth,
            "colour": None if self.colour is None else asdict(self.colour),
            "has_audio": self.has_audio,
        }


def stream_rate(stream: av.video.stream.VideoStream) -> Fraction | None:
    """Average frames per second; None where it is missing or absurd.

    FFmpeg gives 25 as the average of a raw stream, which has no times, whatever its headers say: those count then.
    """
    untimed = stream.start_time is None and stream.duration is None
    return usable_rate(stream.guessed_rate if untimed and stream.guessed_rate else stream.average_rate)


def sane_aspect(aspect: Fraction | None) -> Fraction:
    """A sample aspect ratio; square pixels where none or an absurd one is stated."""
    return Fraction(aspect) if aspect and Fraction(1, 64) <= aspect <= 64 else Fraction(1)


def rate_note(stated: Fraction | float | None) -> str:
    """The line about a rate that ``usable_rate`` refused."""
    what = (
        "no frame rate is stated" if not stated else f"the stated rate of {float(stated):g} frames per second is absurd"
    )
    return f"{what}: it is taken as unknown (--fps gives one)"


def aspect_note(aspect: Fraction) -> str:
    """The line about pixels that are not square."""
    return f"its pixels are not square ({aspect.numerator}:{aspect.denominator}): samples are kept as they are"


INTERLACED_NOTE = "interlaced: its fields are coded as woven frames"
