"""The sidecar: what was asked of a stream and what it became, written as NAME.json beside it."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from vcmpipe.bitstream import Codec
from vcmpipe.errors import InputError
from vcmpipe.frames import MAX_PIXELS, MAX_SIDE

SCHEMA = 2

_CTUS = (16, 32, 64, 128)

# Fields that sidecars of the same schema may lack: they were added later, and have defaults.
_LATER = frozenset({"codec", "map_honoured", "notes", "verification"})

T = TypeVar("T")


class NoSidecarError(InputError):
    """The file is sound JSON of somebody else's: nothing of vcmpipe's."""


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
    """

    bbox_xyxy: tuple[float, float, float, float]
    class_id: int
    class_name: str
    score: float
    threshold: int | None
    recognisable: bool
    kept: bool | None


@dataclass(frozen=True)
class MapRecord:
    """The QP map requested and the one in the stream: rows of absolute QPs, one per CTU of ``ctu`` luma samples."""

    ctu: int
    requested: list[list[int]]
    actual: list[list[int]]

    def __post_init__(self) -> None:
        if self.ctu not in _CTUS:
            raise InputError(f"a map's CTU size is {self.ctu}: it must be one of {', '.join(map(str, _CTUS))}")
        for name in ("requested", "actual"):
            for y, row in enumerate(getattr(self, name)):
                for x, qp in enumerate(row):
                    if not 0 <= qp <= 63:
                        raise InputError(f"qp_map.{name}[{y}][{x}] is {qp}: a QP lies in 0..63")


@dataclass(frozen=True)
class RegionRecord:
    """One region in the stream: its place in coded luma samples, its QP and its bits."""

    x: int
    y: int
    width: int
    height: int
    qp: int
    bits: int


@dataclass(frozen=True)
class SecondRecord:
    """What a further detector says of a verified picture: its own objects, and whether it finds them again."""

    detector: str
    digest: str
    objects: list[ObjectRecord]


@dataclass(frozen=True)
class VerificationRecord:
    """What the search for a picture's cheapest version found, and promises.

    Attributes:
        verified: Every object of every detector is kept, but those that no version keeps.
        scale: Scale of the coded picture, above 0 and at most 1.
        trials: Versions that were coded, decoded and looked at.
        margin: Whether a version ``qp_margin`` steps coarser or more has kept everything, too; true without a margin.
        unrecoverable: Positions in ``objects`` of those that were lost in every version, scale 1 at the lowest QP too.
        blur: Standard deviation of the low-pass over the background in source pixels; 0: none.
        seconds: The further detectors, in the order of ``--verify-with``.
    """

    verified: bool
    scale: float
    trials: int
    margin: bool
    unrecoverable: list[int]
    blur: float
    seconds: list[SecondRecord]


class Verdict(enum.StrEnum):
    """Whether a stream carries the QPs of its map."""

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

    index: int
    source: str
    timestamp: float | None
    poc: int | None
    slice_type: str
    temporal_layer: int
    qp: int | None
    bits: int
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
    """

    index: int
    structure: str
    source_size: tuple[int, int]
    coded_size: tuple[int, int]
    bits: int
    realisation: str
    qp_map: MapRecord
    regions: list[RegionRecord]
    conformance: Conformance
    notes: list[str]
    verification: VerificationRecord | None
    frames: list[FrameRecord]

    def __post_init__(self) -> None:
        for name in ("source_size", "coded_size"):
            width, height = getattr(self, name)
            # What no encoder takes was never coded, and would be refused much later, or not at all.
            if not (min(width, height) >= 1 and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
                raise InputError(f"{name} is {width}x{height}: there are no such pictures")

    @property
    def name(self) -> str:
        """What messages call it: its first frame's source."""
        return self.frames[0].source


@dataclass(frozen=True)
class Sidecar:
    """Everything that belongs to one stream.

    Attributes:
        stream: File name of the stream.
        sha256: Digest of the stream.
        bytes: Size of the stream.
        kept: Objects found again in the coded frames, or None where that was not checked.
        lost: Objects not found again, or None.
        colour: Matrix, range and siting.
        configuration: Every option of the run.
        provenance: Versions, encoder build, detector and predictor with their digests.
        segments: One record per segment, in stream order.
        codec: What the stream is coded with; see ``bitstream.codecs``.
        schema: Version of this layout.
    """

    stream: str
    sha256: str
    bytes: int
    kept: int | None
    lost: int | None
    colour: dict[str, str]
    configuration: dict[str, Any]
    provenance: dict[str, Any]
    segments: list[SegmentRecord]
    codec: str = "vvc"
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.codec not in get_args(Codec):
            raise InputError(f"codec is {self.codec!r}: it must be one of {', '.join(get_args(Codec))}")

    @property
    def frames(self) -> list[FrameRecord]:
        """All frames in presentation order: the order in which the stream shows them."""
        return [frame for segment in self.segments for frame in segment.frames]

    def to_json(self) -> str:
        """The sidecar as it is written: one line of JSON."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")) + "\n"

    @classmethod
    def read(cls, path: Path) -> Sidecar:
        """Read and validate a sidecar.

        Raises:
            InputError: The file is missing, is no sidecar, or is of another schema version.
        """
        try:
            data = json.loads(path.read_text())
        except OSError as error:
            raise InputError(f"the sidecar {path} cannot be read ({error.strerror}): name it with --sidecar") from error
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path} is not a sidecar ({error}): copy it again or name another with --sidecar"
            ) from error
        if not isinstance(data, dict) or "schema" not in data:
            raise NoSidecarError(f"{path} is not a sidecar of vcmpipe (it states no schema): name it with --sidecar")
        if data["schema"] != SCHEMA:
            schema = str(data["schema"])[:40]
            raise InputError(f"{path} has schema {schema}, this vcmpipe reads {SCHEMA}: encode again or update vcmpipe")
        try:
            found: Sidecar = _build(cls, data, "sidecar")
        except InputError as error:
            raise InputError(f"{path} is no sound sidecar: {error}; encode again or copy it again") from error
        return found


def sidecar_path(stream: Path) -> Path:
    """Where a stream's sidecar lies: the same name ending in .json.

    Raises:
        InputError: The path has no name that an ending could be put to.
    """
    try:
        return stream.with_suffix(".json")
    except ValueError as error:
        raise InputError(f"{stream} is no name for a stream: give a file name, such as out.bin") from error


def _build(kind: Any, value: Any, where: str) -> Any:
    """Turn parsed JSON into the annotated type; the error names the place."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _build(next(a for a in arguments if a is not type(None)), value, where)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise InputError(f"{where} is not an object")
        hints = typing.get_type_hints(kind)
        given = [f for f in dataclasses.fields(kind) if f.name in value or f.name not in _LATER]
        missing = [f.name for f in given if f.name not in value]
        if missing:
            raise InputError(f"{where} lacks {missing[0]!r}")
        return kind(**{f.name: _build(hints[f.name], value[f.name], f"{where}.{f.name}") for f in given})  # type: ignore[operator]
    if origin is list:
        if not isinstance(value, list):
            raise InputError(f"{where} is not a list")
        return [_build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(arguments):
            raise InputError(f"{where} is not a list of {len(arguments)}")
        return tuple(_build(a, item, f"{where}[{i}]") for i, (a, item) in enumerate(zip(arguments, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where} is not an object")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{where} is {value!r}, expected {kind.__name__}")
    return value
