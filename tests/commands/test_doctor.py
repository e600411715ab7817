from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from vcmpipe.commands import doctor
from vcmpipe.commands.encoder_trials import try_encoder
from vcmpipe.encoders import load_encoder
from vcmpipe.sidecar import Verdict


@pytest.fixture(scope="module")
def report() -> doctor.DoctorReport:
    return doctor.examine()


def test_this_machine_is_healthy(report: doctor.DoctorReport) -> None:
    assert report.healthy, report.problems
    answers = {each.name: [str(trial.answer) for trial in each.trials] for each in report.encoders if each.used}
    assert (answers["vvenc"][-1], answers["kvazaar"][-1]) == ("yes (regions)", "yes (native)")
    assert report.decoder.codec == "vvc"
    assert (report.decoder.decodes, report.decoder.reason[:5]) == (Verdict.YES, "PSNR ")
    assert {"constant", "measured"} <= set(report.predictors) and "detection" in report.tasks
    assert {"vcmpipe", "python", "av"} <= set(report.versions)
    assert "CPUExecutionProvider" in report.detectors.onnx_providers
    assert 1 <= report.devices.cores_usable <= report.devices.cores
    assert [folder.purpose for folder in report.folders] == ["cache", "temporary files"]
    assert all(folder.free_bytes for folder in report.folders)


def test_the_report_is_json(report: doctor.DoctorReport) -> None:
    assert json.loads(json.dumps(asdict(report)))["healthy"] is True


def test_a_damaged_stream_is_not_taken_for_decoded() -> None:
    trials = try_encoder(load_encoder("vvenc"))
    assert trials.coded is not None
    cut = replace(trials.coded, data=trials.coded.data[: len(trials.coded.data) // 2])
    assert doctor.examine_decoder(replace(trials, coded=cut)).decodes == Verdict.NO


def test_without_a_stream_the_decoder_cannot_be_tried() -> None:
    finding = doctor.examine_decoder(None)
    assert finding.codec == "vvc"
    assert finding.decodes == Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "does not exist"), (sys.executable, "neither vvencapp nor an FFmpeg")]
)
def test_no_encoder_is_not_healthy(monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    monkeypatch.setenv("VCMPIPE_VVENC", name)
    report = doctor.examine()
    assert not report.healthy
    assert len(report.problems) == 1
    assert "VCMPIPE_VVENC" in report.problems[0] and "install imageio-ffmpeg" in report.problems[0]
    (place,) = [place for place in report.encoders if place.name == "vvenc"]
    assert reason in place.reason
    assert place.trials == ()


def test_the_chosen_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCMPIPE_DETECTOR", "nowhere.onnx")
    found = doctor.examine().detectors
    assert (found.chosen, found.chosen_by) == ("nowhere.onnx", "VCMPIPE_DETECTOR")
    assert found.resolves_to == "nothing: there is no file nowhere.onnx"


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("demo", "the built-in demo's detector, for the demo's scenes only"),
        ("here.onnx", "here.onnx"),
        ("onnx:here.onnx", "here.onnx"),
        ("gone.onnx", "nothing: there is no file gone.onnx"),
        ("folder/gone.pt", "nothing: there is no file folder/gone.pt"),
        ("torchvision:ssd300_vgg16", "torchvision ssd300_vgg16, weights downloaded where they are not here"),
        ("torchvision:ssd300_vgg16@gone.pth", "torchvision ssd300_vgg16, nothing: there is no file gone.pth"),
        ("auto", "yolo26n.pt"),
        ("yolo26n", "yolo26n.pt"),
        ("ultralytics:yolo26n", "yolo26n.pt"),
        ("yolo12345x", "nothing: no detector is called yolo12345x"),
        ("blob", "nothing: no detector is called blob"),
    ],
)
def test_what_a_detector_s_name_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, answer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here.onnx", "yolo26n.pt"):
        Path(name).touch()
    assert doctor.resolve(spec) == answer


def test_what_would_be_downloaded_is_reported_and_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vcmpipe.detection.weights_ultralytics.find", lambda name: None)
    assert doctor.resolve("auto") == "nothing here yet: yolo26n.pt would be downloaded"
    assert doctor.resolve("yolo11n") == "nothing here yet: yolo11n.pt would be downloaded"
    assert list(tmp_path.iterdir()) == []
