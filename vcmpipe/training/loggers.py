"""Where a training's figures go: a CSV file, and TensorBoard, Weights & Biases or MLflow, by Lightning's loggers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError, VcmError

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

PROJECT = "vcmpipe"
"""What W&B's project and MLflow's experiment are called."""
# Two packages write TensorBoard's files, and either will do.
_NEEDS = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "mlflow": ("mlflow",)}


def check_logger(name: str) -> None:
    """Refuse a logger whose package is not installed, before any work: InputError."""
    packages = _NEEDS.get(name, ())
    if packages and not any(find_spec(package) for package in packages):
        raise InputError(f"--logger {name} needs a package that is not installed: pip install {packages[0]}")


def loggers(out: Path, name: str, settings: Mapping[str, Any]) -> list[Logger]:
    """A CSV file below ``logs`` of a run's folder, and the logger that was requested.

    Args:
        out: The run's folder. Its name is the run's in W&B and MLflow, with the number of the start.
        name: ``tensorboard``, ``wandb``, ``mlflow``, or ``csv`` for the file alone.
        settings: What the run is made with; those two show it.

    Raises:
        VcmError: The logger fails: no key of its service, no such server.
    """
    from lightning.pytorch import loggers as kinds

    # Lightning empties a folder of CSV files that it finds: every start gets its own.
    start = f"start-{1 + sum(1 for _ in (out / 'logs').glob('start-*'))}"
    place = cast(Any, {"save_dir": out, "name": "logs", "version": start})
    made: list[Logger] = [kinds.CSVLogger(**place)]
    if name == "tensorboard":
        made.append(kinds.TensorBoardLogger(**place))
    elif name != "csv":
        (out / "logs" / start).mkdir(parents=True, exist_ok=True)
        try:
            made.append(_service(name, out, start))
            made[-1].log_hyperparams(dict(settings))
        except Exception as error:  # each service has its own: no key, no server
            raise VcmError(
                f"--logger {name} cannot begin ({reason(error, 200)}): set it up as its own documents say, or take "
                "another logger; the same command then goes on"
            ) from error
    return made


def _service(name: str, out: Path, start: str) -> Logger:
    """A logger that shows many runs beside each other."""
    from lightning.pytorch import loggers as kinds

    run = f"{out.name} {start}"
    if name == "wandb":
        return kinds.WandbLogger(name=run, project=PROJECT, save_dir=out / "logs" / start)
    # A server where MLflow's own variable names one, else a file in the run's folder.
    local = f"sqlite:///{(out / 'logs' / 'mlflow.db').absolute()}"
    return kinds.MLFlowLogger(PROJECT, run_name=run, tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or local)
