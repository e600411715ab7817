"""What the bench caches between runs: what was found in coded pictures, how they look, and what predictors answered."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vcmpipe.bench.meter import Account, Meter
from vcmpipe.bench.result import HUMAN_QUALITIES
from vcmpipe.coding.segment import CodedSegment, Segment
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
    from vcmpipe.tasks import Reference


def cached_detections(
    coder: SegmentCoder, coded: CodedSegment, detectors: Sequence[Detector], cache: ContentCache
) -> tuple[float, list[tuple[sv.Detections, ...]]]:
    """Mean PSNR of a coded segment's luma at the coded size, in dB, and what each detector finds in its frames.

    Boxes are in source pixels.
    """
    import supervision as sv

    size = f"{coder.segment.width}x{coder.segment.height} {coder.size}"
    keys = [
        content_key("outcome", coded.data, size, coder.source_digest, detector.digest, _versions())
        for detector in detectors
    ]
    stored = [_unpack(cache.get(key), "psnr", "frame", "xyxy", "confidence", "class_id") for key in keys]
    psnr_y = next((float(values[0]) for values in stored if values is not None), 0.0)
    if None in stored:
        decoded, psnrs = zip(*coder.decode(coded), strict=True)
        psnr_y = float(np.mean(psnrs))
    found: list[tuple[sv.Detections, ...]] = []
    for key, detector, values in zip(keys, detectors, stored, strict=True):
        if values is not None:
            all_frames = sv.Detections(values[2], confidence=values[3], class_id=values[4])
            found.append(tuple(all_frames[values[1] == place] for place in range(len(coder.segment))))
            continue
        found.append(tuple(detector.detect(decoded)))
        parts = {
            name: np.concatenate([getattr(own, name) for own in found[-1]])
            for name in ("xyxy", "confidence", "class_id")
        }
        frame = np.repeat(np.arange(len(decoded)), [len(own) for own in found[-1]])
        cache.put(key, _pack(psnr=np.float64(psnr_y), frame=frame, **parts))
    return psnr_y, found


# Decoded segments that are held at once.
_AT_ONCE = 8


def cached_quality(
    segment: Segment, versions: Sequence[tuple[SegmentCoder, CodedSegment]], cache: ContentCache
) -> list[Mapping[str, float]]:
    """By ``HUMAN_QUALITIES`` how versions of a segment look to human viewers beside it, the mean of its frames."""
    size = f"{segment.frames[0].rgb.shape}"
    source = content_key(size, *(np.ascontiguousarray(frame.rgb).tobytes() for frame in segment.frames))
    keys = [
        content_key("human quality", coded.data, source, f"{coder.size}", coder.description, _versions())
        for coder, coded in versions
    ]
    known: dict[str, Mapping[str, float]] = {}
    missing: dict[str, tuple[SegmentCoder, CodedSegment]] = {}
    for key, version in zip(keys, versions, strict=True):
        stored = _unpack(cache.get(key), *HUMAN_QUALITIES)
        if stored is not None:
            known[key] = dict(zip(HUMAN_QUALITIES, map(float, stored), strict=True))
        else:
            missing[key] = version
    todo = list(missing.items())
    for start in range(0, len(todo), _AT_ONCE):
        part = todo[start : start + _AT_ONCE]
        decoded = [[each.frame.rgb for each in coder.decode(coded)] for _, (coder, coded) in part]
        measured = [
            QUALITY.load("human").human_quality(frame.rgb, versions)
            for frame, versions in zip(segment.frames, zip(*decoded, strict=True), strict=True)
        ]
        for (key, _), found in zip(part, zip(*measured, strict=True), strict=True):
            each = [asdict(one) for one in found]
            known[key] = {name: float(np.mean([one[name] for one in each])) for name in HUMAN_QUALITIES}
            cache.put(key, _pack(**{name: np.float64(value) for name, value in known[key].items()}))
    return [known[key] for key in keys]


class Prediction(NamedTuple):
    """A predictor's answer, and what it takes without a cache, its encodes at the time that they really took."""

    thresholds: Thresholds
    spent: Account


def cached_prediction(
    predictor: ThresholdPredictor, coder: SegmentCoder, reference: Reference, cache: ContentCache, meter: Meter
) -> Prediction:
    """A predictor's answer for the items of a segment.

    It comes out of the cache where the predictor has a digest that says what its answers depend on.

    ``coder`` hands it coded versions; ``meter``, on which the coder's encoder counts, is for this answer alone.
    """
    digest = getattr(predictor, "digest", None)
    key = None
    if digest is not None:
        boxes = [own.xyxy.tobytes() + np.asarray(own.class_id).tobytes() for own in reference.detections]
        key = content_key("prediction", digest, *boxes, coder.source_digest, coder.description, _versions())
        stored = _unpack(cache.get(key), "mass", "recognisable", "price")
        if stored is not None:
            try:
                mass, recognisable, (seconds, samples, unknown) = stored
                answer = Thresholds(mass.astype(np.float64), recognisable.astype(np.bool_))
                spent = Account(charged=float(seconds), cached=float(seconds))
                spent.samples, spent.unknown = int(samples), int(unknown)
                return Prediction(answer, spent)
            except (InputError, ValueError):
                pass  # a damaged entry is made again
    with meter.stage("predict"):
        answer = Thresholds.concatenate(
            [
                predictor.predict(frame, own, coder.of_frame(place))
                for place, (frame, own) in enumerate(zip(coder.segment.frames, reference.detections, strict=True))
            ]
        )
    spent = meter["predict"]
    if key is not None:
        price = np.array([spent.seconds, spent.samples, spent.unknown])
        cache.put(key, _pack(mass=answer.mass, recognisable=answer.recognisable, price=price))
    return Prediction(answer, spent)


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
