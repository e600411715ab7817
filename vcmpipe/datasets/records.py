"""What is known of one picture of a JRD store: its objects, its coded versions, and what was seen in each of them.

A record is one row of parquet: nested lists, so that a whole store reads as one table (``pyarrow.dataset``).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError
from vcmpipe.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa
    import supervision as sv


def table_reason(error: BaseException) -> str:
    """What is wrong with a parquet file, in a few words out of the sentences that pyarrow has for it."""
    said = re.sub(r"^Could not open Parquet input source '.*?': ", "", reason(error, 1000))
    return said.split(". ")[0].rstrip(". ")[:100]


@dataclass(frozen=True, eq=False)
class Seen:
    """Detections of several pictures one after the other: what a detector reported, however weak.

    Attributes:
        counts: (P,) int64; how many belong to each picture.
        xyxy: (M, 4) float32 corners in pixels of the source.
        score: (M,) float32 confidence, 0..1.
        class_id: (M,) int64.
    """

    counts: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]

    @classmethod
    def of(cls, pictures: list[sv.Detections]) -> Seen:
        """Put the detections of several pictures together."""
        return cls(
            np.array([len(found) for found in pictures], dtype=np.int64),
            np.concatenate([found.xyxy for found in pictures] or [np.zeros((0, 4))]).astype(np.float32).reshape(-1, 4),
            np.concatenate([found.confidence for found in pictures] or [np.zeros(0)]).astype(np.float32),
            np.concatenate([found.class_id for found in pictures] or [np.zeros(0)]).astype(np.int64),
        )

    def detections(self) -> list[sv.Detections]:
        """Picture by picture."""
        import supervision as sv

        return [sv.Detections(xyxy, confidence=score, class_id=class_id) for xyxy, score, class_id in self.parts()]

    def parts(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]]:
        """Boxes, scores and classes, picture by picture."""
        ends = np.cumsum(self.counts).tolist()
        places = [slice(end - count, end) for end, count in zip(ends, self.counts.tolist(), strict=True)]
        return [(self.xyxy[place], self.score[place], self.class_id[place]) for place in places]


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """One picture with N objects, coded at Q QPs.

    Attributes:
        name: The picture's path below the folder of pictures, with ``/``.
        source_sha256: SHA-256 of the picture file, hexadecimal.
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
        seen_in_source: All that the detector reported on the source, one picture.
        seen_in_versions: All that it reported on the versions, Q pictures.
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
    seen_in_source: Seen
    seen_in_versions: Seen

    def matched(self, task: Task) -> Matched:
        """Objects and strings under any task: what was seen is kept, so that nothing need be coded again."""
        return matched(self.seen_in_source.detections()[0], self.seen_in_versions.detections(), task)

    def to_parquet(self) -> bytes:
        """The record as a parquet file; equal records give equal bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        source, versions = self.seen_in_source, self.seen_in_versions
        row = {
            "name": self.name,
            "source_sha256": self.source_sha256,
            "width": self.width,
            "height": self.height,
            "stream_sha256": self.stream_sha256,
            "source": _boxes(source.xyxy, source.score, source.class_id),
            "objects": [
                box | {"found": found, "iou": iou, "confidence": confidence}
                for box, found, iou, confidence in zip(
                    _boxes(self.xyxy, self.score, self.class_id),
                    self.found.tolist(),
                    self.iou.tolist(),
                    self.confidence.tolist(),
                    strict=True,
                )
            ],
            "versions": [
                {"qp": qp, "bits": bits, "psnr_y": psnr, "offset": offset, "detections": _boxes(*seen)}
                for qp, bits, psnr, offset, seen in zip(
                    self.qps.tolist(),
                    self.bits.tolist(),
                    self.psnr_y.tolist(),
                    self.offsets.tolist(),
                    versions.parts(),
                    strict=True,
                )
            ],
        }
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([row], schema=_schema()), buffer, compression="zstd")
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
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(io.BytesIO(data))
            if table.num_rows != 1 or table.schema != _schema():
                raise InputError(f"{source} is no picture record of this version")
            row: dict[str, Any] = table.to_pylist()[0]
            record = cls._from_row(row)
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{source} is a damaged picture record ({table_reason(error)})") from error
        return record

    @classmethod
    def _from_row(cls, row: dict[str, Any]) -> PictureRecord:
        versions, objects = row["versions"], row["objects"]
        seen = _seen([version["detections"] for version in versions])
        own = _seen([objects])
        shape = (len(objects), len(versions))

        def grid(key: str, dtype: Any) -> NDArray[Any]:
            return np.array([each[key] for each in objects], dtype=dtype).reshape(shape)

        def column(key: str, dtype: Any) -> NDArray[Any]:
            return np.array([version[key] for version in versions], dtype=dtype)

        return cls(
            name=row["name"],
            source_sha256=row["source_sha256"],
            width=row["width"],
            height=row["height"],
            xyxy=own.xyxy,
            class_id=own.class_id,
            score=own.score,
            qps=column("qp", np.int64),
            bits=column("bits", np.int64),
            psnr_y=column("psnr_y", np.float64),
            found=grid("found", np.bool_),
            iou=grid("iou", np.float32),
            confidence=grid("confidence", np.float32),
            offsets=column("offset", np.int64),
            stream_sha256=row["stream_sha256"],
            seen_in_source=_seen([row["source"]]),
            seen_in_versions=seen,
        )


@dataclass(frozen=True, eq=False)
class Matched:
    """Objects of a picture and where they were found again, under one task; shapes as in ``PictureRecord``."""

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    score: NDArray[np.float32]
    found: NDArray[np.bool_]
    iou: NDArray[np.float32]
    confidence: NDArray[np.float32]


def matched(source: sv.Detections, versions: list[sv.Detections], task: Task) -> Matched:
    """Find the objects of a source again in each of its versions.

    Args:
        source: All detections on the source.
        versions: All detections on each of Q versions.
        task: What an object is, and when it counts as found.
    """
    reference = task.reference([source])
    shape = (len(reference), len(versions))
    found = np.zeros(shape, dtype=np.bool_)
    iou = np.zeros(shape, dtype=np.float32)
    confidence = np.zeros(shape, dtype=np.float32)
    for column, version in enumerate(versions):
        each = task.compare(reference, [version])
        found[:, column] = each.kept
        iou[:, column] = each.overlap
        confidence[:, column] = np.where(each.kept, each.score, 0.0)
    own = Seen.of(list(reference.detections))
    return Matched(own.xyxy, own.class_id, own.score, found, iou, confidence)


def _boxes(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: NDArray[np.int64]
) -> list[dict[str, float | int]]:
    return [
        {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": value, "class_id": number}
        for (x1, y1, x2, y2), value, number in zip(xyxy.tolist(), score.tolist(), class_id.tolist(), strict=True)
    ]


def _seen(pictures: list[list[dict[str, Any]]]) -> Seen:
    flat = [box for boxes in pictures for box in boxes]
    return Seen(
        np.array([len(boxes) for boxes in pictures], dtype=np.int64),
        np.array([[box[side] for side in ("x1", "y1", "x2", "y2")] for box in flat], np.float32).reshape(-1, 4),
        np.array([box["score"] for box in flat], dtype=np.float32),
        np.array([box["class_id"] for box in flat], dtype=np.int64),
    )


@lru_cache(maxsize=1)
def _schema() -> pa.Schema:
    import pyarrow as pa

    box = [(side, pa.float32()) for side in ("x1", "y1", "x2", "y2", "score")] + [("class_id", pa.int32())]
    found = [("found", pa.list_(pa.bool_())), ("iou", pa.list_(pa.float32())), ("confidence", pa.list_(pa.float32()))]
    version = [("qp", pa.int8()), ("bits", pa.int64()), ("psnr_y", pa.float64()), ("offset", pa.int64())]
    return pa.schema(
        [
            ("name", pa.string()),
            ("source_sha256", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("stream_sha256", pa.string()),
            ("source", pa.list_(pa.struct(box))),
            ("objects", pa.list_(pa.struct(box + found))),
            ("versions", pa.list_(pa.struct([*version, ("detections", pa.list_(pa.struct(box)))]))),
        ]
    )
