"""What a sidecar says of objects, maps, regions, frames and segments."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from vcmpipe.config.limits import MAX_PIXELS, MAX_SIDE, MOST_REDUCTION
from vcmpipe.qpmap.qp_map import CTU_SIZES, QP_MAX, QP_MIN

# What is read from a file is held to these; see ``schema.build``.
Count = Annotated[int, Meta(ge=0)]
Qp = Annotated[int, Meta(ge=QP_MIN, le=QP_MAX)]


@dataclass(frozen=True)
class ObjectRecord:
    """One detection on the source and its threshold.

    Attributes:
        bbox_xyxy: Corners in source pixels.
        class_id: The detector's class number.
        class_name: The detector's class name.
        score: Confidence, 0..1.
        threshold: The QP decided for it, margin included, or None where no QP keeps it.
        recognisable: False where no QP keeps it: it takes no part in the map.
        kept: Whether the detector found it again on the coded picture; None where that was not checked.
        track: The track of its segment that it is an instance of; None where nothing was followed.
    """

    bbox_xyxy: tuple[float, float, float, float]
    class_id: int
    class_name: str
    score: float
    threshold: int | None
    recognisable: bool
    kept: bool | None
    track: Count | None = None


@dataclass(frozen=True)
class MapRecord:
    """The QP map requested and the one in the stream: rows of absolute QPs, one per CTU of ``ctu`` luma samples.

    Raises:
        ValueError: There are no CTUs of that size.
    """

    ctu: int
    requested: list[list[Qp]]
    actual: list[list[Qp]]

    def __post_init__(self) -> None:
        if self.ctu not in CTU_SIZES:
            raise ValueError(f"the CTU size is {self.ctu}: it must be one of {', '.join(map(str, CTU_SIZES))}")


@dataclass(frozen=True)
class RegionRecord:
    """One region in the stream: its place in coded luma samples, its QP and its bits."""

    x: Count
    y: Count
    width: Count
    height: Count
    qp: Qp
    bits: Count


@dataclass(frozen=True)
class SecondRecord:
    """What a further detector says of a verified picture: its own objects, and whether it finds them again."""

    detector: str
    digest: str
    objects: list[ObjectRecord]


@dataclass(frozen=True)
class TrackRecord:
    """What became of an object that was followed through a segment.

    Attributes:
        track: Its number in the segment.
        class_name: The detector's class name.
        first: The first frame that it is seen in, by its place in the segment.
        frames: Frames of the source that it is seen in.
        found: Those of them that show it again.
        gap: The longest run of them that does not.
        identity: Whether it is one track in the coded frames, too.
        kept: Whether all of that is as ``--track-share`` and ``--track-gap`` want it.
        recoverable: False where no version that was tried keeps it.
    """

    track: Count
    class_name: str
    first: Count
    frames: Count
    found: Count
    gap: Count
    identity: bool
    kept: bool
    recoverable: bool


@dataclass(frozen=True)
class VerificationRecord:
    """What the search for a segment's best version found, and promises.

    Attributes:
        verified: Every object of every detector is kept, but those that no version keeps.
        scale: Scale of the coded frames, above 0 and at most 1.
        trials: Versions that were coded, decoded and looked at.
        margin: Whether a version ``qp_margin`` steps coarser or more has kept everything, too; true without a margin.
        unrecoverable: Positions in ``objects`` of those that were lost in every version, scale 1 at the lowest QP too.
        blur: Standard deviation of the low-pass over the background in source pixels; 0: none.
        further: The further detectors, in the order of ``--verify-with``.
        keeps_all: Whether keeping every object came before anything else.
        objective: What was weighed against bits: ``objects`` lost, or ``accuracy``.
        factor: Lambda, bytes for each unit of loss; None where nothing was weighed.
        loss: The accuracy that the version loses, by all detectors; None where it was not counted.
        at_stake: What it would lose if nothing were found in it.
        tracks: The detector's tracks, where objects were followed.
    """

    verified: bool
    scale: float
    trials: int
    margin: bool
    unrecoverable: list[Count]
    blur: float
    further: list[SecondRecord]
    keeps_all: bool = True
    objective: Literal["objects", "accuracy"] = "objects"
    factor: float | None = None
    loss: float | None = None
    at_stake: float | None = None
    tracks: list[TrackRecord] = field(default_factory=list)


@dataclass(frozen=True)
class TargetRecord:
    """What a run was to reach, and did.

    Attributes:
        kind: ``retention``, ``accuracy`` (AP against the source), ``bytes`` per picture, or ``bitrate`` in kbit/s.
        value: What was requested.
        reached: What the passes counted; rates are those of segments as streams of their own.
        met: Whether that is at least the quality, or at most the rate, requested.
        dial: What was turned.
        at: Where it stands: lambda in bytes for each unit of loss, or the margin in QP steps.
        passes: Passes over the input, besides that which wrote the stream.
    """

    kind: Literal["retention", "accuracy", "bytes", "bitrate"]
    value: float
    reached: float
    met: bool
    dial: Literal["lambda", "margin"]
    at: float
    passes: Count


@dataclass(frozen=True)
class LeftOutRecord:
    """What could not be read or coded, and is not in the stream.

    Attributes:
        index: The place of its first frame among the source's frames, from 0.
        source: The file name, or video name and frame number, without folders; where nobody knows how many frames
            there were, that of the last frame before it.
        frames: How many frames; None: all from there on, whose number is not known.
        reason: Why, in one line.
    """

    index: Count
    source: str
    frames: Count | None
    reason: str


class Verdict(enum.StrEnum):
    """Whether something is so, or nobody can tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Conformance:
    """The answer for one segment, and how it came about.

    Attributes:
        verdict: Whether no sample has a larger QP than the map requests.
        reason: Where it is carried: ``uniform``, ``regions`` or ``native``; else what is wrong, or why nobody can tell.
    """

    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"yes ({self.reason})" if self.verdict == Verdict.YES else f"{self.verdict}: {self.reason}"


@dataclass(frozen=True)
class FrameRecord:
    """One frame.

    Attributes:
        index: Its place among the source's frames, from 0.
        source: The file name, or video name and frame number, without folders.
        timestamp: Seconds from the start of a video, or None.
        poc: Picture order count in the stream; None where the headers do not tell.
        slice_type: ``I``, ``P``, ``B`` or a mixture of them.
        temporal_layer: TemporalId.
        qp: The smallest slice QP; None where the headers do not tell.
        bits: Bits of its access unit in the stream, parameter sets included.
        psnr_y: PSNR of the luma samples at the coded size, in dB, or None where it was not measured.
        objects: Every detection in it with at least the score requested.
    """

    index: Count
    source: str
    timestamp: float | None
    poc: int | None
    slice_type: str
    temporal_layer: Count
    qp: Qp | None
    bits: Count
    psnr_y: float | None
    objects: list[ObjectRecord]


@dataclass(frozen=True)
class SegmentRecord:
    """One segment: what was requested of it and what is in the stream.

    Attributes:
        index: Its place in the stream, from 0.
        structure: ``intra``, ``random-access`` or ``low-delay``.
        source_size: Width and height of the source in pixels.
        coded_size: Width and height of the decoded frames (after the conformance window and the crop of an odd size).
        bits: Bits of its access units in the stream.
        realisation: How the map reached the bits.
        qp_map: The map requested and the actual one.
        regions: The regions, in stream order; bits are those of all frames.
        conformance: Whether the stream carries the map.
        notes: What the encoder could not be given as it was requested.
        verification: What a search found; None without ``--verify``.
        frames: Its frames in presentation order.

    Raises:
        ValueError: There are no pictures of that size.
    """

    index: Count
    structure: str
    source_size: tuple[int, int]
    coded_size: tuple[int, int]
    bits: Count
    realisation: str
    qp_map: MapRecord
    regions: list[RegionRecord]
    conformance: Conformance
    notes: list[str]
    verification: VerificationRecord | None
    frames: Annotated[list[FrameRecord], Meta(min_length=1)]

    def __post_init__(self) -> None:
        for name in ("source_size", "coded_size"):
            width, height = getattr(self, name)
            # What no encoder takes was never coded, and would be refused much later, or not at all.
            if not (min(width, height) >= 1 and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
                raise ValueError(f"{name} is {width}x{height}: no picture has that size")
        # Else a few bytes of stream would be scaled up to any size.
        if any(own > MOST_REDUCTION * coded for own, coded in zip(self.source_size, self.coded_size, strict=True)):
            source, coded = (f"{size[0]}x{size[1]}" for size in (self.source_size, self.coded_size))
            raise ValueError(f"source_size is {source}, but coded_size {coded} is less than a {MOST_REDUCTION}th of it")

    @property
    def name(self) -> str:
        """What messages call it: its first frame's source."""
        return self.frames[0].source
