"""The pictures of a report: source and decoded, boxes kept, lost and new, QP maps and regions; lost objects first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.bench.film import Film, make_film
from vcmpipe.bench.methods import Point
from vcmpipe.bench.operating_points import Setting, Version
from vcmpipe.bench.packed import data_uri
from vcmpipe.bench.result import ANCHOR, TARGET, BenchResult, PointResult, chosen_point, key_of
from vcmpipe.bench.segments import SegmentOutcome
from vcmpipe.bench.tracks import frame_task
from vcmpipe.bench.traits import codes, is_blind
from vcmpipe.coding.segment import Segment
from vcmpipe.frames import Frame, FrameSource, PictureSource
from vcmpipe.tasks import Task

if TYPE_CHECKING:
    import supervision as sv

# Methods that look at pictures and are shown, the cheapest first; the anchor comes with them.
_METHODS = 3
# Pictures at most, however small they are; of sequences fewer, as all frames before the one that is shown are decoded.
_PICTURES, _SEGMENTS = 60, 12
_SOURCE_QUALITY, _DECODED_QUALITY = 80, 85

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A box over a picture, its class and confidence, of a lost object that in the source.

    Attributes:
        box: Left, top, width, height in percent of the picture.
        state: ``kept``, ``lost``, or ``new``: found in the decoded picture and not in the source.
    """

    box: Box
    state: str
    name: str
    score: float


@dataclass(frozen=True)
class ShownVersion:
    """A picture as one method codes it, as the page's script reads it.

    Attributes:
        bytes: Size of the stream.
        size: Width and height that it was coded at.
        how: ``uniform``, ``regions`` or ``native``.
        image: The decoded picture as a data URI.
        cell: Width and height of a CTU of the map in percent of the picture.
        qps: The map: rows of QPs.
        regions: (left, top, width, height, QP) in percent of the picture.
    """

    method: str
    label: str
    bytes: int
    size: tuple[int, int]
    how: str
    image: str
    things: Sequence[Thing]
    cell: tuple[float, float]
    qps: Sequence[Sequence[int]]
    regions: Sequence[tuple[float, float, float, float, int]]


@dataclass(frozen=True)
class ShownPicture:
    """One picture of the gallery: its name, its (width, height), the source as a data URI, and its coded versions."""

    name: str
    size: tuple[int, int]
    image: str
    versions: Sequence[ShownVersion]


@dataclass(frozen=True)
class Gallery:
    """The pictures that are shown, those with lost objects first; ``of`` so many, ``held`` of which were in memory.

    Of a segment one frame is shown; ``item`` is what there are so many of. ``film`` is what moves. ``opens`` is the
    method that is shown first: the one that lost most in these pictures.
    """

    pictures: Sequence[ShownPicture] = field(default_factory=tuple)
    of: int = 0
    held: int = 0
    item: str = "picture"
    film: Film = field(default_factory=Film)
    opens: str = ""


def make_gallery(
    result: BenchResult,
    outcomes: Sequence[SegmentOutcome],
    sources: Sequence[FrameSource],
    setting: Setting,
    megabytes: int,
) -> Gallery:
    """Choose pictures, read and decode them again and pack them, until the megabytes in the page are used up.

    Of the outcomes, those that kept their versions can be shown; of a segment, its frame with the most objects.
    """
    points = _points(result, setting)
    held = [outcome for outcome in outcomes if outcome.versions]
    task = frame_task(setting.pipeline.task)
    if not points or not megabytes:
        return Gallery(of=len(outcomes), item=result.item)
    room = megabytes * 1_000_000
    film = make_film(outcomes, sources, setting, points[0], room // 2)
    room -= film.size
    worst = _worst(points, held, task)
    chosen = sorted(held, key=lambda outcome: (*_losses(outcome, worst, task), outcome.name))
    chosen = chosen[: _SEGMENTS if result.sequences else _PICTURES]
    shown: list[ShownPicture] = []
    for outcome, frame in _frames(sources, chosen, task):
        picture = _shown(outcome, frame, points, setting, task)
        size = len(picture.image) + sum(len(version.image) for version in picture.versions)
        if size > room:
            break
        room -= size
        shown.append(picture)
    return Gallery(shown, len(outcomes), len(held), result.item, film, worst.method)


def _points(result: BenchResult, setting: Setting) -> list[PointResult]:
    """The operating points to show: of the cheapest methods that look at pictures, and of the anchor.

    What was coded in one go has no streams of its segments to show.
    """
    chosen = {
        method.method: point
        for method in result.methods
        if "sequences" not in codes(setting.methods[method.method]) and (point := chosen_point(result, method.method))
    }

    def cost(name: str) -> tuple[bool, float]:
        found = result.method(name)
        rate = found.rate_at[key_of(TARGET)].value if found else None
        return rate is None, rate if rate is not None else chosen[name].rate.value or 0.0

    looking = sorted((name for name in chosen if not is_blind(setting.methods[name])), key=cost)[:_METHODS]
    anchors = [name for name in (*result.anchors, ANCHOR) if name in chosen][:1]
    names = list(dict.fromkeys([*looking, *anchors])) or sorted(chosen, key=cost)[:1]
    return [chosen[name] for name in names]


def _worst(points: Sequence[PointResult], outcomes: Sequence[SegmentOutcome], task: Task) -> PointResult:
    """The point that loses most objects in these, of equals the one with more new ones, else the first."""

    def losses(point: PointResult) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(_losses(each, point, task) for each in outcomes), strict=True)))

    return min(points, key=losses)


def _losses(outcome: SegmentOutcome, point: PointResult, task: Task) -> tuple[int, int]:
    """Objects that a point loses in the frame that is shown, and new ones, both negative: what is least is worst."""
    cell, place = outcome.cells[Point(point.method, point.label)], _shown_place(outcome, task)
    states = [state for _, state, _ in _states(outcome.reference[place], cell.detections[place], task)]
    return -states.count("lost"), -states.count("new")


def _shown_place(outcome: SegmentOutcome, task: Task) -> int:
    """The place of the frame that stands for a segment: the first of those with the most objects."""
    counts = [len(own) for own in task.reference(outcome.reference).detections]
    return counts.index(max(counts))


def _frames(
    sources: Sequence[FrameSource], outcomes: Sequence[SegmentOutcome], task: Task
) -> Iterator[tuple[SegmentOutcome, Frame]]:
    """The source pictures again, in the order of the outcomes."""
    names = [outcome.names[_shown_place(outcome, task)] for outcome in outcomes]
    # Pictures are read when their turn comes, frames of videos while the video is read once.
    pictures = {
        path.name: (source, place)
        for source in sources
        if isinstance(source, PictureSource)
        for place, path in enumerate(source.paths)
    }
    wanted, frames = set(names) - set(pictures), dict[str, Frame]()
    for source in sources:
        if not isinstance(source, PictureSource) and wanted - set(frames):
            frames |= {name: frame for frame in source if (name := Path(frame.source).name) in wanted}
    for outcome, name in zip(outcomes, names, strict=True):
        if name in pictures:
            source, place = pictures[name]
            yield outcome, source[place]
        else:
            yield outcome, frames[name]


def _states(
    source: sv.Detections, found: sv.Detections, task: Task
) -> list[tuple[tuple[sv.Detections, int], str, int]]:
    """((detections, place), state, class) of what was kept, lost, and is new.

    New is what counts as an object in the decoded picture and has no partner among all that was found in the source,
    sure or not.
    """
    reference = task.reference([source])
    (wanted,) = reference.detections
    partners = task.compare(reference, [found]).partner.tolist()
    states = []
    for place, partner in enumerate(partners):
        where = (found, partner) if partner >= 0 else (wanted, place)
        states.append((where, "kept" if partner >= 0 else "lost", int(wanted.class_id[place])))
    objects = task.reference([found])
    known = task.compare(objects, [source]).kept
    for place, kept in zip(objects.position.tolist(), known.tolist(), strict=True):
        if not kept and place not in partners:
            states.append(((found, place), "new", int(found.class_id[place])))
    return states


def _shown(
    outcome: SegmentOutcome, frame: Frame, points: Sequence[PointResult], setting: Setting, task: Task
) -> ShownPicture:
    versions, pipeline, names = [], setting.pipeline, setting.pipeline.detector.classes
    place, count = _shown_place(outcome, task), len(outcome.names)
    for point in points:
        key = Point(point.method, point.label)
        version = outcome.versions[key]
        # The frames before it are decoded, too; what they were does not matter.
        coder = pipeline.coder(Segment(0, (frame,) * count), version.size)
        decoded = next(islice(coder.decode(version.coded), place, None)).frame
        things = [
            _thing(detections, number, state, names.get(class_id, str(class_id)), frame)
            for (detections, number), state, class_id in _states(
                outcome.reference[place], outcome.cells[key].detections[place], task
            )
        ]
        versions.append(_version(point, version, data_uri(decoded.rgb, _DECODED_QUALITY), things))
    return ShownPicture(
        outcome.names[place], (frame.width, frame.height), data_uri(frame.rgb, _SOURCE_QUALITY), versions
    )


def _thing(detections: sv.Detections, place: int, state: str, name: str, frame: Frame) -> Thing:
    x0, y0, x1, y1 = map(float, detections.xyxy[place])
    score = float(detections.confidence[place]) if detections.confidence is not None else 1.0
    return Thing(_percent((x0, y0, x1 - x0, y1 - y0), frame.width, frame.height), state, name, round(score, 2))


def _percent(box: Box, width: int, height: int) -> Box:
    x, y, w, h = (round(100 * side / whole, 2) for side, whole in zip(box, (width, height) * 2, strict=True))
    return x, y, w, h


def _version(point: PointResult, version: Version, image: str, things: Sequence[Thing]) -> ShownVersion:
    coded, (width, height) = version.coded, version.size
    regions = []
    for rect, qp in zip(coded.layout.regions(), coded.qps, strict=True):
        # Without the padding at the right and lower edges.
        shown = (rect.x, rect.y, min(rect.width, width - rect.x), min(rect.height, height - rect.y))
        regions.append((*_percent(shown, width, height), qp))
    qp_map = coded.requested or coded.native
    cell = (100 * qp_map.ctu / width, 100 * qp_map.ctu / height) if qp_map else (100.0, 100.0)
    return ShownVersion(
        method=point.method,
        label=point.label,
        bytes=coded.bits // 8,
        size=version.size,
        how=coded.realisation,
        image=image,
        things=things,
        cell=(round(cell[0], 4), round(cell[1], 4)),
        qps=qp_map.qp.tolist() if qp_map else [[coded.qps[0]]],
        regions=regions if coded.realisation == "regions" else [],
    )
