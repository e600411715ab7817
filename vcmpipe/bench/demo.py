"""What ``vcmpipe bench`` runs on when it is given no pictures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

from vcmpipe.config import BenchOptions

# The folder that the tool's own examples use: where it is there, it is what the user means.
FRAMES = "frames"
PICTURES = 6
# Far from the seeds that the demo detector was trained and tested on.
FIRST_SEED = 900_000
_FOLDER = re.compile(rf"demo-{FIRST_SEED}-\d+")


def is_demo(images: str) -> bool:
    """Whether pictures are the built-in demo's scenes."""
    return images == "demo" or any(_FOLDER.fullmatch(part) for part in Path(images).parts)


def default_inputs(options: BenchOptions, folder: Path, warn: Callable[[str], None]) -> BenchOptions:
    """Fill in ``--images`` where it was left out or is ``demo``.

    Left out, it is the folder ``frames`` of the working folder where there is one, else the built-in demo's scenes,
    which are kept below ``folder``. What was chosen goes to ``warn``.
    """
    if options.images is None and Path(FRAMES).is_dir():
        warn(f"no --images: taking the folder {FRAMES}/")
        return dataclasses.replace(options, images=FRAMES)
    from vcmpipe.datasets.scenes import write_demo_dataset

    count = options.limit or PICTURES
    scenes = folder / f"demo-{FIRST_SEED}-{count}"  # as _FOLDER has it
    annotations = write_demo_dataset(scenes, count, FIRST_SEED)
    if options.images is None:
        warn(f"no --images and no folder {FRAMES}/ here: taking {count} scenes of the built-in demo and its detector")
    detector = options.detector or "demo"
    images = annotations.parent / "images"
    return dataclasses.replace(options, images=str(images), annotations=str(annotations), detector=detector)
