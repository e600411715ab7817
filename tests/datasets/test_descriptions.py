"""The descriptions of published data sets: complete, installed, and with commands that parse."""

from __future__ import annotations

import shlex
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path, PurePath

import pytest
import yaml

from vcmpipe.cli.parser import parse
from vcmpipe.config import DatasetBuildOptions, DatasetFetchOptions, DatasetImportOptions
from vcmpipe.plugins import IMPORTERS
from vcmpipe.plugins.published import files_of

ROOT = Path(__file__).parents[2] / "datasets"
FILES = sorted(path.name for path in ROOT.glob("*.yaml"))
KEYS = {"name", "what", "paper", "where", "licence", "layout", "importer", "import", "figures"}


def test_every_importer_has_a_description() -> None:
    assert {yaml.safe_load((ROOT / name).read_text())["importer"] for name in FILES} == {*IMPORTERS.built_in, "none"}


def test_the_descriptions_are_installed() -> None:
    installed = Path(str(resources.files("vcmpipe_datasets")))
    if installed.resolve().parent != ROOT.resolve().parent and (installed.parent / "setup.cfg").is_file():
        pytest.skip("another checkout is installed")
    assert sorted(path.name for path in installed.glob("*.yaml")) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_description_is_complete_and_its_commands_parse(name: str) -> None:
    text = yaml.safe_load((ROOT / name).read_text())
    assert set(text) >= KEYS and all(text[key] for key in KEYS)
    if "build" in text:
        assert isinstance(parse(shlex.split(text["build"])[1:])[1], DatasetBuildOptions)
    files = files_of(name, text)
    assert bool(files) == ("fetch" in text)
    layout = {key.replace("NAME", "*") for key in text["layout"]}
    assert all(any(fnmatch(file.name, pattern) for pattern in layout) for file in files)
    made = {file.name for file in files} | {PurePath(file.name).parts[0] for file in files}
    assert set(text.get("parts", {}).values()) <= made | {text.get("boxes", {}).get("makes")}
    if files:
        fetch = parse(shlex.split(text["fetch"])[1:])[1]
        assert isinstance(fetch, DatasetFetchOptions) and f"{fetch.data_set}.yaml" == name
        assert all(len(file.sha256) == 64 and file.bytes > 0 for file in files)
    if text["importer"] == "none":
        assert text["import"].startswith("none")
        return
    command, options = parse(shlex.split(text["import"])[1:])
    assert (command, type(options)) == ("dataset import", DatasetImportOptions)
    assert options.data_set == text["importer"]
