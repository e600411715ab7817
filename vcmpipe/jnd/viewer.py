"""Human viewers: the QP map that their thresholds request, from a network, JND maps, or one QP per picture."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.coding.viewer import HumanViewer, ViewerMap
from vcmpipe.errors import InputError
from vcmpipe.jnd.ctu_qps import FACTOR, FLOOR, Floats, ctu_means, matched_qps, squared_error
from vcmpipe.jnd.maps import JndMap, read_jnd_map
from vcmpipe.plugins import PREDICTORS
from vcmpipe.process import interrupt
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.process.extras import need
from vcmpipe.qpmap import QpMap
from vcmpipe.thresholds import ConstantPredictor, load_predictor

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame


@dataclass(frozen=True)
class PictureThreshold:
    """One QP per picture: a constant, or a network's answer.

    Attributes:
        name: Of what answers.
        answer: The highest QP at which a picture still looks like its source.
    """

    name: str
    answer: Callable[[Frame], int]

    def request(self, coder: SegmentCoder) -> ViewerMap:
        """The same QP everywhere, within the encoder's range."""
        low, high = coder.encoder.capabilities.qp_range
        qp = min(max(min(map(self.answer, coder.segment.frames)), low), high)
        return ViewerMap(QpMap.uniform(qp, *coder.padded_size, coder.ctu))


@dataclass(frozen=True)
class PixelThresholds:
    """A QP per CTU from a JND map, matched by quality.

    Each CTU gets the largest QP at which its squared error stays at or below ``factor`` times its mean squared JND,
    where no JND counts as less than ``floor``. The error is that of the coded picture against the samples that go into
    the encoder: what the step to 4:2:0 and a scale below 1 lose, no QP brings back.

    Attributes:
        name: Of what makes the maps.
        jnds: The JND of each of a picture's pixels in grey levels, and the seconds that a cache saved.
        factor: See above.
        floor: See above; in grey levels.
    """

    name: str
    jnds: Callable[[Frame], tuple[JndMap, float]]
    factor: float = FACTOR
    floor: float = FLOOR

    def request(self, coder: SegmentCoder) -> ViewerMap:
        """The smallest QP that each CTU has in any of the segment's frames."""
        found = [self._of_frame(coder, place) for place in range(len(coder.segment))]
        qps = np.min([qps for qps, _ in found], axis=0)
        return ViewerMap(QpMap.of(qps, coder.ctu, *coder.padded_size), sum(cached for _, cached in found))

    def _of_frame(self, coder: SegmentCoder, place: int) -> tuple[NDArray[np.int64], float]:
        """Measure errors at some QPs and take each CTU's from them; and the seconds that a cache saved."""
        jnds, cached = self.jnds(coder.segment.frames[place])
        shape = QpMap.uniform(0, *coder.padded_size, coder.ctu).qp.shape
        uncoded, versions = coder.uncoded(place).rgb, coder.of_frame(place)

        def means(values: Any) -> Floats:
            return ctu_means(values, coder.size, (shape[0], shape[1]), coder.ctu)

        def measure(qps: Sequence[int]) -> Floats:
            return np.stack([means(squared_error(uncoded, version.rgb)) for version in versions.many(qps)])

        allowed = self.factor * means(np.square(np.maximum(jnds, self.floor).astype(np.float64)))
        qps = matched_qps(measure, allowed, coder.encoder.capabilities.qp_range)
        return qps, cached


class _ResJndMaps:
    """JND maps by the network, one after another (each takes all cores), cached by picture and weights."""

    def __init__(self, weights: Path, device: str, cache: ContentCache | None) -> None:
        need("--human resjnd", "train")
        from vcmpipe.jnd.models import resjnd

        self._resjnd = resjnd
        self._network = resjnd.load(weights, device)
        self._digest = resjnd.digest(weights)
        self._cache = cache
        self._lock = threading.Lock()

    def __call__(self, frame: Frame) -> tuple[JndMap, float]:
        size = f"{frame.width}x{frame.height}"
        key = content_key("jnd map", self._digest, size, np.ascontiguousarray(frame.rgb).tobytes())
        if (stored := self._stored(key, frame)) is not None:
            return stored
        with self._lock:
            started = time.monotonic()
            # An interrupt need not wait for the whole of a large picture.
            values = self._resjnd.jnd_map(self._network, frame.rgb, progress=lambda done, total: interrupt.check())
            seconds = time.monotonic() - started
        if self._cache is not None:
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, jnd=values, seconds=np.float64(seconds))
            self._cache.put(key, buffer.getvalue())
        return values, 0.0

    def _stored(self, key: str, frame: Frame) -> tuple[JndMap, float] | None:
        data = self._cache.get(key) if self._cache is not None else None
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as entry:
                values, seconds = entry["jnd"], float(entry["seconds"])
        except Exception:  # a damaged entry is made again, whatever numpy and zipfile trip over
            return None
        if values.shape != (frame.height, frame.width) or values.dtype != np.float32:
            return None
        return values, seconds


def load_human_viewer(
    spec: str,
    *,
    device: str = "auto",
    factor: float = FACTOR,
    floor: float = FLOOR,
    cache: ContentCache | None = None,
    detector: Detector | None = None,
) -> HumanViewer:
    """Make what ``--human`` names.

    Args:
        spec: ``resjnd:WEIGHTS``; ``maps:FOLDER`` with what ``jnd-map`` wrote; or a threshold predictor that knows a QP
            per picture: ``constant:QP``, ``laser:VARIANT:WEIGHTS``, ``mtjnd:VARIANT:WEIGHTS``, or a plugin's with a
            method ``picture(frame)``, whose answer has a ``threshold``, or ``jnd_qps(frame)``, QPs of which the first
            counts.
        device: Where ResJND runs.
        factor: See ``PixelThresholds``.
        floor: Likewise.
        cache: Keeps ResJND's maps.
        detector: Handed to predictors that want one.

    Raises:
        InputError: It is none of these, or cannot be used.
    """
    name, _, argument = spec.partition(":")
    if name == "resjnd":
        if not argument:
            raise InputError("--human resjnd needs weights: write resjnd:FILE (.safetensors or .pth)")
        weights = Path(argument)
        return PixelThresholds(f"resjnd:{weights.name}", _ResJndMaps(weights, device, cache), factor, floor)
    if name == "maps":
        folder = Path(argument)
        if not argument or not folder.is_dir():
            raise InputError(f"--human {spec}: write maps:FOLDER with the folder that vcmpipe jnd-map wrote")

        def read(frame: Frame) -> tuple[JndMap, float]:
            return read_jnd_map(folder / f"{frame.name}.npy", frame), 0.0

        return PixelThresholds(spec, read, factor, floor)
    if name not in PREDICTORS.known():
        raise InputError(
            f"--human {spec}: there is no such predictor; take resjnd:WEIGHTS, maps:FOLDER, constant:QP, "
            "laser:VARIANT:WEIGHTS, mtjnd:VARIANT:WEIGHTS or a plugin"
        )
    predictor: Any = load_predictor(spec, detector=detector)
    if isinstance(predictor, ConstantPredictor):
        qp = predictor.qp
        return PictureThreshold(predictor.name, lambda frame: qp)
    if hasattr(predictor, "picture"):
        return PictureThreshold(predictor.name, lambda frame: int(predictor.picture(frame).threshold))
    if hasattr(predictor, "jnd_qps"):
        return PictureThreshold(predictor.name, lambda frame: int(np.floor(predictor.jnd_qps(frame)[0])))
    raise InputError(
        f"--human {spec}: {name} predicts thresholds of a detector, not of human viewers; take "
        "resjnd:WEIGHTS, laser:VARIANT:WEIGHTS or constant:QP"
    )
