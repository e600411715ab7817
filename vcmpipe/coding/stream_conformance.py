"""Proof that a stream carries the QPs it was requested: slice headers against the sidecar's map."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcmpipe.bitstream import StreamInfo
from vcmpipe.errors import InputError
from vcmpipe.sidecar.schema import Sidecar


@dataclass(frozen=True)
class MapFault:
    """One place where a stream departs from its map.

    Attributes:
        picture: Index of the picture in the stream.
        region: Index of the region in the picture, or None where the whole picture is meant.
        reason: What is wrong there.
    """

    picture: int
    region: int | None
    reason: str


@dataclass(frozen=True)
class MapCheck:
    """The answer for a whole stream: what was compared, every fault found, and what could not be told."""

    pictures: int
    regions: int
    ctus: int
    faults: list[MapFault]
    unknown: list[MapFault] = field(default_factory=list)

    @property
    def honoured(self) -> bool | None:
        """Whether every CTU has at most the QP requested; None where the headers cannot tell."""
        return False if self.faults else None if self.unknown else True


def check_map(info: StreamInfo, sidecar: Sidecar) -> MapCheck:
    """Compare the QPs in a stream with the maps in its sidecar.

    At every CTU of the map, each region of the stream that touches it must have at most the QP requested there, the
    regions must cover the picture, and no CU-level QP delta may be enabled. An encoder's own map cannot be read back.

    Raises:
        InputError: The stream and the sidecar are not about the same pictures.
    """
    if len(info.pictures) != len(sidecar.pictures):
        raise InputError(
            f"the stream holds {len(info.pictures)} pictures and the sidecar {len(sidecar.pictures)}: "
            "they do not belong together"
        )
    faults: list[MapFault] = []
    unknown: list[MapFault] = []
    regions = ctus = 0
    for number, (picture, record) in enumerate(zip(info.pictures, sidecar.pictures, strict=True)):
        requested, ctu = record.qp_map.requested, record.qp_map.ctu
        # What is coded beyond the shown picture, rounded up to blocks of 8, is canvas of which no map speaks.
        width, height = -(-picture.display_width // 8) * 8, -(-picture.display_height // 8) * 8
        columns, rows = -(-width // ctu), -(-height // ctu)
        if len(requested) != rows or any(len(row) != columns for row in requested):
            raise InputError(f"picture {number}: the sidecar's map does not fit {width}x{height} samples")
        if record.realisation == "native":
            # Each block has a QP of its own, inside the coded data: only decoding it would show.
            said = f"an encoder's own map is not in the headers; when it was coded: {record.map_honoured}"
            unknown.append(MapFault(number, None, said))
            continue
        if picture.cu_qp_delta_possible:
            faults.append(MapFault(number, None, "CU-level QP deltas are enabled: the slice QP does not bind"))
        covered = 0
        for index, region in enumerate(picture.regions):
            rect = region.rect.within(width, height)
            if not (rect.width and rect.height):
                continue
            covered += rect.width * rect.height
            lowest = min(
                requested[row][column]
                for row in range(rect.y // ctu, -(-(rect.y + rect.height) // ctu))
                for column in range(rect.x // ctu, -(-(rect.x + rect.width) // ctu))
            )
            if region.qp > lowest:
                faults.append(MapFault(number, index, f"QP {region.qp} where {lowest} was requested"))
        if covered != width * height:
            faults.append(MapFault(number, None, "the regions do not cover the picture"))
        regions += len(picture.regions)
        ctus += columns * rows
    return MapCheck(len(info.pictures), regions, ctus, faults, unknown)
