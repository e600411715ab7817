"""The sidecar: what was asked of a stream and what it became, written as NAME.json beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from vcmpipe.bitstream import Codec
from vcmpipe.errors import InputError
from vcmpipe.staging import same_file

SCHEMA = 1

_CTUS = (16, 32, 64, 128)
# As pictures are limited on their way in (see vcmpipe.frames).
_MAX_SIDE = 16384
_MAX_PIXELS = 89_478_485

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
    """The QP map asked for and the one in the stream: rows of absolute QPs, one per CTU of ``ctu`` luma samples."""

    ctu: int
    asked: list[list[int]]
    realised: list[list[int]]

    def __post_init__(self) -> None:
        if self.ctu not in _CTUS:
            raise InputError(f"a map's CTU size is {self.ctu}: it must be one of {', '.join(map(str, _CTUS))}")
        for name in ("asked", "realised"):
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
        unkeepable: Positions in ``objects`` of those that were lost in every version, scale 1 at the lowest QP too.
        blur: Standard deviation of the low-pass over the background in source pixels; 0: none.
        seconds: The further detectors, in the order of ``--verify-with``.
    """

    verified: bool
    scale: float
    trials: int
    margin: bool
    unkeepable: list[int]
    blur: float
    seconds: list[SecondRecord]


@dataclass(frozen=True)
class PictureRecord:
    """One picture.

    Attributes:
        index: Its place in the stream, from 0.
        source: The file name, or video name and frame number, without folders.
        timestamp: Seconds from the start of a video, or None.
        source_size: Width and height of the source in pixels.
        coded_size: Width and height of the decoded picture (after the conformance window and the crop of an odd size).
        bits: Bits of the access unit in the stream, with its parameter sets.
        realisation: How the map reached the bits.
        psnr_y: PSNR of the luma samples at the coded size, in dB, or None where it was not measured.
        objects: Every detection with at least the score asked for.
        qp_map: The maps.
        regions: The regions, in stream order.
        map_honoured: Whether the stream carries the map: ``yes (HOW)``, ``no: REASON`` or ``cannot tell: REASON``.
        notes: What the encoder could not be told as it was asked.
        verification: What a search found; None without ``--verify``.
    """

    index: int
    source: str
    timestamp: float | None
    source_size: tuple[int, int]
    coded_size: tuple[int, int]
    bits: int
    realisation: str
    psnr_y: float | None
    objects: list[ObjectRecord]
    qp_map: MapRecord
    regions: list[RegionRecord]
    map_honoured: str = "cannot tell: not looked at"
    notes: list[str] = field(default_factory=list)
    verification: VerificationRecord | None = None

    def __post_init__(self) -> None:
        for name in ("source_size", "coded_size"):
            width, height = getattr(self, name)
            # What no encoder takes was never coded, and would be refused much later, or not at all.
            if not (min(width, height) >= 1 and max(width, height) <= _MAX_SIDE and width * height <= _MAX_PIXELS):
                raise InputError(f"{name} is {width}x{height}: there are no such pictures")


@dataclass(frozen=True)
class Sidecar:
    """Everything that belongs to one stream.

    Attributes:
        stream: File name of the stream.
        sha256: Digest of the stream.
        bytes: Size of the stream.
        kept: Objects found again on the coded pictures, or None where that was not checked.
        lost: Objects not found again, or None.
        colour: Matrix, range and siting.
        configuration: Every option of the run.
        provenance: Versions, encoder build, detector and predictor with their digests.
        pictures: One record per picture, in stream order.
        schema: Version of this layout.
        codec: What the stream is coded with: ``vvc`` or ``hevc``.
    """

    stream: str
    sha256: str
    bytes: int
    kept: int | None
    lost: int | None
    colour: dict[str, str]
    configuration: dict[str, Any]
    provenance: dict[str, Any]
    pictures: list[PictureRecord] = field(default_factory=list)
    schema: int = SCHEMA
    codec: str = "vvc"

    def __post_init__(self) -> None:
        if self.codec not in get_args(Codec):
            raise InputError(f"codec is {self.codec!r}: it must be one of {', '.join(get_args(Codec))}")

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


def stream_of(path: Path) -> str | None:
    """The stream that a sidecar names, sound or cut; None where the file is nothing of vcmpipe's."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        data = json.loads(text)
    except OSError:
        return None
    except (ValueError, RecursionError):
        # As to_json begins: what was cut is still known.
        cut = re.match(r'\{"stream":("(?:[^"\\]|\\.)*"),"sha256":"', text)
        data = {"schema": None, "stream": json.loads(cut[1])} if cut else None
    found = data.get("stream") if isinstance(data, dict) and "schema" in data else None
    return found if isinstance(found, str) else None


def check_sidecar_place(out: Path, *, written: bool) -> None:
    """Refuse to write a stream where that would part another stream from its sidecar, or take a foreign file's place.

    Args:
        out: The stream.
        written: Whether a sidecar is written with it.

    Raises:
        InputError: The file in the place of its sidecar is another stream's, or nothing of vcmpipe's.
    """
    beside = sidecar_path(out)
    if not beside.is_file():
        return
    stream = stream_of(beside)
    if not written:
        if stream is not None:
            raise InputError(
                f"--out {out}: {beside} is the sidecar of {stream} and would lie beside a stream that it does not "
                "belong to: name another file"
            )
    elif stream is None:
        raise InputError(
            f"--out {out}: the sidecar would take the place of {beside}, which is not vcmpipe's: "
            "give the stream another name"
        )
    elif (name := Path(stream).name) not in ("", out.name):
        other = beside.with_name(name)
        # os.path.exists: a name from outside may be one that no file can have.
        if os.path.exists(other) and not same_file(other, out):  # noqa: PTH110
            raise InputError(
                f"--out {out}: {beside} is the sidecar of {other}, which would no longer decode: give the stream "
                f"another name, or move {other} and its sidecar away"
            )


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
