"""Video usability information: how sample values become colours, in the codes of ITU-T H.273."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.frames.chroma import Siting
from vcmpipe.frames.colour import MATRIX_CODES, ColourSpec, Matrix

_MATRICES: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
_SITINGS: dict[int, Siting] = {0: "left", 1: "centre", 2: "topleft"}


@dataclass(frozen=True, slots=True)
class Vui:
    """The colour of a stream, in the codes of ITU-T H.273.

    Attributes:
        colour_primaries: ``vui_colour_primaries``, 0..255 (1: BT.709, 2: unspecified).
        transfer: ``vui_transfer_characteristics``, 0..255.
        matrix: ``vui_matrix_coeffs``, 0..255 (1: BT.709, 5 and 6: BT.601).
        full_range: ``vui_full_range_flag``.
        chroma_siting: ``vui_chroma_sample_loc_type_frame``, 0..6 (0: left, 1: centre, 2: top left), or None: unstated.
    """

    colour_primaries: int
    transfer: int
    matrix: int
    full_range: bool
    chroma_siting: int | None

    @classmethod
    def of_colour(cls, colour: ColourSpec) -> Vui:
        """The codes that state a colour; BT.601 is matrix 6."""
        return cls(
            colour_primaries=colour.primaries,
            transfer=colour.transfer,
            matrix=MATRIX_CODES[colour.matrix],
            full_range=colour.range == "full",
            chroma_siting=next(code for code, name in _SITINGS.items() if name == colour.siting),
        )


def colour_of(vui: Vui | None) -> ColourSpec:
    """What a stream states; what it leaves open, or states in a way not known here, is BT.709, limited, left.

    Matrices 5 and 6 are BT.601, 9 is BT.2020; every other one (unspecified, ...) is read as BT.709. Primaries and
    transfer are carried as they are, unspecified ones (2) as BT.709's.
    """
    if vui is None:
        return ColourSpec()
    siting = "left" if vui.chroma_siting is None else _SITINGS.get(vui.chroma_siting, "left")
    return ColourSpec(
        _MATRICES.get(vui.matrix, "bt709"),
        "full" if vui.full_range else "limited",
        siting,
        1 if vui.colour_primaries == 2 else vui.colour_primaries,
        1 if vui.transfer == 2 else vui.transfer,
    )
