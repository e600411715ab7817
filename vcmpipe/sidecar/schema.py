"""The sidecar: what was requested of a stream and what it became, written as NAME.json beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from vcmpipe.bitstream import Codec
from vcmpipe.errors import InputError
from vcmpipe.process.reading import parse_json, read_file
from vcmpipe.sidecar import objects, schema_1
from vcmpipe.sidecar.records import FrameRecord, LeftOutRecord, SegmentRecord, TargetRecord

if TYPE_CHECKING:
    import pandas as pd
    import supervision as sv

SCHEMA = 2
# That of some six hours of video at 30 frames a second with ten objects in each.
MAX_BYTES = 1 << 30

T = TypeVar("T")


class NoSidecarError(InputError):
    """The file is sound JSON of somebody else's: nothing of vcmpipe's."""


@dataclass(frozen=True)
class Sidecar:
    """Everything that belongs to one stream.

    Attributes:
        stream: File name of the stream.
        sha256: Digest of the stream.
        bytes: Size of the stream.
        kept: Objects found again in the coded frames, or None where that was not checked.
        lost: Objects not found again, or None.
        colour: Matrix, range, siting, and the codes of primaries and transfer (H.273).
        configuration: Every option of the run.
        provenance: Versions, encoder build, detector and predictor with their digests.
        segments: One record per segment, in stream order.
        codec: What the stream is coded with; see ``bitstream.codecs``.
        source: What a video was: frame rate, sample aspect, rotation that was applied, interlace, bit depth, colour; of
            an address also the frames that were dropped, and how often it was opened again;
            empty for pictures.
        target: What was to be reached, and was; None where nothing was requested.
        left_out: What failed and is not in the stream, with ``--on-error skip``.
        schema: Version of this layout.
    """

    stream: str
    sha256: str
    bytes: int
    kept: int | None
    lost: int | None
    colour: dict[str, str | int]
    configuration: dict[str, Any]
    provenance: dict[str, Any]
    segments: list[SegmentRecord]
    codec: Codec = "vvc"
    source: dict[str, Any] = dataclasses.field(default_factory=dict)
    target: TargetRecord | None = None
    left_out: list[LeftOutRecord] = dataclasses.field(default_factory=list)
    schema: int = SCHEMA

    @property
    def frames(self) -> list[FrameRecord]:
        """All frames in presentation order: the order in which the stream shows them."""
        return [frame for _, frame in self.placed()]

    def placed(self) -> Iterator[tuple[SegmentRecord, FrameRecord]]:
        """All frames in presentation order, each with its segment."""
        return ((segment, frame) for segment in self.segments for frame in segment.frames)

    def to_pandas(self) -> pd.DataFrame:
        """A row per object: picture, box, class, confidence, threshold, QP, whether it was kept, track.

        Columns are those of ``sidecar.objects.COLUMNS``; what is not known is ``NA``.
        """
        return objects.to_pandas(self.placed())

    def to_supervision(self) -> list[sv.Detections]:
        """The objects of each frame, in presentation order; boxes in source pixels.

        ``data`` has ``class_name``, ``threshold`` (None where no QP keeps it), ``qp``, ``recognisable`` and ``kept``
        (None where that was not checked).
        """
        return objects.to_supervision(self.placed())

    def to_json(self) -> str:
        """The sidecar as it is written: one line of JSON."""
        # Names of files need not be UTF-8: json escapes what stands for their bytes, msgspec's own writer refuses it.
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")) + "\n"

    @classmethod
    def read(cls, path: Path) -> Sidecar:
        """Read and validate a sidecar of this schema or of schema 1.

        Raises:
            NoSidecarError: It is JSON that states no schema.
            InputError: The file is missing, too large, is no sidecar, or is of a newer schema.
        """
        data = _parse(path)
        schema = data.get("schema") if isinstance(data, dict) else None
        if type(schema) is not int:
            raise NoSidecarError(f"{path} is not a sidecar of vcmpipe (it states no schema): name it with --sidecar")
        if schema not in (1, SCHEMA):
            raise InputError(f"{path} has schema {schema}, this vcmpipe reads 1 and {SCHEMA}: update vcmpipe")
        try:
            if schema == SCHEMA:
                return build(data, cls)
            return cls(**build(data, schema_1.Sidecar).fields())
        except InputError as error:
            raise InputError(f"{path} is not a valid sidecar: {error}; encode again or copy it again") from error


def _parse(path: Path) -> Any:
    """The JSON in a file; NaN and infinite numbers, which JSON does not have, are refused."""
    data = read_file(path, MAX_BYTES, "the sidecar")
    try:
        return parse_json(data)
    except ValueError as error:
        raise InputError(f"{path} is not a sidecar ({error}): copy it again or name another with --sidecar") from error


def build(data: Any, kind: type[T]) -> T:
    """Turn parsed JSON into a record; fields that it does not have are left out.

    Raises:
        InputError: A field is missing or wrong; names the place and, where it is short, the value.
    """
    try:
        return msgspec.convert(data, kind)
    except UnicodeEncodeError as error:
        raise InputError("a name holds half of a surrogate pair") from error
    except msgspec.ValidationError as error:
        message, _, path = str(error).replace("`", "").partition(" - at $")
        place, value = path.lstrip(".").replace("[...]", ""), data
        for key, number in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            value = value[key or int(number)]
        shown = "" if isinstance(value, (dict, list)) else f" is {json.dumps(value)[:40]}"
        raise InputError(f"{place}{shown}: {message[:1].lower()}{message[1:]}".removeprefix(": ")) from error
