from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vcmpipe.bench import BenchResult
from vcmpipe.bench.report import write_report
from vcmpipe.errors import OutputError

Make = Callable[..., BenchResult]
FILES = ["methods.csv", "points.csv", "report.html", "report.md", "result.json"]


class Page(HTMLParser):
    """Elements, ids and what is loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1].append(data)
            self._cell = False


def test_the_files_and_nothing_else(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path / "new" / "folder")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == FILES


def test_the_same_result_gives_the_same_bytes(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path / "a")
    write_report(bench_result(), tmp_path / "b")
    write_report(bench_result(), tmp_path / "b")  # over an older report
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_the_page_needs_nothing_else(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path)
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert not re.findall(r"@import|url\((?!#)", text)
    assert page.tags.count("svg") == 4
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert "prefers-color-scheme: dark" in text


def test_page_and_markdown_hold_the_same_tables(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path)
    page = [row for row in Page((tmp_path / "report.html").read_text()).rows if row]
    lines = [line for line in (tmp_path / "report.md").read_text().splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in line[2:-2].split(" | ")] for line in lines] == page
    assert page[1][0] == "plain"
    assert len(page) > 4 + 3 + 8


def test_csv_holds_the_unrounded_numbers(bench_result: Make, tmp_path: Path) -> None:
    result = bench_result([("plain", "QP 22", 10_000 / 3, 97), ("jrd", "margin +0", 1_000 / 7, 60)], truth=False)
    write_report(result, tmp_path)
    with (tmp_path / "points.csv").open(newline="") as file:
        points = list(csv.DictReader(file))
    assert [float(row["bytes_per_picture"]) for row in points] == [10_000 / 3, 1_000 / 7]
    assert [row["ap"] for row in points] == ["", ""]
    assert float(points[0]["retention"]) == 0.97
    with (tmp_path / "methods.csv").open(newline="") as file:
        methods = {row["method"]: row for row in csv.DictReader(file)}
    assert float(methods["plain"]["bytes_at_0.95"]) == 10_000 / 3
    assert (methods["jrd"]["bytes_at_0.95"], methods["jrd"]["bytes_at_0.95_reason"]) == ("", "not_reached")


def test_json_is_the_result(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path)
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads(json.dumps(bench_result().to_dict()))


def test_names_cannot_break_out(bench_result: Make, tmp_path: Path) -> None:
    nasty = "<script>x|y</script>&\\"
    result = bench_result([("plain", nasty, 9_000.0, 99), (nasty, "a", 4_000.0, 99)])
    write_report(result, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert "script" not in page.tags
    assert ["plain", nasty] in [row[:2] for row in page.rows]
    for line in (tmp_path / "report.md").read_text().splitlines():
        if nasty[:8] in line and line.startswith("|"):
            assert "x\\|y" in line


@pytest.mark.parametrize(
    ("points", "objects"), [([], 0), ([("plain", "a", 5_000.0, 0)], 0), ([("jrd", "a", 5e3, 9)], 9)]
)
def test_odd_results_have_a_report(bench_result: Make, tmp_path: Path, points: list[object], objects: int) -> None:
    write_report(bench_result(points, objects=objects, truth=False), tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert page.tags.count("svg") == (0 if not points else 1 + (objects > 0))


def test_an_unwritable_folder_is_named(bench_result: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/.*choose another place"):
        write_report(bench_result(), tmp_path / "file")


def test_matplotlib_is_loaded_only_to_draw() -> None:
    code = "import sys, vcmpipe.bench.report, vcmpipe.cli.show; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
