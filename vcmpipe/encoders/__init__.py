"""External encoders behind one protocol: adapters, and where the programs are found."""

from vcmpipe.encoders.base import PRESETS, Capabilities, CodingMode, Encoder, Job
from vcmpipe.encoders.discovery import load_encoder, missing_encoders, search_encoders
from vcmpipe.encoders.ffmpeg import encoder_folder

__all__ = [
    "PRESETS",
    "Capabilities",
    "CodingMode",
    "Encoder",
    "Job",
    "encoder_folder",
    "load_encoder",
    "missing_encoders",
    "search_encoders",
]
