"""Where the regions of a picture lie: the layouts that VVC can carry without changing the CTU scan."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect


@dataclass(frozen=True, slots=True)
class RegionLayout:
    """A coded picture cut into regions: tile columns times tile rows, each tile cut into bands of whole CTU rows.

    Attributes:
        width: coded width in luma samples, a multiple of 8.
        height: coded height in luma samples, a multiple of 8.
        ctu: CTU size in luma samples: 32, 64 or 128.
        columns: tile column widths in CTUs, left to right.
        rows: tile row heights in CTUs, top to bottom.
        bands: for every tile, in raster order, the heights of its bands in CTUs, top to bottom.

    Raises:
        InputError: an attribute is out of its range, sums do not meet the picture, or a region is smaller than 8x16.
    """

    width: int
    height: int
    ctu: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    bands: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if self.ctu not in (32, 64, 128):
            raise InputError(f"region layout: the CTU size is 32, 64 or 128, not {self.ctu}")
        for name, size in (("width", self.width), ("height", self.height)):
            if size < 8 or size % 8 or size > 32768:
                raise InputError(f"region layout: {name} {size} is not a multiple of 8 in 8..32768 (pad the picture)")
        for name, parts, whole in (
            ("column widths", self.columns, -(-self.width // self.ctu)),
            ("row heights", self.rows, -(-self.height // self.ctu)),
        ):
            _check_parts(name, parts, whole)
        if len(self.bands) != len(self.columns) * len(self.rows):
            raise InputError(
                f"region layout: {len(self.bands)} tiles have bands, but there are "
                f"{len(self.columns)} x {len(self.rows)} tiles"
            )
        for tile, heights in enumerate(self.bands):
            _check_parts(f"band heights of tile {tile}", heights, self.rows[tile // len(self.columns)])
        for index, region in enumerate(self.regions()):
            if region.width * region.height < 128:
                raise InputError(
                    f"region layout: region {index} is {region.width}x{region.height}, VVenC needs at least 8x16"
                )

    def regions(self) -> tuple[Rect, ...]:
        """The regions in slice order: tiles in raster order, the bands of a tile from top to bottom."""
        found = []
        for tile, bands in enumerate(self.bands):
            row, column = divmod(tile, len(self.columns))
            x, y = sum(self.columns[:column]) * self.ctu, sum(self.rows[:row]) * self.ctu
            width = min(self.columns[column] * self.ctu, self.width - x)
            for band in bands:
                found.append(Rect(x, y, width, min(band * self.ctu, self.height - y)))
                y += band * self.ctu
        return tuple(found)

    @classmethod
    def single(cls, width: int, height: int, ctu: int) -> RegionLayout:
        """The whole picture as one region."""
        columns, rows = -(-width // ctu), -(-height // ctu)
        return cls(width, height, ctu, (columns,), (rows,), ((rows,),))


def _check_parts(name: str, parts: tuple[int, ...], whole: int) -> None:
    if not parts or min(parts) < 1 or sum(parts) != whole:
        raise InputError(f"region layout: {name} {list(parts)} must be positive and sum to {whole} CTUs")
