"""External encoders behind one protocol, and the coding of one picture with them."""

from vcmpipe.encoders.base import PRESETS, Capabilities, CodingMode, Encoder, Job
from vcmpipe.encoders.cache import CachedEncoder, ContentCache, PricedStream, content_key
from vcmpipe.encoders.discovery import encoder_folder, load_encoder, missing_encoders, search_encoders, search_vvenc
from vcmpipe.encoders.picture import CodedPicture, PictureCoder, Realisation
from vcmpipe.encoders.proof import prove

__all__ = [
    "PRESETS",
    "CachedEncoder",
    "Capabilities",
    "CodedPicture",
    "CodingMode",
    "ContentCache",
    "Encoder",
    "Job",
    "PictureCoder",
    "PricedStream",
    "Realisation",
    "content_key",
    "encoder_folder",
    "load_encoder",
    "missing_encoders",
    "prove",
    "search_encoders",
    "search_vvenc",
]
