"""What is known of one picture or segment of a JRD store: its objects, its coded versions, what was seen in each.

A record is one row of parquet: nested lists, so that a whole store reads as one table (``pyarrow.dataset``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.matched import FRAME, Matched, matched
from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError
from vcmpipe.process.parquet import read_table
from vcmpipe.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa
    import supervision as sv


_SCALARS = ("name", "source_sha256", "width", "height", "stream_sha256")
# Keys of a version in the file, and the columns of the record.
_VERSION_COLUMNS = {"qp": "qps", "bits": "bits", "psnr_y": "psnr_y", "offset": "offsets"}


def table_reason(error: BaseException) -> str:
    """What is wrong with a parquet file: the gist of the sentences that pyarrow has for it."""
    message = re.sub(r"^Could not open Parquet input source '.*?': ", "", reason(error, 1000))
    return message.split(". ")[0].rstrip(". ")[:100]


@dataclass(frozen=True, eq=False)
class Span:
    """Where a segment lies in its clip, and where the box of each of its N tracks is.

    Attributes:
        first: The number of its first frame in the clip, from 0.
        frames: How many it has.
        place: (N,) int64; the frame that a track's box, class and score are of, by its place in the segment.
        instances: (N,) int64; frames that a track is seen in.
        pictures: By these places SHA-256, hexadecimal, of the frame's file in the store.
    """

    first: int
    frames: int
    place: NDArray[np.int64]
    instances: NDArray[np.int64]
    pictures: Mapping[int, str]


@dataclass(frozen=True, eq=False)
class Looks:
    """All that one judge reported on a picture or a segment, however weak; boxes in pixels of the source.

    Attributes:
        source: On the source.
        versions: On each of the Q versions.
        uncoded: On the scaled picture that was not coded; None at the source's size, where that is the source.
    """

    source: sv.Detections
    versions: Sequence[sv.Detections]
    uncoded: sv.Detections | None = None


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """One picture with N objects, or one segment of a clip with N tracks, coded at Q QPs.

    Detections of a segment are those of all its frames, with a column ``FRAME``; a track's values are ``Matched``'s.

    Attributes:
        name: The picture's path below the folder of pictures, with ``/``; of a segment the clip's, and its number.
        source_sha256: SHA-256 of the file of the picture or clip, hexadecimal.
        width: Of the source in pixels, upright.
        height: Likewise.
        xyxy: (N, 4) float32; the objects' boxes in pixels of the source.
        class_id: (N,) int64; the detector's class numbers.
        score: (N,) float32; confidence on the source.
        qps: (Q,) int64; ascending.
        bits: (Q,) int64; the whole stream of a version, parameter sets included.
        psnr_y: (Q,) float64; of the luma samples at the coded size, in dB.
        found: (N, Q) bool; whether an object was recognised.
        iou: (N, Q) float32; overlap with its partner, 0 where it was not found.
        confidence: (N, Q) float32; its partner's score, 0 where it was not found.
        offsets: (Q,) int64; where a version begins in the picture's stream file, in bytes.
        stream_sha256: SHA-256 of that file, hexadecimal.
        seen_in_source: All that the detector reported on the source, however weak.
        seen_in_versions: All that it reported on each of the Q versions.
        seen_uncoded: See ``Looks``.
        judges: By name what the further judges reported.
        span: Where a segment lies in its clip; None: it is a picture.
    """

    name: str
    source_sha256: str
    width: int
    height: int
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    score: NDArray[np.float32]
    qps: NDArray[np.int64]
    bits: NDArray[np.int64]
    psnr_y: NDArray[np.float64]
    found: NDArray[np.bool_]
    iou: NDArray[np.float32]
    confidence: NDArray[np.float32]
    offsets: NDArray[np.int64]
    stream_sha256: str
    seen_in_source: sv.Detections
    seen_in_versions: Sequence[sv.Detections]
    seen_uncoded: sv.Detections | None = None
    judges: Mapping[str, Looks] = field(default_factory=dict)
    span: Span | None = None

    @property
    def frames(self) -> int:
        """How many frames it has; a picture is one."""
        return 1 if self.span is None else self.span.frames

    @property
    def looks(self) -> Looks:
        """All that the detector itself reported."""
        return Looks(self.seen_in_source, self.seen_in_versions, self.seen_uncoded)

    def matched(self, task: Task) -> Matched:
        """Objects and strings under any task: what was seen is kept, so that nothing need be coded again."""
        frames = None if self.span is None else self.span.frames
        return matched(self.seen_in_source, self.seen_in_versions, task, frames)

    def to_parquet(self) -> bytes:
        """The record as a parquet file; equal records give equal bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        row: dict[str, Any] = {key: getattr(self, key) for key in _SCALARS}
        row["source"] = _seen(self.seen_in_source)
        found = {key: getattr(self, key).tolist() for key in ("found", "iou", "confidence")}
        boxes = _boxes(self.xyxy, self.score, self.class_id)
        if self.span is not None:
            row |= {"first": self.span.first, "frames": self.span.frames}
            row["pictures"] = [{"place": place, "sha256": digest} for place, digest in self.span.pictures.items()]
            found |= {key: getattr(self.span, key).tolist() for key in ("place", "instances")}
        row["objects"] = [box | {key: found[key][n] for key in found} for n, box in enumerate(boxes)]
        coded = {key: getattr(self, column).tolist() for key, column in _VERSION_COLUMNS.items()}
        row["versions"] = [
            {key: coded[key][n] for key in coded} | {"detections": _seen(seen)}
            for n, seen in enumerate(self.seen_in_versions)
        ]
        further = bool(self.judges) or self.seen_uncoded is not None
        if further:
            row["uncoded"] = None if self.seen_uncoded is None else _seen(self.seen_uncoded)
            row["judges"] = [
                {
                    "name": name,
                    "source": _seen(own.source),
                    "uncoded": None if own.uncoded is None else _seen(own.uncoded),
                    "versions": [_seen(seen) for seen in own.versions],
                }
                for name, own in self.judges.items()
            ]
        buffer = io.BytesIO()
        pq.write_table(
            pa.Table.from_pylist([row], schema=_schema(further, self.span is not None)), buffer, compression="zstd"
        )
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, source: str) -> PictureRecord:
        """Read what ``to_parquet`` wrote.

        Args:
            data: The file.
            source: Its name, for the error.

        Raises:
            InputError: The data is damaged, half written, or no record.
        """
        import pyarrow as pa

        try:
            table = read_table(data)
            known = (_schema(further, segment) for further in (False, True) for segment in (False, True))
            if table.num_rows != 1 or table.schema not in known:
                raise InputError(f"{source} is not a picture record of this version")
            row: dict[str, Any] = table.to_pylist()[0]
            record = cls._from_row(row)
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{source} is a damaged picture record ({table_reason(error)})") from error
        return record

    @classmethod
    def _from_row(cls, row: dict[str, Any]) -> PictureRecord:
        versions, objects, judges = row["versions"], row["objects"], row.get("judges", [])
        if any(len(judge["versions"]) != len(versions) for judge in judges):
            raise ValueError("a judge has not seen every version")
        shape = (len(objects), len(versions))

        def grid(key: str, dtype: Any) -> NDArray[Any]:
            return np.array([each[key] for each in objects], dtype=dtype).reshape(shape)

        def column(key: str, dtype: Any) -> NDArray[Any]:
            return np.array([version[key] for version in versions], dtype=dtype)

        xyxy, score, class_id = _columns(objects)
        segment = "frames" in row

        def seen(boxes: list[dict[str, Any]]) -> sv.Detections:
            return _detections(boxes, segment)

        return cls(
            **{key: row[key] for key in _SCALARS},
            xyxy=xyxy,
            class_id=class_id,
            score=score,
            qps=column("qp", np.int64),
            bits=column("bits", np.int64),
            psnr_y=column("psnr_y", np.float64),
            found=grid("found", np.bool_),
            iou=grid("iou", np.float32),
            confidence=grid("confidence", np.float32),
            offsets=column("offset", np.int64),
            seen_in_source=seen(row["source"]),
            seen_in_versions=[seen(version["detections"]) for version in versions],
            seen_uncoded=None if row.get("uncoded") is None else seen(row["uncoded"]),
            judges={
                judge["name"]: Looks(
                    seen(judge["source"]),
                    [seen(each) for each in judge["versions"]],
                    None if judge["uncoded"] is None else seen(judge["uncoded"]),
                )
                for judge in judges
            },
            span=Span(
                row["first"],
                row["frames"],
                np.array([each["place"] for each in objects], np.int64),
                np.array([each["instances"] for each in objects], np.int64),
                {each["place"]: each["sha256"] for each in row["pictures"]},
            )
            if segment
            else None,
        )


def _seen(detections: sv.Detections) -> list[dict[str, float | int]]:
    boxes = _boxes(detections.xyxy, detections.confidence, detections.class_id)
    if FRAME not in detections.data:
        return boxes
    places = np.asarray(detections.data[FRAME]).tolist()
    return [box | {FRAME: place} for box, place in zip(boxes, places, strict=True)]


def _boxes(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: NDArray[np.int64]
) -> list[dict[str, float | int]]:
    return [
        {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": value, "class_id": number}
        for (x1, y1, x2, y2), value, number in zip(xyxy.tolist(), score.tolist(), class_id.tolist(), strict=True)
    ]


def _columns(boxes: list[dict[str, Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Corners, scores and classes."""
    return (
        np.array([[box[side] for side in ("x1", "y1", "x2", "y2")] for box in boxes], np.float32).reshape(-1, 4),
        np.array([box["score"] for box in boxes], dtype=np.float32),
        np.array([box["class_id"] for box in boxes], dtype=np.int64),
    )


def _detections(boxes: list[dict[str, Any]], segment: bool) -> sv.Detections:
    import supervision as sv

    xyxy, score, class_id = _columns(boxes)
    data = {FRAME: np.array([box[FRAME] for box in boxes], np.int64)} if segment else {}
    return sv.Detections(xyxy, confidence=score, class_id=class_id, data=data)


@lru_cache(maxsize=4)
def _schema(further: bool, segment: bool) -> pa.Schema:
    """The columns of a record; ``further`` ones only where a scaled picture or further judges are in it."""
    import pyarrow as pa

    box = [(side, pa.float32()) for side in ("x1", "y1", "x2", "y2", "score")] + [("class_id", pa.int32())]
    found = [("found", pa.list_(pa.bool_())), ("iou", pa.list_(pa.float32())), ("confidence", pa.list_(pa.float32()))]
    version = [("qp", pa.int8()), ("bits", pa.int64()), ("psnr_y", pa.float64()), ("offset", pa.int64())]
    boxes = pa.list_(pa.struct([*box, (FRAME, pa.int32())] if segment else box))
    track = [("place", pa.int32()), ("instances", pa.int32())]
    files = pa.list_(pa.struct([("place", pa.int32()), ("sha256", pa.string())]))
    clip = [("first", pa.int32()), ("frames", pa.int32()), ("pictures", files)]
    judge = [("name", pa.string()), ("source", boxes), ("uncoded", boxes), ("versions", pa.list_(boxes))]
    optional = [("uncoded", boxes), ("judges", pa.list_(pa.struct(judge)))]
    return pa.schema(
        [
            ("name", pa.string()),
            ("source_sha256", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("stream_sha256", pa.string()),
            ("source", boxes),
            ("objects", pa.list_(pa.struct(box + found + (track if segment else [])))),
            ("versions", pa.list_(pa.struct([*version, ("detections", boxes)]))),
            *(optional if further else []),
            *(clip if segment else []),
        ]
    )
