"""Telling a stream how it is to be shown: rate and colour in its sequence headers (clauses 5.5.3, 5.5.2)."""

from __future__ import annotations

from vcmpipe.bitstream.av1.obu import SEQUENCE_HEADER, group_temporal_units, split_obus
from vcmpipe.bitstream.av1.sequence_header import read_sequence_header, set_colour, write_sequence_header
from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.presentation import Presentation, ticks


def presented(data: bytes, how: Presentation) -> bytes:
    """A stream whose every sequence header states ``how`` it is shown; see ``bitstream.with_presentation``.

    The shape of samples has no place there: a container states it. The level stays.
    """
    video = how.video or how.rate is not None or len(group_temporal_units(data)) > 1

    def changed(payload: bytes) -> bytes:
        fields = read_sequence_header(payload)
        _state(fields, how, video)
        return write_sequence_header(fields)

    return b"".join(
        unit.with_payload(changed(unit.payload)) if unit.type == SEQUENCE_HEADER else unit.data
        for unit in split_obus(data)
    )


def _state(fields: Fields, how: Presentation, video: bool) -> None:
    reduced = fields["reduced_still_picture_header"]
    if how.vui is not None:
        set_colour(fields, how.vui)
    if video and not reduced:
        fields["still_picture"] = 0
    # Frame headers hang on these where there is a decoder model, and have no such parts where they are reduced.
    if how.rate is not None and not reduced and not fields.get("decoder_model_info_present_flag"):
        fields["timing_info_present_flag"], fields["equal_picture_interval"] = 1, 1
        fields["num_units_in_display_tick"], fields["time_scale"] = ticks(how.rate)
        fields["num_ticks_per_picture_minus_1"] = fields["decoder_model_info_present_flag"] = 0
