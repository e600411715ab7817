"""What the networks start from: weights that were requested, or an error; never something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from vcmpipe.detection.postprocess import file_digest
from vcmpipe.errors import InputError
from vcmpipe.jnd.models.keras_weights import is_keras, load_keras
from vcmpipe.thresholds.weights import fill, read_card, read_state
from vcmpipe.training.engine import WEIGHTS


def named(init: str) -> list[Path]:
    """The weight files that ``--init`` names: files, or folders of finished runs, several with commas.

    Raises:
        InputError: One is not there, or is a run that has not ended.
    """
    # A name may hold a comma itself.
    parts = [init] if Path(init).exists() else init.split(",")
    files = []
    for part in parts:
        path = Path(part)
        if part and path.is_dir():
            path = path / WEIGHTS
            if not path.is_file():
                raise InputError(f"--init {part} has no {WEIGHTS}: name a run that has ended, or a file of weights")
        if not part or not path.is_file():
            raise InputError(f"--init {part} is not there: give random, a file of weights, or the folder of a run")
        files.append(path)
    return files


def resolve(init: str, *, pretrained: bool, model: str) -> tuple[str, list[Path]]:
    """``--init`` as a plan keeps it, and the files that it names.

    Args:
        init: What was requested.
        pretrained: Whether the model has pretrained weights.
        model: Its name.

    Raises:
        InputError: See ``named``; or there are no pretrained weights.
    """
    if init == "random":
        return init, []
    if init == "pretrained":
        if not pretrained:
            raise InputError(
                f"there are no pretrained weights for {model}: --init takes random, a file of weights, or the folder "
                "of a run"
            )
        return init, []
    files = named(init)
    return ",".join(f"sha256:{file_digest(file)}" for file in files), files


def arranged(network: nn.Module) -> nn.Module:
    """A network whose maps have their channels last, which the convolutions of a CPU and of tensor cores want."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def take(network: nn.Module, file: Path) -> None:
    """Fill a network from a file, all of it.

    Raises:
        InputError: It is of another network; the first name that differs is said.
    """
    if is_keras(file):
        load_keras(network, file)
    else:
        fill(network, read_state(file), str(file))


def card_of(file: Path, model: str) -> dict[str, Any]:
    """What a file's card says; nothing where it has none.

    Raises:
        InputError: It is of another model.
    """
    return read_card(file, model) or {}
