"""Finds detectors by name, path or entry point, and settles which one is meant where the user names none."""

from __future__ import annotations

import difflib
import os
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol, cast

from vcmpipe.detection.base import DEFAULT_MIN_SCORE, Detector
from vcmpipe.detection.recorded import KIND, recorded_path
from vcmpipe.detection.recorded import WAYS_FORWARD as WITHOUT
from vcmpipe.errors import InputError
from vcmpipe.plugins import DETECTORS
from vcmpipe.plugins.published import published_path
from vcmpipe.process.extras import absent, how_to_install
from vcmpipe.process.text import one_line

ENVIRONMENT_VARIABLE = "VCMPIPE_DETECTOR"
"""Names the detector where no option does."""
WAYS_FORWARD = (
    f"name one with --detector PATH (.onnx or .pt), or fetch one (vcmpipe dataset fetch yolox-nano, --detector "
    f"yolox-nano), set {ENVIRONMENT_VARIABLE}, or try things out with --detector demo"
)


class DetectorFactory(Protocol):
    """What an entry point of the group ``vcmpipe.detectors`` leads to."""

    def __call__(self, argument: str, *, jobs: int | None, device: str, min_score: float) -> Detector:
        """Makes the detector; ``argument`` is what the user wrote after ``NAME:``, the rest as in ``load_detector``."""
        ...


def resolve_detector_spec(spec: str | None = None) -> str:
    """Which detector is meant: the one named, else the one in ``VCMPIPE_DETECTOR``, else ``auto``."""
    return spec or os.environ.get(ENVIRONMENT_VARIABLE, "").strip() or "auto"


def plugin_detectors() -> dict[str, EntryPoint]:
    """The detectors that other packages install, by name."""
    return DETECTORS.plugins()


def load_detector(
    spec: str | None = None,
    *,
    jobs: int | None = None,
    device: str = "auto",
    min_score: float = DEFAULT_MIN_SCORE,
    again: bool = True,
    classes: str | None = None,
) -> Detector:
    """Makes a detector.

    Args:
        spec: One of

            - ``auto``: an ultralytics weight that is here or can be downloaded;
            - ``demo``: the toy detector for the built-in scenes;
            - ``none``: nothing is detected, for coding at one QP;
            - ``onnx:PATH`` or a path that ends in ``.onnx``;
            - ``yolox-nano`` or ``fastestdet``, which ``dataset fetch`` fetched;
            - ``torchvision:NAME`` (downloaded weights) or ``torchvision:NAME@PATH`` (.safetensors or .pth);
            - ``ultralytics:NAME``, an ultralytics weight's name (``yolo11n``) or the path of a ``.pt`` file;
            - ``detections:PATH``, or a path that ends like a file of detections: what another model found, where
              nothing has to be looked at again;
            - ``NAME`` or ``NAME:ARGUMENT`` of an entry point of the group ``vcmpipe.detectors``;
            - None or empty: ``VCMPIPE_DETECTOR``, else ``auto``.
        jobs: Pictures at the same time; the machine's cores where absent.
        device: ``auto``, ``cpu`` or ``cuda``.
        min_score: Least score that is reported, above 0 and at most 1.
        again: Whether it has to look at other versions of a picture, too, which detections in a file cannot.
        classes: For detections in a file, the file that names their classes.

    Raises:
        InputError: The detector is unknown, missing, damaged, or a file although it has to look again; the message
            gives the way forward.
        VcmError: Its weights cannot be downloaded.
    """
    spec = resolve_detector_spec(spec)
    if not 0.0 < min_score <= 1.0:
        raise InputError(f"the least score of a detection must be above 0 and at most 1, not {min_score}")
    if jobs is not None and jobs < 1:
        raise InputError(f"the number of jobs must be at least 1, not {jobs}")
    name, _, argument = spec.partition(":")
    plugins = plugin_detectors()
    recorded = recorded_path(spec) if name not in plugins else None
    if recorded is not None and again:
        raise InputError(
            f"detector {one_line(spec)}: detections in a file are for the source only, and this needs detections in "
            f"other versions of it, too: {WITHOUT}; encode in the open loop and predict take the file"
        )
    if recorded is not None:
        return cast(Detector, DETECTORS.load(KIND).read(recorded, classes, min_score=min_score))
    if classes is not None:
        raise InputError(f"--classes names the classes of detections in a file; {one_line(spec)} knows its own")
    if spec == "demo":
        return cast(Detector, DETECTORS.load(name)(min_score=min_score, jobs=jobs))
    if spec == "none":
        return cast(Detector, DETECTORS.load(name)())
    if name in plugins or (name == "torchvision" and argument):
        factory = cast(DetectorFactory, DETECTORS.load(name))
        return factory(argument, jobs=jobs, device=device, min_score=min_score)
    if (fetched := published_path(spec, "detector")) != Path(spec):
        spec = str(fetched)
    if (name == "onnx" and argument) or spec.lower().endswith(".onnx"):
        path = Path(argument if name == "onnx" else spec)
        if not path.is_file():
            raise InputError(f"detector {path}: there is no such file; {WAYS_FORWARD}")
        return cast(Detector, DETECTORS.load("onnx")(path, jobs=jobs, device=device, min_score=min_score))
    return _load_ultralytics(spec, plugins, device, min_score)


def _load_ultralytics(spec: str, plugins: dict[str, EntryPoint], device: str, min_score: float) -> Detector:
    """``auto``, a ``.pt`` file, or the name of a published weight."""
    from vcmpipe.detection import weights_ultralytics as store
    from vcmpipe.detection.ultralytics import UltralyticsDetector

    name, _, argument = spec.partition(":")
    if spec == "auto":
        if absent("ultralytics"):
            raise InputError(
                f"no detector: auto looks for weights of ultralytics, which is not installed; {WAYS_FORWARD}; or "
                + how_to_install("ultralytics")
            )
        path = store.find_any()
        if path is None:
            path = store.download_any(WAYS_FORWARD)
        return UltralyticsDetector(path, device=device, min_score=min_score)
    wanted = argument if name == "ultralytics" and argument else spec
    path = Path(wanted)
    if path.is_file() and path.suffix == ".pt":
        return UltralyticsDetector(path, device=device, min_score=min_score)
    published = store.published_name(wanted)
    if published is not None:
        local = store.find(published) or store.download(published, WAYS_FORWARD)
        return UltralyticsDetector(local, device=device, min_score=min_score)
    if path.exists():
        raise InputError(f"detector {spec}: give an .onnx or .pt file, or torchvision:NAME@{spec} for a state dict")
    if path.suffix == ".pt" or os.sep in wanted:
        raise InputError(f"detector {spec}: there is no such file; {WAYS_FORWARD}")
    known = ["auto", "demo", "detections:PATH", "none", "yolox-nano", "fastestdet", "onnx:PATH", "torchvision:NAME"]
    known += ["ultralytics:NAME", *plugins]
    close = difflib.get_close_matches(name, [*(entry.partition(":")[0] for entry in known), *store.AUTO_NAMES], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(f"unknown detector {spec!r}: known are {', '.join(known)}, and the name or path of a weight{hint}")
