"""The Dockerfiles, as far as it can be told without an engine."""

from __future__ import annotations

import configparser
import fnmatch
import importlib
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from vcmpipe.process.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("Dockerfile", "Dockerfile.cuda")


def instructions(name: str) -> list[tuple[str, list[str]]]:
    """Instructions and their words, lines joined, comments left out."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line.strip() and not line.startswith("#")]
    words = [line.split() for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    return [(first, rest) for first, *rest in words]


def copied(name: str) -> list[Path]:
    """What it copies from the checkout, relative to that."""
    copies = [words for kind, words in instructions(name) if kind == "COPY" and not words[0].startswith("--from")]
    return [Path(source) for *sources, _ in copies for source in sources]


def is_sent(path: Path) -> bool:
    """Whether ``.dockerignore`` lets a path of the checkout through: the last line that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if line and not line.startswith("#") and fnmatch.fnmatch(str(path), pattern):
            sent = line.startswith("!")
    return sent


@pytest.mark.parametrize("name", NAMES)
def test_bases_are_pinned_and_the_last_stage_is_small(name: str) -> None:
    stages = [words for kind, words in instructions(name) if kind == "FROM"]
    made = {words[2] for words in stages if len(words) == 3}
    assert [re.fullmatch(r"\w+:\d+\.\d+\.\d+-[\w-]+", words[0]) is not None for words in stages] == [True, False, False]
    assert {words[0] for words in stages[1:]} <= made
    # Sources and wheels stay behind in the stage that builds.
    last = instructions(name)[max(n for n, (kind, _) in enumerate(instructions(name)) if kind == "FROM") :]
    assert [words[0] for kind, words in last if kind == "COPY"] == ["--from=build"]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_root(name: str) -> None:
    kinds = [kind for kind, _ in instructions(name)]
    assert [words for kind, words in instructions(name) if kind == "USER"] == [["1000"]]
    assert "RUN" not in kinds[kinds.index("USER") :] and kinds.index("USER") < kinds.index("ENTRYPOINT")
    made = next(words for kind, words in instructions(name) if kind == "RUN" and "useradd" in words)
    assert made[made.index("--uid") + 1] == "1000"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_copied_is_there_and_sent(name: str) -> None:
    assert copied(name)
    assert all((ROOT / path).exists() and is_sent(path) for path in copied(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_copied(name: str) -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    places = dict(line.split(" = ") for line in parser["options"]["package_dir"].strip().splitlines())
    packages = parser["options"]["packages"].split()
    assert {Path(places.get(package, package).split(".")[0]) for package in packages} <= set(copied(name))


@pytest.mark.parametrize("path", [".git", ".venv", "tests", "shared", "benchmarks", "Dockerfile", "encoder_bin"])
def test_nothing_else_is_sent(path: str) -> None:
    assert not is_sent(Path(path))


@pytest.mark.parametrize("name", NAMES)
def test_extras_exist_and_none_is_under_other_terms_unasked(name: str) -> None:
    given = [words[0] for kind, words in instructions(name) if kind == "ARG" and words[0].startswith("EXTRAS=")]
    extras = given[0].removeprefix("EXTRAS=").strip('"').split(",")
    assert set(extras) <= {*EXTRAS, ""} - {"ultralytics"}


@pytest.mark.install
@pytest.mark.parametrize("name", NAMES)
def test_the_wheel_can_be_built_of_what_is_copied(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that an engine would run first, in a folder with the files that it would have there."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    install = importlib.import_module("install")
    monkeypatch.setattr(install, "clone", lambda folder: folder / "source")
    (tmp_path / "source").mkdir()
    for path in copied(name):
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        copy(ROOT / path, tmp_path / "source" / path)
    there = set(zipfile.ZipFile(install.build_wheel(tmp_path)).namelist())
    for folder, package in {
        "vcmpipe": "vcmpipe",
        "datasets": "vcmpipe_datasets",
        "pipelines": "vcmpipe_pipelines",
    }.items():
        files = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"{package}/{path}" for path in files if "__pycache__" not in path.parts} <= there
