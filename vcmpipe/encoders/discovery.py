"""Where encoders are looked for: environment variables, encoder_bin/, PATH, and the FFmpeg that pip installed."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vcmpipe import process
from vcmpipe.encoders.base import Encoder
from vcmpipe.encoders.command import identify
from vcmpipe.encoders.description import Description, read_description
from vcmpipe.encoders.ffmpeg import FOLDER_VARIABLE, encoder_folder, ffmpeg_places
from vcmpipe.encoders.kvazaar import FfmpegKvazaar, library_version
from vcmpipe.encoders.versions import refusal
from vcmpipe.encoders.vvenc import FfmpegVvenc, Vvencapp
from vcmpipe.errors import InputError
from vcmpipe.plugins import ENCODERS

VARIABLE = "VCMPIPE_VVENC"
_DESCRIPTIONS = Path(__file__).parent / "descriptions"

Answer = tuple[Encoder | None, str]


@dataclass(frozen=True)
class Found:
    """One place where an encoder was looked for.

    Attributes:
        where: What messages call the place.
        path: The binary there, or the TOML file that cannot be used.
        encoder: The encoder it gives, or None.
        reason: Why it gives none.
        name: The encoder that was looked for.
    """

    where: str
    path: Path
    encoder: Encoder | None
    reason: str = ""
    name: str = "vvenc"


@dataclass(frozen=True)
class Sought:
    """An encoder that can be looked for.

    Attributes:
        name: What it is requested by.
        variable: The environment variable that names its binary; nothing else is then tried.
        programs: File names in ``encoder_bin`` and on ``PATH``.
        in_ffmpeg: Whether an FFmpeg may carry it.
        identify: Asks a binary what it is.
        wanted: What the variable should name.
        way_out: What to do where it was not found.
    """

    name: str
    variable: str
    programs: tuple[str, ...]
    in_ffmpeg: bool
    identify: Callable[[Path], Answer]
    wanted: str
    way_out: str


def _ffmpeg_version(path: Path, library: str) -> tuple[str | None, str]:
    """An FFmpeg's version if it carries the library, or why not."""
    text = process.probe([path, "-hide_banner", "-version"])
    if text is None or not text.startswith("ffmpeg version"):
        return None, ""
    version = text.splitlines()[0].split(" Copyright")[0].removeprefix("ffmpeg version ")
    if f"--enable-{library}" not in text:
        return None, f"is FFmpeg {version}, built without {library}"
    return version, ""


def _identify_vvenc(path: Path) -> Answer:
    if "vvencapp" in path.name.lower():
        text = process.probe([path, "--version"])
        if text is None:
            return None, "does not answer --version"
        found = re.search(r"version\s+v?(\S+)", text) or re.search(r"(\d+\.\d+\.\d+\S*)", text)
        version = found.group(1) if found else "of unknown version"
        if found and (refused := refusal("vvencapp", version)):
            return None, refused
        return Vvencapp(path, f"vvencapp {version}"), ""
    ffmpeg, reason = _ffmpeg_version(path, "libvvenc")
    if ffmpeg is None:
        return None, reason or "is neither vvencapp nor an FFmpeg"
    return FfmpegVvenc(path, f"libvvenc in FFmpeg {ffmpeg}"), ""


def _identify_kvazaar(path: Path) -> Answer:
    ffmpeg, reason = _ffmpeg_version(path, "libkvazaar")
    if ffmpeg is None:
        return (None, reason) if reason else identify(read_description(_DESCRIPTIONS / "kvazaar.toml"), path)
    version = library_version(path)
    if version is None:
        return None, f"is FFmpeg {ffmpeg} with libkvazaar, which does not code"
    if refused := refusal("libkvazaar", version):
        return None, refused
    return FfmpegKvazaar(path, f"libkvazaar {version} in FFmpeg {ffmpeg}"), ""


_VVENC = Sought(
    "vvenc",
    VARIABLE,
    ("vvencapp", "vvencapp.exe"),
    True,
    _identify_vvenc,
    "a vvencapp or an FFmpeg with libvvenc",
    "install imageio-ffmpeg>=0.8.1, put vvencapp into {folder} or name it in {variable}",
)
_KVAZAAR = Sought(
    "kvazaar",
    "VCMPIPE_KVAZAAR",
    ("kvazaar", "kvazaar.exe"),
    True,
    _identify_kvazaar,
    "a kvazaar or an FFmpeg with libkvazaar",
    "install imageio-ffmpeg>=0.8.1, put kvazaar into {folder} or name it in {variable}",
)


def _identify_in_ffmpeg(description: Description, library: str, path: Path) -> Answer:
    ffmpeg, reason = _ffmpeg_version(path, library)
    if ffmpeg is None:
        return None, reason or "is no FFmpeg"
    encoder, reason = identify(description, path)
    return encoder and replace(encoder, build=f"{encoder.build} in FFmpeg {ffmpeg}"), reason


def _described(description: Description) -> Sought:
    if (library := description.ffmpeg) is not None:
        return Sought(
            description.name,
            description.variable,
            (),
            True,
            lambda path: _identify_in_ffmpeg(description, library, path),
            f"an FFmpeg with {library}",
            f"install imageio-ffmpeg>=0.8.1, put an ffmpeg with {library} into {{folder}} or name it in {{variable}}",
        )
    return Sought(
        description.name,
        description.variable,
        (description.program,),
        False,
        lambda path: identify(description, path),
        f"the program that the description of {description.name} names",
        f"put {Path(description.program).name} into {{folder}}, on PATH, or name it in {{variable}}",
    )


def sought_encoders() -> tuple[dict[str, Sought], list[Found]]:
    """Every encoder that can be looked for, and the TOML files that cannot be used, with the reason."""
    known = {item.name: item for item in (_VVENC, _KVAZAAR)}
    broken: list[Found] = []
    for name in ("uvg266", "vtm", "x265", "svtav1"):
        known[name] = _described(read_description(_DESCRIPTIONS / f"{name}.toml"))
    folder = encoder_folder()
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            description = read_description(path)
            if description.name in (_VVENC.name, _KVAZAAR.name):
                raise InputError(f"{path}: name is {description.name!r}, which is built in: choose another")
            known[description.name] = _described(description)
        except InputError as error:
            broken.append(Found("encoder_bin", path, None, str(error), path.stem))
    return known, broken


def _places(sought: Sought) -> Iterator[tuple[str, Path]]:
    if named := os.environ.get(sought.variable):
        yield sought.variable, Path(named)
        return  # who names a binary wants that one or an error
    folder = encoder_folder()
    ffmpegs = list(ffmpeg_places()) if sought.in_ffmpeg else []
    for name in sought.programs:
        if (folder / name).is_file():
            yield "encoder_bin", folder / name
    # What the user put into the folder comes before any PATH, be it the program itself or an FFmpeg.
    yield from (place for place in ffmpegs if place[0] == "encoder_bin")
    for name in sought.programs:
        if Path(name).name == name and (on_path := shutil.which(name)):
            yield "PATH", Path(on_path)
    yield from (place for place in ffmpegs if place[0] != "encoder_bin")


def _ask(sought: Sought, path: Path) -> Answer:
    if not path.is_file():
        return None, "is not a file" if path.exists() else "does not exist"
    encoder, reason = sought.identify(path)
    return encoder, reason if encoder is not None else process.start_problem(path) or reason


def search_encoder(name: str) -> Iterator[Found]:
    """Every place where one encoder was looked for, in the order of preference."""
    sought = sought_encoders()[0][name]
    return (Found(where, path, *_ask(sought, path), name) for where, path in _places(sought))


def search_encoders() -> list[Found]:
    """Every place where any encoder was looked for: VVenC first, then by name; then TOML files that cannot be used."""
    known, broken = sought_encoders()
    return [place for name in known for place in search_encoder(name)] + broken


def missing_encoders(found: list[Found], besides: str) -> list[str]:
    """A line with the way out for every encoder, ``besides`` one, that none of the places gave."""
    here = {place.name for place in found if place.encoder} | {besides}
    return [f"{name} is not here: {_way_out(one)}" for name, one in sought_encoders()[0].items() if name not in here]


def _way_out(sought: Sought) -> str:
    return sought.way_out.replace("{folder}", str(encoder_folder())).replace("{variable}", sought.variable)


@functools.lru_cache(maxsize=16)
def _find(name: str, _environment: tuple[str | None, ...]) -> Encoder:
    sought = sought_encoders()[0][name]
    reasons = []
    for place in search_encoder(name):
        if place.encoder is not None:
            return place.encoder
        if place.where == sought.variable:
            raise InputError(f"{sought.variable} names {place.path}, which {place.reason}: name {sought.wanted}")
        reasons.append(f" ({place.path} {place.reason})")
    what = "VVenC" if name == "vvenc" else name
    raise InputError(f"no {what} was found{reasons[0] if reasons else ''}: {_way_out(sought)}")


def find_encoder(name: str) -> Encoder:
    """The first binary that is the encoder of that name; found once per process and environment."""
    sought = sought_encoders()[0][name]
    return _find(name, tuple(os.environ.get(key) for key in (sought.variable, FOLDER_VARIABLE, "PATH")))


def load_encoder(name: str) -> Encoder:
    """The encoder of that name: built in, described in ``encoder_bin``, or a plugin's (``vcmpipe.encoders``).

    InputError where none has that name, its TOML file cannot be used, or its binary is not here.
    """
    known, broken = sought_encoders()
    if name in known:
        return find_encoder(name)
    for place in broken:
        if place.name == name:
            raise InputError(place.reason)
    if name not in ENCODERS.known():
        raise ENCODERS.unknown(name, *known)
    encoder: Encoder = ENCODERS.load(name)()
    return encoder
