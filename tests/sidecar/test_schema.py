"""The sidecar: written, read back, and refused with the place that is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vcmpipe.errors import InputError
from vcmpipe.sidecar import (
    NoSidecarError,
    ObjectRecord,
    SecondRecord,
    SegmentRecord,
    Sidecar,
    VerificationRecord,
    schema,
    sidecar_path,
)


@pytest.fixture
def example(make_segment: Callable[..., SegmentRecord]) -> Sidecar:
    """A sidecar with every kind of record, and a name that is not UTF-8."""
    item = ObjectRecord((1.0, 2.0, 30.5, 40.0), 0, "person", 0.9, 33, True, None)
    promise = VerificationRecord(True, 0.5, 3, True, [0], 0.0, [SecondRecord("other", "00", [item])])
    (frame,) = make_segment().frames
    second = type(frame)(1, os.fsdecode(b"b\xff.png"), 0.04, None, "B", 2, None, 80, None, [item])
    segments = [make_segment(verification=promise), make_segment(index=1, frames=[frame, second], notes=["clamped"])]
    return Sidecar("b.bin", "00" * 32, 100, None, None, {"matrix": "bt709"}, {"margin": 0}, {"versions": {}}, segments)


@pytest.fixture
def written(tmp_path: Path, example: Sidecar) -> Callable[[Callable[[Any], Any]], Path]:
    """Writes the example with a change."""

    def write(change: Callable[[Any], Any]) -> Path:
        path = tmp_path / "b.json"
        path.write_text(json.dumps(change(json.loads(example.to_json()))))
        return path

    return write


def test_written_and_read_back(tmp_path: Path, example: Sidecar) -> None:
    path = tmp_path / "b.json"
    path.write_text(example.to_json())
    assert Sidecar.read(path) == example
    assert [frame.source for frame in example.frames] == ["a.png", "a.png", os.fsdecode(b"b\xff.png")]
    assert [segment.index for segment, _ in example.placed()] == [0, 1, 1]


def test_what_a_later_writer_added_is_left_out(written, example: Sidecar) -> None:
    def add(data: dict) -> dict:
        data["tracks"] = [1]
        data["segments"][0]["frames"][0]["tracks"] = {"a": None}
        return data

    assert Sidecar.read(written(add)) == example


def _without(*keys: object) -> Callable[[Any], Any]:
    def change(data: Any) -> Any:
        place = data
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]
        return data

    return change


def _with(value: object, *keys: object) -> Callable[[Any], Any]:
    def change(data: Any) -> Any:
        place = data
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        return data

    return change


FRAME = ("segments", 1, "frames", 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_without("bytes"), "sidecar: object missing required field bytes;"),
        (_without(*FRAME, "bits"), "segments[1].frames[1]: object missing required field bits;"),
        (_with("x", *FRAME, "psnr_y"), 'segments[1].frames[1].psnr_y is "x": expected float | null, got str;'),
        (_with(True, *FRAME, "index"), "segments[1].frames[1].index is true: expected int, got bool;"),
        (_with(64, *FRAME, "qp"), "segments[1].frames[1].qp is 64: expected int <= 63;"),
        (_with(-1, "segments", 0, "regions", 0, "qp"), "segments[0].regions[0].qp is -1: expected int >= 0;"),
        (_with([1], "segments", 0, "coded_size"), "segments[0].coded_size: expected array of length 2, got 1;"),
        (_with([0, 5], "segments", 0, "coded_size"), "segments[0]: coded_size is 0x5: no picture has that size;"),
        (_with([16384, 16384], "segments", 0, "source_size"), "source_size is 16384x16384: no picture has that size"),
        (
            _with(17, "segments", 0, "qp_map", "ctu"),
            "segments[0].qp_map: the CTU size is 17: it must be one of 32, 64,",
        ),
        (_with([], "segments", 0, "frames"), "segments[0].frames: expected array of length >= 1;"),
        (_with("maybe", "segments", 0, "conformance", "verdict"), 'verdict is "maybe": invalid enum value'),
        (_with({}, "segments"), "segments: expected array, got object;"),
        (_with({"matrix": []}, "colour"), "colour: expected int | str, got array;"),
        (_with("vp9", "codec"), "codec is \"vp9\": invalid enum value 'vp9'"),
        (_with(3, "schema"), "has schema 3, this vcmpipe reads 1 and 2: update vcmpipe"),
        (_with(0, "schema"), "has schema 0, this vcmpipe reads 1 and 2: update vcmpipe"),
    ],
)
def test_a_damaged_sidecar_is_refused_with_the_place(written, change, named: str) -> None:
    path = written(change)
    with pytest.raises(InputError) as caught:
        Sidecar.read(path)
    said = str(caught.value)
    assert named in said and str(path) in said and "\n" not in said and not isinstance(caught.value, NoSidecarError)


@pytest.mark.parametrize(
    "change",
    [
        _without("schema"),
        _with("2", "schema"),
        _with({"fields": []}, "schema"),
        _with(True, "schema"),
        lambda data: [],
        lambda data: 2,
    ],
)
def test_what_is_nothing_of_ours_is_told_apart(written, change) -> None:
    with pytest.raises(NoSidecarError, match="states no schema"):
        Sidecar.read(written(change))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is not a sidecar"),
        (b"\xff\xfe{", "is not a sidecar"),
        (b"[" * 100_000, "is not a sidecar"),
        (b'{"schema": 2, "configuration": ' + b'{"a":' * 100_000, "is not a sidecar"),
        (b'{"schema": 2, "bytes": NaN}', "NaN is not a number"),
        (b'{"schema": 2, "bytes": -Infinity}', "-Infinity is not a number"),
        (b'{"schema": 2, "bytes": 1e999}', "1e999 is not a number"),
        (b'{"schema": 2, "bytes": ' + b"9" * 5000 + b"}", "is not a sidecar"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=named):
        Sidecar.read(path)


def test_files_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"the sidecar .*none\.json does not exist"):
        Sidecar.read(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe.json")
    for name, kind in (
        (tmp_path / "pipe.json", "not a regular file"),
        (tmp_path, "a folder"),
        ("/dev/zero", "not a regular"),
    ):
        with pytest.raises(InputError, match=kind):
            Sidecar.read(Path(name))
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(schema.MAX_BYTES + 1)
    with pytest.raises(InputError, match="more than 1,073,741,824 bytes"):
        Sidecar.read(tmp_path / "large.json")


@pytest.mark.parametrize(("stream", "expected"), [("a/b.bin", "a/b.json"), ("b.266", "b.json"), ("b", "b.json")])
def test_the_sidecar_lies_beside_the_stream(stream: str, expected: str) -> None:
    assert sidecar_path(Path(stream)) == Path(expected)
