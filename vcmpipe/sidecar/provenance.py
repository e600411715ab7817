"""Where a result comes from: versions, tools and their digests."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe import __version__, process

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

_PACKAGES = ("torch", "torchvision", "onnxruntime", "ultralytics", "numpy", "opencv-python", "av", "imageio-ffmpeg")


@lru_cache(maxsize=1)
def commit() -> str | None:
    """The commit of the checkout that this package runs from, or None where it was installed."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    text = process.probe(["git", "-C", str(checkout), "describe", "--always", "--dirty"])
    return text.strip() if text else None


def versions() -> dict[str, str]:
    """Versions of vcmpipe, Python and the packages that change results."""
    found = {"vcmpipe": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def of_detector(detector: Detector) -> dict[str, Any]:
    """Which detector it was."""
    return {"name": detector.name, "digest": detector.digest, "classes": len(detector.classes)}


def collect(encoder: Encoder, detector: Detector, predictor: str, human: str | None = None) -> dict[str, Any]:
    """Everything that a result depends on besides its configuration."""
    return {
        "versions": versions(),
        "commit": commit(),
        "encoder": {"name": encoder.name, "build": encoder.build},
        "detector": of_detector(detector),
        "predictor": predictor,
    } | ({"human": human} if human else {})
