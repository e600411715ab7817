"""Containers from strangers taken apart in a process of its own: what they crash or fill up is not this one."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from vcmpipe.config.limits import MAX_SIDE
from vcmpipe.decoding.sandbox import child_environment
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames.packets import PACKED_CODECS, Packet, StoredTrack, VideoTrack
from vcmpipe.process import MEMORY_VARIABLE, Settings, one_line, streaming

_COMMAND = (sys.executable, "-P", "-m", "vcmpipe.decoding.demux_child")
# Address space for Python and its libraries; and for each byte of the file, of which a picture takes 24 at least, and
# what is noted of it some 500.
_BASE = 1 << 30
_PER_BYTE = 24
_SECONDS_AT_LEAST = 60.0
_BYTES_PER_SECOND = 1e6


def read_isolated(path: Path) -> StoredTrack:
    """Read a container as ``read_container`` does, in a child process with limited memory and time.

    Raises:
        InputError: As ``read_container``; or taking it apart takes more memory than a sound file of its size.
        ProcessError: FFmpeg crashed or hung.
    """
    name, size = one_line(str(path)), path.stat().st_size
    limit = Settings.from_environment().memory_limit or _BASE + _PER_BYTE * size
    stall = _SECONDS_AT_LEAST + size / _BYTES_PER_SECOND
    track: StoredTrack | None = None
    error: str | None = None
    try:
        # An absolute path: Python takes no such name for an option.
        argv = [*_COMMAND, str(path.absolute())]
        with streaming(argv, stall=stall, env=child_environment(), memory_limit=limit) as output:
            try:
                facts = json.loads(output.read(_held(int.from_bytes(output.read(8), "little"), limit)))
                error = facts.get("error")
                if error is None:
                    length = sum(each[0] for each in facts["packets"])
                    track = _track(facts, output.read(_held(length, limit)))
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                pass  # the child's exit says why
    except ProcessError as failure:
        if error is None:
            raise ProcessError(f"FFmpeg crashed on {name}, which is damaged or hostile: {failure}") from failure
    if error == "memory":
        raise InputError(
            f"{name} takes more memory than a sound file of its size, or than {MEMORY_VARIABLE} allows: it is damaged "
            "or hostile, or the limit is too low"
        )
    if error is not None:
        raise InputError(one_line(str(error)))
    if track is None:
        raise ProcessError(f"the process that reads {name} ended without a message: try again")
    return track


def _held(length: int, limit: int) -> int:
    """A length, if the child could have so much."""
    if not 0 <= length <= limit:
        raise ValueError("more than there can be")
    return length


def _track(facts: dict[str, Any], data: bytes) -> StoredTrack:
    """What the child sent; it is held to what it may say, for it has read a stranger's file."""
    width, height = map(int, facts["size"])
    if max(width, height) > MAX_SIDE or facts["codec"] not in PACKED_CODECS or facts["container"] not in ("mp4", "mkv"):
        raise ValueError("no such track")
    packets, place = [], 0
    for length, time, duration, key in facts["packets"]:
        piece = data[place : place + length]
        place += length
        if length <= 0 or len(piece) != length:
            raise ValueError("the packets are cut")
        packets.append(Packet(piece, None if time is None else Fraction(time), None, Fraction(duration), bool(key)))
    rate = None if facts["rate"] is None else Fraction(facts["rate"])
    configuration = bytes.fromhex(facts["configuration"])
    track = VideoTrack(facts["codec"], width, height, configuration, rate)
    return StoredTrack(facts["container"], track, tuple(packets))
