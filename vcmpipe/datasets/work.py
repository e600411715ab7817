"""One picture of a JRD data set at one scale: coded at every QP, with detections in every version.

What a worker needs is picklable, and what it gives back are bytes: a worker may be a thread here or a process on
another machine, and needs no folder in common with the caller.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.faults import blamed_on, check_fidelity
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.datasets.manifest import Manifest
from vcmpipe.datasets.records import Looks, PictureRecord, matched
from vcmpipe.detection import load_detector
from vcmpipe.detection.judges import load_judges
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, decode_picture, scaled_size
from vcmpipe.measurement import search_qps
from vcmpipe.tasks import DetectionTask, Task

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

# Versions decoded and detected in together: what a worker holds in memory.
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
        """What an object is, and when it counts as found."""
        return DetectionTask(self.manifest.rule)

    def coder(self, encoder: Encoder, frame: Frame) -> SegmentCoder:
        """What codes a picture."""
        size = scaled_size(frame.width, frame.height, self.manifest.scale)
        return SegmentCoder(encoder, frame, coded_size=size, spec=self.manifest.colour, preset=self.manifest.preset)


@dataclass(frozen=True)
class Failure:
    """A picture that could not be done, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Finished:
    """A picture that is done at a scale: its record and its stream."""

    record: PictureRecord
    stream: bytes
    scale: float


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


def code_picture(recipe: Recipe, name: str, data: bytes) -> Finished | Failure:
    """Code a picture out of its file, detect in its versions, and write down what was found, or why it failed.

    A fault in one picture must not stop the others.
    """
    try:
        return _code(recipe, name, data)
    except VcmError as error:
        return Failure(name, str(error))
    except Exception as error:  # a detector may raise anything
        return Failure(name, f"{name}: {type(error).__name__}: {error}")


def _code(recipe: Recipe, name: str, data: bytes) -> Finished:
    encoder, detectors = load_parts(recipe)
    frame = Frame(0, decode_picture(data, Path(name)), name)
    versions = Versions(recipe.coder(encoder, frame), detectors)
    qps = recipe.manifest.qps
    sources = [detector.detect([frame])[0] for detector in detectors]
    source = sources[0]
    with blamed_on(encoder, name):
        if recipe.manifest.search:
            count = len(recipe.task.reference([source]))
            search_qps(count, qps, lambda some: matched(source, versions.detect(some), recipe.task).found)
        else:
            versions.detect(qps)
    record, stream = versions.finished(sources, hashlib.sha256(data).hexdigest(), recipe.task)
    return Finished(record, stream, recipe.manifest.scale)


@dataclass
class Versions:
    """The versions of one picture at one scale, each coded once and looked at once by each of the detectors."""

    coder: SegmentCoder
    detectors: Sequence[Detector]
    seen: dict[int, tuple[CodedSegment, float, tuple[sv.Detections, ...]]] = field(default_factory=dict)

    def detect(self, qps: Sequence[int]) -> list[sv.Detections]:
        """What the first detector reports at each QP."""
        missing = [qp for qp in qps if qp not in self.seen]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            coded = self.coder.uniform(batch)
            decoded = [self.coder.decode_still(version) for version in coded]
            frames = [frame for frame, _ in decoded]
            looks = zip(*(detector.detect(frames) for detector in self.detectors), strict=True)
            for qp, version, (_, psnr), detections in zip(batch, coded, decoded, looks, strict=True):
                # A QP that the encoder bent to its range would be a label of another QP.
                assert version.qps == (qp,)
                check_fidelity(psnr, (qp,))
                self.seen[qp] = version, psnr, detections
        return [self.seen[qp][2][0] for qp in qps]

    def uncoded(self) -> list[sv.Detections | None]:
        """What each detector reports on the scaled picture itself; None at the source's size."""
        if not self.coder.scaled:
            return [None] * len(self.detectors)
        frame = self.coder.uncoded()
        return [detector.detect([frame])[0] for detector in self.detectors]

    def finished(self, sources: Sequence[sv.Detections], digest: str, task: Task) -> tuple[PictureRecord, bytes]:
        """Everything that was coded and seen, as a record and one stream; ``sources``: by each of the detectors."""
        qps = sorted(self.seen)
        streams = [self.seen[qp][0].data for qp in qps]
        stream = b"".join(streams)
        own, *further = (
            Looks(source, [self.seen[qp][2][n] for qp in qps], uncoded)
            for n, (source, uncoded) in enumerate(zip(sources, self.uncoded(), strict=True))
        )
        sizes = np.array([len(data) for data in streams], dtype=np.int64)
        record = PictureRecord(
            name=self.coder.segment.source,
            source_sha256=digest,
            width=self.coder.segment.width,
            height=self.coder.segment.height,
            qps=np.array(qps, dtype=np.int64),
            bits=8 * sizes,
            psnr_y=np.array([self.seen[qp][1] for qp in qps], dtype=np.float64),
            offsets=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)[: len(qps)],
            stream_sha256=hashlib.sha256(stream).hexdigest(),
            seen_in_source=own.source,
            seen_in_versions=own.versions,
            seen_uncoded=own.uncoded,
            judges={each.name: looks for each, looks in zip(self.detectors[1:], further, strict=True)},
            **vars(matched(own.source, own.versions, task)),
        )
        return record, stream
