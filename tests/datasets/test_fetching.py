"""Fetching the files of data sets, from a server of this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vcmpipe.cli.main import main
from vcmpipe.config import DatasetFetchOptions
from vcmpipe.datasets import fetching
from vcmpipe.datasets.fetching import RemoteFile, download, fetch, files_of
from vcmpipe.errors import InputError, VcmError

DATA = bytes(range(256)) * 8000


class Silent(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None: ...


class Patient(ThreadingHTTPServer):
    """Does not mind those who hang up."""

    def handle_error(self, request: object, client_address: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with one file, ``clip.mp4``; no proxy stands between."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "clip.mp4").write_bytes(DATA)
    served = Patient(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()
    thread.join()


def clip(server: str, **changes: object) -> RemoteFile:
    about = {"url": f"{server}/clip.mp4", "bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest()}
    return RemoteFile("clip.mp4", **(about | changes))  # type: ignore[arg-type]


def test_a_file_comes_whole_and_once(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"where": "here", "licence": "CC-BY 4.0"}
    monkeypatch.setattr(fetching, "_description", lambda name: described)
    monkeypatch.setattr(fetching, "files_of", lambda name, description: [clip(server)])
    out = tmp_path / "out"
    steps: list[tuple[int, int | None]] = []
    options = DatasetFetchOptions(data_set="x", out=str(out))
    report = fetch(options, progress=lambda done, total: steps.append((done, total)))
    assert (out / "clip.mp4").read_bytes() == DATA
    assert (report.files, report.fetched, report.bytes) == (("clip.mp4",), ("clip.mp4",), len(DATA))
    assert steps[-1] == (len(DATA), len(DATA)) and report.licence == "CC-BY 4.0"
    assert fetch(options).fetched == ()
    (out / "clip.mp4").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"clip.mp4 is there and is another file than http"):
        fetch(options)
    assert (out / "clip.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sha256": "0" * 64}, "is not the file that was described"),
        ({"bytes": 1000}, "is not the file that was described"),
        ({"bytes": len(DATA) + 1}, "is not the file that was described"),
        ({"url": "/gone.mp4"}, "cannot be fetched"),
        ({"url": "http://127.0.0.1:9/clip.mp4"}, "cannot be fetched"),
    ],
)
def test_another_file_is_not_taken(server: str, tmp_path: Path, changes: dict[str, object], named: str) -> None:
    if str(changes.get("url", "")).startswith("/"):
        changes = {"url": f"{server}{changes['url']}"}
    with pytest.raises(VcmError, match=named):
        list(download(clip(server, **changes), tmp_path / "out" / "clip.mp4"))
    assert not (tmp_path / "out").exists()


def test_descriptions_name_https_and_plain_names() -> None:
    about = {"url": "https://x/y", "bytes": 1, "sha256": "0" * 64}
    assert [file.name for file in files_of("x", {"files": {"y.mp4": about}})] == ["y.mp4"]
    for files in ({"y.mp4": about | {"url": "http://x/y"}}, {"../y.mp4": about}):
        with pytest.raises(InputError, match="is none that can be fetched"):
            files_of("x", {"files": files})


def test_what_cannot_be_fetched_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "fetch", "videoset", "--out", str(tmp_path / "out")]) == 2
    assert "names no files that can be fetched: take them from IEEE DataPort" in capsys.readouterr().err
    assert main(["dataset", "fetch", "nonsense", "--out", str(tmp_path / "out")]) == 2
    assert "there is no data set 'nonsense': " in capsys.readouterr().err
