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
    """

    data: bytes
    record: SegmentRecord
    requested: QpMap
    first: int
    choice: Choice | None = None

    @classmethod
    def of(cls, encoded: EncodedSegment, choice: Choice | None = None) -> FinishedSegment:
        """What is kept of a segment once it is coded."""
        coded = encoded.coded
        return cls(coded.data, encoded.record, encoded.requested, coded.units[0].presentation, choice)

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
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"this is no finished segment ({error}): code it again") from error
