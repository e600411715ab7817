"""The table of all commands, and one thin function for each: call, then say what to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vcmpipe import config
from vcmpipe.cli import dataset_commands as dataset
from vcmpipe.cli.command import Command, Result
from vcmpipe.cli.progress import Reporter
from vcmpipe.cli.say import count, say, warn


def _encode(options: config.EncodeOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show
    from vcmpipe.verify import encode

    trials = {"on_trial": lambda done: progress.note(count(done, "trial"))} if options.verify else {}
    sidecar = encode(options, progress=progress, warn=warn, **trials)
    notes = show.unkept(sidecar) if options.verify else []
    if sidecar.lost and not options.verify:
        margin = sidecar.configuration["margin"]
        other = "--viewer both" if options.viewer == "human" else "--background keep"
        lost = f"{count(sidecar.lost, 'object')} {'was' if sidecar.lost == 1 else 'were'} lost"
        notes = [f"{lost}: a lower --margin (it was {margin}) or {other} loses fewer"]
    return Result(sidecar, lambda report: show.encoded(report, Path(options.out)), notes)


def _decode(options: config.DecodeOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show
    from vcmpipe.restore import decode

    return Result(decode(options, progress=progress), show.decoded)


def _inspect(options: config.InspectOptions, progress: Reporter) -> Result[Any]:
    import hashlib
    from dataclasses import asdict

    from vcmpipe.bitstream import inspect_stream
    from vcmpipe.cli import show
    from vcmpipe.errors import InputError
    from vcmpipe.mapcheck import check_map
    from vcmpipe.restore import find_sidecar, naming, read_stream

    stream = Path(options.input)
    data = read_stream(stream)
    with naming(stream):
        info = inspect_stream(data)
    check, faults, belongs = None, list(info.problems), True
    if options.verify_map:
        path, sidecar = find_sidecar(stream, options.sidecar)
        if sidecar is None:
            raise InputError(f"--verify-map needs the sidecar of {stream}: name it with --sidecar")
        check = check_map(info, sidecar)
        belongs = hashlib.sha256(data).hexdigest() == sidecar.sha256
        if not belongs:
            faults.append(f"it is not the stream that {path} was written for (SHA-256 differs): another, or damaged")
    verdict = {"map": asdict(check) | {"honoured": check.honoured, "belongs": belongs}} if check else {}
    told = []
    if faults:
        told.append(f"{stream}: {faults[0]}" + (f" (and {count(len(faults) - 1, 'more fault')})" if faults[1:] else ""))
    if check is not None and check.honoured is None:
        told.append(f"{stream}: whether the map is honoured cannot be told from its headers")
    # That a map is honoured by a stream it was not made for would say nothing.
    shown = check if belongs or (check and not check.honoured) else None
    code = 1 if check is not None and not check.honoured else 2 if faults else 0
    return Result(asdict(info) | verdict, lambda _: show.inspected(info, shown), faults=told, code=code)


def _extract(options: config.ExtractOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show
    from vcmpipe.extraction import extract

    return Result(extract(options), show.extracted)


def _bench(options: config.BenchOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.bench import bench
    from vcmpipe.cli import show

    result = bench(options, progress=progress, warn=warn)
    faults = []
    if result.left_out:
        first, *others = result.left_out
        more = f" (and {len(others)} more)" if others else ""
        faults = [f"{first.name} was left out: {first.reason}{more}; the report is of the other pictures"]
    return Result(result, lambda report: show.benched(report, Path(options.out)), faults=faults)


def _predict(options: config.PredictOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.prediction import predict

    return Result(predict(options, progress=progress, warn=warn), show_predictors.predicted)


def _jnd_map(options: config.JndMapOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_predictors
    from vcmpipe.jnd_maps import write_jnd_maps

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
    from vcmpipe.training.evaluate import evaluate

    report = evaluate(options, progress=progress, warn=warn)
    missing = getattr(report, "psnr_missing", None) if options.psnr else None
    return Result(report, show_predictors.evaluated, [f"no delta-PSNR: {missing}"] if missing else [])


def _doctor(options: config.DoctorOptions, progress: Reporter) -> Result[Any]:
    from vcmpipe.cli import show_doctor
    from vcmpipe.doctor import examine

    report = examine()
    return Result(report, show_doctor.examined, code=0 if report.healthy else 1)


COMMANDS: dict[str, Command[Any]] = {
    "encode": Command(config.EncodeOptions, _encode),
    "decode": Command(config.DecodeOptions, _decode),
    "inspect": Command(config.InspectOptions, _inspect),
    "extract": Command(config.ExtractOptions, _extract),
    "bench": Command(config.BenchOptions, _bench),
    "predict": Command(config.PredictOptions, _predict),
    "train": Command(config.TrainOptions, _train),
    "evaluate predictor": Command(config.EvaluatePredictorOptions, _evaluate_predictor),
    "dataset build": Command(config.DatasetBuildOptions, dataset.build),
    "dataset verify": Command(config.DatasetVerifyOptions, dataset.verify),
    "dataset import": Command(config.DatasetImportOptions, dataset.import_),
    "dataset export": Command(config.DatasetExportOptions, dataset.export),
    "dataset convert": Command(config.DatasetConvertOptions, dataset.convert),
    "dataset stats": Command(config.DatasetStatsOptions, dataset.stats),
    "dataset crop": Command(config.DatasetCropOptions, dataset.crop),
    "jnd-map": Command(config.JndMapOptions, _jnd_map),
    "doctor": Command(config.DoctorOptions, _doctor),
}

GROUPS = {"dataset": "Build, check and exchange JRD data sets.", "evaluate": "Judge what was trained."}
"""Commands of two words, by the first."""
