"""What a training run ends with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainReport:
    """What came out of a run.

    Attributes:
        weights: The weight file; its card lies beside it.
        epochs: Epochs that were run, those before an interruption included.
        best_epoch: The one whose weights were kept, from 1.
        objects: Objects, pictures or pairs by split.
        metrics: Validation figures of those weights.
        baseline: The error of a guess that does not look, such as the median of the training labels, on the validation
            objects.
        seconds: Of this run, without what came before an interruption.
        noun: What ``objects`` counts.
        constant: What the guess of ``baseline`` is.
    """

    model: str
    weights: str
    epochs: int
    best_epoch: int
    objects: dict[str, int]
    metrics: dict[str, float]
    baseline: float | None
    seconds: float
    noun: str = "objects"
    constant: str = "always the median"
