"""One thin function per command: call, then print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vcmpipe import config
from vcmpipe.cli.say import print_json, say, warn


def _encode(options: config.EncodeOptions) -> int:
    from vcmpipe.cli import show
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.commands.encode import encode

    with progress_bar("encode") as progress:
        sidecar = encode(options, progress=progress, warn=warn, on_trial=lambda count: progress.note(f"{count} trials"))
    if options.json:
        print_json(asdict(sidecar))
    else:
        show.encoded(sidecar, Path(options.out))
    if options.verify:
        show.unkept(sidecar, warn)
    elif sidecar.lost:
        margin = sidecar.configuration["margin"]
        other = "--audience both" if options.audience == "human" else "--background keep"
        warn(f"{sidecar.lost} objects were lost: a lower --margin (it was {margin}) or {other} loses fewer")
    return 0


def _decode(options: config.DecodeOptions) -> int:
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.commands.decode import decode

    with progress_bar("decode") as progress:
        report = decode(options, progress=progress)
    if options.json:
        print_json(asdict(report))
    else:
        scaled = f", {report.restored} scaled back to the source's size" if report.restored else ""
        print(f"{report.pictures} picture{'s' * (report.pictures != 1)} in {report.out}{scaled}")
    return 0


def _inspect(options: config.InspectOptions) -> int:
    from vcmpipe.cli import show
    from vcmpipe.commands.inspect import inspect
    from vcmpipe.sidecar import Verdict

    report = inspect(options)
    verdict = report.check.verdict if report.check else Verdict.YES
    if options.json:
        found = asdict(report.info)
        if report.check:
            found["map"] = asdict(report.check) | {"verdict": verdict, "belongs": report.belongs}
        print_json(found)
    else:
        # That a stream carries a map it was not made for would say nothing.
        show.inspected(report.info, report.check if report.belongs or verdict != Verdict.YES else None)
    if faults := report.faults:
        say(f"{options.input}: {faults[0]}" + (f" (and {len(faults) - 1} more such faults)" if faults[1:] else ""))
    if verdict == Verdict.UNKNOWN:
        say(f"{options.input}: whether the map is honoured cannot be told from its headers")
    if verdict != Verdict.YES:
        return 1
    return 2 if faults else 0


def _extract(options: config.ExtractOptions) -> int:
    from vcmpipe.commands.extract import extract

    report = extract(options)
    if options.json:
        print_json(asdict(report))
    else:
        print(
            f"{report.out}: region {report.region}, {report.width}x{report.height}, "
            f"{report.pictures} picture{'s' * (report.pictures != 1)}, {report.bytes:,} bytes"
        )
    return 0


def _bench(options: config.BenchOptions) -> int:
    from vcmpipe.bench import bench
    from vcmpipe.cli import show
    from vcmpipe.cli.progress import progress_bar

    with progress_bar("bench") as progress:
        result = bench(options, progress=progress, warn=warn, figures=show.bench_so_far)
    if options.json:
        print_json(result.to_dict())
    else:
        show.benched(result, Path(options.out))
    if result.left_out:
        first = result.left_out[0]
        more = f" (and {len(result.left_out) - 1} more)" if len(result.left_out) > 1 else ""
        say(f"{first.name} was left out: {first.reason}{more}; the report is of the other pictures")
        return 1
    return 0


def _predict(options: config.PredictOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.commands.predict import predict

    with progress_bar("predict") as progress:
        prediction = predict(options, progress=progress, warn=warn)
    if options.json:
        print_json(prediction.to_dict())
    else:
        predictors.predicted(prediction)
    return 0


def _jnd_map(options: config.JndMapOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.commands.jnd_map import write_jnd_maps

    with progress_bar("jnd-map") as progress:
        report = write_jnd_maps(
            options, progress=progress, on_tile=lambda done, total: progress.note(f"tile {done} of {total}")
        )
    if options.json:
        print_json(asdict(report))
    else:
        predictors.mapped(report)
    return 0


def _train(options: config.TrainOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.training.run import train

    with progress_bar("train") as progress:
        report = train(options, progress=progress, warn=warn, say=say)
    if options.json:
        print_json(asdict(report))
    else:
        predictors.trained(report)
    return 0


def _evaluate_predictor(options: config.EvaluatePredictorOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.commands.evaluate import evaluate

    with progress_bar("evaluate") as progress:
        report = evaluate(options, progress=progress, warn=warn)
    if options.json:
        print_json(asdict(report))
    else:
        predictors.evaluated(report)
    if getattr(report, "psnr_missing", None) is not None and options.psnr:
        warn(f"no delta-PSNR: {report.psnr_missing}")  # type: ignore[union-attr]
    return 0


def _doctor(options: config.DoctorOptions) -> int:
    from vcmpipe.cli import show
    from vcmpipe.commands.doctor import examine

    report = examine()
    if options.json:
        print_json(asdict(report))
    else:
        show.examined(report)
    return 0 if report.healthy else 1


COMMANDS: dict[str, Callable[[Any], int]] = {
    "encode": _encode,
    "decode": _decode,
    "inspect": _inspect,
    "extract": _extract,
    "bench": _bench,
    "predict": _predict,
    "jnd-map": _jnd_map,
    "train": _train,
    "evaluate predictor": _evaluate_predictor,
    "doctor": _doctor,
}
