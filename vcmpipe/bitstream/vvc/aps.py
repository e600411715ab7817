"""Adaptation parameter sets: id and type; the filters themselves are copied (ITU-T H.266 clause 7.3.2.6)."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.errors import BitstreamError

ALF_APS = 0
MAX_ALF_APS = 8
"""A picture has this many ALF APS ids (aps_adaptation_parameter_set_id 0..7)."""


@dataclass(frozen=True, slots=True)
class Aps:
    """An adaptation parameter set.

    Attributes:
        params_type: ``aps_params_type``: 0 ALF, 1 LMCS, 2 scaling lists.
        id: ``aps_adaptation_parameter_set_id``.
        rest: the payload behind the byte that holds these two.
    """

    params_type: int
    id: int
    rest: bytes


def read_aps(payload: bytes) -> Aps:
    """The APS in a payload."""
    if len(payload) < 2:
        raise BitstreamError("APS: the data ends before or in aps_chroma_present_flag (truncated or damaged stream)")
    return Aps(payload[0] >> 5, payload[0] & 31, payload[1:])


def write_aps(aps: Aps) -> bytes:
    """The payload of an APS."""
    return bytes(((aps.params_type << 5) | aps.id,)) + aps.rest
