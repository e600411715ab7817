"""ref_pic_list_struct(), ref_pic_lists() and pred_weight_table() (ITU-T H.266 clauses 7.3.10, 7.3.9, 7.3.8)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Bits, Fields
from vcmpipe.errors import BitstreamError

_MAX_ENTRIES = 29  # MaxDpbSize + 13 with the largest decoded picture buffer


def ref_pic_list_struct(s: Bits, sps: Fields, list_idx: int, rpls_idx: int, candidates: int) -> None:
    """One reference picture list, keyed by list and index; the SPS has ``candidates``, a header's own comes after."""
    key = f"[{list_idx}][{rpls_idx}]"
    entries = s.ue(f"num_ref_entries{key}", _MAX_ENTRIES)
    long_term = sps["sps_long_term_ref_pics_flag"]
    in_header = 1
    if long_term and rpls_idx < candidates and entries:
        in_header = s.u(f"ltrp_in_header_flag{key}", 1)
    weighted = sps["sps_weighted_pred_flag"] or sps["sps_weighted_bipred_flag"]
    for i in range(entries):
        if sps.get("sps_inter_layer_prediction_enabled_flag") and s.u(f"inter_layer_ref_pic_flag{key}[{i}]", 1):
            s.ue(f"ilrp_idx{key}[{i}]", 63)
            continue
        if not long_term or s.u(f"st_ref_pic_flag{key}[{i}]", 1):
            delta = s.ue(f"abs_delta_poc_st{key}[{i}]", 2**15 - 1)
            if not (weighted and i) or delta:
                s.u(f"strp_entry_sign_flag{key}[{i}]", 1)
        elif not in_header:
            s.u(f"rpls_poc_lsb_lt{key}[{i}]", sps["sps_log2_max_pic_order_cnt_lsb_minus4"] + 4)


def ref_pic_lists(s: Bits, sps: Fields, pps: Fields) -> None:
    """The reference picture lists of a picture or slice header."""
    for i in range(2):
        chosen = i == 0 or pps["pps_rpl1_idx_present_flag"]
        candidates = _candidates(sps, i)
        from_sps = 0
        if candidates:
            from_sps = s.u(f"rpl_sps_flag[{i}]", 1) if chosen else s.fields.get("rpl_sps_flag[0]", 0)
        if not from_sps:
            ref_pic_list_struct(s, sps, i, candidates, candidates)
        elif candidates > 1 and chosen:
            s.u(f"rpl_idx[{i}]", (candidates - 1).bit_length(), candidates - 1)
        entries, in_header, source, index = _chosen_list(s.fields, sps, pps, i)
        for j in range(entries):
            if source.get(f"st_ref_pic_flag[{index}][{j}]", 1) or source.get(f"inter_layer_ref_pic_flag[{index}][{j}]"):
                continue
            if in_header:
                s.u(f"poc_lsb_lt[{i}][{j}]", sps["sps_log2_max_pic_order_cnt_lsb_minus4"] + 4)
            if s.u(f"delta_poc_msb_cycle_present_flag[{i}][{j}]", 1):
                s.ue(f"delta_poc_msb_cycle_lt[{i}][{j}]")


def _candidates(sps: Fields, i: int) -> int:
    same = 0 if sps["sps_rpl1_same_as_rpl0_flag"] else i
    return sps[f"sps_num_ref_pic_lists[{same}]"]


def _chosen_list(header: Fields, sps: Fields, pps: Fields, i: int) -> tuple[int, int, Fields, str]:
    """(number of entries, whether long-term LSBs stand in the header, the fields that hold the list, its key)."""
    candidates = _candidates(sps, i)
    inherits = i == 1 and not pps["pps_rpl1_idx_present_flag"]
    from_sps = (
        header.get(f"rpl_sps_flag[{i}]", header.get("rpl_sps_flag[0]", 0) if inherits else 0) if candidates else 0
    )
    if from_sps:
        rpl = header.get(f"rpl_idx[{i}]", header.get("rpl_idx[0]", 0) if inherits else 0)
        if rpl >= candidates:
            raise BitstreamError(
                f"reference lists: rpl_idx[{i}] = {rpl} is outside 0..{candidates - 1} (damaged stream)"
            )
        index = f"{0 if sps['sps_rpl1_same_as_rpl0_flag'] else i}][{rpl}"
        return sps[f"num_ref_entries[{index}]"], sps.get(f"ltrp_in_header_flag[{index}]", 1), sps, index
    index = f"{i}][{candidates}"
    return header.get(f"num_ref_entries[{index}]", 0), 1, header, index


def num_ref_entries(header: Fields, sps: Fields, pps: Fields, i: int) -> int:
    """num_ref_entries[ i ][ RplsIdx[ i ] ] of the lists in a picture or slice header."""
    return _chosen_list(header, sps, pps, i)[0]


def short_term_deltas(header: Fields, sps: Fields, pps: Fields, i: int) -> list[int]:
    """The picture order counts of list ``i`` relative to the picture's own, when all entries are short-term."""
    entries, _, source, index = _chosen_list(header, sps, pps, i)
    weighted = sps["sps_weighted_pred_flag"] or sps["sps_weighted_bipred_flag"]
    deltas, total = [], 0
    for j in range(entries):
        step = source[f"abs_delta_poc_st[{index}][{j}]"] + (0 if weighted and j else 1)
        total += -step if source.get(f"strp_entry_sign_flag[{index}][{j}]") else step
        deltas.append(total)
    return deltas


def pred_weight_table(s: Bits, sps: Fields, pps: Fields, active: tuple[int, int] | None, lists: Fields) -> None:
    """The weights of a picture header (``active`` None) or of a slice header with that many active entries.

    ``lists`` is the header that holds the reference picture lists.
    """
    chroma = sps["sps_chroma_format_idc"] != 0
    s.ue("luma_log2_weight_denom", 7)
    if chroma:
        s.se("delta_chroma_log2_weight_denom", -7, 7)
    for i in range(2):
        if i == 1 and not (pps["pps_weighted_bipred_flag"] and (active or num_ref_entries(lists, sps, pps, 1))):
            return
        count = s.ue(f"num_l{i}_weights", 15) if active is None else active[i]
        luma = [s.u(f"luma_weight_l{i}_flag[{j}]", 1) for j in range(count)]
        chromas = [s.u(f"chroma_weight_l{i}_flag[{j}]", 1) if chroma else 0 for j in range(count)]
        for j in range(count):
            if luma[j]:
                s.se(f"delta_luma_weight_l{i}[{j}]", -128, 127)
                s.se(f"luma_offset_l{i}[{j}]", -128, 127)
            if chromas[j]:
                for k in range(2):
                    s.se(f"delta_chroma_weight_l{i}[{j}][{k}]", -128, 127)
                    s.se(f"delta_chroma_offset_l{i}[{j}][{k}]", -512, 508)
