"""Data sets and detectors that others published: their descriptions, and where ``dataset fetch`` keeps their files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

ENVIRONMENT_VARIABLE = "VCMPIPE_DATA"
"""Names the folder that fetched files are kept in."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")


@dataclass(frozen=True)
class RemoteFile:
    """A file, where it is, and what it must be.

    Attributes:
        name: What it is called here, at most one folder down.
        url: Where it is, ``https://...``.
        bytes: Its size.
        sha256: SHA-256, hexadecimal.
    """

    name: str
    url: str
    bytes: int
    sha256: str


def descriptions() -> dict[str, dict[str, Any]]:
    """All descriptions of ``datasets/``, by name."""
    names = sorted(entry.name for entry in resources.files("vcmpipe_datasets").iterdir())
    stems = [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]
    return {stem: _read(stem) for stem in stems}


def _read(name: str) -> dict[str, Any]:
    """The description of a name; nothing where there is none."""
    import yaml

    entry = resources.files("vcmpipe_datasets") / f"{name}.yaml"
    found: dict[str, Any] = yaml.safe_load(entry.read_text(encoding="utf-8")) if entry.is_file() else {}
    return found


def description_of(name: str) -> dict[str, Any]:
    """The description of a data set or a detector.

    Raises:
        InputError: There is none of that name; the message names those that there are.
    """
    if Path(name).name == name and (found := _read(name)):
        return found
    known = descriptions()
    can = ", ".join(key for key, value in known.items() if value.get("files"))
    raise InputError(f"there is no data set {name!r}: {can} can be fetched, {', '.join(known)} are described")


def files_of(name: str, description: Mapping[str, Any]) -> list[RemoteFile]:
    """The files that a description names; none where these are not to be had without a person.

    Raises:
        InputError: An address is none of https, or a name leads elsewhere.
    """
    files = [RemoteFile(str(file), **about) for file, about in description.get("files", {}).items()]
    for file in files:
        if not file.url.startswith("https://") or not _NAME.fullmatch(file.name):
            raise InputError(f"{name}: {file.name} from {file.url} is none that can be fetched: give https and a name")
    return files


def data_folder() -> Path:
    """Where fetched files are kept, a folder for each data set: ``VCMPIPE_DATA``, else the user's data folder."""
    import platformdirs

    named = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    return Path(named) if named else Path(platformdirs.user_data_dir("vcmpipe")) / "data"


def published_path(text: str, part: str) -> Path:
    """The path that a text means: a file or folder that is there, else a part of the data set of that name.

    Args:
        text: A path, or a data set's name such as ``coco-bench``.
        part: Which of its parts is meant, ``images``, ``annotations`` or ``detector``, as its description calls them.

    Returns:
        Where the part is; the text as a path where it is no name of a data set with such a part.

    Raises:
        InputError: The data set was not fetched.
    """
    path = Path(text)
    if os.path.lexists(path) or not _NAME.fullmatch(text) or path.name != text:
        return path
    inside: str | None = _read(text).get("parts", {}).get(part)
    if inside is None:
        return path
    found = data_folder() / text / inside
    if not found.exists():
        raise InputError(
            f"{text}: {one_line(str(found))} is not here: vcmpipe dataset fetch {text} fetches it, and "
            f"{ENVIRONMENT_VARIABLE} names another folder to look in"
        )
    return found
