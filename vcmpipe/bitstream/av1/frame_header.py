"""Frame headers up to the QP: what a frame is, how large, and how it is quantised (clause 5.9)."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcmpipe.bitstream.av1.obu import FRAME, FRAME_HEADER, SEQUENCE_HEADER, Obu
from vcmpipe.bitstream.av1.sequence_header import SELECT, read_sequence_header
from vcmpipe.bitstream.bits import BitReader, Fields
from vcmpipe.errors import BitstreamError

KEY, INTER, INTRA_ONLY, SWITCH = range(4)
FRAME_TYPES = ("KEY_FRAME", "INTER_FRAME", "INTRA_ONLY_FRAME", "SWITCH_FRAME")
_REFERENCES, _SLOTS, _ALL, _NO_PRIMARY = 7, 8, 255, 7
_SUPERRES_NUMERATOR, _SUPERRES_LOWEST = 8, 9
_MAX_TILE_WIDTH, _MAX_TILE_AREA, _MAX_TILES = 4096, 4096 * 2304, 64
# Bits and sign of each segmentation feature (clause 5.9.14); the first one is the quantizer.
_FEATURES = ((8, True), (6, True), (6, True), (6, True), (6, True), (3, False), (0, False), (0, False))


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What is read of a frame.

    Attributes:
        type: ``frame_type``: KEY, INTER, INTRA_ONLY, SWITCH.
        shown: whether this header has the frame shown.
        existing: whether it shows a frame that was decoded before.
        width: luma samples in a row as shown, after super-resolution (UpscaledWidth).
        height: luma rows.
        index: ``base_q_idx``, 0..255.
        deltas: whether blocks may have another quantizer.
        chroma: what is added to the index for (U, V).
        hint: ``order_hint``.
    """

    type: int
    shown: bool
    existing: bool
    width: int
    height: int
    index: int
    deltas: bool
    chroma: tuple[int, int]
    hint: int


@dataclass(slots=True)
class FrameReader:
    """Reads the headers of a stream in order; they depend on those before.

    Attributes:
        sequence: the sequence header in force.
    """

    sequence: Fields | None = None
    _slots: list[FrameHeader | None] = field(default_factory=lambda: [None] * _SLOTS)

    def read(self, unit: Obu) -> FrameHeader | None:
        """Take in an OBU; the frame that it begins or shows, None for other OBUs.

        Raises:
            BitstreamError: a header is damaged, of a kind that is not read, or what it depends on is missing.
        """
        if unit.type == SEQUENCE_HEADER:
            # None until it is read: a damaged one does not leave the last one in force.
            self.sequence = None
            self.sequence = read_sequence_header(unit.payload)
            return None
        if unit.type not in (FRAME, FRAME_HEADER):
            return None
        if self.sequence is None:
            raise BitstreamError("frame header: no sequence header comes before it")
        if unit.spatial_id:
            raise BitstreamError("frame header: spatial layers are not read")
        header, refreshed = _Header(unit, self.sequence, self._slots).read()
        self._slots = [header if refreshed >> i & 1 else slot for i, slot in enumerate(self._slots)]
        return header


class _Header:
    """The syntax of one frame header; what is not needed further on is read and dropped."""

    def __init__(self, unit: Obu, sequence: Fields, slots: list[FrameHeader | None]) -> None:
        self._bits = BitReader(unit.payload, "frame header")
        self._unit, self._sequence, self._slots = unit, sequence, slots

    def _seq(self, name: str) -> int:
        return self._sequence.get(name, 0)

    def _slot(self, place: int) -> FrameHeader:
        slot = self._slots[place]
        if slot is None:
            raise BitstreamError(
                f"frame header: the frame in slot {place} was never decoded (damaged or truncated stream)"
            )
        return slot

    @property
    def _hint_bits(self) -> int:
        return self._seq("order_hint_bits_minus_1") + 1 if self._seq("enable_order_hint") else 0

    @property
    def _id_bits(self) -> int:
        return self._seq("additional_frame_id_length_minus_1") + self._seq("delta_frame_id_length_minus_2") + 3

    def read(self) -> tuple[FrameHeader, int]:
        """uncompressed_header() up to the quantizer, and ``refresh_frame_flags``."""
        bits, reduced = self._bits, self._seq("reduced_still_picture_header")
        kind, shown, resilient = KEY, 1, 1
        if not reduced:
            if bits.u("show_existing_frame", 1):
                return self._existing()
            kind = bits.u("frame_type", 2)
            shown = bits.u("show_frame", 1)
            if shown:
                self._presentation_time()
            else:
                bits.u("showable_frame", 1)
            if kind != SWITCH and not (kind == KEY and shown):
                resilient = bits.u("error_resilient_mode", 1)
        intra = kind in (KEY, INTRA_ONLY)
        frozen = bits.u("disable_cdf_update", 1)
        screen, whole = self._screen_content()
        if self._seq("frame_id_numbers_present_flag"):
            bits.u("current_frame_id", self._id_bits)
        override = 1 if kind == SWITCH else 0 if reduced else bits.u("frame_size_override_flag", 1)
        hint = bits.u("order_hint", self._hint_bits) if self._hint_bits else 0
        primary = _NO_PRIMARY if intra or resilient else bits.u("primary_ref_frame", 3)
        self._removal_times()
        refreshed = _ALL if kind == SWITCH or (kind == KEY and shown) else bits.u("refresh_frame_flags", 8)
        if (not intra or refreshed != _ALL) and resilient and self._hint_bits:
            for i in range(_SLOTS):
                bits.u(f"ref_order_hint[{i}]", self._hint_bits)
        if intra:
            coded, width, height = self._frame_size(override)
            self._render_size()
            if screen and coded == width:
                bits.u("allow_intrabc", 1)
        else:
            coded, width, height = self._inter(override, resilient, whole)
        if not reduced and not frozen:
            bits.u("disable_frame_end_update_cdf", 1)
        self._tiles(coded, height)
        index, chroma = self._quantizer()
        deltas = self._segmentation(primary)
        if index and bits.u("delta_q_present", 1):
            deltas = True
        return FrameHeader(kind, bool(shown), False, width, height, index, deltas, chroma, hint), refreshed

    def _existing(self) -> tuple[FrameHeader, int]:
        bits = self._bits
        frame = self._slot(bits.u("frame_to_show_map_idx", 3))
        self._presentation_time()
        if self._seq("frame_id_numbers_present_flag"):
            bits.u("display_frame_id", self._id_bits)
        again = FrameHeader(
            frame.type, True, True, frame.width, frame.height, frame.index, frame.deltas, frame.chroma, frame.hint
        )
        return again, _ALL if frame.type == KEY else 0

    def _presentation_time(self) -> None:
        if self._seq("decoder_model_info_present_flag") and not self._seq("equal_picture_interval"):
            self._bits.u("frame_presentation_time", self._seq("frame_presentation_time_length_minus_1") + 1)

    def _screen_content(self) -> tuple[int, int]:
        """``allow_screen_content_tools`` and, where it is read, ``force_integer_mv``."""
        bits = self._bits
        choose = self._sequence.get("seq_choose_screen_content_tools", 1)
        screen = SELECT if choose else self._seq("seq_force_screen_content_tools")
        if screen == SELECT:
            screen = bits.u("allow_screen_content_tools", 1)
        if not screen:
            return 0, 0
        whole = SELECT if self._sequence.get("seq_choose_integer_mv", 1) else self._seq("seq_force_integer_mv")
        return screen, bits.u("force_integer_mv", 1) if whole == SELECT else whole

    def _removal_times(self) -> None:
        bits = self._bits
        if not self._seq("decoder_model_info_present_flag") or not bits.u("buffer_removal_time_present_flag", 1):
            return
        for i in range(self._seq("operating_points_cnt_minus_1") + 1):
            if not self._seq(f"decoder_model_present_for_this_op[{i}]"):
                continue
            layers = self._seq(f"operating_point_idc[{i}]")
            temporal, spatial = layers >> self._unit.temporal_id & 1, layers >> (self._unit.spatial_id + 8) & 1
            if not layers or (temporal and spatial):
                bits.u(f"buffer_removal_time[{i}]", self._seq("buffer_removal_time_length_minus_1") + 1)

    def _frame_size(self, override: int) -> tuple[int, int, int]:
        """Coded width, shown width, height (clauses 5.9.5, 5.9.8)."""
        width, height = self._seq("max_frame_width_minus_1") + 1, self._seq("max_frame_height_minus_1") + 1
        if override:
            width = self._bits.u("frame_width_minus_1", self._seq("frame_width_bits_minus_1") + 1) + 1
            height = self._bits.u("frame_height_minus_1", self._seq("frame_height_bits_minus_1") + 1) + 1
        return self._superres(width), width, height

    def _superres(self, width: int) -> int:
        if not self._seq("enable_superres") or not self._bits.u("use_superres", 1):
            return width
        denominator = self._bits.u("coded_denom", 3) + _SUPERRES_LOWEST
        return (width * _SUPERRES_NUMERATOR + denominator // 2) // denominator

    def _render_size(self) -> None:
        if self._bits.u("render_and_frame_size_different", 1):
            self._bits.u("render_width_minus_1", 16)
            self._bits.u("render_height_minus_1", 16)

    def _inter(self, override: int, resilient: int, whole: int) -> tuple[int, int, int]:
        bits, short = self._bits, 0
        if self._hint_bits:
            short = bits.u("frame_refs_short_signaling", 1)
            if short:
                bits.u("last_frame_idx", 3)
                bits.u("gold_frame_idx", 3)
        references = []
        for i in range(_REFERENCES):
            if not short:
                references.append(bits.u(f"ref_frame_idx[{i}]", 3))
            if self._seq("frame_id_numbers_present_flag"):
                bits.u(f"delta_frame_id_minus_1[{i}]", self._seq("delta_frame_id_length_minus_2") + 2)
        size = self._size_of_reference(references) if override and not resilient else None
        if size is None:
            size = self._frame_size(override)
            self._render_size()
        if not whole:
            bits.u("allow_high_precision_mv", 1)
        if not bits.u("is_filter_switchable", 1):
            bits.u("interpolation_filter", 2)
        bits.u("is_motion_mode_switchable", 1)
        if not resilient and self._seq("enable_ref_frame_mvs"):
            bits.u("use_ref_frame_mvs", 1)
        return size

    def _size_of_reference(self, references: list[int]) -> tuple[int, int, int] | None:
        """The size that is taken from a reference frame (clause 5.9.7), or None where it is stated."""
        for i in range(_REFERENCES):
            if self._bits.u(f"found_ref[{i}]", 1):
                if not references:
                    raise BitstreamError("frame header: a size by frame_refs_short_signaling is not read")
                frame = self._slot(references[i])
                return self._superres(frame.width), frame.width, frame.height
        return None

    def _tiles(self, width: int, height: int) -> None:
        """tile_info() (clause 5.9.15)."""
        bits, shift = self._bits, 5 if self._seq("use_128x128_superblock") else 4
        side = shift + 2
        columns, rows = (2 * ((samples + 7) >> 3) + (1 << shift) - 1 >> shift for samples in (width, height))
        widest = _MAX_TILE_WIDTH >> side
        fewest = _log2(widest, columns)
        fewest_of_all = max(fewest, _log2(_MAX_TILE_AREA >> (2 * side), rows * columns))
        if bits.u("uniform_tile_spacing_flag", 1):
            log2_columns = self._increments("increment_tile_cols_log2", fewest, _log2(1, min(columns, _MAX_TILES)))
            log2_rows = self._increments(
                "increment_tile_rows_log2", max(fewest_of_all - log2_columns, 0), _log2(1, min(rows, _MAX_TILES))
            )
        else:
            sizes = self._tile_sizes("width_in_sbs_minus_1", columns, widest)
            area = rows * columns >> (fewest_of_all + 1) if fewest_of_all else rows * columns
            log2_columns = _log2(1, len(sizes))
            log2_rows = _log2(1, len(self._tile_sizes("height_in_sbs_minus_1", rows, max(area // max(sizes), 1))))
        if log2_columns or log2_rows:
            bits.u("context_update_tile_id", log2_columns + log2_rows)
            bits.u("tile_size_bytes_minus_1", 2)

    def _increments(self, name: str, low: int, high: int) -> int:
        while low < high and self._bits.u(name, 1):
            low += 1
        return low

    def _tile_sizes(self, name: str, total: int, largest: int) -> list[int]:
        sizes: list[int] = []
        while total > 0:
            sizes.append(self._ns(name, min(total, largest)) + 1)
            total -= sizes[-1]
        return sizes

    def _ns(self, name: str, values: int) -> int:
        """ns(n), a number below ``values`` (clause 4.10.7)."""
        width = values.bit_length()
        short = (1 << width) - values
        value = self._bits.u(name, width - 1) if width > 1 else 0
        if value < short:
            return value
        return (value << 1) - short + self._bits.u(name, 1)

    def _signed(self, name: str, width: int) -> int:
        """su(n) (clause 4.10.6)."""
        value = self._bits.u(name, width)
        return value - (1 << width) if value >> (width - 1) else value

    def _delta(self, name: str) -> int:
        return self._signed(name, 7) if self._bits.u(f"{name}_coded", 1) else 0

    def _quantizer(self) -> tuple[int, tuple[int, int]]:
        """quantization_params() (clause 5.9.12): ``base_q_idx``, and what is added to it for U and V."""
        bits, separate = self._bits, self._seq("separate_uv_delta_q")
        index = bits.u("base_q_idx", 8)
        self._delta("delta_q_y_dc")
        chroma = (0, 0)
        if not self._seq("mono_chrome"):
            differ = bits.u("diff_uv_delta", 1) if separate else 0
            self._delta("delta_q_u_dc")
            chroma = (self._delta("delta_q_u_ac"),) * 2
            if differ:
                self._delta("delta_q_v_dc")
                chroma = (chroma[0], self._delta("delta_q_v_ac"))
        if bits.u("using_qmatrix", 1):
            bits.u("qm_y", 4)
            bits.u("qm_u", 4)
            if separate:
                bits.u("qm_v", 4)
        return index, chroma

    def _segmentation(self, primary: int) -> bool:
        """segmentation_params() (clause 5.9.14): whether segments may have quantizers of their own."""
        bits = self._bits
        if not bits.u("segmentation_enabled", 1):
            return False
        if primary != _NO_PRIMARY:
            if bits.u("segmentation_update_map", 1):
                bits.u("segmentation_temporal_update", 1)
            if not bits.u("segmentation_update_data", 1):
                return True  # those of another frame
        quantizers = False
        for _ in range(_SLOTS):
            for number, (width, signed) in enumerate(_FEATURES):
                if not bits.u("feature_enabled", 1):
                    continue
                quantizers |= not number
                if signed:
                    self._signed("feature_value", width + 1)
                elif width:
                    bits.u("feature_value", width)
        return quantizers


def _log2(size: int, target: int) -> int:
    """tile_log2(): the smallest number of doublings that takes ``size`` to ``target``."""
    return next(doublings for doublings in range(33) if size << doublings >= target)
