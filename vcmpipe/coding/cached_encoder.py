"""An encoder that codes nothing twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from vcmpipe.encoders.base import Capabilities, Encoder, Job
from vcmpipe.frames import Yuv, yuv_bytes
from vcmpipe.process.content_cache import ContentCache, content_key


@dataclass(frozen=True)
class PricedStream:
    """A stream and its price.

    Attributes:
        data: The stream.
        seconds: What coding it took; None where it comes from a cache that does not know.
        cached: Whether it comes from the cache.
    """

    data: bytes
    seconds: float | None
    cached: bool


@dataclass(frozen=True)
class CachedEncoder:
    """An encoder that codes nothing twice: streams are kept by samples, QP, mode, and the encoder's build."""

    encoder: Encoder
    cache: ContentCache

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
        """Code what is not in the cache. See ``Encoder.encode``."""
        return [one.data for one in self.priced(jobs)]

    def priced(self, jobs: Sequence[Job]) -> list[PricedStream]:
        """The same with the seconds that each stream takes, also where it comes out of the cache.

        Jobs that are coded together share the time that passes, each by its samples.
        """
        samples: dict[int, str] = {}
        for job in jobs:
            if id(job.frames) not in samples:
                samples[id(job.frames)] = samples_digest(job.frames)
        keys = []
        for job in jobs:
            maps = job.qp if isinstance(job.qp, tuple) else job.maps[:1]
            qp = ";".join(repr((one.ctu, one.qp.tolist())) for one in maps) or str(job.qp)
            mode = json.dumps(asdict(job.mode), sort_keys=True)
            # A colour is part of the stream only where the encoder writes it.
            colour = [repr(job.colour)] if job.colour else []
            # A single picture is coded alike in every structure.
            structure = [f"{job.structure} {job.intra_period or ''}".strip()] if len(job.frames) > 1 else []
            # Encoders state the rate in their streams.
            rate = [f"rate {job.rate}"] if job.rate else []
            of_job = (*colour, *structure, *rate)
            keys.append(content_key("stream", self.name, self.build, mode, qp, samples[id(job.frames)], *of_job))
        found: dict[int, PricedStream] = {}
        for i, key in enumerate(keys):
            if data := self.cache.get(key):
                found[i] = PricedStream(data, self._seconds(key), True)
        missing = [i for i in range(len(jobs)) if i not in found]
        if missing:
            started = time.monotonic()
            streams = self.encoder.encode([jobs[i] for i in missing])
            passed = time.monotonic() - started
            area = [jobs[i].samples for i in missing]
            for i, own, stream in zip(missing, area, streams, strict=True):
                seconds = passed * own / sum(area)
                # First its time: a stream that is there has one.
                self.cache.put(content_key("seconds", keys[i]), repr(seconds).encode())
                self.cache.put(keys[i], stream)
                found[i] = PricedStream(stream, seconds, False)
        return [found[i] for i in range(len(jobs))]

    def _seconds(self, key: str) -> float | None:
        """What the encode of an entry took; None where that was not noted."""
        try:
            seconds = float(self.cache.get(content_key("seconds", key)) or b"")
        except ValueError:
            return None
        return seconds if 0.0 <= seconds < float("inf") else None


def samples_digest(frames: Sequence[Yuv]) -> str:
    """A digest of a segment's samples, frame after frame."""
    digest = hashlib.sha256()
    # One frame at a time: they may be made on demand.
    for part in chain([f"{frames[0].width}x{frames[0].height}".encode()], map(yuv_bytes, frames)):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
