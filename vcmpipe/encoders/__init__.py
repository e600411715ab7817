"""External encoders behind one protocol: adapters, and where the programs are found."""

from vcmpipe.encoders.base import PRESETS, Capabilities, CodingMode, Encoder, Job
from vcmpipe.encoders.discovery import encoder_folder, load_encoder, missing_encoders, search_encoders, search_vvenc

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
    "search_vvenc",
]
