"""Where FFmpeg lies on this machine, and the first one that has the parts requested."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from vcmpipe import process
from vcmpipe.errors import InputError

FOLDER_VARIABLE = "VCMPIPE_ENCODER_BIN"
Kind = Literal["encoder", "filter"]


def encoder_folder() -> Path:
    """The folder for a user's own encoder binaries: ``VCMPIPE_ENCODER_BIN``, the checkout's, or the data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    checkout = Path(__file__).resolve().parents[2] / "encoder_bin"
    if (checkout / "README.md").is_file():
        return checkout
    import platformdirs

    return Path(platformdirs.user_data_dir("vcmpipe")) / "encoder_bin"


def ffmpeg_places() -> Iterator[tuple[str, Path]]:
    """Every FFmpeg here and what its place is called: ``encoder_bin``, imageio-ffmpeg with its version, ``PATH``."""
    for name in ("ffmpeg", "ffmpeg.exe"):
        if (path := encoder_folder() / name).is_file():
            yield "encoder_bin", path
    try:
        import imageio_ffmpeg

        yield f"imageio-ffmpeg {metadata.version('imageio-ffmpeg')}", Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    if on_path := shutil.which("ffmpeg"):
        yield "PATH", Path(on_path)


def find_ffmpeg(kind: Kind, *names: str) -> Path:
    """The first FFmpeg that has some encoders or filters: in ``encoder_bin``, of imageio-ffmpeg, or on PATH.

    Their names are as ``ffmpeg -encoders`` and ``ffmpeg -filters`` list them, such as ``libx264``; else InputError.
    """
    return _find(kind, names, tuple(os.environ.get(key) for key in (FOLDER_VARIABLE, "PATH")))


@functools.lru_cache(maxsize=16)
def _find(kind: Kind, names: tuple[str, ...], _environment: tuple[str | None, ...]) -> Path:
    for _, path in ffmpeg_places():
        listed = process.probe([path, "-hide_banner", f"-{kind}s"]) or ""
        if all(re.search(rf"^\s*\S+\s+{re.escape(name)}\s", listed, re.MULTILINE) for name in names):
            return path
    what = f"{kind}{'s' if len(names) > 1 else ''} {' and '.join(names)}"
    raise InputError(f"no FFmpeg with the {what} was found: install imageio-ffmpeg>=0.8.1")


@functools.lru_cache(maxsize=16)
def ffmpeg_build(path: Path) -> str:
    """What an FFmpeg says of itself, its libraries' versions included: results depend on it."""
    return process.probe([path, "-hide_banner", "-version"]) or str(path)
