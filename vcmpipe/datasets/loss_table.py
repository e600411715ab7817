"""What every detection of every picture loses at every scale and QP: the labels of a choice of scale and QP.

One row per picture, judge (a detector, or a view of one) and item. An item is a detection in the source, which loses a
share of its weight in each version, or a tile of the picture, in which versions have false alarms. Weight times share
over the detections, and the losses of the tiles, add up to ``AccuracyLoss.of`` for each version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vcmpipe.datasets.list_columns import NOT_CODED, Kind, column_of, from_parquet, to_parquet
from vcmpipe.datasets.records import table_reason
from vcmpipe.errors import InputError
from vcmpipe.evaluation.matching import classes_of, scores_of
from vcmpipe.process import publish
from vcmpipe.process.parquet import read_table
from vcmpipe.process.reading import parse_json

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.tasks import Task
    from vcmpipe.tasks.loss import AccuracyLoss

KIND = "loss-table"
VERSION = 1
UNCODED = -1
"""The QP of a scaled picture that was looked at without being coded."""
GRID = 4
"""Tiles along each side of a picture."""
STEPS = 250
"""A lost share is kept as a whole number 0..STEPS."""

Floats = NDArray[np.float64]
Version = tuple[float, int]

COLUMNS = {
    "picture": "category",
    "source_sha256": "category",
    "width": "int32",
    "height": "int32",
    "judge": "category",
    "item": "category",
    "class_id": "int32",
    "x1": "float32",
    "y1": "float32",
    "x2": "float32",
    "y2": "float32",
    "score": "float32",
    "weight": "float32",
}
_TEXTS = [name for name, kind in COLUMNS.items() if kind == "category"]
# Columns of lists over the versions.
_LISTS = {"lost": Kind(np.uint8, STEPS), "found": Kind(np.uint8, 1), "false_alarms": Kind(np.float32, np.inf)}
_ITEMS = ("detection", "tile")
_KEY = b"vcmpipe"


@dataclass(frozen=True, eq=False)
class LossRows:
    """One picture as one judge sees it: N detections and T tiles in V versions.

    Attributes:
        name: The picture.
        source_sha256: SHA-256 of its file.
        size: Its width and height in pixels.
        judge: Who looked.
        versions: (V,) scale and QP of each version.
        xyxy: (N, 4) boxes of the detections in source pixels.
        class_id: (N,).
        score: (N,) in the source.
        weight: (N,) what each weighs.
        lost: (N, V) the share, 0..1, that each loses.
        found: (N, V) 1 or 0, whether an object is found again; NaN of detections that are no objects.
        tiles: (T, 4) the tiles in source pixels; only those with a false alarm in any version.
        false_alarms: (T, V) the loss by false alarms in each tile.
    """

    name: str
    source_sha256: str
    size: tuple[int, int]
    judge: str
    versions: tuple[Version, ...]
    xyxy: Floats
    class_id: NDArray[np.int64]
    score: Floats
    weight: Floats
    lost: Floats
    found: Floats
    tiles: Floats
    false_alarms: Floats


def rows_of(
    name: str,
    source_sha256: str,
    size: tuple[int, int],
    judge: str,
    source: sv.Detections,
    versions: Mapping[Version, sv.Detections],
    *,
    loss: AccuracyLoss,
    task: Task,
) -> LossRows:
    """What a picture loses in each of its versions, item by item, in the eyes of one judge.

    Args:
        name: The picture.
        source_sha256: SHA-256 of its file.
        size: Its width and height in pixels.
        judge: The judge's name.
        source: All that the judge finds in the source; those of at least ``loss.least_score`` become rows.
        versions: By scale and QP (``UNCODED``: scaled, but not coded) all that it finds there, boxes in source pixels.
        loss: How lost accuracy is counted.
        task: Which detections are objects, and when they are found again.
    """
    counted = np.flatnonzero(scores_of(source).round(6) >= loss.least_score)
    reference = task.reference([source])
    lost, found = np.zeros((len(source), len(versions))), np.full((len(source), len(versions)), np.nan)
    false_alarms = np.zeros((GRID * GRID, len(versions)))
    for column, seen in enumerate(versions.values()):
        share, partner = loss.kept(source, seen)
        lost[:, column] = 1.0 - share
        found[reference.position, column] = task.compare(reference, [seen]).kept
        new = np.ones(len(seen), np.bool_)
        new[partner[partner >= 0]] = False
        costs = loss.false_alarm * loss.weights(seen)[new]
        np.add.at(false_alarms[:, column], _tile_of(seen.xyxy[new], size), costs)
    struck = np.flatnonzero(false_alarms.any(axis=1))
    return LossRows(
        name,
        source_sha256,
        size,
        judge,
        tuple((float(scale), int(qp)) for scale, qp in versions),
        np.asarray(source.xyxy, np.float64).reshape(-1, 4)[counted],
        classes_of(source)[counted],
        scores_of(source)[counted],
        loss.weights(source)[counted],
        lost[counted],
        found[counted],
        _tiles(size)[struck],
        false_alarms[struck],
    )


def _tile_of(xyxy: NDArray[Any], size: tuple[int, int]) -> NDArray[np.int64]:
    """The tile that each box has its centre in, row by row from the upper left one."""
    boxes = np.asarray(xyxy, np.float64).reshape(-1, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    places = np.clip(np.floor(centres / np.array(size) * GRID), 0, GRID - 1).astype(np.int64)
    return np.asarray(places[:, 1] * GRID + places[:, 0])


def _tiles(size: tuple[int, int]) -> Floats:
    """(GRID^2, 4) corners of all tiles in pixels."""
    y, x = np.divmod(np.arange(GRID * GRID), GRID)
    return np.asarray(np.stack([x, y, x + 1, y + 1], axis=1) / GRID * np.array([*size, *size]))


@dataclass(frozen=True, eq=False)
class LossTable:
    """Losses of many pictures in the eyes of one judge or more.

    Attributes:
        table: One row per picture, judge and item, with ``COLUMNS``, and three columns of arrays over the versions,
            (S * (1 + Q),) with the QPs of the first scale first: ``lost`` (uint8; of detections: share times ``STEPS``)
            and ``found`` (uint8 0 or 1; of objects), both ``NOT_CODED`` where there is no such version, and
            ``false_alarms`` (float32; of tiles: the loss), NaN there. None where a row has no such answer. ``item`` is
            detection or tile; a tile has class -1, score 0 and weight 0.
        scales: (S,) scales, the largest first.
        qps: (1 + Q,) ``UNCODED`` and then the QPs, ascending.
        facts: What the losses were counted with, for readers and for whoever trains on them.

    Raises:
        InputError: The axes or the table break these rules.
    """

    table: pd.DataFrame
    scales: tuple[float, ...]
    qps: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        falling = sorted({scale for scale in self.scales if 0.0 < scale <= 1.0}, reverse=True)
        if not self.scales or list(self.scales) != falling:
            raise InputError(f"a loss table's scales are to fall from 1 at most, not {self.scales}")
        if self.qps[:1] != (UNCODED,) or list(self.qps) != sorted(set(self.qps)):
            raise InputError(f"a loss table's QPs are to be {UNCODED} and rise from there, not {self.qps}")
        absent = [name for name in (*COLUMNS, *_LISTS) if name not in self.table.columns]
        if absent:
            raise InputError(f"a loss table has no column {absent[0]!r}")
        item = self.table["item"]
        if not item.isin(_ITEMS).all() or self.table[list(COLUMNS)].isna().any(axis=None):
            raise InputError(f"a loss table's items are to be {' and '.join(_ITEMS)}, and nothing may lack of them")
        for column, which in (("lost", item == "detection"), ("false_alarms", item == "tile")):
            if not (self.table[column].notna() == which).all():
                raise InputError(f"a loss table's column {column!r} does not fit its items")

    @classmethod
    def of(
        cls, rows: Iterable[LossRows], *, scales: Sequence[float], qps: Sequence[int], facts: Mapping[str, Any]
    ) -> LossTable:
        """Put the rows of many pictures and judges together.

        Args:
            rows: Picture by picture, judge by judge.
            scales: All scales, in any order.
            qps: All QPs, in any order; ``UNCODED`` need not be among them.
            facts: See the class; JSON takes them.

        Raises:
            InputError: A version has a scale or a QP that is not among these.
        """
        across, down = tuple(sorted(set(scales), reverse=True)), tuple(sorted({UNCODED, *qps}))
        places = {(s, q): i * len(down) + j for i, s in enumerate(across) for j, q in enumerate(down)}
        parts: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, *_LISTS)}
        for each in rows:
            _append(parts, each, places)
        table = pd.DataFrame({name: np.concatenate([*parts[name], []]) for name in COLUMNS if name not in _TEXTS})
        for name in _TEXTS:
            table[name] = pd.Categorical([text for text, count in parts[name] for _ in range(count)])
        for name in _LISTS:
            table[name] = column_of([row for part in parts[name] for row in part])
        return cls(table[[*COLUMNS, *_LISTS]].astype(COLUMNS), across, down, dict(facts))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def judges(self) -> list[str]:
        """The judges, as they first appear; those that no row is of are not among them."""
        return [str(name) for name in self.table["judge"].unique()]

    def with_objects_alone(self, judges: Sequence[str]) -> LossTable:
        """The same with the objects alone of some judges, as a panel needs them: no weak detections, no tiles."""
        kept = ~self.table["judge"].isin(list(judges)) | self.table["found"].notna()
        return replace(self, table=self.table[kept].reset_index(drop=True))

    def detections(self, judge: str) -> pd.DataFrame:
        """The rows of a judge's detections in the sources: N of them."""
        return self.table[(self.table["judge"] == judge) & (self.table["item"] == "detection")]

    def tiles(self, judge: str) -> pd.DataFrame:
        """The rows of the tiles with false alarms of a judge: T of them."""
        return self.table[(self.table["judge"] == judge) & (self.table["item"] == "tile")]

    def shares(self, judge: str) -> NDArray[np.float32]:
        """(N, S, 1 + Q) the share, 0..1, that each of ``detections`` loses; NaN where it was not coded."""
        return self._values(self.detections(judge)["lost"]) / np.float32(STEPS)

    def found(self, judge: str) -> NDArray[np.float32]:
        """(N, S, 1 + Q) 1 or 0, whether each of ``detections`` is found again; NaN of no object, or not coded."""
        return self._values(self.detections(judge)["found"])

    def false_alarms(self, judge: str) -> NDArray[np.float32]:
        """(T, S, 1 + Q) the loss by false alarms in each of ``tiles``; NaN where it was not coded."""
        return self._values(self.tiles(judge)["false_alarms"])

    def _values(self, column: pd.Series[Any]) -> NDArray[np.float32]:
        values = np.full((len(column), len(self.scales) * len(self.qps)), np.nan, np.float32)
        own = [row for row in column if row is not None]
        if own:
            known = np.stack(own)
            values[column.notna()] = np.where(known == NOT_CODED, np.nan, known) if known.dtype == np.uint8 else known
        return values.reshape(len(column), len(self.scales), len(self.qps))

    def save(self, path: Path | str) -> None:
        """Write the table as one .parquet file.

        Raises:
            OutputError: The place cannot be written to.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            name: pa.array(self.table[name].astype(str) if name in _TEXTS else self.table[name].to_numpy())
            for name in COLUMNS
        }
        columns |= {name: to_parquet(self.table[name], kind) for name, kind in _LISTS.items()}
        axes = {"scales": list(self.scales), "qps": list(self.qps)}
        about = {"kind": KIND, "version": VERSION} | axes | {"facts": dict(self.facts)}
        schema = pa.table(columns).schema.with_metadata({_KEY: json.dumps(about)})
        with publish(Path(path)) as part:
            pq.write_table(pa.table(columns, schema=schema), part, compression="zstd")

    @classmethod
    def load(cls, path: Path | str) -> LossTable:
        """Read what ``save`` wrote.

        Raises:
            InputError: The file is not there, is damaged, or is no loss table of this version.
        """
        import pyarrow as pa

        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path} does not exist: vcmpipe dataset export losses writes loss tables")
        try:
            raw = read_table(path)
            about = parse_json((raw.schema.metadata or {})[_KEY])
            if about.get("kind") != KIND or about.get("version") != VERSION:
                kind, version = about.get("kind"), about.get("version")
                raise InputError(f"{path}: kind {kind!r}, version {version!r}, not {KIND!r} {VERSION}")
            scales = tuple(float(scale) for scale in about["scales"])
            qps = tuple(int(qp) for qp in about["qps"])
            table = raw.select(list(COLUMNS)).replace_schema_metadata(None).to_pandas(categories=_TEXTS)
            for name in _LISTS:
                table[name] = from_parquet(raw.column(name), len(scales) * len(qps), _LISTS[name], name)
            return cls(table.astype(COLUMNS), scales, qps, dict(about["facts"]))
        except OSError as error:
            if error.errno is None:  # pyarrow's own: what it read is wrong
                raise InputError(f"{path} is damaged ({table_reason(error)}): make it again") from error
            raise InputError(f"{error.filename or path} cannot be read: {error.strerror or error}") from error
        except (KeyError, AttributeError) as error:
            raise InputError(f"{path} is not a loss table: vcmpipe dataset export losses writes them") from error
        except InputError as error:
            raise InputError(str(error) if str(path) in str(error) else f"{path} is damaged: {error}") from error
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{path} is damaged ({table_reason(error)}): make it again") from error


def _append(parts: dict[str, list[Any]], rows: LossRows, places: Mapping[Version, int]) -> None:
    """Add one picture's rows to the columns."""
    unknown = [version for version in rows.versions if version not in places]
    if unknown:
        scale, qp = unknown[0]
        raise InputError(f"{rows.name} was coded at scale {scale:g}, QP {qp}, which the table's axes lack")
    count, tiles = len(rows.score), len(rows.tiles)
    columns = np.array([places[version] for version in rows.versions], np.int64)
    whole = {"width": rows.size[0], "height": rows.size[1]}
    detections = {"class_id": rows.class_id, "score": rows.score, "weight": rows.weight}
    bare = {"class_id": -1, "score": 0, "weight": 0}
    for name, value in whole.items():
        parts[name].append(np.full(count + tiles, value))
    for name, values in detections.items():
        parts[name].append(np.concatenate([values, np.full(tiles, bare[name])]))
    for side, values in zip(("x1", "y1", "x2", "y2"), np.concatenate([rows.xyxy, rows.tiles]).T, strict=True):
        parts[side].append(values)
    for name, text in (("picture", rows.name), ("source_sha256", rows.source_sha256), ("judge", rows.judge)):
        parts[name].append((text, count + tiles))
    parts["item"] += [(_ITEMS[0], count), (_ITEMS[1], tiles)]

    def spread(name: str, values: NDArray[Any]) -> NDArray[Any]:
        full = np.full((len(values), len(places)), _LISTS[name].blank, _LISTS[name].dtype)
        full[:, columns] = values
        return full

    objects = [not np.isnan(own).any() for own in rows.found]
    found = spread("found", np.nan_to_num(rows.found))
    none: list[None] = [None] * tiles
    parts["lost"].append([*spread("lost", (np.clip(rows.lost, 0, 1) * STEPS).round()), *none])
    parts["found"].append([*(own if own_is else None for own, own_is in zip(found, objects, strict=True)), *none])
    parts["false_alarms"].append([*([None] * count), *spread("false_alarms", rows.false_alarms)])
