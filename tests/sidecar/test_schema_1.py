"""Sidecars of schema 1 with their streams (see data/README.md): read, decoded by, and checked against."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vcmpipe.cli.main import main
from vcmpipe.commands.decode import decode
from vcmpipe.config import DecodeOptions
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError
from vcmpipe.frames import open_source
from vcmpipe.sidecar import Conformance, Sidecar, Verdict

DATA = Path(__file__).parent / "data"
VERIFIED, REGIONS = DATA / "schema_1_verified.json", DATA / "schema_1_regions.json"


def test_every_picture_becomes_a_segment_of_one_frame() -> None:
    sidecar, old = Sidecar.read(REGIONS), json.loads(REGIONS.read_text())
    assert sidecar.schema == 2 and sidecar.codec == "vvc"
    assert sum(segment.bits for segment in sidecar.segments) == 8 * sidecar.bytes
    for segment, picture in zip(sidecar.segments, old["pictures"], strict=True):
        (frame,) = segment.frames
        assert (segment.structure, frame.poc, frame.slice_type, frame.temporal_layer) == ("intra", None, "I", 0)
        assert (frame.index, frame.source, frame.bits) == (picture["index"], picture["source"], segment.bits)
        assert (segment.qp_map.requested, segment.qp_map.actual) == (
            picture["qp_map"]["asked"],
            picture["qp_map"]["realised"],
        )
        assert segment.conformance == Conformance(Verdict.YES, segment.realisation) and segment.verification is None
        assert frame.qp == min(region["qp"] for region in picture["regions"])
        assert len(frame.objects) == len(picture["objects"])


def test_what_a_search_promised() -> None:
    sidecar, old = Sidecar.read(VERIFIED), json.loads(VERIFIED.read_text())
    for segment, picture in zip(sidecar.segments, old["pictures"], strict=True):
        promise, given = segment.verification, picture["verification"]
        assert promise is not None and promise.verified
        assert (promise.scale, promise.trials, promise.unrecoverable) == (
            given["scale"],
            given["trials"],
            given["unkeepable"],
        )
        assert [each.detector for each in promise.further] == ["demo"]
        assert len(promise.further[0].objects) == len(segment.frames[0].objects)


@pytest.mark.parametrize("name", ["schema_1_verified", "schema_1_regions"])
def test_old_streams_are_decoded_and_checked(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = DATA / f"{name}.bin"
    report = decode(DecodeOptions(input=str(stream), out=str(tmp_path / "out")))
    assert (report.pictures, report.restored) == (2, 1 if name == "schema_1_verified" else 0)
    for seed, decoded in zip((7, 8), open_source(tmp_path / "out"), strict=True):
        source = render_scene(seed).rgb
        assert decoded.name == f"scene_{seed:06d}" and decoded.rgb.shape == source.shape
        assert np.abs(decoded.rgb.astype(int) - source).mean() < 8
    assert main(["inspect", "--input", str(stream), "--verify-map"]) == 0
    assert "conforms everywhere" in capsys.readouterr().out


def changed(tmp_path: Path, **fields: Any) -> Path:
    """A copy of a sidecar whose first picture has other fields; None leaves one out."""
    data = json.loads(REGIONS.read_text())
    for name, value in fields.items():
        data["pictures"][0][name] = value
        if value is None:
            del data["pictures"][0][name]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        ("yes (native)", Verdict.YES, "native"),
        ("no: region 0 has QP 40", Verdict.NO, "region 0 has QP 40"),
        ("cannot tell: the map has one QP", Verdict.UNKNOWN, "the map has one QP"),
        ("perhaps", Verdict.UNKNOWN, "perhaps"),
        (None, Verdict.UNKNOWN, "not looked at"),
    ],
)
def test_what_was_said_of_a_map_becomes_a_verdict(
    tmp_path: Path, said: str | None, verdict: Verdict, reason: str
) -> None:
    path = changed(tmp_path, map_honoured=said, notes=None)
    assert Sidecar.read(path).segments[0].conformance == Conformance(verdict, reason)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"bits": None}, r"pictures\[0\]: object missing required field bits"),
        ({"qp_map": {"ctu": 32, "asked": [[64]], "realised": []}}, r"pictures\[0\].qp_map.asked\[0\]\[0\] is 64"),
        ({"coded_size": [0, 0]}, "coded_size is 0x0: no picture has that size"),
        ({"qp_map": {"ctu": 5, "asked": [], "realised": []}}, "CTU size is 5"),
    ],
)
def test_damaged_ones_are_refused_with_the_place(tmp_path: Path, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Sidecar.read(changed(tmp_path, **fields))


def test_a_codec_of_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(json.loads(REGIONS.read_text()) | {"codec": "vp9"}))
    with pytest.raises(InputError, match='codec is "vp9"'):
        Sidecar.read(path)


def test_another_stream_s_sidecar(tmp_path: Path) -> None:
    shutil.copy(VERIFIED, tmp_path / "a.json")
    shutil.copy(REGIONS.with_suffix(".bin"), tmp_path / "a.bin")
    with pytest.raises(InputError, match="SHA-256 differs"):
        decode(DecodeOptions(input=str(tmp_path / "a.bin"), out=str(tmp_path / "out")))
