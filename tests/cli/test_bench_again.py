"""A bench into a folder that holds a report already: renewed, refused, or replaced where that is asked for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vcmpipe.bench.earlier import check_earlier
from vcmpipe.bench.report import REPORT
from vcmpipe.config import BenchOptions
from vcmpipe.errors import InputError

WORDS = ["-o", "report", "--detector", "demo", "--methods", "plain", "--resamples", "0", "--cache", "kept"]


def test_the_same_renews_and_another_one_asks(
    here: Path, vcmpipe, make_picture: Callable[..., bytes], contents
) -> None:
    (here / "in").mkdir()
    (here / "in" / "p1.png").write_bytes(make_picture(96, 64, 1))

    def bench(*words: str):
        return vcmpipe("bench", "in", *WORDS, *words)

    def pictures() -> int:
        return json.loads((here / "report" / "result.json").read_text())["pictures"]

    assert bench("--qps", "30").code == 0
    before = contents(here)
    refused = bench("--qps", "30,40")
    refused.refused(
        2, "--out report holds the report of another configuration", "--qps was 30, and is 30,40", "--overwrite"
    )
    assert contents(here) == before
    # What changes no figure, and more pictures in the folder, are the same bench.
    (here / "in" / "p2.png").write_bytes(make_picture(96, 64, 2))
    assert bench("--qps", "30", "--jobs", "1", "--gallery", "0", "--fail-under", "0").code == 0
    assert pictures() == 2
    assert bench("--qps", "30,40", "--overwrite").code == 0
    assert bench("--qps", "30,40").code == 0


def test_a_report_with_the_old_names_of_methods_is_renewed(tmp_path: Path) -> None:
    before = {"methods": "plain,plain-default,plain-default-whole", "anchors": "plain-default", "protocol": None}
    (tmp_path / "result.json").write_text(json.dumps({"configuration": before}))
    now = dataclasses.asdict(BenchOptions(methods="plain,stock,stock-whole", anchors="stock"))
    check_earlier(tmp_path, REPORT, now)
    with pytest.raises(InputError, match="--methods was plain,stock,stock-whole, and is plain"):
        check_earlier(tmp_path, REPORT, now | {"methods": "plain"})


@pytest.mark.parametrize("option", ["--methods", "--anchors"])
@pytest.mark.parametrize(("old", "new"), [("plain-default", "stock"), ("plain-default-whole", "stock-whole")])
def test_an_old_name_is_answered_with_the_new_one(vcmpipe, option: str, old: str, new: str) -> None:
    vcmpipe("bench", option, f"plain,{old}").refused(2, f"{option}: method '{old}' is called '{new}' now")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"configuration": 3}', "\0"])
@pytest.mark.parametrize("name", ["result.json", "report.html"])
def test_files_of_others_are_not_replaced(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name} exists, and holds no report of a bench .*--overwrite"):
        check_earlier(tmp_path, REPORT, {})
    (tmp_path / name).unlink()
    (tmp_path / "notes.txt").touch()
    check_earlier(tmp_path, REPORT, {})
