"""Where a method's time goes: predicting, searching, encoding; also where a cache answered instead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, cast

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.process.content_cache import content_key
from vcmpipe.process.replaced import Replaced

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

    def part(self, share: float) -> Account:
        """A share of it, 0..1; encodes whose time is not known stay so in every share."""
        scaled = {each.name: getattr(self, each.name) * share for each in fields(self)}
        return Account(**scaled | {"unknown": self.unknown, "samples": round(self.samples * share)})

    def add(self, other: Account) -> None:
        """Add another account to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Meter:
    """The accounts of one picture under one method. Encoders may be called from several threads."""

    accounts: dict[Stage, Account] = field(default_factory=dict)
    _running: list[Stage] = field(default_factory=list)
    _inner: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getitem__(self, stage: Stage) -> Account:
        return self.accounts.setdefault(stage, Account())

    @property
    def running(self) -> Stage | None:
        """The innermost stage that runs."""
        return self._running[-1] if self._running else None

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Count what is done inside to a stage; stages may stand inside each other."""
        outer, self._inner = self._inner, 0.0
        self._running.append(stage)
        started = time.monotonic()
        try:
            yield
        finally:
            passed = time.monotonic() - started
            self[stage].wall += passed - self._inner
            self._inner = outer + passed
            self._running.pop()

    def add(self, spent: Account, stage: Stage | None = None) -> None:
        """Charge a stage, by default the one that runs, with what was spent for it."""
        with self._lock:
            self[stage or self.running or "encode"].add(spent)


def metered_encoder(encoder: Encoder, meter: Meter) -> Encoder:
    """An encoder whose calls are counted."""

    def encode(jobs: Sequence[Job]) -> list[bytes]:
        started = time.monotonic()
        spent = Account(samples=sum(job.samples for job in jobs))
        if isinstance(encoder, CachedEncoder):
            priced = encoder.priced(jobs)
            streams = [one.data for one in priced]
            spent.charged = sum(one.seconds or 0.0 for one in priced)
            spent.cached = sum(one.seconds or 0.0 for one in priced if one.cached)
            spent.unknown = sum(one.seconds is None for one in priced)
            spent.waited = time.monotonic() - started
        else:
            streams = encoder.encode(jobs)
            spent.charged = spent.waited = time.monotonic() - started
        meter.add(spent)
        return streams

    return cast("Encoder", Replaced(encoder, encode=encode))


# Detections in one picture, and the seconds that finding them took, by the picture's samples.
Found = dict[str, tuple["sv.Detections", float]]


def metered_detector(detector: Detector, meter: Meter, found: Found) -> Detector:
    """A detector that detects in no picture twice; a detection costs the same whether it is the first or not.

    The meter is charged for detections that are spared; others take their time in the stage that runs.
    """

    def one(frame: Frame) -> sv.Detections:
        key = content_key(f"{frame.rgb.shape}", frame.rgb.tobytes())
        if key not in found:
            started = time.monotonic()
            detections = detector.detect([frame])[0]
            found[key] = detections, time.monotonic() - started
        elif meter.running:
            meter.add(Account(charged=found[key][1]))
        return found[key][0]

    return cast("Detector", Replaced(detector, detect=lambda frames: [one(frame) for frame in frames]))
