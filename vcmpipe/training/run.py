"""``vcmpipe train``: models by name, and the functions that train them."""

from __future__ import annotations

from typing import cast

from vcmpipe.config import TrainOptions
from vcmpipe.plugins import TRAINERS
from vcmpipe.process.extras import need
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.training.report import TrainReport


def train(
    options: TrainOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    say: Warn = lambda message: None,
) -> TrainReport:
    """Train a predictor.

    Raises:
        VcmError: The input is wrong, a library is not installed, or the place cannot be written to.
    """
    if options.model in TRAINERS.built_in:
        need("vcmpipe train", "train")
    function = TRAINERS.load(options.model)
    return cast(TrainReport, function(options, progress=progress, warn=warn, say=say))
