"""vcmpipe codes pictures and video for machines: one standard VVC stream with a QP per object.

The public names are loaded when they are first used, so that ``import vcmpipe`` costs nothing:

    from vcmpipe import DecodeOptions, EncodeOptions, Pipeline, QpMap, decode, encode

    sidecar = encode(EncodeOptions(input="frames", out="bitstream.bin", detector="yolo11n.pt"))
    decode(DecodeOptions(input="bitstream.bin", out="decoded"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vcmpipe.coding.pipeline import Pipeline as Pipeline
    from vcmpipe.commands.decode import decode as decode
    from vcmpipe.commands.encode import encode as encode
    from vcmpipe.config import BenchOptions as BenchOptions
    from vcmpipe.config import DecodeOptions as DecodeOptions
    from vcmpipe.config import EncodeOptions as EncodeOptions
    from vcmpipe.detection import load_detector as load_detector
    from vcmpipe.encoders import load_encoder as load_encoder
    from vcmpipe.errors import InputError as InputError
    from vcmpipe.errors import VcmError as VcmError
    from vcmpipe.frames import Frame as Frame
    from vcmpipe.frames import open_source as open_source
    from vcmpipe.qpmap import QpMap as QpMap
    from vcmpipe.sidecar.schema import Sidecar as Sidecar
    from vcmpipe.thresholds import Thresholds as Thresholds
    from vcmpipe.thresholds import load_predictor as load_predictor

_HOME = {
    "BenchOptions": "config",
    "DecodeOptions": "config",
    "EncodeOptions": "config",
    "Frame": "frames",
    "InputError": "errors",
    "Pipeline": "coding.pipeline",
    "QpMap": "qpmap",
    "Sidecar": "sidecar",
    "Thresholds": "thresholds",
    "VcmError": "errors",
    "decode": "commands.decode",
    "encode": "commands.encode",
    "load_detector": "detection",
    "load_encoder": "encoders",
    "load_predictor": "thresholds",
    "open_source": "frames",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
