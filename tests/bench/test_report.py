from __future__ import annotations

import csv
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vcmpipe.bench import BenchResult, files, report
from vcmpipe.bench.gallery import Gallery, ShownPicture, ShownVersion, Thing
from vcmpipe.bench.report import write_report
from vcmpipe.bench.result import LeftOut
from vcmpipe.config import BenchOptions
from vcmpipe.errors import OutputError
from vcmpipe.process.text import spreadsheet_cell

Make = Callable[..., BenchResult]
FILES = [
    "classes.csv",
    "classes.parquet",
    "methods.csv",
    "methods.parquet",
    "pictures.csv",
    "pictures.parquet",
    "points.csv",
    "points.parquet",
    "report.html",
    "report.md",
    "result.json",
]


class Page(HTMLParser):
    """Elements, ids and what is loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.around_tables: list[str] = []
        self._around = ""
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.around_tables.append(self._around)
        self._around = f"{tag}.{dict(attrs).get('class', '')}"
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
    # What a report of sequences has left there is not of this one.
    (tmp_path / "new" / "folder" / "sequences.csv").touch()
    (tmp_path / "new" / "folder" / "sequences.parquet").touch()
    write_report(bench_result(), tmp_path / "new" / "folder")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == FILES


def test_the_same_result_gives_the_same_bytes(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path / "a")
    write_report(bench_result(), tmp_path / "b")
    write_report(bench_result(), tmp_path / "b")  # over an older report
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_parquet_has_the_rows_of_csv(bench_result: Make, tmp_path: Path) -> None:
    import pandas as pd

    write_report(bench_result(), tmp_path)
    for name in ("points", "methods", "classes", "pictures"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert list(table.columns) == list(rows[0]) and len(table) == len(rows) > 0
        for key in table.columns:
            for row, value in zip(rows, table[key], strict=True):
                known = value is not None and value == value
                if not known or isinstance(value, str):
                    assert row[key] == (spreadsheet_cell(value) if known else "")
                else:
                    assert float(row[key]) == pytest.approx(float(value))


def test_without_pyarrow_csv_is_all_that_is_left(
    bench_result: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(bench_result(), tmp_path)
    for module in (files, report):
        monkeypatch.setattr(module, "find_spec", lambda package: None)
    write_report(bench_result(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [n for n in FILES if not n.endswith(".parquet")]


GALLERY = Gallery(
    [
        ShownPicture(
            "<b>&.png",
            (640, 480),
            "data:image/webp;base64,AAAA",
            [
                ShownVersion(
                    "jrd", "margin +0", 1_234, (640, 480), "regions", "data:image/webp;base64,BBBB",
                    [Thing((1.0, 2.0, 3.0, 4.0), "lost", "</script><script>x", 0.5)],
                    (5.0, 6.667), [[30, 40]], [(0.0, 0.0, 50.0, 100.0, 30)],
                )
            ],
        )
    ],
    of=12,
    held=12,
)  # fmt: skip


def test_the_page_needs_nothing_else(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path, GALLERY)
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert not {"img", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert not re.findall(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text  # the browser sees to it, too
    assert page.tags.count("svg") == 5 + 2 + 2 * 3  # plots, savings, and two legends of three methods
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "prefers-color-scheme: dark" in text


def test_the_pictures_stand_in_the_page_as_data(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path, GALLERY)
    text = (tmp_path / "report.html").read_text()
    raw = text.partition('id="gallery-data">')[2].partition("</script>")[0]
    (picture,) = json.loads(raw)
    assert (picture["name"], picture["size"]) == ("<b>&.png", [640, 480])
    (version,) = picture["versions"]
    thing = {"box": [1.0, 2.0, 3.0, 4.0], "state": "lost", "name": "</script><script>x", "score": 0.5}
    assert version["things"] == [thing]
    assert version["regions"] == [[0.0, 0.0, 50.0, 100.0, 30]] and version["qps"] == [[30, 40]]
    assert "1 of 12 pictures, those with lost objects first" in text
    write_report(bench_result(), tmp_path)
    assert "gallery-data" not in (tmp_path / "report.html").read_text().partition("<script>")[0]


def test_markdown_holds_the_tables_of_the_page(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path)
    page = [row for row in Page((tmp_path / "report.html").read_text()).rows if row]
    lines = [line for line in (tmp_path / "report.md").read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line[2:-2].split(" | ")] for line in lines]
    for row in page:
        if "against" not in row[0]:  # not a title over several columns
            assert any(row[0] == own[0] for own in cells), row
    # Figures in both: the page has each figure's interval in an element of its own.
    plain = next(row for row in page if row[0] == "plain")
    about, first = [own for own in cells if own[0] == "plain"][:2]
    assert about == ["plain", "What plain does."]  # the page has a list of these
    assert [cell.partition(" (")[0] for cell in first] == [cell.strip() for cell in plain]


def test_the_data_set_is_in_the_title_and_every_method_is_explained(bench_result: Make, tmp_path: Path) -> None:
    result = bench_result(configuration=dataclasses.asdict(BenchOptions(images="/data/val2017/images")))
    write_report(result, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<title>vcmpipe bench: val2017/images, 10 pictures</title>" in text
    assert "<h1>vcmpipe bench: val2017/images, 10 pictures</h1>" in text
    assert (tmp_path / "report.md").read_text().startswith("# vcmpipe bench: val2017/images, 10 pictures\n")
    explained = re.findall(r"<dt>.*?</svg>\s*(\S+)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    assert explained == [(name, f"What {name} does.") for name in ("plain", "jrd", "frame")]
    # Before anything else is said of them.
    assert text.index("What jrd does") < text.index("Bits saved against")


def test_no_absolute_path_is_shown(bench_result: Make, tmp_path: Path) -> None:
    options = BenchOptions(
        images="/home/me/my data/val2017/images",
        annotations="/home/me/annotations/instances.json",
        detector="/home/me/models/nano.onnx",
        second_detector="torchvision:/home/me/w/frcnn.pth",
        panel="flip,/home/me/models/other one.onnx",
        viewer="both",
        human="resjnd:/home/me/weights/resjnd.pth",
        out="/home/me/out",
        cache="/home/me/cache",
        cluster="tcp://10.0.0.1:8786",
    )
    result = bench_result(
        configuration=dataclasses.asdict(options),
        left_out=[LeftOut("a.png", "the detector failed: /home/me/my-data/val2017/images/a.png: no picture")],
        provenance={"encoder": {"name": "vvenc", "path": "/home/me/bin/vvencapp"}},
    )
    write_report(dataclasses.replace(result, truth="/home/me/annotations/instances.json"), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "/home" not in text, name
        for end in ("models/nano.onnx", "w/frcnn.pth", "other one.onnx", "annotations/instances.json", "images/a.png"):
            assert end in text, (name, end)
        assert "tcp://10.0.0.1:8786" in text and "last two parts" in text
    # Programs have them whole.
    assert json.loads((tmp_path / "result.json").read_text())["configuration"]["out"] == "/home/me/out"


def test_the_demo_is_called_demo(bench_result: Make, tmp_path: Path) -> None:
    scenes = "/home/me/.cache/vcmpipe/demo-900000-6"
    options = BenchOptions(images=f"{scenes}/images", annotations=f"{scenes}/instances.json", detector="demo")
    write_report(bench_result(configuration=dataclasses.asdict(options)), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<title>vcmpipe bench: the built-in demo, 10 pictures</title>" in text
    assert '<pre tabindex="0">vcmpipe bench --detector=demo --images=demo</pre>' in text


def test_every_table_scrolls_by_itself_and_a_legend_stands_once_in_a_part(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(second=True), tmp_path, GALLERY)
    text = (tmp_path / "report.html").read_text()
    around = Page(text).around_tables
    assert len(around) >= 9 and set(around) == {"div.scroll"}
    assert text.count('<ul class="keys">') == 1
    curves = text.partition('id="curves"')[2].partition("</section>")[0]
    legend = curves.partition("</ul>")[0]
    assert re.findall(r"</svg>\s*(\S+)</li>", legend) == ["plain", "jrd", "frame"]
    assert all(">frame<" not in plot for plot in curves.partition("</ul>")[2].split("<svg")[1:])


def test_the_gallery_opens_on_the_method_that_lost_most(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path, dataclasses.replace(GALLERY, opens="roi"))
    text = (tmp_path / "report.html").read_text()
    assert 'data-opens="roi"' in text
    assert "They open on roi, the method that lost most of those that are shown." in text


def test_csv_holds_the_unrounded_numbers(bench_result: Make, tmp_path: Path) -> None:
    points = [("plain", "QP 22", 10_000 / 3, 97), ("jrd", "margin +0", 1_000 / 7, 60)]
    result = bench_result(points, truth=False)
    write_report(result, tmp_path)

    def read(name: str) -> list[dict[str, str]]:
        with (tmp_path / name).open(newline="") as file:
            return list(csv.DictReader(file))

    rows = read("points.csv")
    assert [float(row["bytes_per_picture"]) for row in rows] == [p.bytes_per_picture.value for p in result.points]
    assert float(rows[0]["bytes_per_picture"]) == pytest.approx(10_000 / 3, abs=0.5)
    assert float(rows[0]["bytes_per_picture_low"]) < float(rows[0]["bytes_per_picture_high"])
    assert "ap" not in rows[0] and float(rows[0]["retention"]) == 0.97
    assert rows[1]["object_bytes"] and not rows[0]["object_bytes"]
    methods = {row["method"]: row for row in read("methods.csv")}
    assert float(methods["plain"]["rate_at_0.95"]) == result.points[0].rate.value
    assert (methods["jrd"]["rate_at_0.95"], methods["jrd"]["rate_at_0.95_reason"]) == ("", "not_reached")
    assert methods["jrd"]["saved_0.95_plain_reason"] == "not_reached"
    assert float(methods["jrd"]["saved_0.95_plain_undefined"]) > 0.5
    assert methods["plain"]["saved_0.95_plain"] == ""
    assert float(methods["jrd"]["cost_analysis"]) == pytest.approx(2.01)
    classes = read("classes.csv")
    assert {(row["class"], row["method"]) for row in classes} == {
        (name, method) for name in ("cat", "dog", "fish") for method in ("plain", "jrd")
    }
    pictures = read("pictures.csv")
    assert len(pictures) == 20 and pictures[0]["picture"] == "p0.png" and pictures[0]["method"] == "plain"
    assert sum(int(row["kept"]) for row in pictures if row["method"] == "plain") == 97


def test_json_is_the_result(bench_result: Make, tmp_path: Path) -> None:
    write_report(bench_result(), tmp_path)
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads(json.dumps(bench_result().to_dict()))


def test_names_cannot_break_out(bench_result: Make, tmp_path: Path) -> None:
    nasty = "<script>x|y</script>&\\"
    result = bench_result([("plain", nasty, 9_000.0, 99), (nasty, "a", 4_000.0, 99)])
    write_report(result, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert page.tags.count("script") == 1  # its own
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
    # A plot of each quality, the method's key and its legend.
    assert page.tags.count("svg") == (5 if points and objects else len(points))


def test_an_unwritable_folder_is_named(bench_result: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/.*choose another place"):
        write_report(bench_result(), tmp_path / "file")


def test_matplotlib_is_loaded_only_to_draw() -> None:
    code = "import sys, vcmpipe.bench.report, vcmpipe.cli.show; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_strangers_names_are_text_in_every_file(bench_result, tmp_path: Path) -> None:
    name = "=cmd|' /C calc'!A0\n<script>alert(1)</script>![x](http://example.org/x.png)`.png"
    made = bench_result()
    strange = [dataclasses.replace(picture, name=name) for picture in made.per_picture[:1]]
    write_report(dataclasses.replace(made, per_picture=strange + list(made.per_picture[1:])), tmp_path)
    with (tmp_path / "pictures.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["picture"] == f"'{name}"
    for file in ("report.md", "report.html"):
        text = (tmp_path / file).read_text()
        assert "<script>alert" not in text and "![x](" not in text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"),
        ("@a", "'@a"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("-4", "-4"),
        ("+0.5", "+0.5"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_cells_of_spreadsheets(text: str, cell: str) -> None:
    assert spreadsheet_cell(text) == cell
