"""Training DT-JRD with context and a confidence map: what it learns from, the run, and its weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vcmpipe.commands.evaluate import evaluate
from vcmpipe.config import EvaluatePredictorOptions, ObjectsOptions, TrainOptions
from vcmpipe.datasets.samples import Samples, make_table, write_label_table
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.thresholds import Thresholds, load_predictor
from vcmpipe.thresholds.crops import confidence_map, shown
from vcmpipe.thresholds.weights import read_card, read_state
from vcmpipe.training.dt_jrd import Crops
from vcmpipe.training.evaluate import predict_rows
from vcmpipe.training.object_run import ObjectPlan
from vcmpipe.training.objects import open_objects
from vcmpipe.training.run import train

BOTH = {"context": 0.5, "confidence": True}
PLAN = ObjectPlan("dt_jrd", "", "", "random", True, 1, 4, 0.1, 0.0, 0, 7, "32-true", "test_vit", 32, 3.0, 8)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A label table of 12 pictures with three objects each: the third has no label; and their pictures."""
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(4)
    rows = []
    for p in range(12):
        name, split = f"p{p}.png", ("train", "train", "val", "test")[p % 4]
        write_png(folder / name, rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        for n, box in enumerate(((5, 5, 25, 20), (15, 10, 45, 38), (0, 30, 20, 40))):
            score = float(rng.uniform(0.3, 0.95))
            label = None if n == 2 else float(round(60 * score))
            rows.append((f"p{p}_{n}", name, split, label, *map(float, box), 60, 40, score, name))
    names = ("sample", "picture", "split", "label", "x1", "y1", "x2", "y2", "width", "height", "score", "path")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    samples = Samples(make_table(**columns), "table", "vvc-qp", root=str(folder))
    write_label_table(samples, folder / "table.parquet")
    return folder / "table.parquet"


def options(table: Path, out: Path, **changes: object) -> TrainOptions:
    """A run of a second."""
    values: dict[str, object] = {"model": "dt_jrd", "data": str(table), "images": str(table.parent), "out": str(out)}
    values |= {"init": "random", "backbone": "test_vit", "size": 32, "epochs": 2, "batch": 4, "device": "cpu"}
    return TrainOptions(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("variants") / "run"
    train(options(table, out, **BOTH))
    return out


def test_a_training_object_is_shown_among_all_objects_of_its_picture(table: Path) -> None:
    objects = open_objects(ObjectsOptions(data=str(table), images=str(table.parent), limit=1))
    rows = objects.split("val")
    assert len(rows) == 1 and len(objects.seen) == 36
    plan = dataclasses.replace(PLAN, **BOTH)
    image, label = Crops(plan, objects, rows, False)[0, 0]
    row = rows.iloc[0]
    assert image.shape == (4, 32, 32) and label == row["label"]
    seen = objects.seen[objects.seen["picture"] == row["picture"]]
    boxes = seen[["x1", "y1", "x2", "y2"]].to_numpy()
    rgb, box = objects.pictures.whole(row)
    painted = confidence_map(boxes, seen["score"], 60, 40)
    assert len(seen) == 3 and torch.equal(image, shown(rgb, box, 32, context=0.5, confidence=painted))
    flips = {bool(torch.equal(Crops(plan, objects, rows, True)[0, epoch][0], image)) for epoch in range(12)}
    assert flips == {True, False}


def test_the_card_says_what_the_network_is_shown(run: Path, table: Path, tmp_path: Path) -> None:
    card = read_card(run / "weights.safetensors", "dt_jrd")
    assert card is not None and card["context"] == 0.5 and card["confidence"] is True
    predictor = load_predictor(f"dt_jrd:{run / 'weights.safetensors'}")
    assert predictor.context == 0.5 and predictor.confidence is True
    train(options(table, tmp_path / "plain", epochs=1, limit=2))
    plain = read_card(tmp_path / "plain" / "weights.safetensors")
    assert plain is not None and not {"context", "confidence"} & set(plain)


def test_the_channel_is_trained(run: Path) -> None:
    state = read_state(run / "weights.safetensors")
    assert state["patch_embed.proj.confidence"].abs().sum() > 0 and state["patch_embed.proj.weight"].shape[1] == 3


def test_evaluation_shows_what_training_showed(run: Path, table: Path) -> None:
    report = evaluate(
        EvaluatePredictorOptions(
            data=str(table), images=str(table.parent), weights=str(run / "weights.safetensors"), split="val", rounds=20
        )
    )
    trained = json.loads((run / "report.json").read_text())
    assert report.overall.objects == 6
    assert report.overall.error.value == pytest.approx(trained["metrics"]["val_error"], abs=1e-4)


class Counts:
    """Answers with the number of detections that it is given, and the place of each among them."""

    name = "counts"

    def predict(self, frame, detections, coder=None) -> Thresholds:
        return Thresholds.from_qps(10 * len(detections) + np.arange(len(detections)))


def test_a_predictor_gets_all_detections_and_answers_count_for_labelled_ones(table: Path) -> None:
    objects = open_objects(ObjectsOptions(data=str(table), images=str(table.parent)))
    rows = objects.split("test").iloc[::-1].reset_index(drop=True)
    thresholds, order = predict_rows(Counts(), rows, objects)
    assert len(order) == 6 and (thresholds.argmax() == 30 + order["sample"].str[-1].astype(int)).all()


def test_weights_of_rgb_are_a_start_and_the_channel_is_learned_at_once(table: Path, tmp_path: Path) -> None:
    train(options(table, tmp_path / "plain", epochs=1))
    plain = read_state(tmp_path / "plain" / "weights.safetensors")
    train(options(table, tmp_path / "more", epochs=1, init=str(tmp_path / "plain"), **BOTH))
    more = read_state(tmp_path / "more" / "weights.safetensors")
    assert more["patch_embed.proj.confidence"].abs().sum() > 0
    # What the paper freezes is frozen, but for the channel that it does not have.
    assert torch.equal(more["patch_embed.proj.weight"], plain["patch_embed.proj.weight"])
    with pytest.raises(InputError, match=r"patch_embed\.proj\.confidence, which is unknown"):
        train(options(table, tmp_path / "less", epochs=1, init=str(tmp_path / "more")))


def test_a_run_is_not_mixed_with_another_variant(run: Path, table: Path) -> None:
    with pytest.raises(InputError, match=r"another configuration \(context 0.5, now 0.0\)"):
        train(options(table, run, confidence=True))


def test_a_run_of_before_goes_on(table: Path, tmp_path: Path) -> None:
    train(options(table, tmp_path / "run", epochs=1, limit=2))
    file = tmp_path / "run" / "run.json"
    before = json.loads(file.read_text())
    del before["context"], before["confidence"]
    file.write_text(json.dumps(before))
    notes: list[str] = []
    train(options(table, tmp_path / "run", epochs=1, limit=2), warn=notes.append)
    assert "finished run" in notes[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"confidence": True}, "ow-jrd lacks the box or the score of 50 of 50 objects"),
        ({"context": 0.5}, "ow-jrd holds a crop of 'train000_1' .* and not its picture"),
        ({"context": -0.5}, "--context -0.5"),
        ({"model": "bc_jrd", "context": 0.5}, "--context is for dt_jrd: leave it out for bc_jrd"),
        ({"model": "bc_jrd", "confidence": True}, "--confidence is for dt_jrd: leave it out for bc_jrd"),
    ],
)
def test_data_and_options_that_do_not_do(
    quick, ow_jrd: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    model = changes.pop("model", "dt_jrd")
    with pytest.raises(InputError, match=says) as caught:
        train(quick(ow_jrd, tmp_path / "run", model, **changes))
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("changes", "says"), [(BOTH, "not its picture"), ({"confidence": True}, "needs the score")])
def test_crops_cannot_judge_what_sees_more(
    table: Path, ow_jrd: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    train(options(table, tmp_path / "run", epochs=1, limit=2, **changes))
    weights = str(tmp_path / "run" / "weights.safetensors")
    with pytest.raises(InputError, match=says):
        evaluate(EvaluatePredictorOptions(data=f"ow-jrd:{ow_jrd}", weights=weights, rounds=20))
