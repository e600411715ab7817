"""ResJND learns from pairs; a run that was cut goes on to the same weights; its weights make maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers import import_dataset
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.jnd.models import resjnd
from vcmpipe.thresholds.weights import read_card, read_state
from vcmpipe.training.run import train


class Killed(Exception):
    pass


def killed_at(step: int):
    def progress(done: int, total: int | None) -> None:
        if done == step:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def pairs(make_pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    source = make_pairs(folder / "set", {"train": 5, "valid": 2})
    import_dataset(DatasetImportOptions(data_set="cpl-set", source=str(source), out=str(folder / "samples")))
    return folder / "samples"


@pytest.fixture(scope="module")
def straight(pairs: Path, options, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("straight") / "run"
    train(options("resjnd", pairs, out, epochs=2, lr=None))
    return out


def test_the_run_and_its_card(straight: Path, pairs: Path) -> None:
    report = json.loads((straight / "report.json").read_text())
    assert report["noun"] == "pairs" and report["objects"] == {"train": 5, "val": 2, "test": 0}
    card = read_card(straight / "weights.safetensors", "resjnd")
    assert card is not None and card["predictor"] == "resjnd:weights.safetensors" and card["patch"] == [16, 16]
    plan = card["training"]
    assert (plan["lr"], plan["weight_decay"], plan["patience"], plan["init"]) == (0.1, 1e-4, 0, "random")
    table = pd.read_parquet(pairs / "samples.parquet")
    root = Path(json.loads((pairs / "manifest.json").read_text())["root"])
    errors = [
        np.abs(read_picture(root / path).astype(float) - read_picture(root / path.replace("data", "label"))).mean()
        for path in table[table["split"] == "val"]["path"]
    ]
    assert report["constant"] == "nothing changed" and report["baseline"] == pytest.approx(np.mean(errors), abs=1e-3)
    log = pd.read_csv(straight / "logs" / "start-1" / "metrics.csv")
    losses = log["train_loss_epoch"].dropna().to_list()
    assert len(losses) == 2 and losses[1] < losses[0]


def test_the_weights_make_maps(straight: Path) -> None:
    network = resjnd.load(straight / "weights.safetensors", "cpu")
    values = resjnd.jnd_map(network, np.full((20, 24, 3), 90, np.uint8))
    assert values.shape == (20, 24) and np.isfinite(values).all()


@pytest.mark.parametrize("step", [2, 5])  # in the first epoch after a checkpoint, in the second after its own
def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    step: int, pairs: Path, options, straight: Path, tmp_path: Path
) -> None:
    chosen = options("resjnd", pairs, tmp_path / "run", epochs=2, lr=None, checkpoint_every=1)
    with pytest.raises(Killed):
        train(chosen, progress=killed_at(step))
    report = train(chosen)
    found, expected = (read_state(folder / "weights.safetensors") for folder in (tmp_path / "run", straight))
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    assert report.metrics == json.loads((straight / "report.json").read_text())["metrics"]


def test_gradients_are_clipped_and_the_rate_falls_in_steps(straight: Path) -> None:
    from vcmpipe.jnd.training.resjnd import CLIP
    from vcmpipe.training.optimisers import sgd_steps
    from vcmpipe.training.recipe import Plan

    plan = Plan("resjnd", "", "", "random", False, 200, 32, 0.1, 1e-4, 0, 0, "32-true")
    words = sgd_steps(plan, [torch.nn.Parameter(torch.zeros(1))])
    rates = []
    for _ in range(201):
        rates.append(words["optimizer"].param_groups[0]["lr"])
        words["optimizer"].step()
        words["lr_scheduler"].step()
    assert rates[0] == rates[99] == 0.1 and rates[100] == pytest.approx(0.01) and rates[200] == pytest.approx(1e-3)
    start = read_state(straight / "weights.safetensors")
    torch.manual_seed(5)
    before = resjnd.ResJnd().state_dict()
    # Six steps under the clipped norm, with momentum 0.9, can go so far and no further.
    moved = torch.sqrt(sum(((start[key] - before[key]) ** 2).sum() for key in start))
    assert 0 < float(moved) < 0.1 * (CLIP + 1e-4 * 40) * sum(sum(0.9**i for i in range(n + 1)) for n in range(6))


def test_training_goes_on_from_weights(straight: Path, pairs: Path, options, tmp_path: Path) -> None:
    train(options("resjnd", pairs, tmp_path / "run", init=str(straight), lr=1e-9))
    start, end = (read_state(folder / "weights.safetensors") for folder in (straight, tmp_path / "run"))
    assert all(torch.allclose(start[key], end[key], atol=1e-6) for key in start)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"init": "pretrained"}, "no pretrained weights for resjnd"),
        ({"init": "no.pth"}, r"--init no\.pth does not exist"),
        ({"freeze": "yes"}, "resjnd is trained whole"),
    ],
)
def test_bad_options(pairs: Path, options, tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        train(options("resjnd", pairs, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_bad_pairs(make_pairs, jnd_set: Path, options, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no pairs\.parquet: .*dataset import cpl-set"):
        train(options("resjnd", jnd_set, tmp_path / "run"))
    source = make_pairs(tmp_path / "set", {"train": 2})
    make_pairs(tmp_path / "set", {"valid": 1}, (24, 16))
    samples = tmp_path / "samples"
    import_dataset(DatasetImportOptions(data_set="cpl-set", source=str(source), out=str(samples)))
    with pytest.raises(InputError, match=r"has pictures of 16x16 and of 24x16, .*dataset crop"):
        train(options("resjnd", samples, tmp_path / "run"))
    (source / "Dataset" / "train" / "label_crop" / "c1.png").unlink()
    with pytest.raises(InputError, match=r"train/label_crop/c1\.png' is not below"):
        train(options("resjnd", samples, tmp_path / "run"))
