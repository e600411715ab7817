"""The margin and the scale of a run, and what share of the objects they are expected to keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vcmpipe.config import PipelineOptions
from vcmpipe.thresholds import ThresholdPredictor, calibration_of, expected_retention, own_margin


@dataclass(frozen=True)
class OperatingPoint:
    """How thresholds become pictures.

    Attributes:
        margin: QP steps added to every threshold.
        scale: What ``--scale`` says or, for ``auto``, stands for.
        retention: The share of the objects that is expected to be kept, 0..1; None where it is not known.
        basis: What that was counted on, or why it is not known; empty where nothing is promised: at one QP for
            everything, after a search, and for human viewers.
    """

    margin: int
    scale: str
    retention: float | None = None
    basis: str = ""


def _searches(options: PipelineOptions) -> bool:
    """Whether scale and QPs are chosen by what versions lose, or should lose, and no margin has any say."""
    return bool(getattr(options, "closed", False) or getattr(options, "weighed", False))


def operating_point(
    options: PipelineOptions,
    predictor: ThresholdPredictor,
    *,
    scale: str = "1",
    margin: int | None = None,
    qp: int | None = None,
    detector: str = "",
    stills: bool = True,
) -> OperatingPoint:
    """Settle what was left to the predictor.

    Args:
        options: How pictures are mapped and coded.
        predictor: Whose thresholds they are.
        scale: ``--scale``'s value; ``auto``: what the predictor is calibrated for, or 1.
        margin: ``--margin``'s value; None: the predictor's own.
        qp: ``--qp``'s value.
        detector: The digest of the detector whose objects are to be kept.
        stills: Whether frames are coded one by one. Nothing is calibrated for sequences.
    """
    calibration = calibration_of(predictor)
    sized = stills and qp is None and options.viewer == "machine" and not _searches(options)
    if scale == "auto":
        scale = str(calibration.conditions.get("scale", "1")) if sized and calibration else "1"
    if qp is not None or options.viewer == "human":
        return OperatingPoint(0 if qp is not None else margin or 0, scale)
    if margin is None:
        margin = own_margin(predictor, stills=stills)
    if _searches(options):
        return OperatingPoint(margin, scale)
    if not stills:
        return OperatingPoint(margin, scale, None, "margins are calibrated on still pictures")
    if calibration is None:
        return OperatingPoint(margin, scale, None, f"the predictor {predictor.name} is not calibrated")
    if unmet := calibration.unmet(
        asdict(options) | {"scale": scale, "task": "detection" if options.task == "auto" else options.task}
    ):
        counted = {name: calibration.conditions.get(name) for name in unmet}
        given = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in counted.items() if value is not None)
        absent = ", ".join(f"--{name}" for name, value in counted.items() if value is None)
        wanted = " and ".join(f"{word} {names}" for word, names in (("with", given), ("without", absent)) if names)
        return OperatingPoint(margin, scale, None, f"it was counted {wanted}")
    retention = expected_retention(predictor, margin)
    if retention is None:
        first, last = calibration.curve[0][0], calibration.curve[-1][0]
        return OperatingPoint(margin, scale, None, f"it was counted at margins from {first:+.0f} to {last:+.0f}")
    if calibration.detector not in ("", detector):
        basis = f"{100 * retention:.0f} % were kept in {calibration.material}; another detector keeps more or fewer"
        return OperatingPoint(margin, scale, None, basis)
    return OperatingPoint(margin, scale, retention, calibration.material)
