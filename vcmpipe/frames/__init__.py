"""Frames: where they come from, what their colours mean, and how they are written."""

from vcmpipe.config.limits import MAX_PIXELS, MAX_SIDE, MIN_SIDE
from vcmpipe.frames.address import LiveRules
from vcmpipe.frames.batches import batches
from vcmpipe.frames.colour import ColourSpec, rgb_to_yuv, yuv_to_rgb
from vcmpipe.frames.consecutive import consecutive
from vcmpipe.frames.frame import Frame, natural_key
from vcmpipe.frames.frame_rate import Schedule, schedule
from vcmpipe.frames.info import VideoInfo
from vcmpipe.frames.inputs import find_inputs, is_plain, open_inputs
from vcmpipe.frames.live import LiveSource
from vcmpipe.frames.marks import is_decoded
from vcmpipe.frames.pictures import decode_picture, picture_size, read_picture
from vcmpipe.frames.planes import Planes
from vcmpipe.frames.preview import write_preview
from vcmpipe.frames.quality import psnr_y
from vcmpipe.frames.scaling import fit_yuv, least_side, scale_rgb, scale_yuv, scaled_size
from vcmpipe.frames.selection import Selection
from vcmpipe.frames.sources import (
    FrameSource,
    PictureSource,
    VideoSource,
    find_pictures,
    find_videos,
    open_source,
    refuse_as_output,
    refuse_frame_endings,
)
from vcmpipe.frames.writers import Y4mWriter, png_bytes, write_png
from vcmpipe.frames.yuv import LazyFrames, Yuv, crop_yuv, extend_yuv, lazy, pad_yuv, yuv_bytes, yuv_bytes_8

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "MIN_SIDE",
    "ColourSpec",
    "Frame",
    "FrameSource",
    "LazyFrames",
    "LiveRules",
    "LiveSource",
    "PictureSource",
    "Planes",
    "Schedule",
    "Selection",
    "VideoInfo",
    "VideoSource",
    "Y4mWriter",
    "Yuv",
    "batches",
    "consecutive",
    "crop_yuv",
    "decode_picture",
    "extend_yuv",
    "find_inputs",
    "find_pictures",
    "find_videos",
    "fit_yuv",
    "is_decoded",
    "is_plain",
    "lazy",
    "least_side",
    "natural_key",
    "open_inputs",
    "open_source",
    "pad_yuv",
    "picture_size",
    "png_bytes",
    "psnr_y",
    "read_picture",
    "refuse_as_output",
    "refuse_frame_endings",
    "rgb_to_yuv",
    "scale_rgb",
    "scale_yuv",
    "scaled_size",
    "schedule",
    "write_png",
    "write_preview",
    "yuv_bytes",
    "yuv_bytes_8",
    "yuv_to_rgb",
]
