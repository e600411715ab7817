"""What the commands on data sets print for human readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.cli import show
from vcmpipe.plugins.published import data_folder
from vcmpipe.process.text import count, duration

if TYPE_CHECKING:
    from vcmpipe.datasets.build import BuildReport
    from vcmpipe.datasets.exporters import ExportReport
    from vcmpipe.datasets.fetching import FetchReport
    from vcmpipe.datasets.importers import ImportReport
    from vcmpipe.datasets.statistics import Spread, Statistics
    from vcmpipe.datasets.subjects import Satisfaction
    from vcmpipe.datasets.verification import StoreReport
    from vcmpipe.jnd.conversion import ConversionReport
    from vcmpipe.jnd.patches import CropReport

# Rows of the tables by class and by QP that a person looks through; --json has them all.
CLASSES = 12
QPS = 14


def built(report: BuildReport, *, planned: bool) -> None:
    """What a build did, or with ``planned`` what it would take."""
    noun = report.noun
    if planned:
        if report.estimate is None:
            show.put(f"{report.store}: nothing is left to do, {count(report.pictures, noun)} done")
            return
        left = report.estimate
        show.put(f"{count(left.pictures, noun)} to code, {report.pictures} done, about {count(left.encodes, 'encode')}")
        free = f"{left.free / 1e9:,.1f} GB free"
        show.put(f"about {duration(left.seconds)} on this machine, and {left.bytes / 1e6:,.0f} MB ({free})")
        return
    earlier = report.pictures - report.built
    show.put(f"{report.store}: {count(report.pictures, noun)}{f', {earlier} of them done before' if earlier else ''}")
    if report.built:
        without = f", {count(report.without_objects, noun)} without any" if report.without_objects else ""
        show.put(
            f"this run: {count(report.objects, _kept(noun))}{without}, {count(report.encodes, 'encode')}, "
            f"{report.bytes / 1e6:,.1f} MB"
        )


def verified(report: StoreReport) -> None:
    """What a check of a store found."""
    show.put(
        f"{report.store}: {count(report.pictures, report.noun)}, {count(report.objects, _kept(report.noun))}, "
        f"{count(report.versions, 'version')} ({report.decoded:,} decoded), {report.bytes / 1e6:,.1f} MB"
    )
    show.put(count(len(report.faults), "fault") if report.faults else "sound")


def fetched(report: FetchReport) -> None:
    """What was fetched, and its terms."""
    for each in (report, *report.further):
        there = len(each.files) - len(each.fetched)
        before = f", {there} of them there before" if there else ""
        size = f", {each.bytes / 1e6:,.1f} MB fetched" if each.fetched else ""
        show.put(f"{each.out}: {each.data_set}, {count(len(each.files), 'file')}{before}{size}")
        show.put(f"  licence: {each.licence}")
        # Where they are by default, options find them by name.
        by_name = Path(each.out) == data_folder() / each.data_set
        for kind, path in each.parts.items():
            show.put(f"  --{kind} {each.data_set if by_name else path}")


def imported(report: ImportReport) -> None:
    """What an import yielded."""
    unlabelled = report.samples - report.labelled
    without = f" ({report.scale})" + (f", {unlabelled:,} of them without a label" if unlabelled else "")
    show.put(f"{report.out}: {count(report.samples, 'sample')} of {count(report.pictures, 'picture')}{without}")
    show.put(_numbers(report.splits))


def exported(report: ExportReport) -> None:
    """What an export wrote."""
    rule = f", labels by {report.rule}" if report.rule else ""
    crops = f", {report.crops:,} crops" if report.crops else ""
    what = "detection" if report.layout == "losses" else "object"
    show.put(f"{report.out}: {count(report.objects, what)} of {count(report.pictures, 'picture')}{rule}{crops}")
    show.put(_numbers(report.splits))


def cropped(report: CropReport) -> None:
    """What was cut into patches."""
    patches = f"patches of {report.size}x{report.size}, a stride of {report.stride}"
    show.put(f"{report.out}: {patches}, of {count(report.pictures, 'pair')}")
    show.put(_numbers(report.patches))


def converted(report: ConversionReport) -> None:
    """What a conversion yielded."""
    pictures = f" of {count(report.pictures, 'picture')}" if report.pictures else ""
    show.put(f"{report.out}: {count(report.converted, 'label')}{pictures}, {report.scale} to vvc-qp by {report.how}")
    if report.mean_from is not None and report.mean_to is not None:
        show.put(f"mean {report.mean_from:.2f} became {report.mean_to:.2f}")


def described(report: Statistics) -> None:
    """What is in a data set."""
    kept = _kept(report.noun)
    bare = f", {report.without_objects:,} of them without {kept}s" if report.without_objects else ""
    facts = [
        ("data set", f"{report.name} ({report.path})"),
        (f"{report.noun}s", f"{report.pictures:,}{bare}"),
        ("samples", f"{report.samples:,}: {_numbers(report.splits)}"),
        ("labels", f"{report.labelled:,} ({report.scale}{f', rule {report.rule}' if report.rule else ''})"),
    ]
    if report.strings:
        facts.append(("never recognised", f"{report.unrecognisable:,} (in no figure below)"))
        share = 100 * report.not_monotone / report.strings
        facts.append(("not monotone", f"{report.not_monotone:,} of {report.strings:,} strings ({share:.1f} %)"))
    show.print_facts(show.console(), facts)
    if report.labels is not None:
        groups = [report.labels, *report.by_split, *report.by_level, *report.by_size, *report.by_class[:CLASSES]]
        heads = ["labels", "count", "mean", "sd", "5th", "25th", "median", "75th", "95th", "MAE"]
        _block(heads, [_spread(group) for group in groups])
        if len(report.by_class) > CLASSES:
            show.put(f"and {count(len(report.by_class) - CLASSES, 'more class')} (--json has them)")
    if report.baselines:
        rows = [
            [each.group, f"{each.guess:g}", f"{each.count:,}", f"{each.mae:.3f}", _or_dash(each.inner_mae)]
            for each in report.baselines
        ]
        _block(["constant", "guess", "count", "E_A", "E[27,51]"], rows)
    if report.satisfaction:
        ratios = [f"at {point.ratio:g}" for point in report.satisfaction[0].points]
        heads = ["satisfied", "pictures", "viewers", *ratios, "doubt", "from labels"]
        _block(heads, [_satisfied(group) for group in report.satisfaction])
    if report.rates:
        step = -(-len(report.rates) // QPS)
        rows = [
            [
                str(rate.qp),
                f"{rate.pictures:,}",
                f"{rate.bits / 8000:,.2f}",
                f"{rate.bpp:.4f}",
                f"{rate.psnr_y:.2f}",
                "-" if rate.found is None else f"{100 * rate.found:.1f}",
            ]
            for rate in report.rates[step // 2 :: step]
        ]
        heads = ["QP", f"{report.noun}s", f"kB per {report.noun}", "median bpp", "PSNR-Y", "% recognised"]
        _block(heads, rows, labels=0)


def _kept(noun: str) -> str:
    """What labels are of, in a picture or a segment."""
    return "track" if noun == "segment" else "object"


def _block(heads: list[str], rows: list[list[str]], labels: int = 1) -> None:
    show.console().print()
    show.print_table(show.console(), heads, rows, labels)


def _numbers(by_name: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in by_name.items())


def _spread(group: Spread) -> list[str]:
    values = [f"{round(value, 1):g}" for value in group.percentiles]
    return [group.group, f"{group.count:,}", f"{group.mean:.2f}", f"{group.sd:.2f}", *values, f"{group.mae:.3f}"]


def _satisfied(group: Satisfaction) -> list[str]:
    points = [
        f"{point.jnd.value:.2f} ±{((point.jnd.high or 0) - (point.jnd.low or 0)) / 2:.2f}" for point in group.points
    ]
    viewers = f"{group.subjects[0]} to {group.subjects[1]}"
    # How sure one picture's JND is, at the ratio nearest to that of labels.
    doubt = min(group.points, key=lambda point: abs(point.ratio - 0.75)).doubt
    return [group.group, f"{group.pictures:,}", viewers, *points, f"±{doubt:.2f}", f"{group.from_labels:.2f}"]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
