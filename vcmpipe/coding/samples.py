"""A segment's samples at the size that they are coded at, and decoded ones at the source's size again."""

from __future__ import annotations

from collections.abc import Iterator

from vcmpipe.coding.segment import Segment
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import ProcessError
from vcmpipe.frames import ColourSpec, Frame, LazyFrames, Planes, Yuv, lazy, pad_yuv, rgb_to_yuv, scale_rgb, yuv_to_rgb
from vcmpipe.frames.scaling import scale_yuv


class SegmentSamples:
    """The samples of one segment.

    Args:
        segment: The source.
        size: Width and height to code at; frames are scaled to it.
        spec: The colour of the samples: that of the planes, or the one that RGB frames are coded with.

    Attributes:
        source: Per frame its samples at the coded size, made even; they are made when they are asked for.
        padded: The same, repeated at the right and lower border to multiples of 8.
        whole_size: Width and height of the source.
    """

    def __init__(self, segment: Segment, size: tuple[int, int], spec: ColourSpec) -> None:
        self._segment, self._size, self._spec = segment, size, spec
        self.whole_size = segment.width, segment.height
        self.source = LazyFrames(len(segment), self._of)
        self.padded = lazy(self.source, pad_yuv)

    @property
    def scaled(self) -> bool:
        """Whether the segment is coded at another size than it has."""
        return self._size != self.whole_size

    def _of(self, place: int) -> Yuv:
        frame = self._segment.frames[place]
        if frame.planes is not None:
            yuv = frame.planes.yuv()
            return self._resized(yuv, self.whole_size, self._size) if self.scaled else yuv
        return rgb_to_yuv(scale_rgb(frame.rgb, self._size) if self.scaled else frame.rgb, self._spec)

    def _resized(self, yuv: Yuv, size: tuple[int, int], wanted: tuple[int, int]) -> Yuv:
        return scale_yuv(yuv, wanted, of=size, siting=self._spec.siting)

    def restored(self, place: int, yuv: Yuv) -> Frame:
        """Samples of a frame at the coded size as a frame of the source's size."""
        source = self._segment.frames[place]
        if source.planes is not None:
            whole = self._resized(yuv, self._size, self.whole_size) if self.scaled else yuv
            return source.with_planes(Planes.of_yuv(whole, self._spec, self.whole_size))
        rgb = yuv_to_rgb(yuv, self._spec, self._size)
        return source.with_rgb(scale_rgb(rgb, self.whole_size) if self.scaled else rgb)

    def decoded(self, data: bytes) -> Iterator[Yuv]:
        """The samples of a coded version frame after frame, at the coded size (made even).

        Raises:
            ProcessError: The stream does not decode to the segment's frames.
        """
        count, (width, height) = 0, (self._size[0] + self._size[0] % 2, self._size[1] + self._size[1] % 2)
        # One decoder thread: several segments are under way at once.
        for picture in decode_stream(data, threads=1):
            if picture.yuv.y.shape != (height, width):
                raise ProcessError(
                    f"{self._segment.source}: decoded at {picture.yuv.width}x{picture.yuv.height}, coded at "
                    f"{width}x{height}"
                )
            count += 1
            if count <= len(self._segment):
                yield picture.yuv
        if count != len(self._segment):
            raise ProcessError(
                f"{self._segment.source}: the stream decodes to {count} pictures, the segment has {len(self._segment)}"
            )
