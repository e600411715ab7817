"""Decoding of streams from strangers in a process of its own: what they crash or fill up is not this one.

Streams that an encoder of ours has just written are decoded in process (``decoder``), which is faster by the start of a
process; everything that comes in as a file goes through here.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vcmpipe.bitstream import split_access_units
from vcmpipe.config.limits import MAX_SIDE
from vcmpipe.decoding.decoder import DecodedPicture, decode_stream
from vcmpipe.errors import BitstreamError, InputError, ProcessError, VcmError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.yuv import Yuv
from vcmpipe.process import MEMORY_VARIABLE, Output, Settings, streaming

LARGE = 1 << 24
"""Luma samples above which pictures are decoded one after another, to save memory."""
# Address space for Python, its libraries and small pictures; and what a decoder holds for each luma sample: 33 bytes
# were measured for an intra picture (its samples, block data, and the copy handed on); 16 reference pictures add 48.
_BASE = 1 << 30
_PER_SAMPLE = 96
# Seconds until the first picture of any size, and more for each megapixel of a picture: up to 8 of them come at once.
_SECONDS_AT_LEAST = 60.0
_SECONDS_PER_MEGAPIXEL = 40.0
_LONGEST_MESSAGE = 1 << 16
# -P and (below) the package's own place: a module of the same name in the working folder is not taken for ours.
_COMMAND = (sys.executable, "-P", "-m", "vcmpipe.decoding.child")
# One thread for libraries that are not used, and few heaps: both take address space, which is limited.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class _CutError(Exception):
    """The child's output ends before its last message, or is none of its messages."""


def decode_isolated(
    data: bytes, *, threads: int | None = None, unstated: ColourSpec | None = None
) -> Iterator[DecodedPicture]:
    """Decode a stream as ``decode_stream`` does, in a child process with limited memory and time.

    Raises:
        BitstreamError: As ``decode_stream``, at once where headers show it; or decoding takes more memory than pictures
            of the stated size need.
        ProcessError: The decoder crashed or hung.
    """
    decode_stream(data, threads=1)  # begins with the headers, which our own parsers read: cheaper than a process
    samples = _largest(data)
    side_by_side = 1 if samples > LARGE else threads or min(4, os.cpu_count() or 1)
    return _pictures(data, side_by_side, samples, unstated or ColourSpec())


def child_environment() -> dict[str, str]:
    """What a child process of ours gets in its environment."""
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH")]
    return _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def memory_needed(samples: int, threads: int) -> int:
    """Bytes of address space that a decoder gets for pictures of so many luma samples."""
    return _BASE + _PER_SAMPLE * samples * (threads + 1 if threads > 1 else 1)


def _largest(data: bytes) -> int:
    """Luma samples of the largest picture that the stream states."""
    sizes = [unit.picture_size for unit in split_access_units(data)]
    return max((width * height for width, height in filter(None, sizes)), default=0)


def _pictures(data: bytes, threads: int, samples: int, unstated: ColourSpec) -> Iterator[DecodedPicture]:
    stall = _SECONDS_AT_LEAST + _SECONDS_PER_MEGAPIXEL * samples / 1e6
    limit = Settings.from_environment().memory_limit or memory_needed(samples, threads)
    error: VcmError | None = None
    complete = False
    try:
        with streaming(
            [*_COMMAND, str(threads), json.dumps(dataclasses.asdict(unstated))],
            stall=stall,
            input=data,
            env=child_environment(),
            memory_limit=limit,
        ) as output:
            try:
                while not complete and error is None:
                    message = _message(output)
                    error, complete = _error(message), message.get("end") is True
                    if error is None and not complete:
                        yield _picture(message, output)
            except _CutError:
                pass  # the child's exit says why
    except ProcessError as failure:
        if error is None:
            reason = f"the decoder did not survive the stream, which is damaged or hostile: {failure}"
            raise ProcessError(reason) from failure
    if error is not None:
        raise error
    if not complete:
        raise ProcessError("the decoder's process ended without a message in the middle of the stream: try again")


def _message(output: Output) -> dict[str, Any]:
    head = output.read(4)
    length = int.from_bytes(head, "little")
    if len(head) < 4 or length > _LONGEST_MESSAGE:
        raise _CutError
    try:
        message = json.loads(output.read(length))
    except ValueError as error:
        raise _CutError from error
    if not isinstance(message, dict):
        raise _CutError
    return message


def _error(message: dict[str, Any]) -> VcmError | None:
    kind = message.get("error")
    if kind is None:
        return None
    if kind == "memory":
        return BitstreamError(
            f"decoding takes more memory than pictures of its size need, or than {MEMORY_VARIABLE} allows: the stream "
            "is damaged or hostile, or the limit is too low"
        )
    text = " ".join(str(message.get("message")).split())
    return BitstreamError(text) if kind == "bitstream" else VcmError(text)


def _picture(message: dict[str, Any], output: Output) -> DecodedPicture:
    """A picture as the child sent it; it is held to what it may say, for it has read a stranger's stream."""
    try:
        index, (width, height), (columns, rows) = int(message["index"]), message["size"], message["planes"]
        spec = ColourSpec(**message["spec"])
        if (columns, rows) != (width + width % 2, height + height % 2):
            raise ValueError("planes of another size than the picture")
        if not 0 < min(columns, rows) <= max(columns, rows) <= MAX_SIDE:
            raise ValueError("an absurd size")
        luma, chroma = columns * rows, columns * rows // 4
        samples = np.frombuffer(output.read(2 * (luma + 2 * chroma)), "<u2").astype(np.uint16)
        y, u, v = np.split(samples, [luma, luma + chroma])
        half = (rows // 2, columns // 2)
        yuv = Yuv(y.reshape(rows, columns), u.reshape(half), v.reshape(half))
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise _CutError from error
    return DecodedPicture(index, yuv, (width, height), spec)
