"""Where and how loudly Lightning works."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vcmpipe.config import TrainOptions


def devices(options: TrainOptions) -> dict[str, Any]:
    """Lightning's arguments for where to train.

    Raises:
        InputError: The device is not there.
    """
    from vcmpipe.detection.ultralytics import pick_torch_device

    kind, _, number = options.device.partition(":")
    if options.device != "auto":
        pick_torch_device(options.device)
    count: Any = options.devices if options.devices == "auto" else int(options.devices)
    if number:
        count = [int(number)]
    accelerator = {"cuda": "gpu"}.get(kind, kind)
    return {"accelerator": accelerator, "devices": count, "strategy": options.strategy}


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's advice, which is not for those who call vcmpipe."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.|torch\.")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
