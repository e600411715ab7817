"""What ``calibrate`` prints for human readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.cli.show import console, print_table
from vcmpipe.process.text import count
from vcmpipe.thresholds import EXPECTED_RETENTION

if TYPE_CHECKING:
    from vcmpipe.commands.calibrate import CalibrationReport
    from vcmpipe.evaluation.bootstrap import Interval

_FORMS = {"base": "nothing moved", "constant": "one QP for all", "offset": "an offset", "line": "offset and scale"}


def calibrated(report: CalibrationReport) -> None:
    """Errors, what margins kept, and how the card is used."""
    screen, card, counted = console(), report.card, report.count
    names = {
        "constant": "constant",
        "base": f"{card.base}, as it is",
        "calibrated": f"calibrated, {_FORMS.get(card.form, card.form)}",
    }
    rows = [(names[name], *_figure(interval)) for name, interval in report.errors.items()]
    print_table(screen, ["predictor", "E_A", "95 %"], rows, labels=1)
    screen.print()
    shares = zip(counted.margins, counted.kept.sum(axis=0), counted.share, counted.bytes, strict=True)
    objects = int(counted.objects.sum())
    kept = [(f"{margin:+d}", f"{n} of {objects}", f"{share:.3f}", f"{size:,.0f}") for margin, n, share, size in shares]
    print_table(screen, ["margin", "kept", "share", "bytes per picture"], kept, labels=0)
    screen.print()
    scale = "" if card.calibration is None else f" at scale {card.calibration.conditions['scale']}"
    value, low, high = report.expected.value or 0.0, report.expected.low or 0.0, report.expected.high or 0.0
    size = counted.bytes_for(EXPECTED_RETENTION)
    screen.put(
        f"margin {card.margin:+d}{scale}: {value:.2f} of the objects are expected to be kept (95 %: {low:.2f} to "
        f"{high:.2f})" + (f"; {EXPECTED_RETENTION:g} takes {size:,.0f} bytes per picture" if size == size else "")
    )
    screen.put(
        f"{count(objects, 'object')} in {count(len(counted.objects), 'picture')}, {report.pictures:,} looked at; "
        f"{report.seconds:.0f} s. Each error is of a fit that had not seen the picture, each share of thresholds that "
        "were fitted to the other half of the pictures."
    )
    screen.put(f"{report.out}: use it as --predictor {report.out} with this detector")


def _figure(interval: Interval) -> tuple[str, str]:
    if interval.value is None or interval.low is None or interval.high is None:
        return "-", "-"
    return f"{interval.value:.2f}", f"{interval.low:.2f} to {interval.high:.2f}"
