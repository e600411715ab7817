"""Where a method's time goes: predicting, searching, encoding; also where memory answered instead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.encoders import Capabilities
from vcmpipe.process.content_cache import content_key

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder, Job
    from vcmpipe.frames import Frame

Stage = Literal["detect", "predict", "search", "encode"]


@dataclass
class Account:
    """Seconds of one stage.

    Attributes:
        wall: Time that passed in this stage, inner stages left out.
        waited: The part of it that was spent waiting for an encoder or a cache.
        charged: What the encoder took for the same work, now or in the run that filled the cache.
        cached: The part of all seconds that is known from an earlier run.
        unknown: Encodes whose time nobody noted.
        samples: Luma samples coded.
    """

    wall: float = 0.0
    waited: float = 0.0
    charged: float = 0.0
    cached: float = 0.0
    unknown: int = 0
    samples: int = 0

    @property
    def seconds(self) -> float:
        """What the stage costs without a cache: its own work, and its encodes at the time that they really took."""
        return max(self.wall - self.waited, 0.0) + self.charged


@dataclass
class Meter:
    """The accounts of one picture under one method. Encoders may be asked from several threads."""

    accounts: dict[Stage, Account] = field(default_factory=dict)
    _stack: list[tuple[Stage, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getitem__(self, stage: Stage) -> Account:
        return self.accounts.setdefault(stage, Account())

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Count what is done inside to a stage; stages may stand inside each other."""
        self._switch()
        self._stack.append((stage, time.monotonic()))
        try:
            yield
        finally:
            self._switch()
            self._stack.pop()
            self._restart()

    def _switch(self) -> None:
        """Close the clock of the stage that runs, and start it anew."""
        if self._stack:
            stage, since = self._stack[-1]
            self[stage].wall += time.monotonic() - since
            self._restart()

    def _restart(self) -> None:
        if self._stack:
            self._stack[-1] = (self._stack[-1][0], time.monotonic())

    def encoded(self, waited: float, charged: float, cached: float, unknown: int, samples: int) -> None:
        """Note a call of the encoder in the stage that runs."""
        with self._lock:
            account = self[self._stack[-1][0] if self._stack else "encode"]
            account.waited += waited
            account.charged += charged
            account.cached += cached
            account.unknown += unknown
            account.samples += samples

    def spared(self, seconds: float) -> None:
        """Charge the stage that runs, if one does, for work that was done before in this run."""
        if self._stack:
            self[self._stack[-1][0]].charged += seconds

    def add(self, stage: Stage, seconds: float, *, cached: bool, samples: int = 0, unknown: int = 0) -> None:
        """Charge a stage for work whose answer was at hand."""
        account = self[stage]
        account.charged += seconds
        account.cached += seconds if cached else 0.0
        account.samples += samples
        account.unknown += unknown


@dataclass(frozen=True)
class MeteredEncoder:
    """An encoder whose calls are counted."""

    encoder: Encoder
    meter: Meter

    @property
    def name(self) -> str:
        """The encoder's name."""
        return self.encoder.name

    @property
    def build(self) -> str:
        """The encoder's build."""
        return self.encoder.build

    @property
    def capabilities(self) -> Capabilities:
        """The encoder's capabilities."""
        return self.encoder.capabilities

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code, and count. See ``Encoder.encode``."""
        started = time.monotonic()
        samples = sum(job.samples for job in jobs)
        if not isinstance(self.encoder, CachedEncoder):
            streams = self.encoder.encode(jobs)
            waited = time.monotonic() - started
            self.meter.encoded(waited, waited, 0.0, 0, samples)
            return streams
        priced = self.encoder.priced(jobs)
        self.meter.encoded(
            time.monotonic() - started,
            sum(one.seconds or 0.0 for one in priced),
            sum(one.seconds or 0.0 for one in priced if one.cached),
            sum(one.seconds is None for one in priced),
            samples,
        )
        return [one.data for one in priced]


# Detections in one picture, and the seconds that finding them took, by the picture's samples.
Found = dict[str, tuple["sv.Detections", float]]


@dataclass(frozen=True)
class MeteredDetector:
    """A detector that looks at no picture twice; a look costs the same whether it is the first or not.

    Attributes:
        detector: What looks.
        meter: Charged for looks that are spared; those that are not take their time in the stage that runs.
        found: What was found before; filled here.
    """

    detector: Detector
    meter: Meter
    found: Found

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.detector.name

    @property
    def classes(self) -> Mapping[int, str]:
        """The detector's classes."""
        return self.detector.classes

    @property
    def digest(self) -> str:
        """The detector's digest."""
        return self.detector.digest

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """See ``Detector.input_size``."""
        return self.detector.input_size(width, height)

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """See ``Detector.detect``."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> sv.Detections:
        key = content_key(f"{frame.rgb.shape}", frame.rgb.tobytes())
        if key in self.found:
            detections, seconds = self.found[key]
            self.meter.spared(seconds)
            return detections
        started = time.monotonic()
        detections = self.detector.detect([frame])[0]
        self.found[key] = detections, time.monotonic() - started
        return detections

    def __getattr__(self, name: str) -> Any:
        """Whatever else a detector has: a predictor may have been made for it."""
        return getattr(self.detector, name)
