"""Options of the closed loop, of what is weighed against bits, and of what a run is to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import Options, flag_of, option, parse_scales
from vcmpipe.errors import InputError

DEFAULT_LAMBDA = 20_000.0
"""Bytes for each unit of loss, where neither ``--lambda`` nor ``--target`` says what accuracy is worth."""

SEQUENCE_LAMBDA = 3_200.0
"""The same in segments of video, where losses add up over frames (``benchmarks/video_loop.py``)."""

MAX_LAMBDA = 1e9
"""Far beyond what any picture has bytes: nothing is lost for any saving."""

# Encodes tried in a segment: to keep every object, or to weigh accuracy against bits.
_TRIALS = {True: 20, False: 8}
# What the loss of a further detector counts beside that of the first.
_FURTHER_WEIGHT = 0.5

TargetKind = Literal["retention", "accuracy", "bytes", "bitrate"]
_KINDS: tuple[TargetKind, ...] = ("retention", "accuracy", "bytes", "bitrate")
_FORMS = "retention=0.98, accuracy=0.95 (AP against the source), bytes=4000 (per picture) or bitrate=800 (kbit/s)"


@dataclass(frozen=True)
class Target:
    """What a run is to reach.

    Attributes:
        kind: ``retention``, the share of objects kept; ``accuracy``, the detector's AP with what it found in the source
            for the truth; ``bytes`` per picture (frame); ``bitrate`` in kbit/s.
        value: A share, 0..1, of the first two; at least so much is reached. At most so much of the others.
    """

    kind: TargetKind
    value: float

    @property
    def of_quality(self) -> bool:
        """Whether it is a quality to be reached, rather than a rate."""
        return self.kind in ("retention", "accuracy")


def parse_target(text: str) -> Target:
    """Read ``retention=0.98`` and the like.

    Raises:
        InputError: It has another form, or its value lies outside its range.
    """
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    kind = next((kind for kind in _KINDS if kind == name.strip()), None)
    if kind is None or not 0.0 < value < float("inf") or (kind in ("retention", "accuracy") and value > 1.0):
        raise InputError(f"--target {text}: give {_FORMS}")
    return Target(kind, value)


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Options):
    """The closed loop, and what accuracy is worth."""

    verify: bool = option(
        False,
        help="search for the cheapest version of every picture in which the detector finds every object again, or of "
        "every segment of a video in which every track is kept",
    )
    loop: Literal["open", "closed"] = option(
        "open", help="closed: code every picture in several versions, measure each, and take the best; open: predict"
    )
    objective: Literal["objects", "accuracy"] = option(
        "objects", help="what counts as lost: objects, yes or no, or accuracy (also weak detections, boxes, scores)"
    )
    lambda_: float | None = option(
        None,
        above=0,
        high=MAX_LAMBDA,
        metavar="BYTES",
        help="what a unit of loss is worth, in bytes per picture; default, where a loss is weighed: "
        f"{DEFAULT_LAMBDA:,.0f}, or in video, where losses of frames add up, {SEQUENCE_LAMBDA:,.0f}",
    )
    target: str | None = option(
        None, help=f"what to reach, in several passes over the input: {_FORMS}", metavar="KIND=VALUE"
    )
    max_trials: int | None = option(
        None,
        low=1,
        high=1000,
        help="maximum of encodes per picture; default: 20, or 8 where nothing has to be kept; in video per segment: 6, "
        "or 5 after the first two",
    )
    scales: str = option("1,0.9,0.8,0.7,0.6,0.5,0.4,0.32", help="scales to try; default for video: 1,0.7,0.5")
    verify_with: str | None = option(
        None,
        metavar="DETECTORS",
        help="further detectors that judge the result, comma-separated: as in --detector, or flip, shift, shrink or "
        "flip-shrink, a view of the first one; default for video: flip, whose losses are weighed, not ruled out",
    )
    verify_weights: str | None = option(
        None,
        metavar="WEIGHTS",
        help=f"weight of the loss of each, relative to the first detector's; default: {_FURTHER_WEIGHT:g} each",
    )
    promise: Literal["all", "first"] = option(
        "all",
        help="video: whose tracks have to be kept: all detectors' that --verify-with names, too, or the first one's "
        "alone, with the others' losses only weighed",
    )
    qp_margin: int = option(
        0, low=0, high=32, help="go this many QP steps below a version that kept everything, and verify that one, too"
    )
    score_margin: float = option(
        0.0,
        low=0,
        high=1,
        help="by how much a confidence must exceed --min-score (at most half of what the source's does)",
    )
    background_blur: float = option(
        0.0, low=0, high=100, help="blur everything outside the objects, standard deviation in pixels; 0: off"
    )
    split_empty: float = option(
        2.0,
        low=0,
        metavar="SECONDS",
        help="video: a stretch of at least this length in which the detector finds nothing becomes a segment, coded as "
        "small as possible if no detector has anything in it; 0: never",
    )
    strict: bool = option(False, help="fail, and write nothing, if an object cannot be kept")

    @property
    def closed(self) -> bool:
        """Whether versions are tried and looked at."""
        return self.verify or self.loop == "closed"

    @property
    def weighed(self) -> bool:
        """Whether a loss is weighed against bits."""
        if self.objective == "accuracy":
            return True
        return self.closed and not self.verify and (self.lambda_ is not None or self.target is not None)

    @property
    def keeps_all(self) -> bool:
        """Whether the closed loop has to keep every object."""
        return self.verify or (self.closed and not self.weighed)

    @property
    def factor(self) -> float | None:
        """Lambda, bytes for each unit of loss; None where nothing is weighed."""
        if not self.weighed:
            return None
        return DEFAULT_LAMBDA if self.lambda_ is None else self.lambda_

    @property
    def trials(self) -> int:
        """Most encodes per picture."""
        return _TRIALS[self.keeps_all] if self.max_trials is None else self.max_trials

    @property
    def judges(self) -> list[str]:
        """The names of the further detectors."""
        return [name for name in (self.verify_with or "").split(",") if name]

    def weights_of(self, count: int) -> list[float]:
        """What the losses of so many further detectors count.

        Raises:
            InputError: ``--verify-weights`` has another number of weights, or one that is no number of 0 or more.
        """
        if self.verify_weights is None:
            return [_FURTHER_WEIGHT] * count
        try:
            weights = [float(each) for each in self.verify_weights.split(",")]
        except ValueError:
            weights = []
        if len(weights) != count or not all(0.0 <= weight < float("inf") for weight in weights):
            raise InputError(
                f"--verify-weights {self.verify_weights}: give as many numbers of 0 or more as --verify-with names "
                f"detectors ({count})"
            )
        return weights

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_scales(self.scales, "--scales")
        if self.target is not None:
            parse_target(self.target)
            if self.lambda_ is not None:
                raise InputError("--lambda with --target, which finds its own lambda: leave one of the two out")
            if self.verify:
                raise InputError(
                    "--target with --verify, which keeps every object at any cost: use --loop closed instead of "
                    "--verify"
                )
        if self.lambda_ is not None and not self.weighed:
            raise InputError("--lambda weighs a loss against bits: add --objective accuracy or --loop closed")
        if self.verify_weights is not None:
            self.weights_of(len(self.judges))
        for name in (
            "max_trials",
            "verify_with",
            "verify_weights",
            "background_blur",
            "split_empty",
            "promise",
            "strict",
        ):
            if not self.closed and getattr(self, name) != getattr(SearchOptions, name):
                raise InputError(f"{flag_of(name)} needs --verify or --loop closed")
        if not (self.closed or self.weighed) and self.scales != SearchOptions.scales:
            raise InputError("--scales needs --verify, --loop closed or --objective accuracy")
        for name in ("qp_margin", "score_margin", "strict"):
            if not self.keeps_all and getattr(self, name) != getattr(SearchOptions, name):
                raise InputError(f"{flag_of(name)} needs --verify, as it is about keeping every object")
