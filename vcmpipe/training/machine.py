"""Where and how loudly Lightning works."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any, cast

from vcmpipe.config import TrainOptions


def devices(options: TrainOptions) -> dict[str, Any]:
    """Lightning's words for where to train.

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


def loggers(out: Path) -> list[Any]:
    """A CSV and a TensorBoard file below ``logs`` of a run's folder."""
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    # Lightning empties a folder of CSV files that it finds: every start gets its own.
    number = 1 + sum(1 for _ in (out / "logs").glob("start-*"))
    place = {"save_dir": out, "name": "logs", "version": f"start-{number}"}
    return [CSVLogger(**cast(Any, place)), TensorBoardLogger(**cast(Any, place))]


class quiet:
    """Lightning's advice is not for those who call vcmpipe."""

    def __enter__(self) -> None:
        self._levels = {name: logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")}
        for name in self._levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module=r"lightning\.|torch\.")

    def __exit__(self, *rest: Any) -> None:
        self._warnings.__exit__(*rest)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
