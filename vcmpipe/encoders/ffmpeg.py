"""FFmpeg itself, for what is neither VVC nor HEVC: the first one here that has the parts requested."""

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


def find_ffmpeg(kind: Kind, *names: str) -> Path:
    """The first FFmpeg that has some encoders or filters: in ``encoder_bin``, of imageio-ffmpeg, or on PATH.

    Args:
        kind: What is requested.
        names: As ``ffmpeg -encoders`` and ``ffmpeg -filters`` list it, such as ``libx264`` or ``xpsnr``.

    Raises:
        InputError: None has them.
    """
    return _find(kind, names, tuple(os.environ.get(key) for key in (FOLDER_VARIABLE, "PATH")))


@functools.lru_cache(maxsize=16)
def _find(kind: Kind, names: tuple[str, ...], _environment: tuple[str | None, ...]) -> Path:
    for path in _places():
        listed = process.probe([path, "-hide_banner", f"-{kind}s"]) or ""
        if all(re.search(rf"^\s*\S+\s+{re.escape(name)}\s", listed, re.MULTILINE) for name in names):
            return path
    what = f"{kind}{'s' if len(names) > 1 else ''} {' and '.join(names)}"
    raise InputError(f"no FFmpeg with the {what} was found: install imageio-ffmpeg>=0.8.1")


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
