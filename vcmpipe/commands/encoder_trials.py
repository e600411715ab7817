"""Encoders tried out: each structure of their capabilities, and a map, on a few small frames that are decoded again."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe import process
from vcmpipe.sidecar import Conformance, Verdict

if TYPE_CHECKING:
    from vcmpipe.coding.segment import CodedSegment
    from vcmpipe.coding.segment_coder import SegmentCoder
    from vcmpipe.encoders import Encoder
    from vcmpipe.encoders.base import Structure

    Made = tuple[SegmentCoder, CodedSegment]
    Attempt = Callable[[], tuple[Conformance, Made]]

SECONDS = 10.0
"""What one trial may take, times ``VCMPIPE_TIMEOUT_FACTOR``; what takes longer stays unknown."""
# A map of two halves of whole CTUs, also of the 64 samples that some encoders have, QPs far apart.
_MAP_SIZE, _CTU, _QPS = (128, 96), 32, (27, 42)
# More than one frame between two others, in groups of any size; as small as reference encoders are slow.
_FRAMES, _SIZE, _QP = 5, (96, 64), 32
# Decoded as it was coded a frame lies at 29 dB; one that is not this one, at less than 12.
PSNR_AT_LEAST = 22.0


@dataclass(frozen=True)
class Trial:
    """One thing that an encoder was tried with.

    Attributes:
        what: ``intra``, ``random-access``, ``low-delay``, or ``map``, as far as its capabilities state it.
        verdict: Whether it does; ``unknown`` where nobody can tell.
        reason: How it shows, or what went wrong.
        seconds: What it took.
    """

    what: str
    verdict: Verdict
    reason: str
    seconds: float

    @property
    def answer(self) -> Conformance:
        """Verdict and reason."""
        return Conformance(self.verdict, self.reason)


@dataclass(frozen=True)
class Trials:
    """What an encoder was tried with, and the first stream that came of it, None where none did."""

    trials: tuple[Trial, ...]
    coder: SegmentCoder | None = field(default=None, repr=False)
    coded: CodedSegment | None = field(default=None, repr=False)

    def of(self, what: str) -> Trial:
        """The trial of one thing."""
        return next(trial for trial in self.trials if trial.what == what)


def try_encoder(encoder: Encoder) -> Trials:
    """Have an encoder do all that its capabilities state, ``SECONDS`` for each; what is wrong is the finding."""
    can = encoder.capabilities
    tries: dict[str, Attempt] = {one: functools.partial(_try_structure, encoder, one) for one in can.structures}
    if can.native_map or can.regions or can.frame_qps:
        tries["map"] = functools.partial(_try_map, encoder)
    trials: list[Trial] = []
    first: Made | None = None
    for what, attempt in tries.items():
        trial, made = _timed(what, attempt)
        trials.append(trial)
        first = first or made
    return Trials(tuple(trials), *(first or (None, None)))


def _timed(what: str, attempt: Attempt) -> tuple[Trial, Made | None]:
    allowed = SECONDS * process.Settings.from_environment().timeout_factor
    started, made = time.monotonic(), None
    try:
        with process.time_limit(allowed):
            answer, made = attempt()
    except Exception as error:  # whatever is wrong with the encoder is the finding
        line = process.one_line(" ".join(str(error).split()) or type(error).__name__)
        late = time.monotonic() - started >= allowed
        answer = Conformance(Verdict.UNKNOWN, f"more than {allowed:g} s") if late else Conformance(Verdict.NO, line)
    return Trial(what, answer.verdict, answer.reason, round(time.monotonic() - started, 3)), made


def _coder(
    encoder: Encoder, structure: Structure = "intra", size: tuple[int, int] = _SIZE, frames: int = _FRAMES
) -> SegmentCoder:
    """A coder of a picture that moves."""
    from vcmpipe.coding.segment import Segment
    from vcmpipe.coding.segment_coder import SegmentCoder
    from vcmpipe.frames import Frame

    width, height = size
    coarse = np.random.default_rng(0).integers(30, 226, (height // 8, width // 8 + frames, 3), dtype=np.uint8)
    wide = coarse.repeat(8, axis=0).repeat(8, axis=1)
    views = (np.ascontiguousarray(wide[:, 2 * i : 2 * i + width]) for i in range(frames))
    made = tuple(Frame(i, rgb, "a picture to try encoders on") for i, rgb in enumerate(views))
    return SegmentCoder(encoder, Segment(0, made, structure, Fraction(25)), ctu=_CTU)


def _try_structure(encoder: Encoder, structure: Structure) -> tuple[Conformance, Made]:
    """Code a few frames, and check whether they refer to each other as requested and are those that were coded."""
    from vcmpipe.bitstream import inspect_stream

    frames = _FRAMES if structure != "intra" else 2
    coder = _coder(encoder, structure, frames=frames)
    coded = coder.uniform([_QP])[0]
    made = coder, coded
    types = [set(picture.slice_types) == {"I"} for picture in inspect_stream(coded.data).pictures]
    if types != [True] + [structure == "intra"] * (frames - 1):
        return Conformance(Verdict.NO, f"{sum(types)} of {frames} pictures are intra pictures"), made
    worst = min(decoded.psnr_y for decoded in coder.decode(coded))
    if worst < PSNR_AT_LEAST:
        return Conformance(Verdict.NO, f"a frame decodes to another picture (PSNR {worst:.1f} dB)"), made
    return Conformance(Verdict.YES, f"PSNR {worst:.1f} dB"), made


def _try_map(encoder: Encoder) -> tuple[Conformance, Made]:
    """Code by a map of two QPs, the way the encoder has, and check what the stream carries."""
    from vcmpipe.bitstream import RegionLayout
    from vcmpipe.coding.conformance import check_segment
    from vcmpipe.qpmap import QpMap, RegionPlan

    can = encoder.capabilities
    requested = QpMap.of([[_QPS[0]] * 2 + [_QPS[1]] * 2] * 3, _CTU, *_MAP_SIZE)
    if can.native_map:
        coder = _coder(encoder, size=_MAP_SIZE, frames=1)
        coded = coder.native(requested)
    elif can.regions:
        coder = _coder(encoder, size=_MAP_SIZE, frames=1)
        layout = RegionLayout(*_MAP_SIZE, _CTU, columns=(2, 2), rows=(3,), bands=((3,), (3,)))
        coded = coder.regions(RegionPlan(layout, _QPS, 0.0))
    else:
        # The last of the structures is the one in which a frame's QP has most to be kept apart from.
        coder = _coder(encoder, can.structures[-1])
        requested = QpMap.uniform(_QPS[0], *_SIZE, _CTU)
        coded = coder.native(requested, [QpMap.uniform(_QPS[i % 2], *_SIZE, _CTU) for i in range(_FRAMES)])
        answer = check_segment(coder, coded, requested)
        return (replace(answer, reason="a QP per frame") if answer.verdict == Verdict.YES else answer), (coder, coded)
    return check_segment(coder, coded, requested), (coder, coded)
