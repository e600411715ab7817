"""Decoded pictures with what the sidecar knows of them: their exact size, the source's size, name and objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.decoding.decoder import DecodedPicture
from vcmpipe.decoding.sandbox import decode_isolated
from vcmpipe.drawing.boxes import Box, draw_boxes
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Yuv, rgb_to_yuv, scale_rgb, scale_yuv, yuv_to_rgb
from vcmpipe.process.text import count
from vcmpipe.sidecar import FrameRecord, SegmentRecord, Sidecar


@dataclass(frozen=True)
class Restored:
    """A decoded picture together with what the sidecar knows of it.

    Attributes:
        picture: The picture as the stream has it.
        size: Width and height without the padding that the stream cannot crop (an odd size).
        target: Width and height to scale to: the source's, or ``size``.
        source: The source's name, or a made-up one.
        boxes: What is drawn on it, in pixels of ``target``; None: it is not drawn on.
        planes: Whether the source had YUV samples: then it is scaled as such, as encode did when it looked at it.
    """

    picture: DecodedPicture
    size: tuple[int, int]
    target: tuple[int, int]
    source: str
    boxes: tuple[Box, ...] | None = None
    planes: bool = False

    def rgb(self) -> NDArray[np.uint8]:
        """The picture, cropped and scaled, (height, width, 3)."""
        yuv, spec = self.picture.yuv, self.picture.spec
        if self.planes and self.target != self.size:
            rgb = yuv_to_rgb(scale_yuv(yuv, self.target, of=self.size, siting=spec.siting), spec, self.target)
        else:
            rgb = scale_rgb(yuv_to_rgb(yuv, spec, self.size), self.target)
        return draw_boxes(rgb, self.boxes) if self.boxes else rgb

    def yuv(self, spec: ColourSpec) -> Yuv:
        """The picture as YUV in a video's colours: the decoder's own samples, scaled where it was coded smaller.

        They pass through RGB only where boxes are drawn, or where this picture's colours are not those of the video.
        """
        own = self.picture.spec
        if self.boxes or (own.matrix, own.range, own.siting) != (spec.matrix, spec.range, spec.siting):
            return rgb_to_yuv(self.rgb(), spec)
        return scale_yuv(self.picture.yuv, self.target, of=self.size, siting=own.siting)


def restored(
    data: bytes, sidecar: Sidecar | None, *, restore: bool = True, overlay: bool = False
) -> Iterator[Restored]:
    """The pictures of a stream in presentation order, by the sidecar cropped to their exact size and scaled back.

    Args:
        data: The stream.
        sidecar: Its sidecar, if there is one.
        restore: Whether pictures get the source's size, not the coded one.
        overlay: Whether the sidecar's objects are drawn on them.

    Raises:
        InputError: Stream and sidecar do not belong together.
        BitstreamError: The stream is damaged.
    """
    records = list(sidecar.placed()) if sidecar else None
    done = 0
    for picture in decode_isolated(data, unstated=_colour(sidecar)):
        if records is None:
            yield Restored(picture, picture.size, picture.size, f"picture_{done:06d}")
        elif done < len(records):
            video = bool(sidecar and sidecar.source)
            yield _restored(picture, *records[done], restore=restore, overlay=overlay, video=video)
        done += 1
    if records is not None and done != len(records):
        raise InputError(
            f"the stream holds {count(done, 'picture')}, the sidecar {len(records)}: they do not belong together"
        )


def _colour(sidecar: Sidecar | None) -> ColourSpec | None:
    """What samples mean where the stream does not say, by its sidecar."""
    if sidecar is None:
        return None
    try:
        return ColourSpec(**sidecar.colour)  # type: ignore[arg-type]
    except (TypeError, InputError) as error:
        raise InputError(f"the sidecar's colour is not one ({error}): copy it again, or decode without it") from error


def _restored(
    picture: DecodedPicture, segment: SegmentRecord, frame: FrameRecord, *, restore: bool, overlay: bool, video: bool
) -> Restored:
    width, height = segment.coded_size
    # The conformance window counts in chroma samples: an odd size is decoded one sample too large.
    if picture.size != (width + width % 2, height + height % 2):
        raise InputError(
            f"picture {picture.index} decodes to {picture.size[0]}x{picture.size[1]}, the sidecar says "
            f"{width}x{height}: they do not belong together"
        )
    target = segment.source_size if restore else (width, height)
    boxes = _boxes(segment, frame, target) if overlay else None
    planes = video or segment.structure != "intra"
    return Restored(picture, (width, height), target, frame.source, boxes, planes)


def _boxes(segment: SegmentRecord, frame: FrameRecord, target: tuple[int, int]) -> tuple[Box, ...]:
    """The objects of a frame in pixels of the picture that is written."""
    across, down = (side / of for side, of in zip(target, segment.source_size, strict=True))
    boxes = []
    for each in frame.objects:
        left, top, right, bottom = each.bbox_xyxy
        corners = (left * across, top * down, right * across, bottom * down)
        boxes.append(Box(corners, each.class_name, each.score, each.kept))
    return tuple(boxes)
