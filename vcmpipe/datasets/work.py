"""One picture of a JRD data set: coded at every QP, with detections in every version.

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
from vcmpipe.datasets.records import PictureRecord, matched
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, decode_picture
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
    """

    manifest: Manifest
    encoder: str
    detector: str
    device: str
    jobs: int

    @property
    def task(self) -> Task:
        """What an object is, and when it counts as found."""
        return DetectionTask(self.manifest.rule)

    def coder(self, encoder: Encoder, frame: Frame) -> SegmentCoder:
        """What codes a picture."""
        return SegmentCoder(encoder, frame, spec=self.manifest.colour, preset=self.manifest.preset)


@dataclass(frozen=True)
class Failure:
    """A picture that could not be done, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Finished:
    """A picture that is done: its record and its stream."""

    record: PictureRecord
    stream: bytes


@lru_cache(maxsize=2)
def _detector(spec: str, device: str, jobs: int) -> Detector:
    return load_detector(spec, device=device, jobs=jobs)


def load_parts(recipe: Recipe) -> tuple[Encoder, Detector]:
    """The encoder and the detector of a recipe, the detector once per process.

    Raises:
        InputError: They are missing here, or are others than those that the recipe means.
    """
    encoder = load_encoder(recipe.encoder)
    if encoder.build != recipe.manifest.encoder_build:
        raise InputError(
            f"{platform.node()} has the encoder {recipe.encoder} as {encoder.build}, the store was begun with "
            f"{recipe.manifest.encoder_build}: install the same one there"
        )
    detector = _detector(recipe.detector, recipe.device, recipe.jobs)
    if detector.digest != recipe.manifest.detector_digest:
        raise InputError(
            f"{platform.node()} has other weights as {recipe.detector}: SHA-256 {detector.digest[:12]}..., the store "
            f"was begun with {recipe.manifest.detector_digest[:12]}...; copy the same file there"
        )
    return encoder, detector


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
    encoder, detector = load_parts(recipe)
    frame = Frame(0, decode_picture(data, Path(name)), name)
    versions = Versions(recipe.coder(encoder, frame), detector)
    qps = recipe.manifest.qps
    source = detector.detect([frame])[0]
    with blamed_on(encoder, name):
        if recipe.manifest.search:
            count = len(recipe.task.reference([source]))
            search_qps(count, qps, lambda some: matched(source, versions.detect(some), recipe.task).found)
        else:
            versions.detect(qps)
    return versions.finished(source, hashlib.sha256(data).hexdigest(), recipe.task)


@dataclass
class Versions:
    """The versions of one picture, each coded and detected in once."""

    coder: SegmentCoder
    detector: Detector
    seen: dict[int, tuple[CodedSegment, float, sv.Detections]] = field(default_factory=dict)

    def detect(self, qps: Sequence[int]) -> list[sv.Detections]:
        """What the detector reports at each QP."""
        missing = [qp for qp in qps if qp not in self.seen]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            coded = self.coder.uniform(batch)
            decoded = [self.coder.decode_still(version) for version in coded]
            found = self.detector.detect([frame for frame, _ in decoded])
            for qp, version, (_, psnr), detections in zip(batch, coded, decoded, found, strict=True):
                # A QP that the encoder bent to its range would be a label of another QP.
                assert version.qps == (qp,)
                check_fidelity(psnr, (qp,))
                self.seen[qp] = version, psnr, detections
        return [self.seen[qp][2] for qp in qps]

    def finished(self, source: sv.Detections, digest: str, task: Task) -> Finished:
        """Everything that was coded and seen, as a record and one stream."""
        qps = sorted(self.seen)
        streams = [self.seen[qp][0].data for qp in qps]
        stream = b"".join(streams)
        detections = [self.seen[qp][2] for qp in qps]
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
            seen_in_source=source,
            seen_in_versions=detections,
            **vars(matched(source, detections, task)),
        )
        return Finished(record, stream)
