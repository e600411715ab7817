"""How an SPS and a PPS cut a picture into tiles, slices and sub-pictures (ITU-T H.266 clauses 6.3.1, 6.5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.vvc.pps import signalled_slices, tile_sizes
from vcmpipe.bitstream.vvc.sps import ctb_size
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect


@dataclass(frozen=True, slots=True)
class Partition:
    """A coded picture's partition.

    Attributes:
        width: picture width in luma samples.
        height: picture height in luma samples.
        ctu: CTU size in luma samples.
        columns: tile column widths in CTUs.
        rows: tile row heights in CTUs.
        rectangular: whether slices are rectangles; if not, they are runs of tiles and ``slices`` is empty.
        slices: the rectangular slices, in CTUs, in the order of the picture's slice index.
        subpics: the sub-pictures in CTUs; the whole picture where there are none.
        subpic_ids: the value of sh_subpic_id for every sub-picture.
        subpic_slices: per sub-picture the indices of its slices.
    """

    width: int
    height: int
    ctu: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    rectangular: bool
    slices: tuple[Rect, ...]
    subpics: tuple[Rect, ...]
    subpic_ids: tuple[int, ...]
    subpic_slices: tuple[tuple[int, ...], ...]

    @property
    def tiles(self) -> int:
        """NumTilesInPic."""
        return len(self.columns) * len(self.rows)

    def samples(self, area: Rect) -> Rect:
        """An area of CTUs in luma samples, clipped to the picture."""
        x, y = area.x * self.ctu, area.y * self.ctu
        return Rect(x, y, min(area.width * self.ctu, self.width - x), min(area.height * self.ctu, self.height - y))

    def subpic_index(self, subpic_id: int) -> int:
        """CurrSubpicIdx."""
        try:
            return self.subpic_ids.index(subpic_id)
        except ValueError:
            raise BitstreamError(
                f"slice header: sh_subpic_id = {subpic_id} names no sub-picture (damaged stream)"
            ) from None

    def entry_points(self, slice_index: int | None, first_tile: int, tiles: int, wavefront: bool) -> int:
        """NumEntryPoints of a rectangular slice, or of ``tiles`` tiles in a row where ``slice_index`` is None."""
        if slice_index is None:
            heights = [self.rows[tile // len(self.columns)] for tile in range(first_tile, first_tile + tiles)]
        else:
            area = self.slices[slice_index]
            left = top = across = 0
            for width in self.columns:
                across += area.x <= left < area.x + area.width
                left += width
            heights = []
            for height in self.rows:
                shared = min(top + height, area.y + area.height) - max(top, area.y)
                heights += [shared] * across if shared > 0 else []
                top += height
        return (sum(heights) if wavefront else len(heights)) - 1


def partition_of(sps: Fields, pps: Fields) -> Partition:
    """The partition of the pictures that use a PPS and its SPS.

    BitstreamError where the two contradict each other, or slices or sub-pictures do not fit the picture.
    """
    ctb = ctb_size(sps)
    if not pps["pps_no_pic_partition_flag"] and pps["pps_log2_ctu_size_minus5"] != sps["sps_log2_ctu_size_minus5"]:
        raise BitstreamError("PPS: pps_log2_ctu_size_minus5 differs from sps_log2_ctu_size_minus5 (damaged stream)")
    width, height = pps["pps_pic_width_in_luma_samples"], pps["pps_pic_height_in_luma_samples"]
    for side, size in (("width", width), ("height", height)):
        if not 8 <= size <= sps[f"sps_pic_{side}_max_in_luma_samples"]:
            raise BitstreamError(f"PPS: pps_pic_{side}_in_luma_samples = {size} does not fit the SPS (damaged stream)")
    columns, rows = tile_sizes(pps, ctb)
    whole = Rect(0, 0, sum(columns), sum(rows))
    subpics = _subpics(sps, whole)
    rectangular = bool(pps.get("pps_rect_slice_flag", 1))
    if not rectangular:
        slices: list[Rect] = []
    elif pps["pps_no_pic_partition_flag"]:
        slices = [whole]
    elif pps["pps_single_slice_per_subpic_flag"]:
        slices = subpics
    else:
        slices = signalled_slices(pps, columns, rows)
    return Partition(
        width=width,
        height=height,
        ctu=ctb,
        columns=tuple(columns),
        rows=tuple(rows),
        rectangular=rectangular,
        slices=tuple(slices),
        subpics=tuple(subpics),
        subpic_ids=_subpic_ids(sps, pps, len(subpics)),
        subpic_slices=tuple(tuple(i for i, area in enumerate(slices) if _holds(subpic, area)) for subpic in subpics),
    )


def _holds(outer: Rect, inner: Rect) -> bool:
    return outer.x <= inner.x < outer.x + outer.width and outer.y <= inner.y < outer.y + outer.height


def _subpics(sps: Fields, whole: Rect) -> list[Rect]:
    last = sps.get("sps_num_subpics_minus1", 0)
    if not last:
        return [whole]
    found: list[Rect] = []
    for i in range(last + 1):
        if i and sps["sps_subpic_same_size_flag"]:
            first = found[0]
            across = max(whole.width // first.width, 1)
            x, y = i % across * first.width, i // across * first.height
            area = Rect(x, y, first.width, first.height)
        else:
            x = sps.get(f"sps_subpic_ctu_top_left_x[{i}]", 0)
            y = sps.get(f"sps_subpic_ctu_top_left_y[{i}]", 0)
            area = Rect(
                x,
                y,
                sps.get(f"sps_subpic_width_minus1[{i}]", whole.width - x - 1) + 1,
                sps.get(f"sps_subpic_height_minus1[{i}]", whole.height - y - 1) + 1,
            )
        if area.x + area.width > whole.width or area.y + area.height > whole.height:
            raise BitstreamError(f"SPS: sub-picture {i} reaches outside the picture (damaged stream)")
        found.append(area)
    return found


def _subpic_ids(sps: Fields, pps: Fields, count: int) -> tuple[int, ...]:
    if not sps.get("sps_subpic_id_mapping_explicitly_signalled_flag"):
        return tuple(range(count))
    holder, prefix = (pps, "pps") if pps["pps_subpic_id_mapping_present_flag"] else (sps, "sps")
    ids = [holder.get(f"{prefix}_subpic_id[{i}]") for i in range(count)]
    if None in ids:
        raise BitstreamError(f"{prefix.upper()}: {prefix}_subpic_id is missing for a sub-picture (damaged stream)")
    return tuple(value for value in ids if value is not None)
