"""YAML files of options: a user's own, and the ready ones of ``pipelines/`` in a checkout or an installation."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.reading import read_file

# Bytes; the longest ready configuration has 2,000.
LARGEST = 1_000_000


def find_config(name: str) -> Path:
    """The path of a configuration: a file where one is there, else the ready configuration of that name.

    Raises:
        InputError: It is neither.
    """
    if Path(name).is_file():
        return Path(name)
    try:
        entries = sorted(resources.files("vcmpipe_pipelines").iterdir(), key=lambda entry: entry.name)
    except ModuleNotFoundError:
        entries = []
    ready = {entry.name.removesuffix(".yaml"): entry for entry in entries if entry.name.endswith(".yaml")}
    stem = name.removeprefix("pipelines/").removesuffix(".yaml")
    if stem in ready:
        return Path(str(ready[stem]))
    raise InputError(f"--config {name}: there is no such file, and the ready configurations are {', '.join(ready)}")


def read_config(path: Path) -> dict[str, str | list[str] | None]:
    """The options of a file, with underscores in their names; values as text or a list of texts, None for ``null``.

    Nothing is constructed from the file: its nodes are read as they stand, so that tags have no effect, aliases do not
    multiply, and ``+4`` or ``0:63`` are not taken for numbers.

    Raises:
        InputError: It is too large, not YAML, names an option twice, or gives one a list of lists.
    """
    import yaml

    data = read_file(path, LARGEST, "--config")
    try:
        top = yaml.compose(data, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from error
    if top is not None and not isinstance(top, yaml.MappingNode):
        raise InputError(f"--config {path} holds no options: give lines such as margin: -4")
    options: dict[str, str | list[str] | None] = {}
    for key, value in top.value if top else ():
        # The text of a list would hold all that its aliases stand for: 400 bytes can stand for any number.
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"--config {path} has a list for a name: give lines such as margin: -4")
        name = str(key.value)
        listed = value.value if isinstance(value, yaml.SequenceNode) and value.tag.endswith(":seq") else []
        if listed and all(isinstance(each, yaml.ScalarNode) for each in listed):
            value = [_native(each.value) for each in listed]
        elif not isinstance(value, yaml.ScalarNode):
            raise InputError(f"--config {path}: {name[:40]} has several values: give one, such as methods: plain,jrd")
        if name.replace("-", "_") in options:
            raise InputError(f"--config {path} has {name} twice")
        if isinstance(value, list):
            options[name.replace("-", "_")] = value
            continue
        null = value.style is None and value.value in ("", "~", "null")
        options[name.replace("-", "_")] = None if null else _native(value.value)
    return options


def _native(text: str) -> str:
    """A text as arguments are in this locale: one that is not UTF-8 has other letters for a file's bytes, or none."""
    try:
        return os.fsdecode(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair: the parser refuses it
        return text
