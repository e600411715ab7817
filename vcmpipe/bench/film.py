"""What of sequences a report shows moving: source and decoded side by side, and strips of tracks that were lost."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.methods import Point
from vcmpipe.bench.operating_points import Setting
from vcmpipe.bench.packed import data_uri
from vcmpipe.bench.result import PointResult
from vcmpipe.bench.segments import SegmentOutcome
from vcmpipe.coding.segment import Segment
from vcmpipe.drawing.theme import GREEN, ORANGE
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, FrameSource, Yuv, rgb_to_yuv, write_preview
from vcmpipe.frames.frame_rate import Schedule, schedule
from vcmpipe.frames.preview import pyav_has_h264
from vcmpipe.process.temporary import temporary_folder
from vcmpipe.tasks import Comparison, Reference
from vcmpipe.tasks.tracking import TrackingTask, TrackOutcome

Rgb = NDArray[np.uint8]

# Segments that are decoded again, those with the most lost tracks; the first of each sequence is played.
_SEGMENTS = 8
# Seconds that are played, frames of them at most, and the longer side of either picture.
_SECONDS, _FRAMES, _LONGER = 4, 120, 480
# Strips of one segment, frames of each, pixels of a frame, of its rim, and how much more than the box is shown.
_STRIPS, _CROPS, _SIDE, _RIM, _AROUND = 6, 6, 104, 4, 1.5
_QUALITY = 80
_MARGIN = 1.0  # seconds before what is lost


@dataclass(frozen=True)
class Clip:
    """Some seconds of a sequence as a data URI: the source on the left, decoded on the right."""

    sequence: str
    what: str
    video: str


@dataclass(frozen=True)
class Strip:
    """A lost track as a data URI: frames of the source above, the same decoded below."""

    sequence: str
    what: str
    image: str


@dataclass(frozen=True)
class Film:
    """Clips and strips of one method at one point; ``lost`` tracks are there in all."""

    point: str = ""
    clips: Sequence[Clip] = field(default_factory=tuple)
    strips: Sequence[Strip] = field(default_factory=tuple)
    lost: int = 0

    @property
    def size(self) -> int:
        """Characters in the page."""
        return sum(len(clip.video) for clip in self.clips) + sum(len(strip.image) for strip in self.strips)


@dataclass(frozen=True)
class _Followed:
    """A segment at the point: its tracks' instances, and what became of them."""

    outcome: SegmentOutcome
    reference: Reference
    comparison: Comparison
    lost: Sequence[TrackOutcome]


def make_film(
    outcomes: Sequence[SegmentOutcome],
    sources: Sequence[FrameSource],
    setting: Setting,
    point: PointResult,
    room: int,
) -> Film:
    """Read and decode the segments with the most lost tracks again, until so many characters are used up.

    Of the outcomes those that kept their versions can be shown.
    """
    task = setting.pipeline.task
    if not isinstance(task, TrackingTask) or not outcomes or not outcomes[0].sequence:
        return Film()
    followed = [_followed(task, outcome, point) for outcome in outcomes]
    held = [each for each in followed if each.outcome.versions]
    chosen = sorted(held, key=lambda each: (-len(each.lost), -len(each.reference), each.outcome.name))[:_SEGMENTS]
    lost = sum(len(each.lost) for each in followed)
    # The first of each sequence in this order is the one that is played.
    played = {each.outcome.sequence: each for each in reversed(chosen)}
    clips, strips = [], list[Strip]()
    for own, frames in _read(sources, chosen):
        pair = _pairs(own, frames, setting, point)
        clip, more = _film(own, pair, setting, clip=played[own.outcome.sequence] is own)
        if clip is not None and len(clip.video) <= room:
            clips.append(clip)
            room -= len(clip.video)
        for strip in more:
            if len(strip.image) <= room:
                strips.append(strip)
                room -= len(strip.image)
    return Film(f"{point.method}, {point.label}", clips, strips, lost)


def _followed(task: TrackingTask, outcome: SegmentOutcome, point: PointResult) -> _Followed:
    found = outcome.cells[Point(point.method, point.label)].detections
    reference = task.reference(outcome.reference)
    comparison = task.compare(reference, found)
    lost = [each for each in task.outcomes(reference, comparison, found) if not each.kept]
    return _Followed(
        outcome, reference, comparison, sorted(lost, key=lambda each: (each.found - each.frames, each.first))
    )


def _read(sources: Sequence[FrameSource], chosen: Sequence[_Followed]) -> Iterator[tuple[_Followed, Iterator[Frame]]]:
    """The segments with their source frames, which have to be taken before the next one is asked for."""
    wanted = {each.outcome.name: each for each in chosen}
    for source in sources:
        frames = iter(source)
        for frame in frames:
            own = wanted.pop(Path(frame.source).name, None)
            if own is not None:
                yield own, chain([frame], islice(frames, len(own.outcome.names) - 1))
            if not wanted:
                return


def _pairs(own: _Followed, frames: Iterator[Frame], setting: Setting, point: PointResult) -> Iterator[tuple[Rgb, Rgb]]:
    """Frames of the source and decoded."""
    version = own.outcome.versions[Point(point.method, point.label)]
    first = next(frames)
    # What is decoded does not depend on what the coder takes for its source.
    coder = setting.pipeline.coder(Segment(0, (first,) * len(own.outcome.names)), version.size)
    for frame, decoded in zip(chain([first], frames), coder.decode(version.coded), strict=True):
        yield frame.rgb, decoded.frame.rgb


def _film(
    own: _Followed, pairs: Iterable[tuple[Rgb, Rgb]], setting: Setting, *, clip: bool
) -> tuple[Clip | None, list[Strip]]:
    rate = own.outcome.rate
    assert rate is not None  # sequences have one
    begin, length = _window(own, float(rate))
    strips = [_Cells(own, each) for each in own.lost[:_STRIPS]]
    shown = []
    boxes, kept = own.reference.by_frame(own.reference.boxes_xyxy), own.reference.by_frame(own.comparison.kept)
    for place, (source, decoded) in enumerate(pairs):
        if clip and begin <= place < begin + length:
            shown.append(_side_by_side(source, decoded, boxes[place], kept[place]))
        for strip in strips:
            strip.take(place, source, decoded)
    names = setting.pipeline.detector.classes
    made = None
    if shown:
        what = f"{length / float(rate):.1f} s from {own.outcome.names[begin]}"
        video = _video(shown, schedule(len(shown), rate=rate))
        made = Clip(own.outcome.sequence, what, video) if video else None
    return made, [strip.strip(names) for strip in strips]


def _window(own: _Followed, rate: float) -> tuple[int, int]:
    """The frames to play: those about the first one in which a lost track is missed."""
    count = len(own.outcome.names)
    length = max(1, min(count, round(_SECONDS * rate), _FRAMES))
    missed = np.concatenate([[count], _frame_of(own)[~own.comparison.kept]]).min()
    start = 0 if missed == count else int(missed) - round(_MARGIN * rate)
    return max(0, min(start, count - length)), length


def _frame_of(own: _Followed) -> NDArray[np.int64]:
    """(N,) the frame of each instance."""
    return np.repeat(np.arange(len(own.reference.detections)), [len(each) for each in own.reference.detections])


class _Cells:
    """A strip that is being made: pairs of crops, found ones with a green rim and missed ones with an orange one."""

    def __init__(self, own: _Followed, track: TrackOutcome) -> None:
        self.own, self.track = own, track
        items = np.flatnonzero(own.reference.tracks == track.track)
        missed = _spread(items[~own.comparison.kept[items]], _CROPS // 2)
        items = np.sort(np.concatenate([missed, _spread(np.setdiff1d(items, missed), _CROPS - len(missed))]))
        self._items = dict(zip(_frame_of(own)[items].tolist(), items.tolist(), strict=True))
        self._boxes = own.reference.boxes_xyxy
        self._columns: list[Rgb] = []

    def take(self, place: int, source: Rgb, decoded: Rgb) -> None:
        """Take a frame, where it is one of those that are shown."""
        item = self._items.get(place)
        if item is None:
            return
        colour = GREEN if self.own.comparison.kept[item] else ORANGE
        cells = [_rimmed(_crop(picture, self._boxes[item]), colour) for picture in (source, decoded)]
        self._columns.append(np.concatenate(cells))

    def strip(self, names: Mapping[int, str]) -> Strip:
        """The strip, once all frames were shown to it."""
        track, outcome = self.track, self.own.outcome
        why = [f"found in {track.found} of {track.frames} frames, at most {track.gap} missed at a time"]
        why += [] if track.identity else ["as several tracks"]
        first = outcome.names[track.first]
        what = f"{names.get(track.class_id, str(track.class_id))} from {first}: {', '.join(why)}"
        return Strip(outcome.sequence, what, data_uri(np.concatenate(self._columns, axis=1), _QUALITY))


def _spread(items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many items, or all of fewer, as far from each other as they can be."""
    return items[np.unique(np.linspace(0, len(items) - 1, count).round().astype(int))] if len(items) else items


def _crop(rgb: Rgb, box: NDArray[np.float64]) -> Rgb:
    """A square around a box; what lies outside the picture is grey."""
    import cv2

    side = max(8, round(_AROUND * float(max(box[2] - box[0], box[3] - box[1]))))
    left, top = (round(float(box[i] + box[i + 2] - side) / 2) for i in (0, 1))
    canvas = np.full((side, side, 3), 128, np.uint8)
    rows = slice(max(top, 0), min(top + side, rgb.shape[0]))
    columns = slice(max(left, 0), min(left + side, rgb.shape[1]))
    part = rgb[rows, columns]
    canvas[rows.start - top : rows.start - top + len(part), columns.start - left :][:, : part.shape[1]] = part
    way = cv2.INTER_AREA if side > _SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(canvas, (_SIDE, _SIDE), interpolation=way), np.uint8)


def _rimmed(rgb: Rgb, colour: str) -> Rgb:
    rim = np.empty((_SIDE + 2 * _RIM, _SIDE + 2 * _RIM, 3), np.uint8)
    rim[:] = _rgb(colour)
    rim[_RIM:-_RIM, _RIM:-_RIM] = rgb
    return rim


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _side_by_side(source: Rgb, decoded: Rgb, boxes: NDArray[np.float64], kept: NDArray[np.bool_]) -> Rgb:
    """Both as one small picture with even sides, instances in the source framed: green where they are found again."""
    import cv2

    factor = min(1.0, _LONGER / max(source.shape[:2]))
    size = [max(2, round(side * factor) // 2 * 2) for side in source.shape[1::-1]]
    panels = [np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.uint8) for each in (source, decoded)]
    for panel in panels:
        for box, again in zip(boxes, kept, strict=True):
            left, top, right, bottom = (round(float(side) * factor) for side in box)
            cv2.rectangle(panel, (left, top), (right, bottom), _rgb(GREEN if again else ORANGE), 1 if again else 2)
    return np.concatenate(panels, axis=1)


def _video(pictures: Sequence[Rgb], shown: Schedule) -> str:
    """H.264 in MP4 as a data URI; empty where nothing here codes it."""
    spec = ColourSpec()
    try:
        ffmpeg = None if pyav_has_h264() else find_ffmpeg("encoder", "libx264")
    except InputError:
        return ""
    height, width = pictures[0].shape[:2]
    frames: Iterator[Yuv] = (rgb_to_yuv(picture, spec) for picture in pictures)
    with temporary_folder("clip") as folder:
        path = folder / "clip.mp4"
        write_preview(path, frames, (width, height), shown, spec, ffmpeg=ffmpeg)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
