"""``vcmpipe evaluate predictor``: of objects for a detector, or of whole pictures for human viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.config import EvaluatePredictorOptions
from vcmpipe.process.progress import Progress, Warn

if TYPE_CHECKING:
    from vcmpipe.jnd.evaluation import PictureReport
    from vcmpipe.training.evaluate import PredictorReport


def evaluate(
    options: EvaluatePredictorOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> PredictorReport | PictureReport:
    """Predict the thresholds of a split's objects, or the JNDs of its pictures, and compare them with the labels.

    Args:
        options: Which predictor, on what.
        progress: Called with pictures done and their number.
        warn: Called with what the user should know.

    Raises:
        VcmError: The input is wrong, or the place cannot be written to.
    """
    from vcmpipe.jnd.evaluation import evaluate_pictures, levelled
    from vcmpipe.training.evaluate import evaluate_objects

    samples = levelled(options)
    if samples is not None:
        return evaluate_pictures(options, samples, progress=progress, warn=warn)
    return evaluate_objects(options, progress=progress, warn=warn)
