"""What the bench remembers between runs: how coded pictures were seen, and what predictors said."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe import provenance
from vcmpipe.encoders import CodedPicture, ContentCache, PictureCoder, content_key
from vcmpipe.errors import InputError
from vcmpipe.thresholds import ThresholdPredictor, Thresholds

if TYPE_CHECKING:
    import supervision as sv
    from numpy.typing import NDArray

    from vcmpipe.detection import Detector


@dataclass(frozen=True)
class Cell:
    """One picture at one operating point."""

    bits: int
    psnr_y: float
    detections: sv.Detections


def seen(coder: PictureCoder, coded: CodedPicture, detector: Detector, cache: ContentCache) -> Cell:
    """Decode a coded picture and look at it, or remember what was seen in the same stream before."""
    import supervision as sv

    size = f"{coder.frame.width}x{coder.frame.height} {coder.size}"
    key = content_key("outcome", coded.data, size, coder.source_digest, detector.digest, _versions())
    stored = _unpack(cache.get(key), "psnr", "xyxy", "confidence", "class_id")
    if stored is not None:
        psnr, xyxy, confidence, class_id = stored
        return Cell(coded.bits, float(psnr), sv.Detections(xyxy, confidence=confidence, class_id=class_id))
    decoded, psnr_y = coder.decode(coded)
    found = detector.detect([decoded])[0]
    values = {"xyxy": found.xyxy, "confidence": found.confidence, "class_id": found.class_id}
    cache.put(key, _pack(psnr=np.float64(psnr_y), **values))
    return Cell(coded.bits, psnr_y, found)


def predicted(
    predictor: ThresholdPredictor, coder: PictureCoder, detections: sv.Detections, cache: ContentCache
) -> Thresholds:
    """Ask a predictor, or remember its answer if it says what that depends on."""
    digest = getattr(predictor, "digest", None)
    if digest is None:
        return predictor.predict(coder.frame, detections, coder)
    boxes = detections.xyxy.tobytes() + np.asarray(detections.class_id).tobytes()
    key = content_key("thresholds", digest, boxes, coder.source_digest, coder.description, _versions())
    stored = _unpack(cache.get(key), "mass", "recognisable")
    if stored is not None:
        try:
            mass, recognisable = stored
            return Thresholds(mass.astype(np.float64), recognisable.astype(np.bool_))
        except (InputError, ValueError):
            pass  # a damaged entry is made again
    answer = predictor.predict(coder.frame, detections, coder)
    cache.put(key, _pack(mass=answer.mass, recognisable=answer.recognisable))
    return answer


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
    except (OSError, ValueError, KeyError, EOFError):
        return None
