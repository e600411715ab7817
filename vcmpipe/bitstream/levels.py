"""The level that a stream needs (ITU-T H.266 tables A.1 and A.2; H.265 tables A.8 and A.9 say the same up to 6.2)."""

from __future__ import annotations

from fractions import Fraction

from vcmpipe.errors import BitstreamError

UNLIMITED = 255
"""general_level_idc of levels 15.5 (H.266) and 8.5 (H.265), which only still-picture profiles may state."""

# general_level_idc, MaxLumaPs, MaxSlicesPerAu, MaxTilesPerAu, MaxTileCols, MaxLumaSr
_LEVELS: tuple[tuple[int, int, int, int, int, int], ...] = (
    (16, 36_864, 16, 1, 1, 552_960),
    (32, 122_880, 16, 1, 1, 3_686_400),
    (35, 245_760, 20, 1, 1, 7_372_800),
    (48, 552_960, 30, 4, 2, 16_588_800),
    (51, 983_040, 40, 9, 3, 33_177_600),
    (64, 2_228_224, 75, 25, 5, 66_846_720),
    (67, 2_228_224, 75, 25, 5, 133_693_440),
    (80, 8_912_896, 200, 110, 10, 267_386_880),
    (83, 8_912_896, 200, 110, 10, 534_773_760),
    (86, 8_912_896, 200, 110, 10, 1_069_547_520),
    (96, 35_651_584, 600, 440, 20, 1_069_547_520),
    (99, 35_651_584, 600, 440, 20, 2_139_095_040),
    (102, 35_651_584, 600, 440, 20, 4_278_190_080),
    (105, 80_216_064, 1000, 990, 30, 4_812_963_840),
)


def level_for(
    width: int, height: int, slices: int, tile_columns: int, tile_rows: int, rate: float | Fraction | None
) -> int:
    """The lowest general_level_idc whose limits hold a picture; BitstreamError where no level's do.

    Sizes are in luma samples; ``rate`` is in pictures per second, None where the stream does not state it.
    """
    samples = width * height
    for idc, max_samples, max_slices, max_tiles, max_columns, max_rate in _LEVELS:
        if (
            samples <= max_samples
            and max(width, height) ** 2 <= 8 * max_samples
            and slices <= max_slices
            and tile_columns <= max_columns
            and tile_columns * tile_rows <= max_tiles
            and (rate is None or samples * rate <= max_rate)
        ):
            return idc
    raise BitstreamError(
        f"general_level_idc: no level of H.266 holds a {width}x{height} picture of {slices} slices in "
        f"{tile_columns}x{tile_rows} tiles{'' if rate is None else f' at {float(rate):g} pictures per second'}"
    )


def least_level(sizes: tuple[int, int], rate: Fraction | None, stated: int, unit: int) -> int:
    """The general_level_idc to state: what is stated, or a higher one where size and rate of pictures need it.

    Args:
        sizes: width and height of the pictures in luma samples.
        rate: pictures per second, where known.
        stated: general_level_idc as the encoder states it.
        unit: what the number of a level is multiplied by in the codec's general_level_idc: 16 (H.266) or 30 (H.265).

    Raises:
        BitstreamError: no level holds such pictures.
    """
    if stated == UNLIMITED:
        return stated
    major, minor = divmod(level_for(*sizes, 1, 1, 1, rate), 16)
    return max(stated, unit * major + minor)
