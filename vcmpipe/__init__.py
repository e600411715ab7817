"""vcmpipe codes pictures and video for machines: one standard VVC stream with a QP per object.

The public names are loaded when they are first used, so that ``import vcmpipe`` costs nothing:

    from vcmpipe import DecodeOptions, EncodeOptions, decode, encode, encode_frames

    sidecar = encode(EncodeOptions(input="frames", out="bitstream.bin", detector="yolo11n.pt"))
    decode(DecodeOptions(input="bitstream.bin", out="decoded"))
    data, sidecar = encode_frames([picture], detector="yolo11n.pt")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vcmpipe.bitstream import inspect_stream as inspect_stream
    from vcmpipe.bitstream import merge_regions as merge_regions
    from vcmpipe.coding.pipeline import Pipeline as Pipeline
    from vcmpipe.coding.segment import Segment as Segment
    from vcmpipe.coding.segment_coder import SegmentCoder as SegmentCoder
    from vcmpipe.commands.decode import decode as decode
    from vcmpipe.commands.encode import encode as encode
    from vcmpipe.commands.encode import encode_frames as encode_frames
    from vcmpipe.commands.streams import encode_each as encode_each
    from vcmpipe.config import BenchOptions as BenchOptions
    from vcmpipe.config import DecodeOptions as DecodeOptions
    from vcmpipe.config import EncodeOptions as EncodeOptions
    from vcmpipe.decoding.decoder import decode_stream as decode_stream
    from vcmpipe.detection import load_detector as load_detector
    from vcmpipe.encoders import load_encoder as load_encoder
    from vcmpipe.errors import InputError as InputError
    from vcmpipe.errors import VcmError as VcmError
    from vcmpipe.evaluation import MatchRule as MatchRule
    from vcmpipe.evaluation import bd_rate as bd_rate
    from vcmpipe.evaluation import retention as retention
    from vcmpipe.frames import Frame as Frame
    from vcmpipe.frames import open_source as open_source
    from vcmpipe.qpmap import MapPolicy as MapPolicy
    from vcmpipe.qpmap import QpMap as QpMap
    from vcmpipe.qpmap import build_map as build_map
    from vcmpipe.sidecar import Sidecar as Sidecar
    from vcmpipe.tasks import DetectionTask as DetectionTask
    from vcmpipe.thresholds import Thresholds as Thresholds
    from vcmpipe.thresholds import load_predictor as load_predictor

_HOME = {
    "BenchOptions": "config",
    "DecodeOptions": "config",
    "DetectionTask": "tasks",
    "EncodeOptions": "config",
    "Frame": "frames",
    "InputError": "errors",
    "MapPolicy": "qpmap",
    "MatchRule": "evaluation",
    "Pipeline": "coding.pipeline",
    "QpMap": "qpmap",
    "Segment": "coding.segment",
    "SegmentCoder": "coding.segment_coder",
    "Sidecar": "sidecar",
    "Thresholds": "thresholds",
    "VcmError": "errors",
    "bd_rate": "evaluation",
    "build_map": "qpmap",
    "decode": "commands.decode",
    "decode_stream": "decoding.decoder",
    "encode": "commands.encode",
    "encode_each": "commands.streams",
    "encode_frames": "commands.encode",
    "inspect_stream": "bitstream",
    "load_detector": "detection",
    "load_encoder": "encoders",
    "load_predictor": "thresholds",
    "merge_regions": "bitstream",
    "open_source": "frames",
    "retention": "evaluation",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
