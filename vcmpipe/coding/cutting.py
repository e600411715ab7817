"""Where one segment ends and the next begins: scene changes, length, and changes of size or colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.segment import Segment
from vcmpipe.encoders.base import Encoder, Structure
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, FrameSource, PictureSource, consecutive
from vcmpipe.frames.spool import Spool

T = TypeVar("T")

# What waits on the disk for one segment to be coded: some 12 minutes of 640x360, 20 seconds of 3840x2160, 8 bits.
MAX_BYTES = 6 << 30
_THUMBNAIL = 128
# Of scenedetect's content score. Cuts between 80 photos scored 37 and more, frames of one scene 19 at most.
_SCENE_CHANGE = 25.0
# Cuts nearer to each other than that are taken for a flash, and the segment goes on.
_SHORTEST_SCENE = Fraction(1, 2)


def choose_structure(
    wanted: Structure | Literal["auto"], source: FrameSource | None, encoder: Encoder, *, stills: bool = False
) -> tuple[Structure, str]:
    """How the frames of a source are to refer to each other, and why, in one line; empty where nothing was chosen.

    Args:
        wanted: A structure, or ``auto``.
        source: Where the frames come from; None: from memory, each a picture.
        encoder: Who will code them.
        stills: Whether what follows works on pictures, one by one.

    Raises:
        InputError: The encoder does not code that structure.
    """
    structures = encoder.capabilities.structures
    if wanted != "auto":
        if wanted not in structures:
            raise InputError(
                f"--structure {wanted}: encoder {encoder.name} does not code it, but {', '.join(structures)}"
            )
        return wanted, ""
    if source is None:
        return "intra", ""
    if isinstance(source, PictureSource):
        alike, reason = consecutive(source)
        if not alike:
            return "intra", ""
        what = f"{reason}: taken for a video"
    else:
        what = "a video"
    if stills:
        return (
            "intra",
            f"{what}, but for --objective accuracy without --loop closed, and for human viewers, its frames are coded "
            "one by one, as intra pictures",
        )
    if "random-access" not in structures:
        return "intra", f"{what}, but encoder {encoder.name} codes intra pictures only: expect many times the bytes"
    return "random-access", f"{what}, coded in random access; --structure chooses another way"


@dataclass(frozen=True)
class Cutting:
    """How frames become segments.

    Attributes:
        structure: How the frames of a segment refer to each other.
        seconds: How long a segment may be.
        rate: Frames per second, which count where frames have no times; None: 25.
        scene_cuts: Whether a segment ends with the scene.
        seek_every: Seconds from one intra picture to the next inside a segment; None: the first alone.
        colour: What pictures become planes with.
        sample_aspect: Width of a sample by its height, where it is known.
    """

    structure: Structure
    seconds: float
    rate: Fraction | None = None
    scene_cuts: bool = True
    seek_every: float | None = None
    colour: ColourSpec | None = None
    sample_aspect: Fraction | None = None

    @property
    def per_second(self) -> Fraction:
        """Frames per second, also where nobody said how many."""
        return self.rate or Fraction(25)

    @property
    def intra_period(self) -> int | None:
        """Frames from one intra picture to the next."""
        return None if self.seek_every is None else max(1, round(Fraction(self.seek_every) * self.per_second))

    @property
    def frames(self) -> int:
        """The most frames of a segment. In low delay only the first is intra, so that one begins where one may seek."""
        seconds = self.seconds
        if self.structure == "low-delay" and self.seek_every is not None:
            seconds = min(seconds, self.seek_every)
        return max(1, round(Fraction(seconds) * self.per_second))

    def segments(
        self,
        frames: Iterable[tuple[Frame, T]],
        empty: Callable[[T], bool] = lambda own: False,
        least_empty: float = 0.0,
    ) -> Iterator[tuple[Segment, tuple[T, ...]]]:
        """Cut frames, each with what belongs to it, into segments; their frames wait on the disk.

        Args:
            frames: The frames.
            empty: Whether a frame holds nothing, by what belongs to it.
            least_empty: Seconds; so many empty frames, or more, are a segment of their own. 0: they never are.
        """
        begins = _scene_changes(self.per_second) if self.scene_cuts else lambda frame: False
        long = round(Fraction(least_empty) * self.per_second)
        index, spool, held, vacant = 0, Spool(colour=self.colour), list[T](), 0  # vacant: empty frames at the end
        for frame, own in frames:
            changes, nothing = begins(frame), long > 0 and empty(own)
            full = len(spool) >= self.frames or spool.nbytes >= MAX_BYTES
            appears = not nothing and 0 < long <= vacant == len(held)
            if held and (changes or full or appears or not spool.takes(frame)):
                yield self._segment(index, spool), tuple(held)
                index, spool, held, vacant = index + 1, Spool(colour=self.colour), [], 0
            spool.append(frame)
            held.append(own)
            vacant = vacant + 1 if nothing else 0
            if nothing and vacant == long < len(held):
                start = len(held) - vacant
                rest = spool.take_from(start)
                yield self._segment(index, spool), tuple(held[:start])
                index, spool, held = index + 1, rest, held[start:]
        if held:
            yield self._segment(index, spool), tuple(held)

    def _segment(self, index: int, spool: Spool) -> Segment:
        return Segment(index, spool, self.structure, self.rate, self.intra_period, self.sample_aspect)


def _scene_changes(rate: Fraction) -> Callable[[Frame], bool]:
    """A function that is shown frame after frame and says whether a scene begins with it."""
    from scenedetect import FrameTimecode
    from scenedetect.detector import FlashFilter
    from scenedetect.detectors import ContentDetector

    shortest = max(1, round(_SHORTEST_SCENE * rate))
    detector = ContentDetector(threshold=_SCENE_CHANGE, min_scene_len=shortest, filter_mode=FlashFilter.Mode.SUPPRESS)
    shown = -1

    def begins(frame: Frame) -> bool:
        nonlocal shown
        shown += 1
        return bool(detector.process_frame(FrameTimecode(shown, fps=float(rate)), _thumbnail(frame)))

    return begins


def _thumbnail(frame: Frame) -> NDArray[np.uint8]:
    """A small BGR picture, of one size whatever the frame's, noise averaged away; its colours only roughly right."""
    size = (_THUMBNAIL, max(1, _THUMBNAIL * 9 // 16))
    if frame.planes is None:
        return np.ascontiguousarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    small = [cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in frame.planes.arrays]
    yuv = np.stack([array >> (frame.planes.depth - 8) for array in small], axis=-1).astype(np.float32)
    if frame.planes.colour.range == "limited":
        yuv = (yuv - (16, 128, 128)) * (255 / 219, 255 / 224, 255 / 224) + (0, 128, 128)
    yuv = np.clip(yuv, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR), np.uint8)
