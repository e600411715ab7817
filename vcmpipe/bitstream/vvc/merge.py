"""Merging the streams of a picture's regions into one standard stream, by rewriting high-level syntax only.

The CABAC slice data is copied byte for byte. Regions become rectangular slices, or sub-pictures of one slice each, that
in-loop filters do not cross; so each decodes to the samples of its own stream (ITU-T H.266 clauses 6.3, 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.geometry import RegionLayout
from vcmpipe.bitstream.nal import NalUnit, join_nal_units
from vcmpipe.bitstream.vui import Vui
from vcmpipe.bitstream.vvc.merge_sets import cropped_and_coloured, merged_pps, merged_sps, require_equal
from vcmpipe.bitstream.vvc.nal import IRAP_TYPES, NalType, make_nal, sets_in_force, split_nal_units
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.picture_header import write_picture_header
from vcmpipe.bitstream.vvc.pps import read_pps, write_pps
from vcmpipe.bitstream.vvc.reference_lists import short_term_deltas
from vcmpipe.bitstream.vvc.region_streams import CodedPicture, alf_aps, read_coded_pictures
from vcmpipe.bitstream.vvc.slice_header import SLICE_B, SLICE_I, Slice, write_slice
from vcmpipe.bitstream.vvc.sps import ctb_size, read_sps, write_sps
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.process.text import count

Form = Literal["slices", "subpictures"]
"""How regions stand in a picture: as rectangular slices, or as sub-pictures, each of which can be extracted."""

_QP_RANGE = (-48, 63)
_MAX_ALF_APS = 8  # aps_adaptation_parameter_set_id 0..7
_LIST_PREFIXES = ("rpl_sps_flag[", "rpl_idx[", "num_ref_entries[", "abs_delta_poc_st[", "strp_entry_sign_flag[")


def merge_regions(
    streams: Sequence[bytes],
    layout: RegionLayout,
    *,
    form: Form = "slices",
    display_size: tuple[int, int] | None = None,
    vui: Vui | None = None,
) -> bytes:
    """Merge one VVenC stream per region into one stream.

    Args:
        streams: Annex-B streams in the order of ``layout.regions()``, each of the same number of pictures and coded
            with ``TreatAsSubPic=1`` and otherwise equal parameters but the QP; some may be coded with ``ALF=0``.
            With one region any VVC stream will do: only its crop and VUI are set, all else is copied.
        layout: where the regions lie.
        form: "slices" for all-intra streams, "subpictures" also for inter streams and for ``extract_subpicture``.
        display_size: (width, height) in luma samples that a player shows, the top left part of the coded picture; an
            odd size is rounded up to whole chroma samples. The coded size if None.
        vui: the colour to state; what the streams state if None.

    Returns:
        The merged Annex-B stream; parameter sets stand before the first picture and wherever they change. SEI messages
        are dropped where there is more than one region.

    Raises:
        InputError: the number of streams, ``form`` or ``display_size`` do not go with the layout, or several regions
            share one CTU column.
        BitstreamError: a stream is damaged, differs from the others in an element that has to be equal, or uses syntax
            that has not been proved; the message names the region and the element.
    """
    regions = layout.regions()
    if form not in ("slices", "subpictures"):
        raise InputError(f"merge: the form is 'slices' or 'subpictures', not {form!r}")
    if len(streams) != len(regions):
        raise InputError(f"merge: {count(len(streams), 'stream')} for a layout of {count(len(regions), 'region')}")
    size = display_size or (layout.width, layout.height)
    if not (0 < size[0] <= layout.width and 0 < size[1] <= layout.height):
        raise InputError(f"merge: the display size {size[0]}x{size[1]} is not inside {layout.width}x{layout.height}")
    if len(streams) > 1 and layout.width <= layout.ctu:
        # Such streams are sound, but FFmpeg's decoder then reconstructs CTUs before those that they are predicted from.
        raise InputError(
            f"merge: FFmpeg decodes pictures of one CTU column wrongly if they have several regions ({layout.width} "
            f"samples, CTU {layout.ctu}): use a smaller CTU or one region"
        )
    if len(streams) == 1:
        return _restate(streams[0], layout, size, vui)
    merger = _Merger(layout, form == "subpictures", size, vui)
    readers = [read_coded_pictures(stream, f"region {i}") for i, stream in enumerate(streams)]
    output: list[NalUnit] = []
    for number, pictures in enumerate(zip_longest(*readers)):
        ended = [i for i, picture in enumerate(pictures) if picture is None]
        if ended:
            raise BitstreamError(f"region {ended[0]}: the stream has only {count(number, 'picture')}, others have more")
        try:
            output += merger.picture(pictures)
        except BitstreamError as error:
            raise BitstreamError(f"picture {number}: {error}") from None
    return join_nal_units(output)


def _restate(stream: bytes, layout: RegionLayout, display: tuple[int, int], vui: Vui | None) -> bytes:
    """Set the crop and the VUI of a stream; everything else is copied."""
    output: list[NalUnit] = []
    sets = sets_in_force()
    for unit in split_nal_units(stream):
        if unit.type == NalType.SPS:
            sps = read_sps(unit.payload())
            coded = sps["sps_pic_width_max_in_luma_samples"], sps["sps_pic_height_max_in_luma_samples"]
            if (*coded, ctb_size(sps)) != (layout.width, layout.height, layout.ctu):
                raise BitstreamError(
                    f"SPS: sps_pic_width_max_in_luma_samples: the stream codes {coded[0]}x{coded[1]} with CTU "
                    f"{ctb_size(sps)}, the layout is {layout.width}x{layout.height} with CTU {layout.ctu}"
                )
            unit = make_nal(NalType.SPS, write_sps(cropped_and_coloured(sps, display, vui)), unit.temporal_id)
        elif unit.type == NalType.PPS:
            pps = read_pps(unit.payload())
            if pps["pps_conformance_window_flag"]:
                raise BitstreamError("PPS: pps_conformance_window_flag = 1 is not supported here")
        if not sets.repeats(unit):
            output.append(unit)
    if not any(unit.is_slice for unit in output):
        raise BitstreamError("region 0: the stream holds no coded picture (it was truncated, or nothing was encoded)")
    return join_nal_units(output)


@dataclass(slots=True)
class _Merger:
    """Merges picture after picture, and keeps the parameter sets that it has written."""

    layout: RegionLayout
    subpictures: bool
    display: tuple[int, int]
    vui: Vui | None
    sets: ParameterSets = field(default_factory=ParameterSets)
    sources: tuple[list[Fields], list[Fields]] = field(default_factory=lambda: ([], []))
    payloads: tuple[bytes, bytes] = (b"", b"")
    sps: Fields = field(default_factory=dict)
    pps: Fields = field(default_factory=dict)

    def picture(self, pictures: tuple[CodedPicture, ...]) -> list[NalUnit]:
        """The NAL units of one merged picture."""
        units = self._parameter_sets(pictures)
        slices = self._slices(pictures)
        head = slices[0]
        if units and head.nal_type not in IRAP_TYPES:
            raise BitstreamError("a parameter set changes before a picture that is neither IDR nor CRA")
        units += [alf_aps(i, aps, head.temporal_id) for i, aps in enumerate(_renumber_aps(pictures, slices))]
        units.append(make_nal(NalType.PH, write_picture_header(head.picture_header, self.sets), head.temporal_id))
        units += [make_nal(piece.nal_type, write_slice(piece, self.sets), piece.temporal_id) for piece in slices]
        return units

    def _parameter_sets(self, pictures: tuple[CodedPicture, ...]) -> list[NalUnit]:
        """The parameter sets to be sent before a picture: those that changed."""
        sources = [picture.sps for picture in pictures], [picture.pps for picture in pictures]
        if sources == self.sources:
            return []
        self.sources = sources
        self.sps = merged_sps(sources[0], self.layout, self.subpictures, self.display, self.vui)
        self.pps = merged_pps(sources[1], self.layout)
        payloads = write_sps(self.sps), write_pps(self.pps)
        if payloads == self.payloads:
            return []
        self.payloads = payloads
        self.sets.add_sps(self.sps)
        self.sets.add_pps(self.pps)
        return [make_nal(NalType.SPS, payloads[0]), make_nal(NalType.PPS, payloads[1])]

    def _slices(self, pictures: tuple[CodedPicture, ...]) -> list[Slice]:
        """The slices of the merged picture, but for the ids of their APS."""
        first = pictures[0].slices[0]
        merged = []
        for i, picture in enumerate(pictures):
            piece = picture.slices[0]
            own = {"slices": len(picture.slices), "nal_unit_type": piece.nal_type, "TemporalId": piece.temporal_id}
            expected = {"slices": 1, "nal_unit_type": first.nal_type, "TemporalId": first.temporal_id}
            require_equal("picture", i, own, expected)
            require_equal("picture header", i, piece.picture_header, first.picture_header)
            if not self.subpictures and piece.picture_header["ph_inter_slice_allowed_flag"]:
                raise BitstreamError(
                    f"region {i}: ph_inter_slice_allowed_flag = 1: inter pictures need the form 'subpictures'"
                )
            fields = dict(piece.fields)
            fields["sh_picture_header_in_slice_header_flag"] = 0
            fields["sh_subpic_id" if self.subpictures else "sh_slice_address"] = i
            if self.sps["sps_alf_enabled_flag"]:
                fields.setdefault("sh_alf_enabled_flag", 0)
            fields["sh_qp_delta"] += picture.pps["pps_init_qp_minus26"] - self.pps["pps_init_qp_minus26"]
            qp = 26 + self.pps["pps_init_qp_minus26"] + fields["sh_qp_delta"]
            if not _QP_RANGE[0] <= qp <= _QP_RANGE[1]:
                raise BitstreamError(
                    f"region {i}: sh_qp_delta: slice QP {qp} is outside {_QP_RANGE[0]}..{_QP_RANGE[1]}"
                )
            merged.append(Slice(piece.nal_type, piece.temporal_id, fields, first.picture_header, i, piece.data))
        if first.picture_header["ph_inter_slice_allowed_flag"]:
            _check_references(pictures)
        return merged


def _check_references(pictures: tuple[CodedPicture, ...]) -> None:
    """Inter pictures: equal reference lists, and one collocated picture for all slices (H.266 clause 7.4.8)."""

    def lists(picture: CodedPicture) -> Fields:
        return {k: v for k, v in picture.slices[0].fields.items() if k.startswith(_LIST_PREFIXES)}

    collocated: tuple[int, int] | None = None
    for i, picture in enumerate(pictures):
        require_equal("slice header", i, lists(picture), lists(pictures[0]))
        piece = picture.slices[0]
        if piece.type == SLICE_I or not piece.picture_header.get("ph_temporal_mvp_enabled_flag"):
            continue
        from_l0 = piece.fields["sh_collocated_from_l0_flag"] if piece.type == SLICE_B else 1
        deltas = short_term_deltas(piece.fields, picture.sps, picture.pps, 0 if from_l0 else 1)
        entry = piece.fields.get("sh_collocated_ref_idx", 0)
        if entry >= len(deltas):
            raise BitstreamError(f"region {i}: sh_collocated_ref_idx = {entry} is not in its list (damaged stream)")
        if collocated is None:
            collocated = (i, deltas[entry])
        elif collocated[1] != deltas[entry]:
            raise BitstreamError(
                f"region {i}: sh_collocated_ref_idx points to another picture than in region {collocated[0]} "
                "(code the regions with TMVPMode=0, or with closer QPs)"
            )


def _renumber_aps(pictures: tuple[CodedPicture, ...], slices: list[Slice]) -> list[bytes]:
    """Give the APS that a picture's slices use new ids, change the slices to them, and return the APS by new id."""
    ids: dict[bytes, int] = {}
    for i, (picture, piece) in enumerate(zip(pictures, slices, strict=True)):
        for name in [name for name in piece.fields if name.startswith("sh_alf_") and "aps_id" in name]:
            if piece.fields[name] not in picture.aps:
                raise BitstreamError(
                    f"region {i}: {name} = {piece.fields[name]}: no such APS was sent (damaged stream)"
                )
            piece.fields[name] = ids.setdefault(picture.aps[piece.fields[name]], len(ids))
    if len(ids) > _MAX_ALF_APS:
        raise BitstreamError(
            f"aps_adaptation_parameter_set_id: the regions use {len(ids)} ALF APS, a picture can hold {_MAX_ALF_APS} "
            "(encode the smallest further regions with ALF=0)"
        )
    return list(ids)
