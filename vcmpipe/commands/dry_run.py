"""``vcmpipe encode --dry-run``: what would be coded and how, and an estimate of what that takes; nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from vcmpipe.coding.cutting import Cutting
from vcmpipe.coding.pipeline import EncodedSegment
from vcmpipe.coding.stream_files import check_ending, check_place
from vcmpipe.commands.encode_run import EncodeRun
from vcmpipe.commands.recorded import check_belongs, detector_of, without_looking
from vcmpipe.commands.targets import CLOSED_PASSES, OPEN_PASSES
from vcmpipe.config import EncodeOptions, parse_target
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, FrameSource, LiveSource, PictureSource
from vcmpipe.frames.containers import is_address
from vcmpipe.frames.headers import check_headers
from vcmpipe.frames.inputs import listed, open_inputs
from vcmpipe.frames.sources import refuse_inputs
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.text import count

# Pictures that are coded for the estimate, and seconds and frames of a video's beginning, at least.
_PICTURES, _SECONDS, _FRAMES = 3, 2.0, 33


@dataclass(frozen=True)
class DryRun:
    """What an encode would do.

    Attributes:
        input: What it would read.
        frames: Pictures or frames; None where a video does not state how many.
        sizes: How many there are of each size, ``640x480``; of a video that of its first frame.
        structure: How frames refer to each other; ``intra``: pictures, each by itself.
        duration: Seconds of a video, where they are known.
        segments: Segments of a video at least; scene changes make more.
        parameters: What it would be coded with, by name, defaults as they were decided.
        sample: What was coded for the estimate: ``frames``, ``bytes``, ``seconds``.
        bytes: Of the stream, estimated; None where the number of frames is not known.
        seconds: That it would take, estimated, the least and the most; None likewise.
        how: How the estimate was made.
    """

    input: str
    frames: int | None
    sizes: Mapping[str, int | None]
    structure: str
    duration: float | None
    segments: int | None
    parameters: Mapping[str, Any]
    sample: Mapping[str, float]
    bytes: int | None
    seconds: tuple[float, float] | None
    how: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def dry_run(
    options: EncodeOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    **parts: Any,
) -> DryRun:
    """Look at an input, code a little of it, and say what the whole would be.

    Args:
        options: As for ``encode``.
        progress: Called with the frames coded for the estimate and their number.
        warn: Called with what the user should know.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Raises:
        InputError: The input cannot be read, or only once; or the output could not be written.
        VcmError: A tool fails.
    """
    names = listed(options.input)
    if any(name == "-" or is_address(name) for name in names):
        raise InputError(
            "--dry-run codes a little of its input, and what comes from a pipe or an address can be read only once: "
            "save it to a file"
        )
    if options.out.endswith("/") or Path(options.out).is_dir():
        raise InputError(f"--dry-run is about one stream, and --out {options.out} is a folder: name a file")
    source = open_inputs(
        options.input,
        recursive=options.recursive,
        limit=options.limit,
        start=options.start,
        stride=options.stride,
        fps=options.fps,
    )
    assert not isinstance(source, LiveSource)
    if parts.get("detector") is None and (recorded := detector_of(options)) is not None:
        parts["detector"] = recorded
    options = without_looking(options, parts.get("detector"), warn)
    check_belongs(parts.get("detector"), source)
    target = None if options.target is None else parse_target(options.target)
    once = replace(options, target=None, cluster=None)
    run = EncodeRun(once, warn, lambda trials: None, None, Stopwatch(), parts)
    if options.out != "-":
        refuse_inputs(Path(options.out), source)
        check_place(Path(options.out))
        check_ending(Path(options.out), run.codec)
    if options.on_error == "stop":
        check_headers(source)
    cutting = run.cutting_of(source)
    frames, how = _sample(source, cutting, run.pipeline.jobs)
    began = time.monotonic()
    coded: list[EncodedSegment] = []
    for each in run.coded(frames, cutting):
        coded.append(each)
        progress(sum(len(one.source) for one in coded), None)
    spent = time.monotonic() - began
    taken = sum(len(each.source) for each in coded)
    total = source.count
    rate = None if cutting.structure == "intra" else cutting.per_second
    segments = None if total is None or rate is None else -(-total // cutting.frames)
    size = None if total is None else _bytes(coded, total, segments)
    if target is not None:
        passes = CLOSED_PASSES if options.closed else OPEN_PASSES
        how += f"; a pass costs that, and --target {options.target} takes 2 to {passes}"
        if target.kind == "bytes" and total is not None:
            size = round(target.value * total)
        elif target.kind == "bitrate" and total is not None and cutting.rate is not None:
            size = round(target.value * 125 * total / float(cutting.rate))
        else:
            how += "; bytes are those without the target"
    one = None if total is None else spent / taken * total
    return DryRun(
        input=", ".join(names),
        frames=total,
        sizes=_sizes(source, coded),
        structure=cutting.structure,
        duration=None if total is None or rate is None else float(total / rate),
        segments=segments,
        parameters=_parameters(options, run),
        sample={"frames": taken, "bytes": sum(each.coded.bits for each in coded) // 8, "seconds": round(spent, 3)},
        bytes=size,
        seconds=None if one is None else (one, one) if target is None else (2 * one, passes * one),
        how=how,
    )


def _sample(source: FrameSource, cutting: Cutting, jobs: int) -> tuple[Iterable[Frame], str]:
    """A little of the input that stands for all of it, and what to call it."""
    if cutting.structure != "intra":
        number = min(cutting.frames, max(_FRAMES, round(_SECONDS * cutting.per_second)))
        return islice(source, number), "by coding the beginning: its first picture counts once for each segment"
    # As many as are coded side by side.
    number = max(_PICTURES, min(jobs, 8))
    if not isinstance(source, PictureSource):
        return islice(source, number), "by coding the first frames"
    places = sorted({round((n + 0.5) * len(source) / number - 0.5) for n in range(min(number, len(source)))})
    chosen = count(len(places), "picture")
    return (source[place] for place in places), f"by coding {chosen}, evenly spaced"


def _bytes(coded: Sequence[EncodedSegment], total: int, segments: int | None) -> int:
    """What all frames take, by those that were coded: in a segment the first picture takes more than the others."""
    bits = sum(each.coded.bits for each in coded)
    taken = sum(len(each.source) for each in coded)
    if segments is None or taken <= len(coded):
        return round(bits / 8 / taken * total)
    first = sum(each.coded.units[0].bits for each in coded)
    other = (bits - first) / (taken - len(coded))
    return round((first / len(coded) * segments + other * (total - segments)) / 8)


def _sizes(source: FrameSource, coded: Sequence[EncodedSegment]) -> dict[str, int | None]:
    if isinstance(source, PictureSource):
        found = Counter(f"{width}x{height}" for width, height in source.sizes())
        return dict[str, int | None](found.most_common())
    first = coded[0].source.frames[0]
    return {f"{first.width}x{first.height}": source.count}


def _parameters(options: EncodeOptions, run: EncodeRun) -> dict[str, Any]:
    """What decides the result, as it was settled."""
    pipeline = run.pipeline
    found: dict[str, Any] = {
        "encoder": f"{pipeline.encoder.name} ({pipeline.encoder.build})",
        "preset": options.preset,
        "detector": pipeline.detector.name,
        "task": options.task,
    }
    if options.qp is not None:
        return found | {"qp": options.qp, "scale": f"{pipeline.scale:g}"}
    if options.closed:
        found |= {"loop": "closed", "objective": "every object" if options.keeps_all else options.objective}
        found |= {"trials": options.trials, "scales": options.scales}
    else:
        found |= {"predictor": pipeline.predictor.name, "objective": options.objective, "realise": options.realise}
    if options.target is not None:
        found["target"] = options.target
    elif options.factor is not None:
        found["lambda"] = options.factor
    elif not options.closed:
        found["margin"] = pipeline.margin
    if not options.closed and not options.weighed:
        found |= {"scale": f"{pipeline.scale:g}", "background": options.background}
    return found
