"""Files from a server of this machine: whole, cut, changed, missing, and one that is offline."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vcmpipe.datasets.download import download
from vcmpipe.errors import InputError, OutputError, VcmError
from vcmpipe.plugins.published import RemoteFile

DATA = bytes(range(256)) * 20_000


class Server(ThreadingHTTPServer):
    """Serves ``DATA`` as the path says; keeps what was requested, and does not mind those who hang up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str] = []
        self.cuts = 0

    def handle_error(self, request: object, client_address: object) -> None: ...


class Handler(BaseHTTPRequestHandler):
    """``/ranges``, ``/whole`` (knows no ranges), ``/cut`` (breaks off), ``/unsized``, ``/gone``, ``/busy``."""

    server: Server

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        """Answer as the path says."""
        wanted, kind = self.headers.get("Range", ""), self.path.strip("/")
        self.server.ranges.append(wanted)
        if kind in ("gone", "busy"):
            self.send_error(404 if kind == "gone" else 503)
            return
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind != "whole" else 0
        if first >= len(DATA):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
        if kind != "unsized":
            self.send_header("Content-Length", str(len(DATA) - first))
        self.end_headers()
        last = len(DATA)
        if kind == "cut" and self.server.cuts:
            self.server.cuts -= 1
            last = first + len(DATA) // 4
        self.wfile.write(DATA[first:last])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    served = Server()
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def remote(server: Server) -> Callable[..., RemoteFile]:
    def file(kind: str, **changes: object) -> RemoteFile:
        url = f"http://127.0.0.1:{server.server_address[1]}/{kind}"
        made = RemoteFile("clip.mp4", url, len(DATA), hashlib.sha256(DATA).hexdigest())
        return replace(made, **changes)  # type: ignore[arg-type]

    return file


@pytest.mark.parametrize("kind", ["ranges", "whole", "unsized"])
def test_a_file_comes_whole(remote: Callable[..., RemoteFile], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "new" / "clip.mp4"
    assert list(download(remote(kind), path))[-1] == len(DATA)
    assert path.read_bytes() == DATA and list(path.parent.iterdir()) == [path]


def test_a_connection_that_breaks_off_goes_on_in_the_same_run(
    server: Server, remote: Callable[..., RemoteFile], tmp_path: Path
) -> None:
    server.cuts = 2
    list(download(remote("cut"), tmp_path / "clip.mp4"))
    assert (tmp_path / "clip.mp4").read_bytes() == DATA
    assert server.ranges == ["", f"bytes={len(DATA) // 4}-", f"bytes={len(DATA) // 2}-"]


def test_a_run_that_ends_goes_on_in_the_next(
    server: Server, remote: Callable[..., RemoteFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = 1
    path = tmp_path / "clip.mp4"

    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", killed)
    with pytest.raises(KeyboardInterrupt):
        list(download(remote("cut"), path))
    assert not path.exists() and (tmp_path / "clip.mp4.part").stat().st_size == len(DATA) // 4
    # Offline now: at once, and what there is stays.
    closed = remote("cut", url="http://127.0.0.1:9/clip.mp4")
    with pytest.raises(VcmError, match=r"1,280,000 bytes that came are kept, and the next run continues with them"):
        list(download(closed, path))
    server.ranges.clear()
    list(download(remote("cut"), path))
    assert server.ranges == [f"bytes={len(DATA) // 4}-"] and path.read_bytes() == DATA
    assert list(tmp_path.iterdir()) == [path]


def test_a_server_without_ranges_sends_all_of_it_again(
    server: Server, remote: Callable[..., RemoteFile], tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4.part").write_bytes(DATA[:1000])
    list(download(remote("whole"), tmp_path / "clip.mp4"))
    assert server.ranges == ["bytes=1000-"] and (tmp_path / "clip.mp4").read_bytes() == DATA


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(DATA), b"x" * (len(DATA) + 1)])
def test_what_was_left_of_another_file_is_fetched_anew(
    remote: Callable[..., RemoteFile], tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "clip.mp4.part").write_bytes(left)
    list(download(remote("ranges"), tmp_path / "clip.mp4"))
    assert (tmp_path / "clip.mp4").read_bytes() == DATA


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("ranges", {"sha256": "0" * 64}, r"5,120,000 bytes of SHA-256 .* where 5,120,000 of SHA-256 000000000000"),
        ("ranges", {"bytes": 1000}, r"is not the file that was described: 5,120,000 bytes, where 1,000 of"),
        ("unsized", {"bytes": 1000}, r"is not the file that was described: .* bytes or more of SHA-256"),
        ("ranges", {"bytes": len(DATA) + 1}, r"is not the file that was described: 5,120,000 bytes, where 5,120,001"),
        ("gone", {}, r"/gone cannot be fetched \(HTTP 404 Not Found\): try again later, or take it from where"),
        ("busy", {}, r"/busy cannot be fetched \(HTTP 503 "),
        ("", {"url": "http://127.0.0.1:9/clip.mp4"}, r"127.0.0.1 cannot be reached \(Connection refused\)"),
        ("", {"url": "http://no.such.host.invalid/clip.mp4"}, r"no.such.host.invalid cannot be reached \("),
    ],
)
def test_another_file_is_not_taken(
    remote: Callable[..., RemoteFile], tmp_path: Path, kind: str, changes: dict[str, object], named: str
) -> None:
    started = time.monotonic()
    with pytest.raises(VcmError, match=named) as error:
        list(download(remote(kind, **changes), tmp_path / "out" / "clip.mp4"))
    assert not (tmp_path / "out").exists() and "\n" not in str(error.value)
    assert time.monotonic() - started < 10


def test_a_server_that_breaks_off_ever_again_is_given_up(
    server: Server, remote: Callable[..., RemoteFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = 2
    late = remote("cut")

    def closes(seconds: float) -> None:
        server.socket.close()

    monkeypatch.setattr(time, "sleep", closes)
    with pytest.raises(VcmError, match=r"cannot be reached .*; the 1,280,000 bytes that came are kept"):
        list(download(late, tmp_path / "clip.mp4"))
    assert (tmp_path / "clip.mp4.part").stat().st_size == 1_280_000


def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("vcmpipe.datasets.download._PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = RemoteFile("x", f"http://127.0.0.1:{silent.getsockname()[1]}/x", 1, "0" * 64)
        with pytest.raises(VcmError, match="cannot be fetched"):
            list(download(file, tmp_path / "x"))


def test_places_that_cannot_be_written_to_are_named(remote: Callable[..., RemoteFile], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="part of its path is a file"):
        list(download(remote("ranges"), tmp_path / "file" / "clip.mp4"))
    (tmp_path / "clip.mp4.part").mkdir()
    with pytest.raises((OutputError, InputError)):
        list(download(remote("ranges"), tmp_path / "clip.mp4"))
