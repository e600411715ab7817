"""Which VVC QP is as good as H.264 at a QP, or JPEG at a quality factor, on the picture at hand: real encodes decide.

The answer is the largest VVC QP whose PSNR or XPSNR reaches that of the other codec's picture. Quality falls with QP,
but not without exception, so that the QPs next to the answer are checked, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on, check_fidelity
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import DatasetConvertOptions
from vcmpipe.datasets.scales import RANGES
from vcmpipe.encoders import Encoder
from vcmpipe.encoders.ffmpeg import ffmpeg_build, find_ffmpeg
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, Yuv, psnr_y
from vcmpipe.jnd.models.scale import to_vvc_qp
from vcmpipe.jnd.reference_codecs import codec_identity, h264_decoded, h264_picture, jpeg_decoded, jpeg_picture
from vcmpipe.jnd.visual_quality import xpsnr
from vcmpipe.process.content_cache import ContentCache, content_key

Measure = Literal["psnr", "xpsnr"]
QP_RANGE = (0, 63)
# dB that a QP costs, about: it chooses the next QP to try. After so many tries the gap is halved instead.
_SLOPE = 0.6
_SLOPE_STEPS = 4
# QPs beyond the first that falls short that are checked.
_BEYOND = 2


@dataclass(frozen=True)
class Match:
    """A VVC QP for a label.

    Attributes:
        qp: The largest that reaches the target; 0 where none does.
        target: Quality of the other codec's picture at the label, dB.
        quality: Quality at ``qp``, dB.
        reached: Whether it reaches the target.
    """

    qp: int
    target: float
    quality: float
    reached: bool


def largest_reaching(
    target: float, quality: Callable[[int], float], guess: int, span: tuple[int, int] = QP_RANGE
) -> int | None:
    """The largest QP whose quality reaches a target, in few tries.

    Args:
        target: In dB.
        quality: Of a QP, in dB; falling, nearly.
        guess: The QP to try first.
        span: The lowest and the highest QP.

    Returns:
        The QP; None where the lowest falls short. Where quality is not monotone, it is the largest but for those more
        than two QPs beyond the first that falls short.
    """
    passed, failed = span[0] - 1, span[1] + 1
    qp, tries = guess, 0
    while failed - passed > 1:
        qp = min(max(qp, passed + 1), failed - 1)
        over = quality(qp) - target
        tries += 1
        if over >= 0:
            passed = qp
        else:
            failed = qp
        step = int(over / _SLOPE)
        qp = qp + (step or (1 if over >= 0 else -1)) if tries < _SLOPE_STEPS else (passed + failed + 1) // 2
    for beyond in range(min(failed + _BEYOND, span[1]), failed, -1):
        if quality(beyond) >= target:
            return beyond
    return passed if passed >= span[0] else None


class Versions:
    """One picture, coded on any scale, decoded and measured; what was measured is cached.

    Raises:
        InputError: The picture is below 16x16, or the encoder codes no VVC.
    """

    def __init__(
        self, encoder: Encoder, frame: Frame, cache: ContentCache, preset: str = DatasetConvertOptions.preset
    ) -> None:
        if encoder.capabilities.codec != "vvc":
            raise InputError(f"{encoder.name} codes {encoder.capabilities.codec}: a VVC QP needs a VVC encoder")
        self.coder = SegmentCoder(CachedEncoder(encoder, cache), frame, preset=preset)
        self.cache = cache
        self._figures: dict[tuple[str, int, Measure], float] = {}

    def quality(self, scale: str, value: int, measure: Measure) -> float:
        """PSNR-Y or XPSNR-Y of the picture coded at a value of a scale, in dB.

        Raises:
            InputError: The value is outside the scale, or there is no such scale.
            ProcessError: An encoder failed.
        """
        low, high = RANGES.get(scale, (0, -1))
        if not low <= value <= high:
            raise InputError(f"{value} is outside the scale {scale}: nothing can be coded at it")
        known = (scale, value, measure)
        if known not in self._figures:
            key = content_key("quality", self.coder.source_digest, *self._how(scale), str(value), *_tool(measure))
            with blamed_on(self.coder.encoder, self.coder.segment.source):
                self._figures[known] = self._cached(key, scale, value, measure)
        return self._figures[known]

    def match(self, scale: str, value: int, measure: Measure) -> Match:
        """The VVC QP that is as good as the picture at a value of another scale."""
        if scale == "vvc-qp":
            quality = self.quality(scale, value, measure)
            return Match(value, quality, quality, True)
        target = self.quality(scale, value, measure)
        guess = round(float(to_vvc_qp(value, scale)))
        found = largest_reaching(target, lambda qp: self.quality("vvc-qp", qp, measure), guess)
        qp = QP_RANGE[0] if found is None else found
        return Match(qp, target, self.quality("vvc-qp", qp, measure), found is not None)

    def _how(self, scale: str) -> tuple[str, ...]:
        """All that a version depends on besides picture and value."""
        if scale == "vvc-qp":
            return (scale, self.coder.description)
        if scale == "h264-qp":
            return codec_identity(scale)
        # The samples that are coded are those of the RGB picture, which its 4:2:0 version does not determine.
        return (*codec_identity(scale), content_key(self.coder.segment.frames[0].rgb.tobytes()))

    def _coded(self, scale: str, value: int) -> Yuv:
        source = self.coder.source[0]
        if scale == "jpeg-qf":
            return jpeg_decoded(jpeg_picture(self.coder.segment.frames[0].rgb, value))
        if scale == "h264-qp":
            decoded = h264_decoded(h264_picture(source, value), source.width, source.height)
            check_fidelity(psnr_y(source, decoded), (value,))
            return decoded
        (decoded,) = self.coder.samples(self.coder.uniform([value])[0])
        check_fidelity(psnr_y(source, decoded), (value,))
        return decoded

    def _cached(self, key: str, scale: str, value: int, measure: Measure) -> float:
        try:
            known = float(self.cache.get(key) or b"")
            if 0.0 <= known <= 100.0:
                return known
        except ValueError:
            pass
        figure = (psnr_y if measure == "psnr" else xpsnr)(self.coder.source[0], self._coded(scale, value))
        self.cache.put(key, repr(figure).encode())
        return figure


def _tool(measure: Measure) -> tuple[str, ...]:
    return (measure,) if measure == "psnr" else (measure, ffmpeg_build(find_ffmpeg("filter", "xpsnr")))
