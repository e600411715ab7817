"""Fetching data sets and detectors by name, from a server of this machine."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vcmpipe.cli.main import main
from vcmpipe.config import DatasetFetchOptions
from vcmpipe.datasets import fetching
from vcmpipe.datasets.fetching import fetch
from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError, VcmError
from vcmpipe.plugins import published
from vcmpipe.plugins.published import RemoteFile, data_folder, files_of, published_path

DATA = bytes(range(256)) * 8000
ARCHIVE = "annotations_trainval2017.zip"


class Silent(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of the folder ``served``; no proxy stands between."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(published.ENVIRONMENT_VARIABLE, str(tmp_path / "data"))
    (tmp_path / "served").mkdir()
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def coco(server: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The served folder, with all that ``coco-bench`` is made of; descriptions lead there."""
    folder = tmp_path / "served"
    for name in ("images", "instances.json"):
        (folder / name).symlink_to(shared_data / "coco-dev" / name)
    for name in ("yolox_nano.onnx", "fastestdet.onnx"):
        (folder / name).symlink_to(shared_data / "models" / name)
    write_archive(folder / ARCHIVE, json.loads((folder / "instances.json").read_text()))

    def here(name: str, description: dict[str, Any]) -> list[RemoteFile]:
        files = [replace(file, url=f"{server}/{file.name}") for file in files_of(name, description)]
        data = (folder / ARCHIVE).read_bytes()
        made = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return [replace(file, **made) if file.name == ARCHIVE else file for file in files]  # type: ignore[arg-type]

    monkeypatch.setattr(fetching, "files_of", here)
    return folder


def write_archive(path: Path, content: dict[str, Any]) -> None:
    """An archive as COCO's is: two files of half of the pictures each, among others, with outlines and more."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/captions_val2017.json", "{}")
        for half, name in enumerate(("val2017", "train2017")):
            images = [
                image | {"coco_url": f"http://x/{image['id']}", "date_captured": "2013-11-14 17:02:52"}
                for number, image in enumerate(content["images"])
                if number % 2 == half
            ]
            ids = {image["id"] for image in images}
            rows = [
                row | {"segmentation": [[1.25, 2, 3e2]] if not row["iscrowd"] else {"counts": [4, 5], "size": [6, 7]}}
                for row in content["annotations"]
                if row["image_id"] in ids
            ]
            whole = {"info": {"year": 2017, "notes": ["]", '"}']}, "licenses": [{"id": 1}], "images": images}
            text = json.dumps(whole | {"annotations": rows, "categories": content["categories"]}, indent=half or None)
            archive.writestr(f"annotations/instances_{name}.json", text)


def test_the_bench_set_comes_with_its_boxes_and_detectors(coco: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    report = fetch(DatasetFetchOptions(data_set="coco-bench"), progress=lambda *step: steps.append(step))
    out = tmp_path / "data" / "coco-bench"
    assert report.out == str(out) and len(list((out / "images").iterdir())) == 40
    assert steps[-1][0] == steps[-1][1] == sum(each.bytes for each in (report, *report.further))
    names = [each.data_set for each in report.further]
    assert names == ["yolox-nano", "fastestdet"] and "CC-BY 4.0" in report.licence
    boxes, theirs = (json.loads((folder / "instances.json").read_text()) for folder in (out, coco))
    pictures = {image["file_name"]: image for image in theirs["images"]}
    assert all(image == pictures[image["file_name"]] for image in boxes["images"]) and len(boxes["images"]) == 40
    ids = {image["id"] for image in boxes["images"]}
    assert sorted(boxes["annotations"], key=lambda box: box["id"]) == sorted(
        (row for row in theirs["annotations"] if row["image_id"] in ids), key=lambda box: box["id"]
    )
    assert not (out / ARCHIVE).exists()
    assert load_detector("yolox-nano").name == "yolox_nano.onnx"
    assert load_detector("fastestdet").digest == load_detector(str(coco / "fastestdet.onnx")).digest
    again = fetch(DatasetFetchOptions(data_set="coco-bench"))
    assert (again.fetched, again.bytes) == ((), 0) and not any(each.fetched for each in again.further)


def test_all_goes_into_the_folder_that_out_names(
    coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["dataset", "fetch", "coco-bench", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *("fastestdet.onnx", "images", "instances.json", "yolox_nano.onnx")
    ]
    printed = capsys.readouterr().out
    for line in (
        f"{out}: coco-bench, 41 files",
        f"  --images {out}/images",
        f"  --annotations {out}/instances.json",
        f"  --detector {out}/yolox_nano.onnx",
        "  licence: BSD-3-Clause",
    ):
        assert line in printed


def test_what_lies_in_its_place_is_called_by_its_name(coco: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "fetch", "yolox-nano"]) == 0
    assert "  --detector yolox-nano\n" in capsys.readouterr().out


def test_the_bench_runs_on_what_was_fetched(coco: Path, tmp_path: Path) -> None:
    fetch(DatasetFetchOptions(data_set="coco-bench"))
    words = ["--out", str(tmp_path / "report"), "--cache", str(tmp_path / "cache"), "--limit", "1", "--qps", "47"]
    assert main(["bench", "--config", "bench-coco", *words, "--methods", "plain", "--resamples", "10"]) == 0
    result = json.loads((tmp_path / "report" / "result.json").read_text())
    assert result["second_objects"] is not None and result["source_ap"] > 0
    assert result["configuration"]["images"] == "coco-bench" and result["configuration"]["detector"] == "yolox-nano"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content["annotations"].pop(0), "holds other boxes than those that this project was measured"),
        (lambda content: content["images"][0].update(width=5), "holds other boxes"),
        (lambda content: content["images"][0].pop("width"), "is not an archive of COCO annotations"),
    ],
)
def test_other_boxes_are_not_taken_and_the_rest_stays(coco: Path, tmp_path: Path, change: Any, named: str) -> None:
    content = json.loads((coco / "instances.json").read_text())
    content["images"].sort(key=lambda image: image["id"])
    content["annotations"].sort(key=lambda box: box["image_id"])
    change(content)
    write_archive(coco / ARCHIVE, content)
    with pytest.raises(InputError, match=named):
        fetch(DatasetFetchOptions(data_set="coco-bench"))
    out = tmp_path / "data" / "coco-bench"
    assert len(list((out / "images").iterdir())) == 40 and not (out / "instances.json").exists()
    assert (tmp_path / "data" / "yolox-nano" / "yolox_nano.onnx").is_file()


def test_an_archive_that_is_none_is_refused(coco: Path) -> None:
    for text in ("", "[]", '{"images": [', '{"images": 1 "annotations": []}', '{"images": [{"id": 1}]}'):
        with zipfile.ZipFile(coco / ARCHIVE, "w") as archive:
            archive.writestr("annotations/instances_val2017.json", text)
        with pytest.raises(
            InputError, match=r"is not an archive of COCO annotations \(.+\): remove it, and fetch again"
        ):
            fetch(DatasetFetchOptions(data_set="coco-bench"))
        (data_folder() / "coco-bench" / ARCHIVE).unlink()


def test_another_file_in_the_way_is_left_alone(coco: Path, tmp_path: Path) -> None:
    options = DatasetFetchOptions(data_set="yolox-nano", out=str(tmp_path))
    (tmp_path / "yolox_nano.onnx").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"yolox_nano.onnx exists and is not the file at http"):
        fetch(options)
    assert (tmp_path / "yolox_nano.onnx").read_bytes() == b"mine"


def test_a_server_that_has_it_not_leaves_what_came(coco: Path, tmp_path: Path) -> None:
    (coco / "fastestdet.onnx").unlink()
    with pytest.raises(VcmError, match="HTTP 404"):
        fetch(DatasetFetchOptions(data_set="coco-bench"))
    assert (tmp_path / "data" / "yolox-nano" / "yolox_nano.onnx").is_file()


def test_names_lead_to_what_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(published.ENVIRONMENT_VARIABLE, "kept")
    for text, part in (("coco-bench", "images"), ("coco-bench", "annotations"), ("yolox-nano", "detector")):
        with pytest.raises(InputError, match=rf"is not here: vcmpipe dataset fetch {text} fetches it"):
            published_path(text, part)
    # What is no such name is a path: of another kind, with a folder, or one that leads out.
    for text in ("yolox-nano.onnx", "a/coco-bench", "../coco-bench", "demo", "sample-videos", "", "x\0y", "."):
        assert published_path(text, "images") == Path(text)
    (tmp_path / "kept" / "coco-bench" / "images").mkdir(parents=True)
    assert published_path("coco-bench", "images") == Path("kept/coco-bench/images")
    (tmp_path / "coco-bench").mkdir()
    assert published_path("coco-bench", "images") == Path("coco-bench")
    monkeypatch.delenv(published.ENVIRONMENT_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert data_folder() == tmp_path / "home" / "vcmpipe" / "data"


def test_a_detector_that_was_not_fetched_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(published.ENVIRONMENT_VARIABLE, str(tmp_path))
    words = ["encode", "-i", str(tmp_path), "-o", str(tmp_path / "x.bin"), "--detector", "yolox-nano"]
    (tmp_path / "a.png").write_bytes(b"")
    assert main(words) == 2
    assert main(["bench", "--config", "bench-coco"]) == 2
    printed = capsys.readouterr().err
    assert "vcmpipe dataset fetch coco-bench fetches it" in printed and len(printed.splitlines()) == 2


def test_descriptions_name_https_and_names_of_a_folder_at_most() -> None:
    about = {"url": "https://x/y", "bytes": 1, "sha256": "0" * 64}
    for name in ("y.mp4", "images/y.mp4"):
        assert [file.name for file in files_of("x", {"files": {name: about}})] == [name]
    for files in (
        {"y.mp4": about | {"url": "http://x/y"}},
        *({name: about} for name in ("../y.mp4", "/y.mp4", "a/b/y.mp4", "a/../y.mp4", ".y", "a/.y", "")),
    ):
        with pytest.raises(InputError, match="is none that can be fetched"):
            files_of("x", {"files": files})


def test_what_cannot_be_fetched_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "fetch", "videoset", "--out", str(tmp_path / "out")]) == 2
    assert "names no files that can be fetched: take them from IEEE DataPort" in capsys.readouterr().err
    for name in ("nonsense", "../datasets/demo"):
        assert main(["dataset", "fetch", name, "--out", str(tmp_path / "out")]) == 2
        assert "there is no data set " in capsys.readouterr().err
