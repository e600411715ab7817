"""What ``encode`` prints: pictures or segments, what they cost, and what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.cli.show import PICTURES, console, print_facts, print_table, size_text, span_text
from vcmpipe.commands.streams import Stream
from vcmpipe.process.text import count, duration
from vcmpipe.sidecar import FrameRecord, ObjectRecord, SegmentRecord, Sidecar, TargetRecord, TrackRecord, sidecar_path

if TYPE_CHECKING:
    from vcmpipe.commands.dry_run import DryRun

# Sizes of pictures that are named.
_SIZES = 5


def encoded(sidecar: Sidecar, out: Path | None, seconds: Mapping[str, float] | None = None) -> None:
    """What was written, kept and lost, and what took how long; on stderr where stdout is the stream (``out`` None)."""
    screen = console(stderr=out is None)
    frames = list(sidecar.placed())
    sequences = any(len(segment.frames) > 1 for segment in sidecar.segments)
    pixels = sum(segment.source_size[0] * segment.source_size[1] for segment, _ in frames)
    per_pixel = 8 * sidecar.bytes / max(pixels, 1)
    facts = [("stream", "standard output; no sidecar")]
    if out is not None:
        facts = [("stream", str(out)), ("sidecar", str(sidecar_path(out)))]
    if maps := sidecar.configuration.get("map_out"):
        facts.append(("maps", str(maps)))
    each = f"{sidecar.bytes / max(len(frames), 1):,.0f} per {'frame' if sequences else 'picture'}"
    bit_rate = _bit_rate(sidecar.bytes, sidecar.segments) if sequences else "-"
    rate = "" if bit_rate == "-" else f", {bit_rate}"
    facts += [
        _counts(sidecar, sequences),
        ("size", f"{sidecar.bytes:,} bytes{rate}, {each}, {per_pixel:.3f} bits a pixel"),
        *_expected(sidecar),
        ("objects", _objects(sidecar)),
        *_verified(sidecar),
        *_target(sidecar.target),
    ]
    if sequences and seconds:
        parts = [f"{name} {value:.1f}" for name, value in seconds.items() if value >= 0.05]
        facts.append(("seconds", f"{', '.join(parts)} (some of it side by side)"))
    if sequences:
        titles = ("segment", "frames", "seconds", "size", "QP", "bytes", "bit rate", "PSNR-Y", "objects kept")
        followed = any(segment.verification and segment.verification.tracks for segment in sidecar.segments)
        rows = [(*_segment_row(each), *([_tracks(each)] if followed else [])) for each in sidecar.segments]
        print_table(screen, (*titles, *(["tracks kept"] if followed else [])), rows, most=PICTURES)
        screen.print()
    elif 0 < len(frames) <= PICTURES:
        heads = ("picture", "size", "regions", "QP", "bytes", "PSNR-Y", "objects kept")
        print_table(screen, heads, [_picture_row(*frame) for frame in frames])
        screen.print()
    print_facts(screen, facts)


def several(streams: Sequence[Stream]) -> None:
    """What was written of each input, and what of all together."""
    screen, done = console(), [each.sidecar for each in streams if each.sidecar is not None]
    rows = [
        (each.out, str(len(each.sidecar.frames)), f"{each.sidecar.bytes:,}", _objects(each.sidecar))
        if each.sidecar is not None
        else (each.out, "-", "-", "left out")
        for each in streams
    ]
    print_table(screen, ("stream", "frames", "bytes", "objects"), rows)
    screen.print()
    frames = sum(len(each.frames) for each in done)
    whole = f"{count(len(done), 'stream')}, {count(frames, 'frame')}, {sum(each.bytes for each in done):,} bytes"
    print_facts(screen, [("written", whole)])


def _counts(sidecar: Sidecar, sequences: bool) -> tuple[str, str]:
    total = sum(len(segment.frames) for segment in sidecar.segments)
    ways = _realisations(sidecar.segments)
    if not sequences:
        return "pictures", f"{total:,}: {ways}"
    structures = ", ".join(dict.fromkeys(segment.structure for segment in sidecar.segments))
    return "frames", f"{total:,} in {count(len(sidecar.segments), 'segment')}, {structures}: {ways}"


def _segment_row(segment: SegmentRecord) -> tuple[str, ...]:
    psnr = [frame.psnr_y for frame in segment.frames if frame.psnr_y is not None]
    span = _seconds(segment)
    return (
        segment.name,
        str(len(segment.frames)),
        "-" if span is None else f"{span:.2f}",
        size_text(segment.coded_size),
        span_text(_qps(segment)),
        f"{segment.bits / 8:,.0f}",
        _bit_rate(segment.bits / 8, [segment]),
        f"{sum(psnr) / len(psnr):.2f}" if psnr else "-",
        _kept([thing for frame in segment.frames for thing in frame.objects]),
    )


def _seconds(segment: SegmentRecord) -> float | None:
    """How long it is shown, its last frame as long as the others on average; None where its frames have no times."""
    first, last = segment.frames[0].timestamp, segment.frames[-1].timestamp
    if first is None or last is None or last <= first:
        return None
    return (last - first) * len(segment.frames) / (len(segment.frames) - 1)


def _bit_rate(size: float, segments: Sequence[SegmentRecord]) -> str:
    spans = [_seconds(segment) for segment in segments]
    known = sum(span for span in spans if span is not None)
    return "-" if None in spans or not known else f"{8 * size / known / 1000:,.1f} kbit/s"


def _kept(things: Sequence[ObjectRecord]) -> str:
    kept = [thing.kept for thing in things]
    return f"?/{len(kept)}" if None in kept else f"{sum(map(bool, kept))}/{len(kept)}"


def _tracks(segment: SegmentRecord) -> str:
    """How many of a segment's tracks are kept."""
    tracks = segment.verification.tracks if segment.verification else []
    return f"{sum(each.kept for each in tracks)}/{len(tracks)}"


def _realisations(segments: Sequence[SegmentRecord]) -> str:
    """How many pictures were coded in each way; regions are counted once in every picture."""
    ways = {"uniform": "at one QP", "native": "by the encoder's own map"}
    parts = []
    for name in dict.fromkeys(["uniform", *(segment.realisation for segment in segments)]):
        own = [segment for segment in segments if segment.realisation == name]
        if own:
            regions = sum(len(segment.regions) * len(segment.frames) for segment in own)
            way = f"in {count(regions, 'region')}" if name == "regions" else ways.get(name, name)
            parts.append(f"{sum(len(segment.frames) for segment in own):,} {way}")
    return ", ".join(parts) or "none"


def _expected(sidecar: Sidecar) -> list[tuple[str, str]]:
    """What was promised of the objects, before anything was coded."""
    promise = sidecar.provenance.get("expected")
    if not promise:
        return []
    retention, basis = promise["retention"], promise["basis"]
    if retention is None:
        return [("expected", f"not known: {basis}")]
    return [("expected", f"{100 * retention:.0f} % kept at margin {sidecar.configuration['margin']:+d} ({basis})")]


def _objects(sidecar: Sidecar) -> str:
    total = sum(len(frame.objects) for frame in sidecar.frames)
    if sidecar.configuration.get("detector") == "none":
        return "none were looked for"
    if sidecar.kept is None or sidecar.lost is None:
        return f"{total:,}; whether they are kept was not checked"
    share = f" ({100 * sidecar.kept / total:.1f} %)" if total else ""
    return f"{sidecar.kept:,} of {total:,} kept{share}, {sidecar.lost:,} lost"


def _verified(sidecar: Sidecar) -> list[tuple[str, str]]:
    """What a search says of all segments together."""
    found = [segment.verification for segment in sidecar.segments if segment.verification]
    if not found:
        factor = sidecar.configuration.get("lambda_")
        return [] if factor is None else [("lambda", f"{factor:,.0f} bytes for each unit of loss that is expected")]
    facts = []
    unit = "picture" if all(segment.structure == "intra" for segment in sidecar.segments) else "segment"
    if all(each.keeps_all for each in found):
        good = sum(each.verified for each in found)
        facts = [("verified", f"{good:,} of {count(len(found), unit)}")]
    if tracks := [track for each in found for track in each.tracks]:
        kept = sum(track.kept for track in tracks)
        beyond = sum(not track.recoverable for track in tracks)
        facts.append(
            ("tracks", f"{kept:,} of {len(tracks):,} kept" + (f", {beyond:,} by no version tried" if beyond else ""))
        )
    if factors := {each.factor for each in found if each.factor is not None}:
        lost, stake = (sum(values) for values in zip(*((e.loss or 0.0, e.at_stake or 0.0) for e in found), strict=True))
        share = f" ({100 * lost / stake:.1f} % of what there is)" if stake and found[0].objective == "accuracy" else ""
        facts.append(("lambda", f"{max(factors):,.0f} bytes for each unit of loss; lost {lost:.2f}{share}"))
    trials = sum(each.trials for each in found)
    facts.append(("trials", f"{trials:,}, {trials / len(found):.1f} per {unit}"))
    if short := sum(not each.margin for each in found):
        facts.append(("margin", f"not reached in {count(short, unit)}"))
    for views in zip(*(each.further for each in found), strict=True):
        objects = [thing for view in views for thing in view.objects]
        kept = sum(bool(thing.kept) for thing in objects)
        facts.append((f"also {views[0].detector}", f"{kept:,} of {len(objects):,} kept"))
    return facts


def _target(target: TargetRecord | None) -> list[tuple[str, str]]:
    """What was to be reached, and was."""
    if target is None:
        return []
    name, unit = {
        "retention": ("retention", ""),
        "accuracy": ("AP against the source", ""),
        "bytes": ("bytes per picture", ""),
        "bitrate": ("bit rate", " kbit/s"),
    }[target.kind]
    number = "{:.3f}" if target.kind in ("retention", "accuracy") else "{:,.1f}"
    at = f"{target.at:,.0f}" if target.dial == "lambda" else f"{target.at:+.0f}"
    wanted, reached = (number.format(value) + unit for value in (target.value, target.reached))
    bound = "at least" if target.kind in ("retention", "accuracy") else "at most"
    verdict = "" if target.met else ", which misses it"
    passes = f"{target.passes:,} pass{'es' * (target.passes != 1)}"
    return [("target", f"{name} {bound} {wanted}: {reached}{verdict}, at {target.dial} {at} after {passes}")]


def shortfall(sidecar: Sidecar, least: float | None) -> list[str]:
    """The line that says that a smaller share of the objects was kept; none where enough was, or there are none."""
    total = (sidecar.kept or 0) + (sidecar.lost or 0)
    if least is None or sidecar.kept is None or not total or sidecar.kept / total >= least:
        return []
    return [
        f"{sidecar.kept:,} of {count(total, 'object')} {'was' if sidecar.kept == 1 else 'were'} kept "
        f"({100 * sidecar.kept / total:.2f} %), under --fail-under {least:g}"
    ]


def unkept(sidecar: Sidecar) -> list[str]:
    """The objects, or the tracks of video, that a search could not keep, a line each."""
    lines = []
    for segment in sidecar.segments:
        found = segment.verification
        if found is None:
            continue
        if found.tracks:
            lines += [_unkept_track(segment, each) for each in found.tracks if not each.kept]
            continue
        views = [(frame.source, "", frame.objects) for frame in segment.frames]
        views += [(segment.name, f" (for {each.detector})", each.objects) for each in found.further]
        for source, whose, objects in views:
            for thing in objects:
                if not thing.kept:
                    place = ",".join(str(round(value)) for value in thing.bbox_xyxy)
                    why = "no QP keeps it" if not thing.recognisable else "no version keeps it together with the others"
                    lines.append(f"{source}: {thing.class_name} at {place} is lost{whose}: {why}")
    return lines


def _unkept_track(segment: SegmentRecord, track: TrackRecord) -> str:
    first = segment.frames[track.first]
    at = "" if first.timestamp is None else f" at {first.timestamp:.2f} s"
    how = f"found in {track.found} of {track.frames} frames, missed in {track.gap} in a row"
    other = "" if track.identity else ", and becomes another track"
    why = "in the version chosen" if track.recoverable else "in every version tried"
    return f"{first.source}: {track.class_name}, track {track.track}{at}, is lost {why}: {how}{other}"


def _picture_row(segment: SegmentRecord, frame: FrameRecord) -> tuple[str, ...]:
    size = size_text(segment.coded_size)
    if segment.source_size != segment.coded_size:
        size = f"{size} of {size_text(segment.source_size)}"
    return (
        frame.source,
        size,
        str(len(segment.regions)),
        span_text(_qps(segment)),
        f"{frame.bits / 8:,.0f}",
        "-" if frame.psnr_y is None else f"{frame.psnr_y:.2f}",
        _kept(frame.objects),
    )


def _qps(segment: SegmentRecord) -> list[int]:
    """The QPs of a segment: its regions', or those of an encoder's own map."""
    if segment.realisation == "native":
        return [qp for row in segment.qp_map.actual for qp in row]
    return [region.qp for region in segment.regions]


def planned(plan: DryRun) -> None:
    """What an encode would do, and take."""
    screen, still = console(), plan.structure == "intra"
    noun = "picture" if still else "frame"
    sizes = [f"{size} ({number:,})" if len(plan.sizes) > 1 else size for size, number in plan.sizes.items()]
    more = f" and {count(len(sizes) - _SIZES, 'more size')}" if len(sizes) > _SIZES else ""
    number = "as many as there are" if plan.frames is None else count(plan.frames, noun)
    if plan.segments is not None:
        number += f", {plan.duration:.1f} s, in {count(plan.segments, 'segment')} or more, {plan.structure}"
    facts = [("input", plan.input), ("would code", number), ("sizes", ", ".join(sizes[:_SIZES]) + more)]
    facts += [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in plan.parameters.items()]
    if plan.bytes is not None and plan.seconds is not None:
        least, most = (duration(each) for each in plan.seconds)
        each = f"{plan.bytes / max(plan.frames or 1, 1):,.0f} per {noun}"
        facts.append(("estimate", f"{plan.bytes:,} bytes ({each}), {least if least == most else f'{least} to {most}'}"))
    sample = plan.sample
    took = f"{sample['bytes']:,} bytes, {sample['seconds']:.1f} s"
    facts.append(("estimated", f"{plan.how} ({count(int(sample['frames']), noun)}: {took})"))
    print_facts(screen, facts)
    screen.print("nothing was written")
