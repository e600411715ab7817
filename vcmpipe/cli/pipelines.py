"""Ready configurations: the YAML files of ``pipelines/``, found by name in a checkout and in an installation alike."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from vcmpipe.errors import InputError


def find_pipeline(name: str) -> str:
    """The path of a configuration: a file where one is there, else the ready configuration of that name.

    Raises:
        InputError: It is neither.
    """
    if Path(name).is_file():
        return name
    try:
        folder = resources.files("vcmpipe_pipelines")
    except ModuleNotFoundError:
        folder = None
    names: list[str] = []
    if folder is not None:
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".yaml"):
                names.append(entry.name.removesuffix(".yaml"))
                if name in (entry.name, entry.name.removesuffix(".yaml"), f"pipelines/{entry.name}"):
                    return str(entry)
    raise InputError(f"--config {name}: there is no such file, and the ready configurations are {', '.join(names)}")
