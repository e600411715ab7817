"""A bench as flat records of unrounded numbers, for CSV and Parquet files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from vcmpipe.bench.result import HUMAN_QUALITIES, QUALITIES, SAVED_OVER, BenchResult, PictureResult
from vcmpipe.bench.sequence_result import TrackCounts
from vcmpipe.bench.tables import in_order
from vcmpipe.evaluation import Estimate
from vcmpipe.process.text import as_utf8, spreadsheet_cell

Record = dict[str, Any]


def as_csv(records: Sequence[Record]) -> str:
    """Records of equal keys as CSV; a missing value is an empty field. Without records: nothing."""
    buffer = io.StringIO()
    if records:
        writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
        writer.writeheader()
        # Names of pictures, sequences and classes are a stranger's.
        writer.writerows(
            {key: spreadsheet_cell(value) if isinstance(value, str) else value for key, value in record.items()}
            for record in records
        )
    return buffer.getvalue()


def as_parquet(records: Sequence[Record]) -> bytes | None:
    """Records of equal keys as a Parquet table of the same rows; None without records, or without pyarrow.

    Names stand in it as they are: no spreadsheet opens it.
    """
    if not records or find_spec("pyarrow") is None:
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {key: [_plain(record[key]) for record in records] for key in records[0]}
    buffer = io.BytesIO()
    pq.write_table(pa.table(table), buffer, compression="zstd")
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return as_utf8(value) if isinstance(value, str) else value


def point_records(result: BenchResult) -> list[Record]:
    """A record per operating point: every figure with the ends of its interval."""
    measured = [name for name in QUALITIES if any(name in point.qualities for point in result.points)]
    records = []
    for point in result.points:
        record: Record = {"method": point.method, "label": point.label}
        record |= _figure("rate", point.rate, why=False)
        record |= _figure("bytes_per_picture", point.bytes_per_picture, why=False)
        record |= {"bpp": point.bpp, "psnr_y": point.psnr_y, "kept": point.kept, "total": point.total}
        record |= _tracks(point.tracks)
        for name in measured:
            record |= _figure(name, point.qualities[name], why=False)
        for anchor in result.anchors:
            for name in SAVED_OVER:
                found = point.saved.get(anchor, {}).get(name, Estimate())
                if name in measured:
                    record |= _figure(f"saved_{name}_{anchor}", found)
        split = point.split
        record |= {
            "trials": point.trials,
            "split_pictures": split.pictures,
            "object_bytes": split.objects,
            "background_bytes": split.background,
            "header_bytes": split.headers,
        }
        records.append(record)
    return records


def method_records(result: BenchResult) -> list[Record]:
    """A record per method: each figure, why it is missing, and the ends of its interval."""
    records = []
    for method in in_order(result):
        record: Record = {"method": method.method}
        for key, found in method.rate_at.items():
            record |= _figure(f"rate_at_{key}", found)
        for anchor in result.anchors:
            against = method.against.get(anchor)
            for part in ("saved", "saved_tracks", "bd_rate", *(["mean_bd_rate"] if result.sequences else [])):
                for key in _keys(result, anchor, part):
                    found = getattr(against, part)[key] if against else Estimate()
                    record |= _figure(f"{part}_{key}_{anchor}", found)
        costs = method.costs
        for name in ("detect", "predict", "search", "analysis", "encode", "coded", "cached", "unknown"):
            record[f"cost_{name}"] = getattr(costs, name) if costs else None
        records.append(record)
    return records


def _keys(result: BenchResult, anchor: str, part: str) -> list[str]:
    """The retentions or qualities that any method has against an anchor."""
    others = [method.against[anchor] for method in result.methods if anchor in method.against]
    return list(dict.fromkeys(key for comparison in others for key in getattr(comparison, part)))


def class_records(result: BenchResult) -> list[Record]:
    """A record per class and method."""
    records = []
    for each in result.classes:
        for method, found in each.rate_at.items():
            record: Record = {"class": each.name, "pictures": each.pictures, "objects": each.objects, "method": method}
            record |= _figure("rate_at_0.95", found)
            record |= _figure("saved_0.95", each.saved.get(method, Estimate()))
            records.append(record)
    return records


def picture_records(result: BenchResult) -> Iterator[Record]:
    """A record per picture and operating point."""
    for picture in result.per_picture:
        for place, point in enumerate(result.points):
            yield {
                "picture": picture.name,
                "sequence": picture.sequence,
                "frames": picture.frames,
                "width": picture.width,
                "height": picture.height,
                "classes": ";".join(picture.classes),
                "objects": picture.objects,
                "method": point.method,
                "label": point.label,
                "bits": picture.bits[place],
                "kept": picture.kept[place],
                **({} if picture.tracks is None else _picture_tracks(picture, place)),
                "regret": picture.regret(place),
                "psnr_y": picture.psnr_y[place],
                **{
                    name: getattr(picture, name)[place]
                    for name in ("satisfied", *HUMAN_QUALITIES)
                    if getattr(picture, name)
                },
            }


def sequence_records(result: BenchResult) -> Iterator[Record]:
    """A record per sequence and operating point; the BD-rates are those of the point's method."""
    measured = [name for name in QUALITIES if any(name in point.qualities for point in result.points)]
    for sequence in result.sequences:
        for point, found in zip(result.points, sequence.points, strict=True):
            record: Record = {
                "sequence": sequence.name,
                "width": sequence.width,
                "height": sequence.height,
                "segments": sequence.segments,
                "frames": sequence.frames,
                "frame_rate": sequence.rate,
                "objects": sequence.objects,
                "method": point.method,
                "label": point.label,
                "bytes": found.bytes,
                "kbps": found.kbps,
                "psnr_y": found.psnr_y,
                "kept": found.kept,
                **_tracks(found.tracks),
            }
            for name in measured:
                record |= _figure(name, found.qualities[name], why=False)
            for anchor in result.anchors:
                against = sequence.bd_rate.get(point.method, {}).get(anchor, {})
                for name in measured:
                    record |= _figure(f"bd_rate_{name}_{anchor}", against.get(name, Estimate()))
            yield record


def _tracks(counts: Sequence[TrackCounts]) -> Record:
    """The columns of tracks, under the detector and the second one."""
    return {
        f"{whose}{name}": value
        for whose, own in zip(("", "second_"), counts, strict=False)
        for name, value in (
            ("tracks", own.total),
            ("tracks_kept", own.kept),
            ("false_instances", own.false_instances),
            ("switches", own.switches),
        )
    }


def _picture_tracks(picture: PictureResult, place: int) -> Record:
    return {"tracks": picture.tracks, "tracks_kept": picture.tracks_kept[place]}


def _figure(name: str, found: Estimate, *, why: bool = True) -> Record:
    """The columns of one figure."""
    columns: Record = {name: found.value}
    if why:
        columns[f"{name}_reason"] = found.reason
    columns |= {f"{name}_low": found.low, f"{name}_high": found.high}
    if why:
        # The share of the resamples without a figure, whatever the reason; result.json has it by reason.
        columns[f"{name}_undefined"] = sum(found.undefined.values())
    return columns
