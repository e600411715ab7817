"""The website's own code: how links of the repository become links of the website, and the architecture picture.

The build itself, with every reference resolved and every public name in it, is ``make docs``.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def website(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of website/, imported as where it is run."""
    monkeypatch.syspath_prepend(ROOT / "website")
    yield importlib.import_module(request.param)


pages = pytest.mark.parametrize("website", ["pages"], indirect=True)


@pages
@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("README.md", "docs/guide.md", "guide.md"),
        ("README.md", "docs/guide.md#encode", "guide.md#encode"),
        ("README.md", "LICENSE", "files/LICENSE"),
        ("README.md", "examples/README.md", "examples/README.md"),
        ("README.md", "https://example.org/docs/guide.md", "https://example.org/docs/guide.md"),
        ("README.md", "#licences", "#licences"),
        ("README.md", "docs/no-such-page.md", "docs/no-such-page.md"),
        ("docs/guide.md", "video.md", "video.md"),
        ("docs/guide.md", "../README.md", "index.md"),
        ("docs/guide.md", "../pipelines", "files/pipelines/index.md"),
        ("docs/guide.md", "../datasets/ow-jrd.yaml", "files/datasets/ow-jrd.yaml"),
        ("docs/guide.md", "../encoder_bin/README.md", "files/encoder_bin/README.md"),
        ("docs/reference/config.md", "../guide.md", "../guide.md"),
        ("examples/README.md", "first-steps.ipynb", "first-steps.md"),
        ("pipelines", "bench-coco.yaml", "bench-coco.yaml"),
    ],
)
def test_links(website: ModuleType, page: str, link: str, becomes: str) -> None:
    fenced = f"```\n[this]({link}) is no link\n```\n"
    text = website.rewritten(ROOT / page, f"See [this]({link}).\n\n{fenced}")
    assert text == f"See [this]({becomes}).\n\n{fenced}"


@pages
def test_what_becomes_a_page(website: ModuleType, tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ["# A\n", "text"]}, {"cell_type": "code", "source": ["a = 1\n", "a"]}]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    assert website.text_of(tmp_path / "a.ipynb") == "# A\ntext\n\n```python\na = 1\na\n```"
    assert "- [mpeg-vcm.yaml](mpeg-vcm.yaml)\n" in website.text_of(ROOT / "pipelines")
    assert website.text_of(ROOT / "LICENSE") is None


@pages
def test_patterns_of_the_navigation(website: ModuleType) -> None:
    there = ["reference/b.md", "reference/a.md", "reference/index.md", "guide.md"]
    nav = [{"Start": ["guide.md", {"Studies": "studies/*.md"}]}, {"Reference": "reference/*.md"}]
    reference = ["reference/index.md", "reference/a.md", "reference/b.md"]
    assert website.expanded(nav, there) == [{"Start": ["guide.md"]}, {"Reference": reference}]


@pytest.mark.parametrize("website", ["architecture"], indirect=True)
def test_the_architecture_picture_is_that_of_the_contract(website: ModuleType) -> None:
    drawn = website.draw()
    assert drawn == (ROOT / "docs" / "architecture.svg").read_text(), "draw it again: python website/architecture.py"
    texts = {each.text for each in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    packages = {path.parent.name for path in (ROOT / "vcmpipe").glob("*/__init__.py")}
    assert packages | {"errors"} <= texts


def test_the_pages_of_the_reference_hold_no_text_of_their_own() -> None:
    """What there is to say of a name is said where it is defined."""
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        if page.name != "index.md":
            lines = [line for line in page.read_text().splitlines() if line and not line.startswith("  ")]
            assert all(re.match(r"#+ vcmpipe\.|::: vcmpipe\.", line) for line in lines), page.name
