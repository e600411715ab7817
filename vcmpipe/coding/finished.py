"""A finished segment: all that the stream, the sidecar and later segments need of it, as bytes and back."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.coding.search.answers import Choice
from vcmpipe.errors import InputError
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import SegmentRecord
from vcmpipe.sidecar.schema import build

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.coding.pipeline import EncodedSegment


@dataclass(frozen=True)
class FinishedSegment:
    """A coded segment without its source.

    Attributes:
        data: Its Annex-B stream, with parameter sets.
        record: What the sidecar says of it, as of a stream of its own.
        requested: The map that was requested.
        first: The place, from 0 in order of presentation, of the frame that is decoded first.
        choice: What a later segment's search may begin with.
        found: Per frame what the detector finds in it once it is decoded; None where that is not kept.
    """

    data: bytes
    record: SegmentRecord
    requested: QpMap
    first: int
    choice: Choice | None = None
    found: tuple[sv.Detections, ...] | None = None

    @classmethod
    def of(cls, encoded: EncodedSegment, choice: Choice | None = None, *, found: bool = False) -> FinishedSegment:
        """What is kept of a segment once it is coded; with ``found``, what was found in it, too."""
        coded = encoded.coded
        first = coded.units[0].presentation
        return cls(coded.data, encoded.record, encoded.requested, first, choice, encoded.found if found else None)

    @property
    def bits(self) -> int:
        """All bits of the stream, headers included."""
        return 8 * len(self.data)

    def to_bytes(self) -> bytes:
        """A line of JSON, and the stream."""
        head = {
            "record": dataclasses.asdict(self.record),
            "requested": [self.requested.qp.tolist(), self.requested.ctu, self.requested.width, self.requested.height],
            "first": self.first,
            "choice": self.choice,
            "found": None if self.found is None else [_written(own) for own in self.found],
        }
        return json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + self.data

    @classmethod
    def from_bytes(cls, entry: bytes) -> FinishedSegment:
        """The segment that ``to_bytes`` wrote down.

        Raises:
            InputError: They are other bytes.
        """
        line, _, data = entry.partition(b"\n")
        try:
            head: Any = json.loads(line)
            qps, ctu, width, height = head["requested"]
            return cls(
                data,
                build(head["record"], SegmentRecord),
                QpMap.of(np.array(qps), ctu, width, height),
                int(head["first"]),
                None if head["choice"] is None else Choice(*head["choice"]),
                None if head["found"] is None else tuple(map(_read, head["found"])),
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"this is not a finished segment ({error}): code it again") from error


def _written(found: sv.Detections) -> list[list[Any]]:
    """Boxes, confidences and classes; numbers of 32 bits come back as they were."""
    if not len(found):
        return [[], [], []]
    return [np.asarray(each).tolist() for each in (found.xyxy, found.confidence, found.class_id)]


def _read(parts: Any) -> sv.Detections:
    import supervision as sv

    xyxy, confidence, class_id = parts
    return sv.Detections(
        xyxy=np.array(xyxy, np.float32).reshape(-1, 4),
        confidence=np.array(confidence, np.float32),
        class_id=np.array(class_id, np.int64),
    )
