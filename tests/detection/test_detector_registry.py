from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from vcmpipe.detection import load_detector, plugin_detectors, resolve_detector_spec
from vcmpipe.errors import InputError, VcmError

PLUGIN = """
class Nothing:
    classes, digest = {0: "x"}, "0" * 64
    def __init__(self, argument, *, jobs, device, min_score):
        self.name, self.seen = "nothing", (argument, jobs, device, min_score)
    def detect(self, frames): return []
    def input_size(self, width, height): return width, height
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, a cache and a network in which no weights are to be had."""
    from vcmpipe.detection import weights_ultralytics as store

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VCMPIPE_DETECTOR", raising=False)
    monkeypatch.setattr(store, "weights_folder", lambda: tmp_path / "cache")
    monkeypatch.setitem(store.import_ultralytics().settings, "weights_dir", str(tmp_path / "theirs"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "variable", "expected"),
    [
        ("demo", "x.onnx", "demo"),
        (None, "x.onnx", "x.onnx"),
        ("", "x.onnx", "x.onnx"),
        (None, "  ", "auto"),
        (None, None, "auto"),
        ("auto", "x.onnx", "auto"),  # what is said aloud wins
    ],
)
def test_which_detector_is_meant(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, variable: str | None, expected: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("VCMPIPE_DETECTOR", variable)
    assert resolve_detector_spec(asked) == expected


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("dmo", "unknown detector 'dmo'"),
        ("dmo", "did you mean 'demo'?"),
        ("zzz", "torchvision:NAME"),
        ("no/such.onnx", "no/such.onnx: there is no such file; name one with --detector PATH"),
        ("onnx:no-such", "VCMPIPE_DETECTOR"),
        ("no-such.pt", "--detector demo"),
        ("some.bin", "give an .onnx or .pt file"),
        ("some.txt", "detections in a file are for the source only"),
        ("ultralytics:no/such", "there is no such file"),
        ("torchvision:no_such_net", "it has fasterrcnn_mobilenet"),
        ("torchvision:", "unknown detector"),
    ],
)
def test_unknown_detectors_are_one_line_that_helps(nowhere: Path, spec: str, says: str) -> None:
    for name in ("some.txt", "some.bin"):
        (nowhere / name).write_text("hello")
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        load_detector(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("wrong", "says"), [({"min_score": 0.0}, "least score"), ({"jobs": 0}, "jobs")])
def test_wrong_settings_are_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_detector("demo", **wrong)  # type: ignore[arg-type]


def test_auto_without_anything_names_the_ways_forward() -> None:
    with pytest.raises(InputError) as caught:
        load_detector("auto")
    for way in ("--detector PATH", "VCMPIPE_DETECTOR", "--detector demo"):
        assert way in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "says"),
    [("yolo11n", r"yolo11n\.pt is not here"), ("torchvision:ssdlite320_mobilenet_v3_large", "NAME|@PATH")],
)
def test_a_download_that_fails_says_so(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, capfd: pytest.CaptureFixture[str], spec: str, says: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(nowhere / "torch"))
    with pytest.raises(VcmError, match=says) as caught:
        load_detector(spec)
    assert "cannot be downloaded" in str(caught.value) and str(caught.value).isascii()
    assert capfd.readouterr() == ("", "")
    assert not list(nowhere.rglob("*.pt*"))


def test_auto_takes_a_weight_that_is_here(nowhere: Path) -> None:
    from vcmpipe.detection.weights_ultralytics import import_ultralytics

    import_ultralytics().YOLO("yolov8n.yaml", verbose=False).save(str(nowhere / "yolov8n.pt"))
    assert load_detector("auto").name == load_detector("yolov8n").name == "yolov8n.pt"


def test_a_plugin_is_found(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "nothing_plugin.py").write_text(PLUGIN)
    metadata = nowhere / "nothing_plugin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: nothing-plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[vcmpipe.detectors]\nnothing = nothing_plugin:Nothing\nbroken = nothing_plugin:Missing\n"
    )
    monkeypatch.syspath_prepend(str(nowhere))
    assert list(plugin_detectors()) == ["broken", "nothing"]
    assert load_detector("nothing:a:b", jobs=3).seen == ("a:b", 3, "auto", 0.05)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"'broken' \(nothing_plugin:Missing\) cannot be loaded"):
        load_detector("broken")


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = (
        "import sys, vcmpipe.detection, vcmpipe.evaluation, vcmpipe.thresholds\n"
        "print([m for m in ('torch', 'cv2', 'supervision', 'ultralytics', 'onnxruntime', 'scipy', 'pandas', 'av',"
        " 'pycocotools', 'torchvision') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"
