"""Which streams an encode makes: one of all its pictures or of its video, or one of each input in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vcmpipe.commands.encode import STANDARD, encode
from vcmpipe.config import EncodeOptions, flag_of
from vcmpipe.errors import InputError, OutputError, VcmError
from vcmpipe.frames.inputs import Input, find_inputs
from vcmpipe.process import one_line
from vcmpipe.process.folders import same_file
from vcmpipe.process.text import count
from vcmpipe.sidecar import Sidecar

ENDING = ".bin"
# What is written once beside one stream.
_OF_ONE = ("detections_out", "found_out", "map_out")


def makes_several(options: EncodeOptions) -> bool:
    """Whether an encode makes a stream of each of its inputs: its ``--out`` is a folder."""
    return options.out != STANDARD and (options.out.endswith("/") or Path(options.out).is_dir())


@dataclass(frozen=True)
class Stream:
    """One of several streams.

    Attributes:
        input: What it is of.
        out: The stream.
        sidecar: What was written beside it; None where it was left out.
        error: Why it was left out.
    """

    input: str
    out: str
    sidecar: Sidecar | None = None
    error: str | None = None


def plan(options: EncodeOptions) -> list[EncodeOptions]:
    """The encodes of one stream each that an encode into a folder consists of, in the order of the inputs.

    The pictures of a folder are one stream, called like the folder; a picture that is named by itself, and each video,
    is one of its own.

    Raises:
        InputError: An input is not there or holds nothing, two streams would have one name, or there are several
            although an option is about one.
    """
    if not Path(os.path.realpath(options.out)).name:
        raise InputError(f"--out {options.out} is not a name for a stream, or for a folder of streams: name one")
    inputs = find_inputs(options.input, recursive=options.recursive)
    if any(same_file(each.path, Path(options.out)) for each in inputs):
        raise InputError(f"--out {one_line(options.out)} is the folder of the inputs: name another")
    parts = [part for each in inputs for part in _parts(each)]
    # An input may be another one's part: a video, and the folder that it lies in.
    parts = list({os.path.realpath(part.path): part for part in parts}.values())
    jobs: dict[str, EncodeOptions] = {}
    for part in parts:
        out = str(Path(options.out) / f"{part.name}{ENDING}")
        if out in jobs:
            both = f"{one_line(str(jobs[out].input))} and {one_line(str(part.path))}"
            raise InputError(f"{both} would both be {one_line(out)}: encode them into different folders")
        whole = options.recursive and part.path.is_dir()
        jobs[out] = replace(options, input=str(part.path), out=out, recursive=whole)
    for name in _OF_ONE:
        if len(jobs) > 1 and getattr(options, name) is not None:
            raise InputError(
                f"{flag_of(name)} is for one stream, and there are {len(jobs)}: leave it out, or encode one by one"
            )
    return list(jobs.values())


def _parts(found: Input) -> Iterator[Input]:
    """What becomes a stream each."""
    if found.pictures:
        yield replace(found, videos=())
    for video in found.videos:
        yield Input(video, (), (video,))


def encode_each(
    options: EncodeOptions, *, on_stream: Callable[[int, int, EncodeOptions], None] = lambda *_: None, **how: Any
) -> Iterator[Stream]:
    """Code each input into a stream of its own, in the folder ``options.out``.

    Args:
        options: What to code and how.
        on_stream: Called before each with its number, from 1, how many there are, and its options.
        **how: As ``encode`` takes it.

    Yields:
        Each stream once it is written; with ``on_error`` ``skip`` also those that fail.

    Raises:
        VcmError: As ``plan`` and ``encode``; what was yielded stays.
    """
    jobs = plan(options)
    for number, job in enumerate(jobs, 1):
        on_stream(number, len(jobs), job)
        try:
            sidecar = encode(job, only_pictures=job.recursive, **how)
        except OutputError:
            raise  # so would the others
        except VcmError as error:
            if options.on_error == "stop" or len(jobs) == 1:
                done = f" ({count(number - 1, 'stream')} before it {'is' if number == 2 else 'are'} written)"
                raise type(error)(f"{error}{done * (number > 1)}") from error
            yield Stream(str(job.input), job.out, None, str(error))
        else:
            yield Stream(str(job.input), job.out, sidecar)
