"""What the bench remembers between runs: how coded pictures were seen, and what predictors said and took."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bench.meter import Account, Meter
from vcmpipe.bench.result import HumanQuality
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.errors import InputError
from vcmpipe.plugins import QUALITY
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.sidecar import provenance
from vcmpipe.thresholds import ThresholdPredictor, Thresholds

if TYPE_CHECKING:
    import supervision as sv
    from numpy.typing import NDArray

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame


@dataclass(frozen=True)
class Seen:
    """A coded picture as detectors see it.

    Attributes:
        psnr_y: PSNR of the luma at the coded size, in dB.
        detections: What each detector found, boxes in pixels of the source.
    """

    psnr_y: float
    detections: tuple[sv.Detections, ...]


def seen(coder: SegmentCoder, coded: CodedSegment, detectors: Sequence[Detector], cache: ContentCache) -> Seen:
    """Decode a coded picture and have detectors look at it, or remember what they saw in the same stream before."""
    import supervision as sv

    size = f"{coder.segment.width}x{coder.segment.height} {coder.size}"
    keys = [
        content_key("outcome", coded.data, size, coder.source_digest, detector.digest, _versions())
        for detector in detectors
    ]
    stored = [_unpack(cache.get(key), "psnr", "xyxy", "confidence", "class_id") for key in keys]
    known = {
        place: sv.Detections(values[1], confidence=values[2], class_id=values[3])
        for place, values in enumerate(stored)
        if values is not None
    }
    if len(known) == len(detectors):
        return Seen(float(stored[0][0]), tuple(known[place] for place in range(len(detectors))))  # type: ignore[index]
    decoded, psnr_y = coder.decode_still(coded)
    for place, (key, detector) in enumerate(zip(keys, detectors, strict=True)):
        if place not in known:
            found = known[place] = detector.detect([decoded])[0]
            values = {"xyxy": found.xyxy, "confidence": found.confidence, "class_id": found.class_id}
            cache.put(key, _pack(psnr=np.float64(psnr_y), **values))
    return Seen(psnr_y, tuple(known[place] for place in range(len(detectors))))


# Decoded pictures that are held at once.
_LOOKED_AT_ONCE = 8


def looked(
    frame: Frame, versions: Sequence[tuple[SegmentCoder, CodedSegment]], cache: ContentCache
) -> list[HumanQuality]:
    """How versions of a picture look to people beside it, at its size; what was judged before is cached."""
    source = content_key(f"{frame.rgb.shape}", np.ascontiguousarray(frame.rgb).tobytes())
    keys = [
        content_key("human quality", coded.data, source, f"{coder.size}", coder.description, _versions())
        for coder, coded in versions
    ]
    measure = QUALITY.load("human")
    known: dict[str, HumanQuality] = {}
    missing: dict[str, tuple[SegmentCoder, CodedSegment]] = {}
    for key, version in zip(keys, versions, strict=True):
        stored = _unpack(cache.get(key), "xpsnr", "vmaf")
        if stored is not None:
            known[key] = measure.HumanQuality(float(stored[0]), float(stored[1]))  # type: ignore[arg-type]
        else:
            missing[key] = version
    todo = list(missing.items())
    for start in range(0, len(todo), _LOOKED_AT_ONCE):
        part = todo[start : start + _LOOKED_AT_ONCE]
        decoded = [coder.decode_still(coded).frame.rgb for _, (coder, coded) in part]
        for (key, _), found in zip(part, measure.human_quality(frame.rgb, decoded), strict=True):
            known[key] = found
            cache.put(key, _pack(xpsnr=np.float64(found.xpsnr), vmaf=np.float64(found.vmaf)))
    return [known[key] for key in keys]


@dataclass(frozen=True)
class Prediction:
    """A predictor's answer and its price.

    Attributes:
        thresholds: The answer.
        seconds: What it took, its encodes at the time that they really took.
        samples: Luma samples coded for it.
        unknown: Encodes whose time nobody noted.
        cached: Whether the answer is known from an earlier run.
    """

    thresholds: Thresholds
    seconds: float
    samples: int
    unknown: int
    cached: bool


def predicted(
    predictor: ThresholdPredictor, coder: SegmentCoder, detections: sv.Detections, cache: ContentCache, meter: Meter
) -> Prediction:
    """Ask a predictor, or remember its answer if it says what that depends on.

    Args:
        predictor: Whom to ask.
        coder: Hands it coded versions; its encoder counts on ``meter``.
        detections: The objects.
        cache: Remembers.
        meter: Counts what is done for the answer, and nothing else.
    """
    digest = getattr(predictor, "digest", None)
    key = None
    if digest is not None:
        boxes = detections.xyxy.tobytes() + np.asarray(detections.class_id).tobytes()
        key = content_key("prediction", digest, boxes, coder.source_digest, coder.description, _versions())
        stored = _unpack(cache.get(key), "mass", "recognisable", "price")
        if stored is not None:
            try:
                mass, recognisable, (seconds, samples, unknown) = stored
                answer = Thresholds(mass.astype(np.float64), recognisable.astype(np.bool_))
                return Prediction(answer, float(seconds), int(samples), int(unknown), True)
            except (InputError, ValueError):
                pass  # a damaged entry is made again
    with meter.stage("predict"):
        answer = predictor.predict(coder.segment.frames[0], detections, coder.of_frame(0))
    spent: Account = meter["predict"]
    if key is not None:
        price = np.array([spent.seconds, spent.samples, spent.unknown])
        cache.put(key, _pack(mass=answer.mass, recognisable=answer.recognisable, price=price))
    return Prediction(answer, spent.seconds, spent.samples, spent.unknown, False)


def _versions() -> str:
    return ",".join(f"{name}={version}" for name, version in sorted(provenance.versions().items()))


def _pack(**values: NDArray[np.generic] | np.generic) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **values)
    return buffer.getvalue()


def _unpack(data: bytes | None, *names: str) -> list[NDArray[np.generic]] | None:
    """The arrays of an entry; None where it is not there or damaged, so that it is made again."""
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as values:
            return [values[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
