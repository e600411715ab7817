"""The table of all commands, and one thin function for each: call, then say what to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vcmpipe import config
from vcmpipe.cli import dataset_commands as dataset
from vcmpipe.cli.command import Command, Result
from vcmpipe.cli.progress import Reporter
from vcmpipe.cli.say import say, warn
from vcmpipe.process.text import count


def _encode(options: config.EncodeOptions, progress: Reporter) -> Result[Any]:
    from dataclasses import asdict

    from vcmpipe.cli import show_encode as show
    from vcmpipe.commands.encode import STANDARD, encode
    from vcmpipe.commands.streams import makes_several
    from vcmpipe.process.stopwatch import Stopwatch

    if options.dry_run:
        from vcmpipe.commands.dry_run import dry_run

        return Result(dry_run(options, progress=progress, warn=warn), show.planned)
    if makes_several(options):
        return _encode_each(options, progress)
    watch = Stopwatch(lambda part, items: progress.note(f"{count(items, 'frame')} read") if part == "read" else None)
    sidecar = encode(
        options,
        progress=progress,
        warn=warn,
        on_trial=lambda done: progress.note(count(done, "trial")),
        on_written=progress.written,
        watch=watch,
    )
    out = None if options.out == STANDARD else Path(options.out)
    notes = show.unkept(sidecar) if options.keeps_all else []
    if sidecar.target and not sidecar.target.met:
        notes.append(f"--target {options.target} was not reached: this is the nearest that was found")
    if sidecar.lost and options.weighed and sidecar.target is None:
        lost = f"{count(sidecar.lost, 'object')} {'was' if sidecar.lost == 1 else 'were'} lost"
        notes.append(
            f"{lost}: a higher --lambda (it was {options.factor:,.0f}) loses less, --verify none that can be kept"
        )
    elif sidecar.lost and not options.closed and sidecar.target is None:
        margin = sidecar.configuration["margin"]
        other = "--viewer both" if options.viewer == "human" else "--background keep"
        lost = f"{count(sidecar.lost, 'object')} {'was' if sidecar.lost == 1 else 'were'} lost"
        notes += [f"{lost}: a lower --margin (it was {margin}) or {other} loses fewer"]
    seconds = {part: round(value, 3) for part, value in watch.seconds.items()}
    short = show.shortfall(sidecar, options.fail_under)
    return Result(
        asdict(sidecar) | {"seconds": seconds},
        lambda _: show.encoded(sidecar, out, seconds),
        notes,
        faults=[f"{each.source} was left out: {each.reason}" for each in sidecar.left_out] + short,
        code=1 if short else 3 if sidecar.left_out else 0,
    )


def _encode_each(options: config.EncodeOptions, progress: Reporter) -> Result[Any]:
    from dataclasses import asdict

    from vcmpipe.cli import show_encode as show
    from vcmpipe.commands.streams import encode_each

    def begun(number: int, total: int, job: config.EncodeOptions) -> None:
        progress.note(f"stream {number} of {total}: {job.out}")

    streams = list(encode_each(options, progress=progress, warn=warn, on_stream=begun))
    notes, faults, short = [], [], []
    for each in streams:
        if each.sidecar is None:
            faults.append(f"{each.input} was left out: {each.error}")
            continue
        faults += [f"{left.source} was left out: {left.reason}" for left in each.sidecar.left_out]
        notes += show.unkept(each.sidecar) if options.keeps_all else []
        short += [f"{each.out}: {line}" for line in show.shortfall(each.sidecar, options.fail_under)]
    return Result(
        {"streams": [asdict(each) for each in streams]},
        lambda _: show.several(streams),
        notes,
        faults=faults + short,
        code=1 if short or not any(each.sidecar for each in streams) else 3 if faults else 0,
    )


def _decode(options: config.DecodeOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show
    from vcmpipe.commands.decode import decode

    return Result(decode(options, progress=progress, warn=warn), show.decoded)


def _inspect(options: config.InspectOptions, progress: Reporter) -> Result[Any]:
    from dataclasses import asdict

    from vcmpipe.cli import show
    from vcmpipe.commands.inspect import inspect
    from vcmpipe.sidecar import Verdict

    report = inspect(options)
    verdict = report.check.verdict if report.check else Verdict.YES
    found = {"map": asdict(report.check) | {"verdict": verdict, "belongs": report.belongs}} if report.check else {}
    if report.container:
        found["container"] = asdict(report.container)
    faults = []
    if report.faults:
        first, *others = report.faults
        faults.append(f"{options.input}: {first}" + (f" (and {count(len(others), 'more fault')})" if others else ""))
    if verdict == Verdict.UNKNOWN:
        faults.append(f"{options.input}: its headers do not tell whether it conforms to the map")
    # That a stream carries a map it was not made for would say nothing.
    shown = report.check if report.belongs or verdict != Verdict.YES else None
    code = 1 if verdict != Verdict.YES else 2 if report.faults else 0
    return Result(
        asdict(report.info) | found,
        lambda _: show.inspected(report.info, shown, report.container),
        faults=faults,
        code=code,
    )


def _extract(options: config.ExtractOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show
    from vcmpipe.commands.extract import extract

    return Result(extract(options), show.extracted)


def _bench(options: config.BenchOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.bench import bench
    from vcmpipe.cli import show

    result = bench(options, progress=progress, warn=warn, figures=show.bench_so_far)
    faults = []
    if result.left_out:
        first, *others = result.left_out
        more = f" (and {len(others)} more)" if others else ""
        faults = [f"{first.name} was left out: {first.reason}{more}; the report is of the other {result.item}s"]
    short = show.bench_shortfall(result, options.fail_under)
    nothing = (
        f"{result.provenance['detector']['name']} found no object with a confidence of {options.score:g} or more in "
        f"{count(result.pictures, result.item)}: nothing can be compared; name another detector (--detector), or lower "
        "--score"
    )
    notes = [] if result.objects else [nothing]
    code = 1 if short else 3 if result.left_out else 0
    return Result(result, lambda report: show.benched(report, Path(options.out)), notes, faults + short, code)


def _predict(options: config.PredictOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.commands.predict import predict

    return Result(predict(options, progress=progress, warn=warn), show_predictors.predicted)


def _calibrate(options: config.CalibrateOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_calibrate
    from vcmpipe.commands.calibrate import calibrate

    report = calibrate(options, progress=progress, note=progress.note, warn=warn)
    return Result(report, show_calibrate.calibrated)


def _jnd_map(options: config.JndMapOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.commands.jnd_map import write_jnd_maps

    report = write_jnd_maps(
        options, progress=progress, on_tile=lambda done, total: progress.note(f"tile {done} of {total}")
    )
    return Result(report, show_predictors.mapped)


def _train(options: config.TrainOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.training.run import train

    return Result(train(options, progress=progress, warn=warn, say=say), show_predictors.trained)


def _evaluate_predictor(options: config.EvaluatePredictorOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.commands.evaluate import evaluate

    report = evaluate(options, progress=progress, warn=warn)
    missing = getattr(report, "psnr_missing", None) if options.psnr else None
    return Result(report, show_predictors.evaluated, [f"no delta-PSNR: {missing}"] if missing else [])


def _cache(options: config.CacheOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_cache
    from vcmpipe.commands.cache import cache

    return Result(cache(options), show_cache.counted)


def _doctor(options: config.DoctorOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_doctor
    from vcmpipe.commands.doctor import examine

    report = examine()
    return Result(report, show_doctor.examined, code=0 if report.healthy else 1)


COMMANDS: dict[str, Command[Any]] = {
    "encode": Command(config.EncodeOptions, _encode),
    "decode": Command(config.DecodeOptions, _decode),
    "inspect": Command(config.InspectOptions, _inspect),
    "extract": Command(config.ExtractOptions, _extract),
    "bench": Command(config.BenchOptions, _bench),
    "predict": Command(config.PredictOptions, _predict),
    "calibrate": Command(config.CalibrateOptions, _calibrate),
    "train": Command(config.TrainOptions, _train),
    "evaluate predictor": Command(config.EvaluatePredictorOptions, _evaluate_predictor, "train"),
    "dataset build": Command(config.DatasetBuildOptions, dataset.build, "datasets"),
    "dataset verify": Command(config.DatasetVerifyOptions, dataset.verify, "datasets"),
    "dataset fetch": Command(config.DatasetFetchOptions, dataset.fetch, in_bytes=True),
    "dataset import": Command(config.DatasetImportOptions, dataset.import_, "datasets"),
    "dataset export": Command(config.DatasetExportOptions, dataset.export, "datasets"),
    "dataset convert": Command(config.DatasetConvertOptions, dataset.convert, "datasets"),
    "dataset stats": Command(config.DatasetStatsOptions, dataset.stats, "datasets"),
    "dataset crop": Command(config.DatasetCropOptions, dataset.crop, "datasets"),
    "jnd-map": Command(config.JndMapOptions, _jnd_map, "train"),
    "cache": Command(config.CacheOptions, _cache),
    "doctor": Command(config.DoctorOptions, _doctor),
}

GROUPS = {"dataset": "Build, check and exchange JRD data sets.", "evaluate": "Judge what was trained."}
"""Commands of two words, by the first."""
