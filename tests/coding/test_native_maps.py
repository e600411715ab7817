"""An encoder with its own maps through the whole program: stream, sidecar, notes, decoding, what can be verified."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe import DecodeOptions, EncodeOptions, decode, encode
from vcmpipe.bitstream import inspect_stream
from vcmpipe.cli.main import main
from vcmpipe.coding.conformance import check_stream
from vcmpipe.sidecar import Sidecar, Verdict
from vcmpipe.thresholds import Thresholds


class Detector:
    """Sees one object, top left in every picture."""

    name, digest, classes = "planted", "0" * 64, {0: "left"}

    def detect(self, frames):
        box = np.array([[8, 8, 60, 50]], np.float32)
        return [sv.Detections(box, confidence=np.array([0.9], np.float32), class_id=np.array([0])) for _ in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


class Predictor:
    name = "planted"

    def predict(self, frame, detections, coder) -> Thresholds:
        return Thresholds.from_qps([24] * len(detections))


def run(folder: Path, out: Path, **options) -> tuple[Sidecar, list[str]]:
    notes: list[str] = []
    parts = {"detector": Detector(), "predictor": Predictor()}
    chosen = EncodeOptions(input=str(folder), out=str(out), jobs=2, encoder="kvazaar", background="63", **options)
    return encode(chosen, warn=notes.append, **parts), notes


@pytest.fixture
def coded(picture_folder: Path, tmp_path: Path) -> tuple[Path, Sidecar, list[str]]:
    out = tmp_path / "k.bin"
    return out, *run(picture_folder, out)


def test_the_sidecar_says_what_was_coded_and_what_was_bent(coded, tmp_path: Path) -> None:
    out, sidecar, notes = coded
    assert sidecar == Sidecar.read(tmp_path / "k.json")
    assert sidecar.codec == "hevc"
    assert {record.realisation for record in sidecar.segments} == {"native"}
    assert {str(record.conformance) for record in sidecar.segments} == {"yes (native)"}
    for record in sidecar.segments:
        assert any("clamped to 0..51" in note for note in record.notes)
        assert any("within 25 of the smallest" in note for note in record.notes)
        assert (np.array(record.qp_map.actual) <= np.array(record.qp_map.requested)).all()
        assert np.array(record.qp_map.actual).max() == 49
    assert len(notes) == 1 and notes[0].startswith("encoder kvazaar: p0.png: ") and "more note" in notes[0]
    assert sum(record.bits for record in sidecar.segments) == 8 * out.stat().st_size


def test_it_decodes_to_the_sources_sizes(coded, tmp_path: Path) -> None:
    from vcmpipe.frames import open_source

    report = decode(DecodeOptions(input=str(coded[0]), out=str(tmp_path / "decoded")))
    assert report.pictures == 3
    sizes = [(frame.width, frame.height) for frame in open_source(tmp_path / "decoded")]
    assert sizes == [record.source_size for record in coded[1].segments]


def test_verifying_says_that_it_cannot_tell(coded, capsys: pytest.CaptureFixture[str]) -> None:
    out, sidecar, _ = coded
    check = check_stream(inspect_stream(out.read_bytes()), sidecar)
    assert check.verdict == Verdict.UNKNOWN and len(check.unknown) == 3 and not check.faults
    assert main(["inspect", "--input", str(out), "--verify-map", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["codec"] == "hevc" and printed["map"]["verdict"] == "unknown"
    assert main(["inspect", "--input", str(out), "--verify-map"]) == 1
    said = capsys.readouterr()
    assert "cannot tell" in said.out and "yes (native)" in said.out and "do not tell" in said.err


def test_one_qp_per_picture_is_proved(picture_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "u.bin"
    sidecar, notes = run(picture_folder, out, realise="uniform")
    assert not notes and {str(record.conformance) for record in sidecar.segments} == {"yes (uniform)"}
    assert main(["inspect", "--input", str(out), "--verify-map"]) == 0
