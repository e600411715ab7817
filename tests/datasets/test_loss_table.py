"""The loss table: what each row says of small pictures, that its rows add up to the loss, and what a file may be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import supervision as sv

from vcmpipe.datasets.loss_table import UNCODED, LossTable, rows_of
from vcmpipe.errors import InputError
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss

SIZE = (80, 40)
DIGEST = "0" * 64
Box = tuple[float, float, float, float, float, int]  # corners, score, class
CAR: Box = (10, 10, 30, 30, 0.8, 2)
WEAK: Box = (50, 5, 60, 15, 0.1, 2)
FAINT: Box = (60, 20, 70, 30, 0.04, 2)


def detections(*boxes: Box) -> sv.Detections:
    values = np.array(boxes, np.float64).reshape(-1, 6)
    return sv.Detections(
        values[:, :4].astype(np.float32),
        confidence=values[:, 4].astype(np.float32),
        class_id=values[:, 5].astype(np.int64),
    )


def random_detections(dice: np.random.Generator, count: int) -> sv.Detections:
    corners = dice.uniform(0, 25, (count, 2))
    sides = dice.uniform(4, 14, (count, 2))
    classes = dice.integers(0, 2, count)
    return detections(*np.column_stack([corners, corners + sides, dice.uniform(0.05, 1, count), classes]).tolist())


def table_of(versions: dict[tuple[float, int], sv.Detections], source: sv.Detections, judge: str = "own") -> LossTable:
    rows = rows_of("a.png", DIGEST, SIZE, judge, source, versions, loss=AccuracyLoss(), task=DetectionTask())
    scales, qps = {scale for scale, _ in versions}, {qp for _, qp in versions}
    return LossTable.of([rows], scales=list(scales), qps=list(qps), facts={"preset": "faster"})


@pytest.mark.parametrize(
    ("seen", "shares", "found"),
    [
        ([CAR, WEAK], [0, 0], 1),
        ([], [1, 1], 0),
        ([WEAK], [1, 0], 0),
        ([(10, 10, 30, 30, 0.2, 2)], [0.5, 1], 1),  # a quarter of the score: the root of it is kept
        ([(10, 10, 30, 30, 0.15, 2)], [1 - (0.15 / 0.8) ** 0.5, 1], 0),  # too weak to count as found
        ([(10, 10, 30, 30, 0.8, 3)], [1, 1], 0),  # of another class
        ([(10, 10, 30, 23, 0.8, 2)], [0.5, 1], 1),  # an overlap of 0.65 lies halfway
    ],
)
def test_detections_lose_shares(seen: list[Box], shares: list[float], found: int) -> None:
    table = table_of({(1.0, 30): detections(*seen)}, detections(CAR, WEAK, FAINT))
    rows = table.detections("own")
    assert rows["score"].tolist() == pytest.approx([0.8, 0.1]) and rows["weight"].tolist() == pytest.approx(
        [0.64, 0.01]
    )
    assert rows[["x1", "y1", "x2", "y2"]].iloc[0].tolist() == list(CAR[:4]) and rows["class_id"].tolist() == [2, 2]
    np.testing.assert_allclose(table.shares("own")[:, 0, 1], shares, atol=0.5 / 250 + 1e-6)
    assert np.isnan(table.shares("own")[:, 0, 0]).all()  # no uncoded look
    assert table.found("own")[0, 0, 1] == found and np.isnan(table.found("own")[1]).all()


@pytest.mark.parametrize(
    ("new", "tile"),
    [
        ((0, 0, 10, 10, 0.5, 2), (0, 0, 20, 10)),
        ((60, 30, 80, 40, 0.5, 2), (60, 30, 80, 40)),
        ((35, 15, 45, 25, 0.5, 2), (40, 20, 60, 30)),  # its centre lies where four tiles meet
        ((75, 35, 90, 50, 0.5, 2), (60, 30, 80, 40)),  # its centre lies outside
    ],
)
def test_false_alarms_are_losses_of_the_tile_they_lie_in(new: Box, tile: tuple[float, ...]) -> None:
    source = detections(CAR)
    table = table_of({(1.0, UNCODED): source, (1.0, 20): source, (1.0, 30): detections(CAR, new, new)}, source)
    rows = table.tiles("own")
    assert rows[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == [list(tile)]
    assert (rows["class_id"].tolist(), rows["score"].tolist(), rows["weight"].tolist()) == ([-1], [0], [0])
    np.testing.assert_allclose(table.false_alarms("own"), [[[0, 0, 2 * 0.5 * 0.25]]])


def test_rows_add_up_to_the_loss_of_each_version(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    source = random_detections(dice, 12)
    versions = {(s, q): random_detections(dice, 9) for s in (1.0, 0.5) for q in (UNCODED, 22, 37)}
    del versions[0.5, 37]
    made = table_of(versions, source)
    made.save(tmp_path / "losses.parquet")
    table = LossTable.load(tmp_path / "losses.parquet")
    assert (table.scales, table.qps, table.facts) == ((1.0, 0.5), (UNCODED, 22, 37), {"preset": "faster"})
    weight = table.detections("own")["weight"].to_numpy()
    for (scale, qp), seen in versions.items():
        place = table.scales.index(scale), table.qps.index(qp)
        lost = weight @ table.shares("own")[:, *place] + table.false_alarms("own")[:, *place].sum()
        assert lost == pytest.approx(AccuracyLoss().of(source, seen), abs=float(weight.sum()) / 500)
    assert np.isnan(table.shares("own")[:, 1, 2]).all() and np.isnan(table.false_alarms("own")[:, 1, 2]).all()


def test_a_table_survives_the_file(tmp_path: Path) -> None:
    source = detections(CAR, WEAK)
    rows = [
        rows_of(name, DIGEST, SIZE, judge, source, {version: seen}, loss=AccuracyLoss(), task=DetectionTask())
        for name, version, seen in (("ä.png", (1.0, 20), detections(CAR)), ("b/c.png", (0.5, 30), detections()))
        for judge in ("own", "own (flip)")
    ]
    facts = {"judges": {"own": {"digest": DIGEST}}}
    made = LossTable.of(rows, scales=[0.5, 1], qps=[30, 20], facts=facts)
    made.save(tmp_path / "losses.parquet")
    table = LossTable.load(tmp_path / "losses.parquet")
    assert (table.scales, table.qps, table.facts, len(table)) == (made.scales, made.qps, facts, 8)
    assert table.judges == ["own", "own (flip)"]
    assert table.table["picture"].astype(str).tolist() == ["ä.png"] * 4 + ["b/c.png"] * 4
    assert table.table.dtypes.to_dict() == made.table.dtypes.to_dict()
    for judge in table.judges:
        assert table.shares(judge).shape == (4, 2, 3)
        np.testing.assert_array_equal(table.shares(judge), made.shares(judge))
        np.testing.assert_array_equal(table.found(judge), made.found(judge))
    assert table.shares("nobody").shape == table.false_alarms("own").shape == (0, 2, 3)
    stored = pq.read_table(tmp_path / "losses.parquet")
    assert stored.column("lost").to_pylist()[:2] == [[None, each, *[None] * 4] for each in (0, 250)]
    assert stored.column("found").to_pylist()[1] is None


def test_no_rows_at_all(tmp_path: Path) -> None:
    LossTable.of([], scales=[1.0], qps=[20], facts={}).save(tmp_path / "none.parquet")
    table = LossTable.load(tmp_path / "none.parquet")
    assert (len(table), table.judges, table.shares("own").shape) == (0, [], (0, 1, 2))


def test_a_version_beyond_the_axes() -> None:
    rows = rows_of(
        "a.png", DIGEST, SIZE, "own", detections(), {(0.7, 20): detections()}, loss=AccuracyLoss(), task=DetectionTask()
    )
    with pytest.raises(InputError, match=r"a\.png was coded at scale 0\.7, QP 20"):
        LossTable.of([rows], scales=[1.0], qps=[20], facts={})


def without_metadata(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)


def about(**changes: object) -> object:
    def change(table: pa.Table) -> pa.Table:
        known = json.loads(table.schema.metadata[b"vcmpipe"]) | changes
        return table.replace_schema_metadata({b"vcmpipe": json.dumps(known)})

    return change


def column(name: str, values: object) -> object:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, values)

    return change


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (without_metadata, "is not a loss table: vcmpipe dataset export losses writes them"),
        (about(kind="samples"), "kind 'samples', version 1, not 'loss-table' 1"),
        (about(version=2), "kind 'loss-table', version 2"),
        (about(scales=[-1.0]), "scales are to fall from 1 at most"),
        (about(scales="x"), "is damaged"),
        (about(qps=[20, 30]), "QPs are to be -1 and rise from there"),
        (about(qps=[-1, 20, 30]), "'lost' has a list that is not of 3 versions"),
        (lambda table: table.drop_columns(["score"]), "is not a loss table"),
        (lambda table: table.drop_columns(["found"]), "is not a loss table"),
        (column("score", pa.array(["a", "b"])), "is damaged"),
        (column("item", pa.array(["detection", "tower"])), "items are to be detection and tile"),
        (column("score", pa.array([0.5, None])), "nothing may lack"),
        (column("lost", pa.array([[1, 251], [1, 2]], pa.list_(pa.uint8()))), "'lost' has a value outside 0..250"),
        (column("found", pa.array([[1, 2], [1, 1]], pa.list_(pa.uint8()))), "'found' has a value outside 0..1"),
        (column("lost", pa.array([[1, 2], [1, 2]])), "'lost' holds list"),
        (column("lost", pa.array([[1, 2], None], pa.list_(pa.uint8()))), "'lost' does not fit its items"),
    ],
)
def test_damaged_files(tmp_path: Path, damage: object, named: str) -> None:
    file = tmp_path / "losses.parquet"
    table_of({(1.0, 30): detections(CAR)}, detections(CAR, WEAK)).save(file)
    pq.write_table(damage(pq.read_table(file)), file)  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        LossTable.load(file)
    assert named in str(error.value) and str(file) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "named"), [(None, "does not exist"), (b"", "is damaged"), (b"PAR1" * 9, "is damaged")]
)
def test_no_parquet(tmp_path: Path, data: bytes | None, named: str) -> None:
    file = tmp_path / "losses.parquet"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(InputError, match=named):
        LossTable.load(file)
