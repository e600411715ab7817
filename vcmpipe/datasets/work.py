"""One picture or segment of a JRD data set at one scale: coded at every QP, with detections in every version.

What a worker needs is picklable, but for a segment's frames, and what it gives back are bytes: a worker may be a thread
here or, for pictures, a process on another machine, and needs no folder in common with the caller.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vcmpipe.coding.faults import blamed_on, check_fidelity
from vcmpipe.coding.segment import CodedSegment, Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.datasets.manifest import Manifest
from vcmpipe.datasets.matched import flat, matched
from vcmpipe.datasets.records import Looks, PictureRecord, Span
from vcmpipe.detection import load_detector
from vcmpipe.detection.judges import load_judges
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, batches, decode_picture, png_bytes, scaled_size
from vcmpipe.measurement import search_qps
from vcmpipe.process import one_line
from vcmpipe.tasks import Task

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

T = TypeVar("T")

# Frames decoded and detected in together, of one version or of several: what a worker holds in memory.
_BATCH = 8


@dataclass(frozen=True)
class Recipe:
    """How every picture is treated. Equal recipes share a detector within a process.

    Attributes:
        manifest: The store's: a worker with another build of the encoder or another detector must not take part.
        encoder: The encoder, as ``load_encoder`` takes it.
        detector: The detector, as ``load_detector`` takes it.
        device: Where it runs.
        jobs: Pictures that it may see at the same time.
        further: The further judges, as ``load_judges`` takes them.
    """

    manifest: Manifest
    encoder: str
    detector: str
    device: str
    jobs: int
    further: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """What an object or a track is, and when it counts as found."""
        return self.manifest.task

    def coder(self, encoder: Encoder, segment: Segment) -> SegmentCoder:
        """What codes a picture or a segment."""
        size = scaled_size(segment.width, segment.height, self.manifest.scale)
        return SegmentCoder(encoder, segment, coded_size=size, spec=self.manifest.colour, preset=self.manifest.preset)


@dataclass(frozen=True, eq=False)
class ClipPart:
    """A segment of a clip, and SHA-256 of the clip's file, hexadecimal."""

    segment: Segment
    digest: str


@dataclass(frozen=True)
class Failure:
    """A picture, a segment or a clip that could not be done, and why, in one line."""

    name: str
    reason: str


# Bytes of a file's name nearly everywhere, less the ending of a record (.parquet), the longest that a name gets.
_NAME_BYTES = 255 - len(".parquet")


def unfit_name(name: str, path: Path) -> Failure | None:
    """Why a picture or segment of that name cannot be in a store, before it is coded; None where it can.

    Its name is that of files in the store and stands in parquet, which holds UTF-8. ``path`` is the file that it is in.
    """
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        return Failure(name, f"{one_line(str(path))}: its name is not UTF-8, as a store's names must be: rename it")
    if max(map(len, raw.split(b"/"))) > _NAME_BYTES:
        return Failure(name, f"{one_line(str(path))}: its name has over {_NAME_BYTES} bytes: shorten it")
    return None


@dataclass(frozen=True, eq=False)
class Finished:
    """A picture or segment that is done at a scale: its record, its stream, and PNG files of frames with boxes.

    ``pictures`` has these of a segment by their places in it.
    """

    record: PictureRecord
    stream: bytes
    scale: float
    pictures: Mapping[int, bytes] = field(default_factory=dict)


@lru_cache(maxsize=2)
def load_detectors(spec: str, further: tuple[str, ...], device: str, jobs: int) -> tuple[Detector, ...]:
    """The detector and the further judges, once per process."""
    first = load_detector(spec, device=device, jobs=jobs)
    return first, *load_judges(first, further, device=device, jobs=jobs)


def load_parts(recipe: Recipe) -> tuple[Encoder, tuple[Detector, ...]]:
    """The encoder, and the detector and the further judges of a recipe, these once per process.

    Raises:
        InputError: They are missing here, or are others than those that the recipe means.
    """
    encoder = load_encoder(recipe.encoder)
    if encoder.build != recipe.manifest.encoder_build:
        raise InputError(
            f"{platform.node()} has the encoder {recipe.encoder} as {encoder.build}, the store was begun with "
            f"{recipe.manifest.encoder_build}: install the same one there"
        )
    detectors = load_detectors(recipe.detector, recipe.further, recipe.device, recipe.jobs)
    wanted = (recipe.manifest.detector_digest, *(judge.digest for judge in recipe.manifest.judges))
    for name, detector, digest in zip((recipe.detector, *recipe.further), detectors, wanted, strict=True):
        if detector.digest != digest:
            raise InputError(
                f"{platform.node()} has other weights as {name}: SHA-256 {detector.digest[:12]}..., the store "
                f"was begun with {digest[:12]}...; copy the same file there"
            )
    return encoder, detectors


def code_item(recipe: Recipe, name: str, item: bytes | ClipPart) -> Finished | Failure:
    """Code a picture out of its file, or a segment; detect in its versions, and write down what was found.

    A fault in one must not stop the others: it is given back, and why.
    """
    try:
        return _code(recipe, name, item)
    except VcmError as error:
        return Failure(name, str(error))
    except Exception as error:  # a detector may raise anything
        return Failure(name, f"{name}: {type(error).__name__}: {error}")


def versions_of(recipe: Recipe, name: str, item: bytes | ClipPart) -> Versions:
    """The versions of a picture or segment, none of them coded yet.

    Raises:
        VcmError: The picture is damaged, or the recipe's parts are missing here.
    """
    encoder, detectors = load_parts(recipe)
    if isinstance(item, ClipPart):
        return Versions(recipe.coder(encoder, item.segment), detectors, of_clip=True)
    frame = Frame(0, decode_picture(item, Path(name)), name)
    return Versions(recipe.coder(encoder, Segment.still(frame)), detectors)


def _code(recipe: Recipe, name: str, item: bytes | ClipPart) -> Finished:
    versions = versions_of(recipe, name, item)
    qps, task = recipe.manifest.qps, recipe.task
    sources = versions.look(versions.coder.segment.frames)
    with blamed_on(versions.coder.encoder, name):
        if recipe.manifest.search:
            count = len(matched(sources[0], [], task, versions.frames).xyxy)
            search_qps(count, qps, lambda some: matched(sources[0], versions.detect(some), task, versions.frames).found)
        else:
            versions.detect(qps)
    digest = item.digest if isinstance(item, ClipPart) else hashlib.sha256(item).hexdigest()
    return versions.finished(name, sources, digest, recipe)


@dataclass
class Versions:
    """The versions of one picture or segment at one scale, each coded once and looked at once by every detector.

    Attributes:
        coder: What codes it.
        detectors: Who looks.
        of_clip: Whether it is a segment of a clip, which may have one frame only, and not a picture.
        seen: By QP the version, its mean PSNR in dB, and what each detector reports.
    """

    coder: SegmentCoder
    detectors: Sequence[Detector]
    of_clip: bool = False
    seen: dict[int, tuple[CodedSegment, float, tuple[sv.Detections, ...]]] = field(default_factory=dict)

    @property
    def frames(self) -> int | None:
        """How many frames the segment has; None: it is a picture."""
        return len(self.coder.segment) if self.of_clip else None

    def detect(self, qps: Sequence[int]) -> list[sv.Detections]:
        """What the first detector reports at each QP."""
        missing = [qp for qp in qps if qp not in self.seen]
        # Of a picture many versions at a time: it is small, and a detector likes batches.
        many = max(1, _BATCH // len(self.coder.segment))
        for start in range(0, len(missing), many):
            batch = missing[start : start + many]
            coded = self.coder.uniform(batch)
            psnr: list[list[float]] = [[] for _ in batch]
            versions = zip(coded, psnr, strict=True)
            looks = self._looks(frame for version, values in versions for frame in self._decoded(version, values))
            for place, (qp, version) in enumerate(zip(batch, coded, strict=True)):
                # A QP that the encoder bent to its range would be a label of another QP.
                assert version.qps == (qp,)
                count = len(self.coder.segment)
                own = tuple(self._as_one(each[place * count : (place + 1) * count]) for each in looks)
                self.seen[qp] = version, float(np.mean(psnr[place])), own
        return [self.seen[qp][2][0] for qp in qps]

    def _decoded(self, version: CodedSegment, psnr: list[float]) -> Iterator[Frame]:
        units = sorted(version.units, key=lambda unit: unit.presentation)
        for unit, (frame, value) in zip(units, self.coder.decode(version), strict=True):
            # In a hierarchy of frames each has the QP that its slices state.
            check_fidelity(value, version.qps if unit.qp is None else (unit.qp,))
            psnr.append(value)
            yield frame

    def look(self, frames: Iterable[Frame]) -> list[sv.Detections]:
        """What each detector reports on the frames of one version, or of the source."""
        return [self._as_one(each) for each in self._looks(frames)]

    def _looks(self, frames: Iterable[Frame]) -> list[list[sv.Detections]]:
        """By detector and frame what it reports."""
        looks: list[list[sv.Detections]] = [[] for _ in self.detectors]
        for batch in batches(frames, _BATCH, lambda frame: frame.pixels):
            for own, detector in zip(looks, self.detectors, strict=True):
                own += detector.detect(batch)
        return looks

    def _as_one(self, frames: Sequence[sv.Detections]) -> sv.Detections:
        return flat(frames) if self.of_clip else frames[0]

    def uncoded(self) -> list[sv.Detections] | list[None]:
        """What each detector reports on what is coded, scaled, itself; None at the source's size."""
        if not self.coder.scaled:
            return [None] * len(self.detectors)
        return self.look(self.coder.uncoded(place) for place in range(len(self.coder.segment)))

    def finished(self, name: str, sources: Sequence[sv.Detections], digest: str, recipe: Recipe) -> Finished:
        """Everything that was coded and seen; ``sources``: by each of the detectors, ``digest``: of the file."""
        qps = sorted(self.seen)
        streams = [self.seen[qp][0].data for qp in qps]
        stream = b"".join(streams)
        own, *further = (
            Looks(source, [self.seen[qp][2][n] for qp in qps], uncoded)
            for n, (source, uncoded) in enumerate(zip(sources, self.uncoded(), strict=True))
        )
        sizes = np.array([len(data) for data in streams], dtype=np.int64)
        items = dict(vars(matched(own.source, own.versions, recipe.task, self.frames)))
        place, instances = items.pop("place"), items.pop("instances")
        segment, pictures, span = self.coder.segment, dict[int, bytes](), None
        if self.of_clip:
            pictures = {each: png_bytes(segment.frames[each].rgb) for each in np.unique(place).tolist()}
            digests = {each: hashlib.sha256(png).hexdigest() for each, png in pictures.items()}
            span = Span(segment.frames[0].index, len(segment), place, instances, digests)
        record = PictureRecord(
            name=name,
            source_sha256=digest,
            width=segment.width,
            height=segment.height,
            qps=np.array(qps, dtype=np.int64),
            bits=8 * sizes,
            psnr_y=np.array([self.seen[qp][1] for qp in qps], dtype=np.float64),
            offsets=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)[: len(qps)],
            stream_sha256=hashlib.sha256(stream).hexdigest(),
            seen_in_source=own.source,
            seen_in_versions=own.versions,
            seen_uncoded=own.uncoded,
            judges={each.name: looks for each, looks in zip(self.detectors[1:], further, strict=True)},
            span=span,
            **items,
        )
        return Finished(record, stream, recipe.manifest.scale, pictures)
