"""One thin function per command on data sets: call, then print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from vcmpipe import config
from vcmpipe.cli.say import count, print_json, say, warn


def _dataset_build(options: config.DatasetBuildOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.build import build

    with progress_bar("build") as progress:
        report = build(options, progress=progress, warn=warn)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.built(report, planned=options.estimate)
    for failure in report.failures:
        say(failure.reason)
    if report.failures:
        say(f"{count(len(report.failures), 'picture')} failed; the others are done. The next run tries them again")
    return 1 if report.failures else 0


def _dataset_verify(options: config.DatasetVerifyOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.verification import verify_store

    with progress_bar("verify") as progress:
        report = verify_store(options, progress=progress, warn=warn)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.verified(report)
    for fault in report.faults:
        say(fault)
    return 1 if report.faults else 0


def _dataset_import(options: config.DatasetImportOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.datasets.importers import import_dataset

    report = import_dataset(options)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.imported(report)
    for line in report.missing:
        warn(f"missing: {line}")
    return 0


def _dataset_export(options: config.DatasetExportOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.exporters import export_dataset

    with progress_bar("export") as progress:
        report = export_dataset(options, progress=progress)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.exported(report)
    if report.left_out:
        warn(f"{count(report.left_out, 'object')} left out: never recognised, so that there is no JRD")
    return 0


def _dataset_convert(options: config.DatasetConvertOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.jnd.conversion import convert

    with progress_bar("convert") as progress:
        report = convert(options, progress=progress, warn=warn)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.converted(report)
    if report.unreached:
        warn(f"{count(report.unreached, 'label')} became QP 0: no VVC QP reaches the quality there")
    return 0


def _dataset_stats(options: config.DatasetStatsOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.datasets.statistics import statistics

    report = statistics(options)
    if options.json:
        print_json(report.to_dict())
    else:
        dataset.described(report)
    for line in report.missing:
        warn(f"missing: {line}")
    return 0


def _dataset_crop(options: config.DatasetCropOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.jnd.patches import crop_pairs

    with progress_bar("crop") as progress:
        report = crop_pairs(options, progress=progress)
    if options.json:
        print_json(asdict(report))
    else:
        dataset.cropped(report)
    if report.too_small:
        warn(f"{count(len(report.too_small), 'picture')} too small for a patch, such as {report.too_small[0]}")
    if not report.patches["val"]:
        warn("no picture fell into valid: another --seed, or more pictures")
    return 0


COMMANDS: dict[str, Callable[[Any], int]] = {
    "dataset build": _dataset_build,
    "dataset verify": _dataset_verify,
    "dataset import": _dataset_import,
    "dataset export": _dataset_export,
    "dataset convert": _dataset_convert,
    "dataset stats": _dataset_stats,
    "dataset crop": _dataset_crop,
}
