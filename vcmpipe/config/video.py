"""Options of commands that take video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import Options, option


@dataclass(frozen=True, kw_only=True)
class SourceOptions(Options):
    """Which frames of a source are used, and when they are shown."""

    limit: int | None = option(None, low=1, help="take only the first N pictures or frames")
    start: float = option(0.0, low=0, metavar="SECONDS", help="skip the frames of a video before this time")
    stride: int = option(1, low=1, help="take every Nth picture or frame")
    fps: str | None = option(
        None,
        metavar="RATE",
        help="frames per second, such as 25 or 30000/1001, for pictures, or to replace a video's own times",
    )


@dataclass(frozen=True, kw_only=True)
class SequenceOptions(Options):
    """How frames are grouped into segments, and how frames of a segment refer to each other."""

    structure: Literal["auto", "intra", "random-access", "low-delay"] = option(
        "auto",
        help="how frames may refer to each other; auto: random-access for a video and for pictures that are "
        "consecutive frames of one, else intra",
    )
    segment: float = option(10.0, above=0, metavar="SECONDS", help="longest segment; each is coded by itself")
    scene_cuts: bool = option(True, help="do not begin a segment at every scene change")
    seek_every: float | None = option(
        None,
        above=0,
        metavar="SECONDS",
        help="insert further intra pictures into segments, so that players can seek; default: only the first picture",
    )


@dataclass(frozen=True, kw_only=True)
class LiveOptions(Options):
    """What happens when an address fails."""

    reconnect: int = option(
        0,
        low=0,
        high=1_000_000,
        help="reopen an address that ended, disconnected or stalled, up to N times in a row, after pauses that grow "
        "from 1 to 30 s; 0: the stream ends there",
    )
    stall: float = option(
        10.0, above=0, high=86_400, metavar="SECONDS", help="an address that sends no frame for this long has stalled"
    )
