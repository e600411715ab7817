"""FFmpeg itself, for what is neither VVC nor HEVC: the first one here that has the parts asked for."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from vcmpipe import process
from vcmpipe.encoders.discovery import FOLDER_VARIABLE, encoder_folder
from vcmpipe.errors import InputError

Kind = Literal["encoder", "filter"]


def find_ffmpeg(kind: Kind, name: str) -> Path:
    """The first FFmpeg that has an encoder or a filter: in ``encoder_bin``, of imageio-ffmpeg, or on PATH.

    Args:
        kind: What is asked for.
        name: As ``ffmpeg -encoders`` and ``ffmpeg -filters`` list it, such as ``libx264`` or ``xpsnr``.

    Raises:
        InputError: None has it.
    """
    return _find(kind, name, tuple(os.environ.get(key) for key in (FOLDER_VARIABLE, "PATH")))


@functools.lru_cache(maxsize=16)
def _find(kind: Kind, name: str, _environment: tuple[str | None, ...]) -> Path:
    for path in _places():
        listed = process.probe([path, "-hide_banner", f"-{kind}s"]) or ""
        if re.search(rf"^\s*\S+\s+{re.escape(name)}\s", listed, re.MULTILINE):
            return path
    raise InputError(f"no FFmpeg with the {kind} {name} was found: install imageio-ffmpeg>=0.8.1")


@functools.lru_cache(maxsize=16)
def ffmpeg_build(path: Path) -> str:
    """What an FFmpeg says of itself, its libraries' versions included: results depend on it."""
    return process.probe([path, "-hide_banner", "-version"]) or str(path)


def _places() -> Iterator[Path]:
    for name in ("ffmpeg", "ffmpeg.exe"):
        if (path := encoder_folder() / name).is_file():
            yield path
    try:
        import imageio_ffmpeg

        yield Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    if on_path := shutil.which("ffmpeg"):
        yield Path(on_path)
