"""A folder that remembers results by the content they were made from, so that a second run costs seconds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vcmpipe.encoders.base import Capabilities, Encoder, Job
from vcmpipe.frames import yuv_bytes


class ContentCache:
    """Bytes by key, one file each. A cache that cannot be written warns once and is then left alone.

    Args:
        folder: Where the files lie; made when it is first written to.
        warn: Told, in one line, that it cannot be written.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = lambda message: None) -> None:
        self.folder = folder
        self._warn = warn
        self._writable = True

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; published whole or not at all."""
        if not self._writable:
            return
        path = self._path(key)
        # Renamed into place, but not synced to disk: a lost entry is made again.
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(value)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if self._writable:
                self._writable = False
                self._warn(
                    f"the cache {self.folder} cannot be written and is not used further: {error.strerror or error}"
                )


def cache_folder(named: str | None) -> Path:
    """The cache that was named, else the user's."""
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vcmpipe"))


def content_key(*parts: bytes | str) -> str:
    """A key from everything that a result depends on."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


@dataclass(frozen=True)
class PricedStream:
    """A stream and its price.

    Attributes:
        data: The stream.
        seconds: What coding it took; None where it comes from a cache that does not know.
        remembered: Whether it comes from the cache.
    """

    data: bytes
    seconds: float | None
    remembered: bool


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
        samples: dict[int, bytes] = {}
        for job in jobs:
            if id(job.yuv) not in samples:
                size = f"{job.yuv.width}x{job.yuv.height}"
                samples[id(job.yuv)] = content_key(size, yuv_bytes(job.yuv)).encode()
        keys = []
        for job in jobs:
            qp = str(job.qp) if isinstance(job.qp, int) else repr((job.qp.ctu, job.qp.qp.tolist()))
            mode = json.dumps(asdict(job.mode), sort_keys=True)
            # A colour is part of the stream only where the encoder writes it.
            colour = [repr(job.colour)] if job.colour else []
            keys.append(content_key("stream", self.name, self.build, mode, qp, samples[id(job.yuv)], *colour))
        found: dict[int, PricedStream] = {}
        for i, key in enumerate(keys):
            if data := self.cache.get(key):
                found[i] = PricedStream(data, self._seconds(key), True)
        missing = [i for i in range(len(jobs)) if i not in found]
        if missing:
            started = time.monotonic()
            streams = self.encoder.encode([jobs[i] for i in missing])
            passed = time.monotonic() - started
            area = [jobs[i].yuv.width * jobs[i].yuv.height for i in missing]
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
