"""What the commands on threshold predictors print for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcmpipe.commands.jnd_map import JndMapReport
    from vcmpipe.commands.predict import Prediction
    from vcmpipe.evaluation.bootstrap import Interval
    from vcmpipe.evaluation.threshold_errors import ErrorSummary
    from vcmpipe.jnd.evaluation import PictureReport
    from vcmpipe.training.evaluate import PredictorReport
    from vcmpipe.training.report import TrainReport

# Classes and objects beyond these are in the files and in --json.
CLASSES = 12
OBJECTS = 200
_SCALES = {"h264-qp": "H.264 QP", "jpeg-qf": "JPEG QF", "vvc-qp": "VVC QP"}


def predicted(prediction: Prediction) -> None:
    """A row per object; or per picture, by a predictor of whole pictures."""
    from vcmpipe.cli.show import console, print_table

    screen = console()
    if prediction.detector is None:
        _predicted_pictures(prediction)
        return
    rows = [
        (
            picture.source,
            thing.class_name,
            f"{thing.score:.2f}",
            ", ".join(f"{side:.0f}" for side in thing.bbox_xyxy),
            "none keeps it" if thing.threshold is None else str(thing.threshold),
            "-" if thing.risk is None else f"{thing.risk:.2f}",
        )
        for picture in prediction.pictures
        for thing in picture.objects
    ]
    print_table(screen, ["picture", "class", "score", "box", "threshold", "risk"], rows[:OBJECTS], words=2)
    if len(rows) > OBJECTS:
        screen.print(f"and {len(rows) - OBJECTS:,} more: --json lists all", soft_wrap=True)
    screen.print()
    margin = f", margin {prediction.margin:+d}" if prediction.margin else ""
    screen.print(
        f"{len(rows):,} objects in {len(prediction.pictures):,} pictures; detector {prediction.detector}, "
        f"predictor {prediction.predictor}, {prediction.decision}{margin}",
        soft_wrap=True,
    )


def _predicted_pictures(prediction: Prediction) -> None:
    """A row per picture and level."""
    from vcmpipe.cli.show import console, print_table

    screen = console()
    rows = [
        (
            picture.source,
            f"JND{number}",
            f"{level:.1f} {_SCALES[jnd.scale]}",
            f"{qp:.1f}",
            str(jnd.threshold) if number == jnd.numbers[0] else "",
        )
        for picture in prediction.pictures
        if (jnd := picture.jnd) is not None
        for number, level, qp in zip(jnd.numbers, jnd.levels, jnd.vvc_qp, strict=True)
    ]
    print_table(screen, ["picture", "level", "predicted", "VVC QP", "threshold"], rows[:OBJECTS], words=3)
    if len(rows) > OBJECTS:
        screen.print(f"and {len(rows) - OBJECTS:,} more: --json lists all", soft_wrap=True)
    screen.print()
    margin = f", margin {prediction.margin:+d}" if prediction.margin else ""
    screen.print(
        f"{len(prediction.pictures):,} pictures; predictor {prediction.predictor}, {prediction.decision}{margin}",
        soft_wrap=True,
    )


def mapped(report: JndMapReport) -> None:
    """A row per picture with a JND map."""
    from vcmpipe.cli.show import console, print_table

    screen = console()
    rows = [
        (
            each.source,
            f"{each.width}x{each.height}",
            f"{each.mean:.2f}",
            f"{each.maximum:.1f}",
            "" if each.made else "*",
        )
        for each in report.pictures
    ]
    print_table(screen, ["picture", "size", "mean JND", "largest", ""], rows[:OBJECTS], words=2)
    if len(rows) > OBJECTS:
        screen.print(f"and {len(rows) - OBJECTS:,} more: --json lists all", soft_wrap=True)
    screen.print()
    there = sum(not each.made for each in report.pictures)
    more = f"; {there:,} of them (*) were there" if there else ""
    screen.print(f"{len(rows):,} map{'s' * (len(rows) != 1)} in {report.out}, in grey levels{more}", soft_wrap=True)


def trained(report: TrainReport) -> None:
    """What a training run ended with."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in report.metrics.items())
    print(f"{report.weights}: {report.model} after {report.epochs} epochs, best was {report.best_epoch}")
    if figures:
        constant = "" if report.baseline is None else f" ({report.constant}: error {report.baseline:.4f})"
        print(f"{figures}{constant}")
    print(", ".join(f"{count:,} {report.noun} in {split}" for split, count in report.objects.items()))


def evaluated(report: PredictorReport | PictureReport) -> None:
    """Errors by group beside those of the constant, and calibration; of whole pictures, errors by level."""
    from vcmpipe.cli.show import console, print_table
    from vcmpipe.jnd.evaluation import PictureReport

    screen = console()
    if isinstance(report, PictureReport):
        _evaluated_pictures(report)
        return
    groups = {"all": report.overall, "27..51": report.middle, **report.by_size}
    groups |= dict(list(report.by_class.items())[:CLASSES])
    heads = ["objects", "number", "E_A", "constant", "ratio", "bias", "sigma_e"]
    print_table(screen, heads, [_row(name, summary) for name, summary in groups.items()], words=1)
    if len(report.by_class) > CLASSES:
        screen.print(f"and {len(report.by_class) - CLASSES} more classes: --json lists all", soft_wrap=True)
    screen.print()
    rows = [
        (
            f"{each.risk:g}",
            _percent(each.lost),
            "-" if each.mean_qp is None else f"{each.mean_qp:.1f}",
            _percent(each.constant_lost),
            str(each.constant),
        )
        for each in report.calibration
    ]
    print_table(screen, ["risk", "lost", "mean QP", "constant loses", "at QP"], rows, words=1)
    screen.print()
    screen.print(
        f"{report.predictor} on {report.data} ({report.split}: {report.overall.objects:,} objects in "
        f"{report.pictures:,} pictures), {report.decision}; the constant is {report.constant}, the median of the "
        "training labels. ± is half of the 95 % interval of a bootstrap over pictures; --json has its ends.",
        soft_wrap=True,
    )


def _evaluated_pictures(report: PictureReport) -> None:
    """Errors by JND level beside those of the constants."""
    from vcmpipe.cli.show import console, print_table

    screen = console()
    heads = ["JND", "labels", "delta-QP", "constant", "ratio", "bias", "sigma_e", "always"]
    rows = [(*_row(str(each.level), each.qp), f"{each.constant:g}") for each in report.levels]
    if report.psnr_missing is None:
        heads += ["delta-PSNR", "constant"]
        rows = [
            (*row, *(_figure(each) for each in (level.psnr, level.psnr_constant) if each is not None))
            for row, level in zip(rows, report.levels, strict=True)
        ]
    print_table(screen, heads, rows, words=1)
    screen.print()
    without = f"; {report.left_out:,} labels of other levels" if report.left_out else ""
    screen.print(
        f"{report.predictor} on {report.data} ({report.split}: {report.pictures:,} pictures of {report.sources:,} "
        f"sources{without}), in {_SCALES[report.scale]}; the constants are the medians of the training labels. ± is "
        "half of the 95 % interval of a bootstrap over sources; --json has its ends.",
        soft_wrap=True,
    )


def _row(name: str, summary: ErrorSummary) -> tuple[str, ...]:
    baseline = "-" if summary.baseline.value is None else f"{summary.baseline.value:.2f}"
    figures = (_figure(summary.error), baseline, _figure(summary.ratio), _figure(summary.bias), _figure(summary.spread))
    return (name, f"{summary.objects:,}", *figures)


def _figure(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "-"
    return f"{interval.value:.2f} ±{(interval.high - interval.low) / 2:.2f}"


def _percent(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
