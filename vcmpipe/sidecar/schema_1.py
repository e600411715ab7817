"""Sidecars of schema 1, which had a record per picture: read as segments of one frame each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vcmpipe.bitstream import Codec
from vcmpipe.sidecar.records import (
    Conformance,
    Count,
    FrameRecord,
    MapRecord,
    ObjectRecord,
    Qp,
    RegionRecord,
    SecondRecord,
    SegmentRecord,
    Verdict,
    VerificationRecord,
)

_VERDICTS = {"no: ": Verdict.NO, "cannot tell: ": Verdict.UNKNOWN}


@dataclass(frozen=True)
class QpMap:
    """See ``MapRecord``."""

    ctu: int
    asked: list[list[Qp]]
    realised: list[list[Qp]]


@dataclass(frozen=True)
class Verification:
    """See ``VerificationRecord``."""

    verified: bool
    scale: float
    trials: int
    margin: bool
    unkeepable: list[Count]
    blur: float
    seconds: list[SecondRecord]

    def record(self) -> VerificationRecord:
        """The same as it is today."""
        return VerificationRecord(
            self.verified, self.scale, self.trials, self.margin, self.unkeepable, self.blur, self.seconds
        )


@dataclass(frozen=True)
class Picture:
    """A picture as schema 1 has it; ``map_honoured`` is ``yes (HOW)``, ``no: REASON`` or ``cannot tell: REASON``."""

    index: Count
    source: str
    timestamp: float | None
    source_size: tuple[int, int]
    coded_size: tuple[int, int]
    bits: Count
    realisation: str
    psnr_y: float | None
    objects: list[ObjectRecord]
    qp_map: QpMap
    regions: list[RegionRecord]
    map_honoured: str = "cannot tell: not looked at"
    notes: list[str] = field(default_factory=list)
    verification: Verification | None = None

    def __post_init__(self) -> None:
        self.segment()  # what no segment can be is refused here, where the picture is named

    def segment(self) -> SegmentRecord:
        """The picture as a segment; its picture order count was not written down."""
        native = self.realisation == "native"
        return SegmentRecord(
            index=self.index,
            structure="intra",
            source_size=self.source_size,
            coded_size=self.coded_size,
            bits=self.bits,
            realisation=self.realisation,
            qp_map=MapRecord(self.qp_map.ctu, self.qp_map.asked, self.qp_map.realised),
            regions=self.regions,
            conformance=_conformance(self.map_honoured),
            notes=self.notes,
            verification=self.verification.record() if self.verification else None,
            frames=[
                FrameRecord(
                    index=self.index,
                    source=self.source,
                    timestamp=self.timestamp,
                    poc=None,
                    slice_type="I",
                    temporal_layer=0,
                    qp=None if native else min((region.qp for region in self.regions), default=None),
                    bits=self.bits,
                    psnr_y=self.psnr_y,
                    objects=self.objects,
                )
            ],
        )


@dataclass(frozen=True)
class Sidecar:
    """The whole document."""

    stream: str
    sha256: str
    bytes: Count
    kept: int | None
    lost: int | None
    colour: dict[str, str | int]
    configuration: dict[str, Any]
    provenance: dict[str, Any]
    pictures: list[Picture]
    codec: Codec = "vvc"

    def fields(self) -> dict[str, Any]:
        """The fields of today's sidecar."""
        fields = {name: value for name, value in vars(self).items() if name != "pictures"}
        return fields | {"segments": [picture.segment() for picture in self.pictures]}


def _conformance(text: str) -> Conformance:
    for start, verdict in _VERDICTS.items():
        if text.startswith(start):
            return Conformance(verdict, text.removeprefix(start))
    if text.startswith("yes (") and text.endswith(")"):
        return Conformance(Verdict.YES, text[5:-1])
    return Conformance(Verdict.UNKNOWN, text)
