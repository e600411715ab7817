"""One thin function per command on data sets: call, then say what to print."""

from __future__ import annotations

from typing import Any

from vcmpipe import config
from vcmpipe.cli.command import Result
from vcmpipe.cli.progress import Reporter
from vcmpipe.cli.say import warn
from vcmpipe.process.text import count


def build(options: config.DatasetBuildOptions, progress: Reporter) -> Result[Any]:
    """Build a store, or estimate what that takes."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.datasets.build import build

    report = build(options, progress=progress, warn=warn)
    faults = [failure.reason for failure in report.failures]
    if faults:
        faults.append(f"{count(len(faults), report.noun)} failed; the others are done. The next run tries again")
    code = 3 if faults and report.pictures else None
    return Result(report, lambda made: show_datasets.built(made, planned=options.estimate), (), faults, code)


def verify(options: config.DatasetVerifyOptions, progress: Reporter) -> Result[Any]:
    """Check a store."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.datasets.verification import verify_store

    report = verify_store(options, progress=progress, warn=warn)
    return Result(report, show_datasets.verified, faults=report.faults)


def fetch(options: config.DatasetFetchOptions, progress: Reporter) -> Result[Any]:
    """Fetch the files of a published data set."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.datasets.fetching import fetch

    return Result(fetch(options, progress=progress), show_datasets.fetched)


def import_(options: config.DatasetImportOptions, progress: Reporter) -> Result[Any]:
    """Read a published data set."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.datasets.importers import import_dataset

    report = import_dataset(options)
    return Result(report, show_datasets.imported, [f"missing: {line}" for line in report.missing])


def export(options: config.DatasetExportOptions, progress: Reporter) -> Result[Any]:
    """Write a store in another layout."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.datasets.exporters import export_dataset

    report = export_dataset(options, progress=progress)
    left = f"{count(report.left_out, 'object')} left out: never recognised, so that there is no JRD"
    return Result(report, show_datasets.exported, [left] if report.left_out else [])


def convert(options: config.DatasetConvertOptions, progress: Reporter) -> Result[Any]:
    """Turn labels into VVC QPs."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.jnd.conversion import convert

    report = convert(options, progress=progress, warn=warn)
    zero = f"{count(report.unreached, 'label')} became QP 0: no VVC QP reaches the quality there"
    return Result(report, show_datasets.converted, [zero] if report.unreached else [])


def stats(options: config.DatasetStatsOptions, progress: Reporter) -> Result[Any]:
    """Describe a data set."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.commands.dataset_stats import statistics

    report = statistics(options)
    notes = [f"missing: {line}" for line in report.missing]
    if options.out is not None and report.rates and len(report.curve) < 2:
        notes.append(f"no rate.png: no two QPs are there that all {report.noun}s were coded at")
    return Result(report, show_datasets.described, notes)


def crop(options: config.DatasetCropOptions, progress: Reporter) -> Result[Any]:
    """Cut pairs into patches."""
    from vcmpipe.cli import show_datasets
    from vcmpipe.jnd.patches import crop_pairs

    report = crop_pairs(options, progress=progress)
    small, notes = report.too_small, []
    if small:
        notes.append(
            f"{count(len(small), 'picture')} {'is' if len(small) == 1 else 'are'} too small for a patch: {small[0]}"
            + (", and others" if small[1:] else "")
        )
    if not report.patches["val"]:
        notes.append("no picture fell into the validation split: another --seed, or more pictures")
    return Result(report, show_datasets.cropped, notes)
