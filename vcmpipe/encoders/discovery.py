"""Where encoders are looked for: an environment variable, encoder_bin/, PATH, and the FFmpeg that pip installed."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from vcmpipe import process
from vcmpipe.encoders.base import Encoder
from vcmpipe.encoders.vvenc import FfmpegVvenc, Vvencapp
from vcmpipe.errors import InputError

VARIABLE = "VCMPIPE_VVENC"
FOLDER_VARIABLE = "VCMPIPE_ENCODER_BIN"


@dataclass(frozen=True)
class Found:
    """One place where an encoder was looked for.

    Attributes:
        where: How the place is called in messages.
        path: The binary there.
        encoder: The encoder it gives, or None.
        reason: Why it gives none.
    """

    where: str
    path: Path
    encoder: Encoder | None
    reason: str = ""


def encoder_folder() -> Path:
    """The folder for a user's own encoder binaries: ``VCMPIPE_ENCODER_BIN``, the checkout's, or the data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    checkout = Path(__file__).resolve().parents[2] / "encoder_bin"
    if (checkout / "README.md").is_file():
        return checkout
    import platformdirs

    return Path(platformdirs.user_data_dir("vcmpipe")) / "encoder_bin"


def _from_binary(path: Path) -> tuple[Encoder | None, str]:
    """Ask a binary what it is."""
    if "vvencapp" in path.name.lower():
        text = process.probe([path, "--version"])
        if text is None:
            return None, "does not answer --version"
        version = re.search(r"version\s+v?(\S+)", text) or re.search(r"(\d+\.\d+\.\d+\S*)", text)
        return Vvencapp(path, f"vvencapp {version.group(1) if version else 'of unknown version'}"), ""
    text = process.probe([path, "-hide_banner", "-version"])
    if text is None or not text.startswith("ffmpeg version"):
        return None, "is neither vvencapp nor an FFmpeg"
    version_line = text.splitlines()[0].split(" Copyright")[0].removeprefix("ffmpeg version ")
    if "--enable-libvvenc" not in text:
        return None, f"is FFmpeg {version_line}, built without libvvenc"
    return FfmpegVvenc(path, f"libvvenc in FFmpeg {version_line}"), ""


def _missing(path: Path) -> str:
    return "is no file" if path.exists() else "does not exist"


def _places() -> Iterator[tuple[str, Path]]:
    if named := os.environ.get(VARIABLE):
        yield VARIABLE, Path(named)
        return  # who names a binary wants that one or an error
    folder = encoder_folder()
    for name in ("vvencapp", "vvencapp.exe", "ffmpeg", "ffmpeg.exe"):
        if (folder / name).is_file():
            yield "encoder_bin", folder / name
    if on_path := shutil.which("vvencapp"):
        yield "PATH", Path(on_path)
    try:
        import imageio_ffmpeg

        yield f"imageio-ffmpeg {metadata.version('imageio-ffmpeg')}", Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    if on_path := shutil.which("ffmpeg"):
        yield "PATH", Path(on_path)


def search_vvenc() -> list[Found]:
    """Every place where VVenC was looked for, in the order of preference."""
    found = []
    for where, path in _places():
        if not path.is_file():
            found.append(Found(where, path, None, _missing(path)))
            continue
        encoder, reason = _from_binary(path)
        found.append(Found(where, path, encoder, reason))
    return found


@functools.lru_cache(maxsize=4)
def _vvenc(_places_key: tuple[str | None, ...]) -> Encoder:
    for where, path in _places():
        if path.is_file():
            encoder, reason = _from_binary(path)
        else:
            encoder, reason = None, _missing(path)
        if encoder is not None:
            return encoder
        if where == VARIABLE:
            raise InputError(f"{VARIABLE} names {path}, which {reason}: name a vvencapp or an FFmpeg with libvvenc")
    raise InputError(
        f"no VVenC was found: install imageio-ffmpeg>=0.8.1, put vvencapp into {encoder_folder()} or name it in "
        f"{VARIABLE}"
    )


def find_vvenc() -> Encoder:
    """The first VVenC that answers; found once per process and environment."""
    return _vvenc((os.environ.get(VARIABLE), os.environ.get(FOLDER_VARIABLE), os.environ.get("PATH")))


BUILT_IN: dict[str, Callable[[], Encoder]] = {"vvenc": find_vvenc}


def load_encoder(name: str) -> Encoder:
    """The encoder of that name: built in, or from a plugin's entry point in the group ``vcmpipe.encoders``.

    Raises:
        InputError: No encoder has that name, or its binary is not here.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]()
    plugins = {point.name: point for point in metadata.entry_points(group="vcmpipe.encoders")}
    if name in plugins:
        encoder: Encoder = plugins[name].load()()
        return encoder
    known = ", ".join(sorted(BUILT_IN | plugins))
    raise InputError(f"unknown encoder {name!r}: choose one of {known}")
