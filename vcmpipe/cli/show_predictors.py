"""What the commands on threshold predictors print for human readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.cli.show import console, print_table, put
from vcmpipe.process.text import count

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
    """A row per object; or per picture and level, by a predictor of whole pictures."""
    screen, objects = console(), [(picture, thing) for picture in prediction.pictures for thing in picture.objects]
    rows: list[tuple[str, ...]]
    if prediction.detector is None:
        heads, labels, about = ["picture", "level", "predicted", "VVC QP", "threshold"], 3, ""
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
    else:
        heads, labels = ["picture", "class", "score", "box", "threshold", "risk"], 2
        about = f"detector {prediction.detector}, "
        rows = [
            (
                picture.source,
                thing.class_name,
                f"{thing.score:.2f}",
                ", ".join(f"{side:.0f}" for side in thing.bbox_xyxy),
                "none keeps it" if thing.threshold is None else str(thing.threshold),
                "-" if thing.risk is None else f"{thing.risk:.2f}",
            )
            for picture, thing in objects
        ]
    print_table(screen, heads, rows, labels=labels, most=OBJECTS)
    screen.print()
    what = f"{count(len(objects), 'object')} in " if prediction.detector else ""
    margin = f", margin {prediction.margin:+d}" if prediction.margin else ""
    screen.put(
        f"{what}{count(len(prediction.pictures), 'picture')}; {about}predictor {prediction.predictor}, "
        f"{prediction.decision}{margin}"
    )


def mapped(report: JndMapReport) -> None:
    """A row per picture with a JND map."""
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
    print_table(screen, ["picture", "size", "mean JND", "largest", ""], rows, labels=2, most=OBJECTS)
    screen.print()
    there = sum(not each.made for each in report.pictures)
    more = f"; {there:,} of them (*) were there" if there else ""
    screen.put(f"{count(len(rows), 'map')} in {report.out}, in grey levels{more}")


def trained(report: TrainReport) -> None:
    """What a training run ended with."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in report.metrics.items())
    put(f"{report.weights}: {report.model} after {count(report.epochs, 'epoch')}, best was {report.best_epoch}")
    if figures:
        constant = "" if report.baseline is None else f" ({report.constant}: error {report.baseline:.4f})"
        put(f"{figures}{constant}")
    put(", ".join(f"{number:,} {report.noun} in {split}" for split, number in report.objects.items()))


def evaluated(report: PredictorReport | PictureReport) -> None:
    """Errors by group beside those of the constant, and calibration; of whole pictures, errors by level."""
    from vcmpipe.jnd.evaluation import PictureReport

    if isinstance(report, PictureReport):
        _levels(report)
        without = f"; {count(report.left_out, 'label')} of other levels" if report.left_out else ""
        subject = f"{count(report.pictures, 'picture')} of {count(report.sources, 'source')}{without}"
        scale, constant, units = f"in {_SCALES[report.scale]}", "constants are the medians", "sources"
    else:
        _groups(report)
        subject = f"{count(report.overall.objects, 'object')} in {count(report.pictures, 'picture')}"
        scale, constant, units = report.decision, f"constant is {report.constant}, the median", "pictures"
    put(
        f"{report.predictor} on {report.data} ({report.split}: {subject}), {scale}; the {constant} of the training "
        f"labels. ± is half of the 95 % interval of a bootstrap over {units}; --json has its ends."
    )


def _groups(report: PredictorReport) -> None:
    screen = console()
    groups = {"all": report.overall, "27..51": report.middle, **report.by_size}
    groups |= dict(list(report.by_class.items())[:CLASSES])
    heads = ["objects", "number", "E_A", "constant", "ratio", "bias", "sigma_e"]
    print_table(screen, heads, [_row(name, summary) for name, summary in groups.items()])
    if len(report.by_class) > CLASSES:
        screen.put(f"and {count(len(report.by_class) - CLASSES, 'more class')}: --json lists all")
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
    print_table(screen, ["risk", "lost", "mean QP", "constant loses", "at QP"], rows)
    screen.print()


def _levels(report: PictureReport) -> None:
    screen = console()
    heads = ["JND", "labels", "delta-QP", "constant", "ratio", "bias", "sigma_e", "always"]
    rows = [(*_row(str(each.level), each.qp), f"{each.constant:g}") for each in report.levels]
    if report.psnr_missing is None:
        heads += ["delta-PSNR", "constant"]
        rows = [
            (*row, *(_figure(each) for each in (level.psnr, level.psnr_constant) if each is not None))
            for row, level in zip(rows, report.levels, strict=True)
        ]
    print_table(screen, heads, rows)
    screen.print()


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
