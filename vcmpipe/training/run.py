"""``vcmpipe train``: models by name, and the functions that train them."""

from __future__ import annotations

import importlib
from typing import cast

from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.training.report import TrainReport

# Named, not imported. A function with the signature of ``train_objects``; one that trains without Lightning may stand
# here as well.
TRAINERS: dict[str, str] = {
    "bc_jrd": "vcmpipe.training.object_run:train_objects",
    "detector_aware": "vcmpipe.training.aware_run:train_aware",
    "dt_jrd": "vcmpipe.training.object_run:train_objects",
    "laser": "vcmpipe.jnd.training.laser:train_laser",
    "mtjnd": "vcmpipe.jnd.training.mtjnd:train_mtjnd",
    "resjnd": "vcmpipe.jnd.training.resjnd:train_resjnd",
}


def train(
    options: TrainOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    say: Warn = lambda message: None,
) -> TrainReport:
    """Train a predictor.

    Args:
        options: What, on what, and how.
        progress: Called with batches done and their total.
        warn: Called with what the user should know.
        say: Called with a line after each epoch.

    Raises:
        VcmError: The input is wrong, or the place cannot be written to.
    """
    if options.model not in TRAINERS:
        raise InputError(f"there is no model {options.model!r} to train: choose from {', '.join(sorted(TRAINERS))}")
    module, _, name = TRAINERS[options.model].partition(":")
    function = getattr(importlib.import_module(module), name)
    return cast(TrainReport, function(options, progress=progress, warn=warn, say=say))
