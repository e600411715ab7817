"""What an inspected stream says about itself: parameter sets, pictures, regions with their place, QP and bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from vcmpipe.bitstream.access_unit import Unit
from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect
from vcmpipe.process.text import count

_MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """A slice of a picture.

    Attributes:
        index: its place in the picture, from 0, in the order of slices.
        rect: where it lies, in luma samples of the coded picture.
        qp: SliceQpY, the luma QP of its coding units unless ``cu_qp_delta_possible``; in AV1 a fourth of the frame's
            ``base_q_idx``, 0..63.
        bits: bits of its NAL unit, without the start code.
        subpic_id: ``sh_subpic_id``, None where the picture has no sub-pictures.
        slice_type: "I", "P" or "B".
        cu_qp_delta_possible: whether coding units may change the luma QP.
        chroma_qp_offsets: what is added to the chroma QP of (Cb, Cr) by the PPS and the slice header.
        chroma_qp_delta_possible: whether coding units may change the chroma QPs.
    """

    index: int
    rect: Rect
    qp: int
    bits: int
    subpic_id: int | None
    slice_type: str
    cu_qp_delta_possible: bool
    chroma_qp_offsets: tuple[int, int]
    chroma_qp_delta_possible: bool


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """A coded picture.

    Attributes:
        index: its number in decoding order, from 0.
        nal_type: the name of its ``nal_unit_type``, such as IDR_N_LP, or of its ``frame_type``, such as KEY_FRAME.
        slice_types: the kinds of its slices, such as "I" or "BI".
        poc: picture order count; None where the headers could not be read.
        temporal_id: TemporalId.
        width: coded width in luma samples; 0 where the headers could not be read.
        height: coded height in luma samples; 0 where the headers could not be read.
        display_width: width after the conformance window.
        display_height: height after the conformance window.
        ctu: CTU size in luma samples.
        bits: bits of its access unit, with start codes, parameter sets and SEI; all pictures' sum to the stream's.
        regions: its slices. Empty where they are runs of tiles instead of rectangles, or could not be read.
        cu_qp_delta_possible: whether coding units may change the luma QP of any region (also where that is not known).
        chroma_qp_delta_possible: whether coding units may change the chroma QPs of any region.
        vui: the colour that its SPS states, if any.
        rate: pictures per second that its SPS states, if any.
        sample_aspect: width of a sample by its height that its SPS states, if any.
    """

    index: int
    nal_type: str
    slice_types: str
    poc: int | None
    temporal_id: int
    width: int
    height: int
    display_width: int
    display_height: int
    ctu: int
    bits: int
    regions: tuple[RegionInfo, ...]
    cu_qp_delta_possible: bool
    chroma_qp_delta_possible: bool
    vui: Vui | None
    rate: Fraction | None = None
    sample_aspect: Fraction | None = None


@dataclass(frozen=True, slots=True)
class ParameterSetInfo:
    """A parameter set: its kind ("SPS", "PPS", "sequence header"), the number of the picture before which it is first
    sent, and its elements.
    """

    kind: str
    before_picture: int
    elements: dict[str, int]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """All of a stream; ``dataclasses.asdict`` gives something that JSON can hold, but for fractions.

    Attributes:
        bytes: its size.
        pictures: its pictures in decoding order.
        parameter_sets: its SPS and PPS, or sequence headers, repetitions left out.
        nal_units: number of NAL units, or OBUs, by type.
        problems: what is damaged or could not be read, each with the element's name; empty for a sound stream. That a
            stream was cut inside the data of its last slice shows in decoding only.
        codec: "vvc", "hevc" or "av1".
    """

    bytes: int
    pictures: tuple[PictureInfo, ...]
    parameter_sets: tuple[ParameterSetInfo, ...]
    nal_units: dict[str, int]
    problems: tuple[str, ...]
    codec: str

    @property
    def rate(self) -> Fraction | None:
        """Pictures per second where all pictures state the same."""
        return _common(picture.rate for picture in self.pictures)

    @property
    def sample_aspect(self) -> Fraction | None:
        """Width of a sample by its height where all pictures state the same."""
        return _common(picture.sample_aspect for picture in self.pictures)


def _common(values: Iterable[Fraction | None]) -> Fraction | None:
    different = set(values)
    return different.pop() if len(different) == 1 else None


def ctu_qps(picture: PictureInfo) -> list[list[int | None]]:
    """The slice QP at every CTU of a picture, rows by columns in raster order; None where no region lies."""
    ctu = picture.ctu
    columns, rows = (-(-picture.width // ctu), -(-picture.height // ctu)) if ctu else (0, 0)
    found: list[list[int | None]] = [[None] * columns for _ in range(rows)]
    for region in picture.regions:
        down, across = region.rect.ctus(ctu)
        for line in found[down]:
            line[across] = [region.qp] * (across.stop - across.start)
    return found


def presentation_order(pictures: Sequence[PictureInfo]) -> list[int]:
    """The place of each picture, given in decoding order, in the order of presentation.

    Picture order counts begin anew with every IDR picture; where one is not known, pictures are shown as they come.
    """
    sequence, keys = 0, []
    for number, picture in enumerate(pictures):
        sequence += picture.nal_type.startswith("IDR")
        keys.append((sequence, number if picture.poc is None else picture.poc))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [place for _, place in sorted(zip(order, range(len(order)), strict=True))]


def stream_info(
    codec: str,
    data: bytes,
    groups: Sequence[Sequence[Unit]],
    pictures: Sequence[PictureInfo],
    parameter_sets: Iterable[ParameterSetInfo],
    problems: Sequence[str],
) -> StreamInfo:
    """All that was found in a stream, else BitstreamError; bits that no picture has counted go to the last one."""
    if not any(picture.width for picture in pictures):
        detail = f": {problems[0]}" if problems else f" (cut behind its headers, or no {codec.upper()} stream)"
        raise BitstreamError(f"no picture of the stream could be read{detail}")
    last = replace(pictures[-1], bits=8 * len(data) - sum(picture.bits for picture in pictures[:-1]))
    named = list(problems[:_MAX_PROBLEMS])
    if len(problems) > _MAX_PROBLEMS:
        named.append(f"and {count(len(problems) - _MAX_PROBLEMS, 'more problem')}")
    counts = dict(Counter(unit.type_name for group in groups for unit in group))
    return StreamInfo(len(data), (*pictures[:-1], last), tuple(parameter_sets), counts, tuple(named), codec)


@dataclass(slots=True)
class PictureOrder:
    """Picture order counts of pictures in decoding order (ITU-T H.266 clause 8.3.1, H.265 clause 8.3.1)."""

    _previous: int = 0
    _begun: bool = False

    def of(self, lsb: int, cycle: int, *, msb: int | None = None, reference: bool) -> int:
        """The picture order count of the next picture.

        ``lsb`` are its bits below ``cycle`` (MaxPicOrderCntLsb), ``msb`` the rest where it is stated; None: the nearest
        to the last picture's, 0 for the first one. Those that follow are counted from a picture that is ``reference``:
        of temporal layer 0, a reference picture, and no leading one.
        """
        if msb is None:
            msb = self._previous - self._previous % cycle if self._begun else 0
            distance = lsb - self._previous % cycle if self._begun else 0
            msb += cycle if distance <= -cycle // 2 else -cycle if distance > cycle // 2 else 0
        self._begun = True
        if reference:
            self._previous = msb + lsb
        return msb + lsb
