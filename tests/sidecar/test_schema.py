"""The sidecar: written, read back, and refused with the place that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vcmpipe.errors import InputError
from vcmpipe.sidecar.schema import MapRecord, ObjectRecord, PictureRecord, RegionRecord, Sidecar, sidecar_path


def example() -> Sidecar:
    item = ObjectRecord((1.0, 2.0, 30.5, 40.0), 0, "person", 0.9, 33, True, None)
    picture = PictureRecord(
        index=0,
        source="a.jpg",
        timestamp=None,
        source_size=(65, 48),
        coded_size=(65, 48),
        bits=800,
        realisation="regions",
        psnr_y=33.25,
        objects=[item],
        qp_map=MapRecord(32, [[33, 40, 40], [40, 40, 40]], [[33, 40, 40], [40, 40, 40]]),
        regions=[RegionRecord(0, 0, 64, 32, 33, 500)],
    )
    return Sidecar("b.bin", "00" * 32, 100, None, None, {"matrix": "bt709"}, {"margin": 0}, {"versions": {}}, [picture])


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(example().to_json())
    assert Sidecar.read(path) == example()


def _without(data: dict, *keys: object) -> dict:
    place = data
    for key in keys[:-1]:
        place = place[key]  # type: ignore[index]
    del place[keys[-1]]
    return data


def _with(data: dict, value: object, *keys: object) -> dict:
    place = data
    for key in keys[:-1]:
        place = place[key]  # type: ignore[index]
    place[keys[-1]] = value
    return data


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: _without(d, "schema"), "no schema"),
        (lambda d: _with(d, 99, "schema"), "schema 99"),
        (lambda d: _without(d, "pictures", 0, "bits"), r"pictures\[0\] lacks 'bits'"),
        (lambda d: _with(d, "x", "pictures", 0, "bits"), r"pictures\[0\].bits is 'x'"),
        (lambda d: _with(d, True, "pictures", 0, "index"), r"pictures\[0\].index is True"),
        (lambda d: _with(d, [1], "pictures", 0, "coded_size"), "coded_size is not a list of 2"),
        (lambda d: _with(d, {}, "pictures"), "pictures is not a list"),
        (lambda d: [], "not a sidecar"),
    ],
)
def test_a_damaged_sidecar_is_refused_with_the_place(tmp_path: Path, change, named: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps(change(json.loads(example().to_json()))))
    with pytest.raises(InputError, match=named) as caught:
        Sidecar.read(path)
    assert str(path) in str(caught.value)


def test_missing_and_garbage_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Sidecar.read(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="not a sidecar"):
        Sidecar.read(tmp_path / "x.json")


@pytest.mark.parametrize(("stream", "expected"), [("a/b.bin", "a/b.json"), ("b.266", "b.json"), ("b", "b.json")])
def test_the_sidecar_lies_beside_the_stream(stream: str, expected: str) -> None:
    assert sidecar_path(Path(stream)) == Path(expected)
