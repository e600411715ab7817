"""The parameter sets in force while a stream is read or written."""

from __future__ import annotations

from functools import lru_cache

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.bitstream.vvc.nal import NalType
from vcmpipe.bitstream.vvc.partition import Partition, partition_of
from vcmpipe.bitstream.vvc.pps import read_pps
from vcmpipe.bitstream.vvc.sps import read_sps
from vcmpipe.errors import BitstreamError

# A stream repeats its parameter sets before every intra picture, and the regions of a picture share most of theirs.
_read_sps = lru_cache(maxsize=64)(read_sps)
_read_pps = lru_cache(maxsize=64)(read_pps)


class ParameterSets:
    """SPS and PPS by their ids; later ones replace earlier ones."""

    def __init__(self) -> None:
        self._sps: dict[int, Fields] = {}
        self._pps: dict[int, Fields] = {}
        self._partitions: dict[int, Partition] = {}

    def read(self, unit: NalUnit) -> Fields | None:
        """Put an SPS or PPS in force and return its elements; None for anything else."""
        if unit.type == NalType.SPS:
            return self.add_sps(_read_sps(unit.payload()))
        return self.add_pps(_read_pps(unit.payload())) if unit.type == NalType.PPS else None

    def add_sps(self, sps: Fields) -> Fields:
        """Put an SPS in force; it must not be changed afterwards."""
        self._sps[sps["sps_seq_parameter_set_id"]] = sps
        self._partitions.clear()
        return sps

    def add_pps(self, pps: Fields) -> Fields:
        """Put a PPS in force; it must not be changed afterwards."""
        self._pps[pps["pps_pic_parameter_set_id"]] = pps
        self._partitions.pop(pps["pps_pic_parameter_set_id"], None)
        return pps

    def active(self, pps_id: int) -> tuple[Fields, Fields]:
        """The PPS of that id and its SPS; BitstreamError where the stream has not sent them."""
        pps = self._pps.get(pps_id)
        if pps is None:
            raise BitstreamError(
                f"ph_pic_parameter_set_id = {pps_id}: no such PPS was sent (damaged or truncated stream)"
            )
        sps_id = pps["pps_seq_parameter_set_id"]
        if sps_id not in self._sps:
            raise BitstreamError(
                f"pps_seq_parameter_set_id = {sps_id}: no such SPS was sent (damaged or truncated stream)"
            )
        return pps, self._sps[sps_id]

    def partition(self, pps_id: int) -> Partition:
        """The partition of the pictures that refer to a PPS."""
        if pps_id not in self._partitions:
            pps, sps = self.active(pps_id)
            self._partitions[pps_id] = partition_of(sps, pps)
        return self._partitions[pps_id]
