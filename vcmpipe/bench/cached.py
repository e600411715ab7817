"""What the bench caches between runs: how coded pictures look to human viewers, and what predictors answered."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
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
    from numpy.typing import NDArray

    from vcmpipe.tasks import Reference


# Decoders at work at once, each with a frame.
_AT_ONCE = 8


def cached_quality(
    segment: Segment, versions: Sequence[tuple[SegmentCoder, CodedSegment]], cache: ContentCache
) -> list[Mapping[str, tuple[float, ...]]]:
    """By ``HUMAN_QUALITIES`` and frame how versions of a segment look to human viewers beside it.

    Frames of a sequence are measured as stills, one by one.
    """
    samples = hashlib.sha256(f"{segment.width}x{segment.height}".encode())
    for frame in segment.frames:
        samples.update(np.ascontiguousarray(frame.rgb).data)
    keys = [
        content_key(
            "human quality",
            coded.data,
            samples.hexdigest(),
            f"{coder.size}",
            coder.description,
            tool_versions(),
            "of frames",
        )
        for coder, coded in versions
    ]
    known: dict[str, Mapping[str, tuple[float, ...]]] = {}
    missing: dict[str, tuple[SegmentCoder, CodedSegment]] = {}
    for key, version in zip(keys, versions, strict=True):
        stored = unpack(cache.get(key), *HUMAN_QUALITIES)
        if stored is not None and all(values.shape == (len(segment),) for values in stored):
            known[key] = {n: tuple(map(float, values)) for n, values in zip(HUMAN_QUALITIES, stored, strict=True)}
        else:
            missing[key] = version
    todo = list(missing.items())
    for start in range(0, len(todo), _AT_ONCE):
        part = todo[start : start + _AT_ONCE]
        decoded = zip(*(coder.decode(coded) for _, (coder, coded) in part), strict=True)
        measured = [
            QUALITY.load("human").human_quality(frame.rgb, [each.frame.rgb for each in beside])
            for frame, beside in zip(segment.frames, decoded, strict=True)
        ]
        for (key, _), found in zip(part, zip(*measured, strict=True), strict=True):
            known[key] = {name: tuple(getattr(one, name) for one in found) for name in HUMAN_QUALITIES}
            cache.put(key, pack(**{name: np.array(values, np.float64) for name, values in known[key].items()}))
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
        key = content_key("prediction", digest, *boxes, coder.source_digest, coder.description, tool_versions())
        stored = unpack(cache.get(key), "mass", "recognisable", "price")
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
        cache.put(key, pack(mass=answer.mass, recognisable=answer.recognisable, price=price))
    return Prediction(answer, spent)


def tool_versions() -> str:
    """The versions of what results depend on, as part of keys."""
    return ",".join(f"{name}={version}" for name, version in sorted(provenance.versions().items()))


def pack(**values: NDArray[np.generic] | np.generic) -> bytes:
    """Arrays as an entry."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **values)
    return buffer.getvalue()


def unpack(data: bytes | None, *names: str) -> list[NDArray[np.generic]] | None:
    """The arrays of an entry; None where it is not there or damaged, so that it is made again."""
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as values:
            return [values[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
