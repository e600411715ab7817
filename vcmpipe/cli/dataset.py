"""What the commands on data sets print for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcmpipe.datasets.build import BuildReport
    from vcmpipe.datasets.verification import StoreReport


def built(report: BuildReport, *, planned: bool) -> None:
    """What a build did, or with ``planned`` what it would take."""
    from vcmpipe.datasets.build import duration

    if planned:
        if report.estimate is None:
            print(f"{report.store}: all {report.pictures} pictures are done")
            return
        left = report.estimate
        print(f"{left.pictures} pictures to code, {report.pictures} done, about {left.encodes:,} encodes")
        free = f"{left.free / 1e9:,.1f} GB free"
        print(f"about {duration(left.seconds)} on this machine, and {left.bytes / 1e6:,.0f} MB ({free})")
        return
    earlier = report.pictures - report.built
    print(f"{report.store}: {report.pictures} pictures{f', {earlier} of them done before' if earlier else ''}")
    if report.built:
        without = f", {report.without_objects} pictures without any" if report.without_objects else ""
        print(
            f"this run: {report.objects:,} objects{without}, {report.encodes:,} encodes, {report.bytes / 1e6:,.1f} MB"
        )


def verified(report: StoreReport) -> None:
    """What a check of a store found."""
    print(
        f"{report.store}: {report.pictures} pictures, {report.objects:,} objects, {report.versions:,} versions "
        f"({report.decoded:,} decoded), {report.bytes / 1e6:,.1f} MB"
    )
    print("sound" if not report.faults else f"{len(report.faults)} fault{'s' * (len(report.faults) != 1)}")
