"""What a run starts from: weights that were requested, or an error; never something else."""

from __future__ import annotations

from pathlib import Path

from vcmpipe.detection.postprocess import file_digest
from vcmpipe.errors import InputError
from vcmpipe.training.engine import WEIGHTS


def resolve(init: str, model: str, *, pretrained: bool = False, several: bool = False) -> tuple[str, list[Path]]:
    """``--init`` as a plan keeps it, and the weight files that it names: files, or folders of finished runs.

    Args:
        init: What was requested; several files have commas between them.
        model: The model's name.
        pretrained: Whether the model has pretrained weights.
        several: Whether it may start from more than one file.

    Raises:
        InputError: A file is not there, is a run that has not ended, or is one too many; or there are no pretrained
            weights.
    """
    if init == "random" or (init == "pretrained" and pretrained):
        return init, []
    if init == "pretrained":
        raise InputError(
            f"there are no pretrained weights for {model}: --init takes random, a file of weights, or the folder "
            "of a run"
        )
    files = []
    # A name may hold a comma itself.
    for part in [init] if Path(init).exists() else init.split(","):
        path = Path(part)
        if part and path.is_dir():
            path = path / WEIGHTS
            if not path.is_file():
                raise InputError(f"--init {part} has no {WEIGHTS}: name a run that has ended, or a file of weights")
        if not part or not path.is_file():
            way = "pretrained, random" if pretrained else "random"
            raise InputError(f"--init {part} does not exist: give {way}, a file of weights, or the folder of a run")
        files.append(path)
    if len(files) > 1 and not several:
        raise InputError(f"--init names {len(files)} files of weights, and {model} starts from one")
    return ",".join(f"sha256:{file_digest(file)}" for file in files), files
