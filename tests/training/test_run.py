"""Training runs: the weights, the card, and going on after an interruption."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from vcmpipe.commands.evaluate import evaluate
from vcmpipe.config import EvaluatePredictorOptions
from vcmpipe.errors import InputError, VcmError
from vcmpipe.thresholds import load_predictor
from vcmpipe.thresholds.weights import read_card, read_state
from vcmpipe.training.optimisers import cosine
from vcmpipe.training.run import train


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Killed(Exception):
    pass


def killed_at(step: int):
    def progress(done: int, total: int | None) -> None:
        if done == step:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def straight(quick, ow_jrd: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each model that nothing interrupted: 7 and 4 batches in an epoch."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("straight")
    for model in ("dt_jrd", "bc_jrd"):
        train(quick(ow_jrd, folder / model, model))
    return {model: folder / model for model in ("dt_jrd", "bc_jrd")}


def test_the_loss_goes_down_and_the_card_says_what_was_done(straight: dict[str, Path]) -> None:
    import pandas as pd

    out = straight["dt_jrd"]
    log = pd.read_csv(out / "logs" / "start-1" / "metrics.csv")
    losses = log["train_loss_epoch"].dropna().to_list()
    assert len(losses) == 2 and losses[1] < losses[0]
    assert any((out / "logs" / "start-1").glob("events.out.tfevents.*"))
    card = read_card(out / "weights.safetensors", "dt_jrd")
    assert card is not None
    assert card["predictor"] == "dt_jrd:weights.safetensors" and card["size"] == 32
    assert card["data"]["objects"] == {"train": 28, "val": 10, "test": 12}
    assert set(card["metrics"]) == {"val_loss", "val_error", "constant_val_error"}
    assert card["training"]["seed"] == 5 and {"torch", "timm", "lightning"} <= set(card["versions"])


def test_weights_that_were_trained_predict(straight: dict[str, Path], make_frame) -> None:
    import numpy as np
    import supervision as sv

    predictor = load_predictor(f"dt_jrd:{straight['dt_jrd'] / 'weights.safetensors'}")
    boxes = sv.Detections(np.array([[5, 5, 60, 50]], np.float32))
    assert len(predictor.predict(make_frame(80, 70), boxes, None)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["dt_jrd", "bc_jrd"])
def test_weights_that_were_trained_are_judged(model: str, ow_jrd: Path, straight: dict[str, Path]) -> None:
    weights = str(straight[model] / "weights.safetensors")
    limit = 2 if model == "bc_jrd" else None
    options = EvaluatePredictorOptions(data=f"ow-jrd:{ow_jrd}", weights=weights, split="val", rounds=20, limit=limit)
    report = evaluate(options)
    assert report.predictor == f"{model}:weights.safetensors" and report.overall.objects == (limit or 10)
    if model == "dt_jrd":  # the figure that training kept its weights for
        trained = json.loads((straight[model] / "report.json").read_text())
        assert report.overall.error.value == pytest.approx(trained["metrics"]["val_error"], abs=1e-4)


@pytest.mark.parametrize(
    ("model", "step"),
    [
        ("dt_jrd", 2),  # before the first checkpoint
        ("dt_jrd", 5),  # in the first epoch, after one
        ("dt_jrd", 8),  # in the second epoch, the checkpoint is that of the first's end
        ("dt_jrd", 12),  # in the second epoch, after one of its own
        ("bc_jrd", 8),  # in the second epoch,  with dropout, running statistics and drawn QPs
    ],
)
def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    quick, model: str, step: int, ow_jrd: Path, straight: dict[str, Path], tmp_path: Path
) -> None:
    options = quick(ow_jrd, tmp_path / "run", model)
    with pytest.raises(Killed):
        train(options, progress=killed_at(step))
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    report = train(options)
    assert report.epochs == 2
    expected = read_state(straight[model] / "weights.safetensors")
    found = read_state(tmp_path / "run" / "weights.safetensors")
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    known = json.loads((straight[model] / "report.json").read_text())
    assert report.metrics == known["metrics"] and report.best_epoch == known["best_epoch"]


@pytest.mark.slow
def test_a_run_that_the_system_killed_goes_on_to_the_same_weights(
    ow_jrd: Path, straight: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["dt_jrd", "--data", f"ow-jrd:{ow_jrd}", "--out", str(out), "--init", "random", "--backbone", "test_vit"]
    words += ["--size", "32", "--epochs", "2", "--batch", "4", "--lr", "0.03", "--device", "cpu", "--seed", "5"]
    words += ["--versions", "2", "--checkpoint-every", "3"]
    command = [sys.executable, "-c", "from vcmpipe.cli import main; import sys; sys.exit(main())", "train", *words]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 600
    while not (out / "last.ckpt").is_file() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.005)
    child.kill()
    assert child.wait() == -signal.SIGKILL  # it was in the middle, not done
    assert (out / "last.ckpt").is_file() and not (out / "report.json").exists()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    expected = read_state(straight["dt_jrd"] / "weights.safetensors")
    found = read_state(out / "weights.safetensors")
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@pytest.mark.parametrize("damage", ["cut", "pickle", "weights", "nothing"])
def test_a_damaged_state_is_refused_with_a_way_out(quick, ow_jrd: Path, tmp_path: Path, damage: str) -> None:
    options = quick(ow_jrd, tmp_path / "run")
    with pytest.raises(Killed):
        train(options, progress=killed_at(5))
    last = tmp_path / "run" / "last.ckpt"
    if damage == "pickle":  # that would run code
        torch.save({"state_dict": Path}, last)
    elif damage == "weights":  # of another program
        torch.save({"weight": torch.zeros(2)}, last)
    else:
        last.write_bytes(last.read_bytes()[: {"cut": 3000, "nothing": 0}[damage]])
    with pytest.raises(InputError, match=r"last\.ckpt is damaged, or no state .* remove it") as caught:
        train(options)
    assert "weights_only" not in str(caught.value) and "\n" not in str(caught.value)
    last.unlink()
    assert train(options).epochs == 2


def test_a_finished_run_is_not_trained_again(quick, ow_jrd: Path, straight: dict[str, Path]) -> None:
    notes: list[str] = []
    before = (straight["dt_jrd"] / "weights.safetensors").read_bytes()
    report = train(quick(ow_jrd, straight["dt_jrd"]), warn=notes.append)
    assert "finished run" in notes[0] and report.epochs == 2
    assert (straight["dt_jrd"] / "weights.safetensors").read_bytes() == before


def test_starting_over_trains_to_the_same_weights(
    quick, ow_jrd: Path, straight: dict[str, Path], tmp_path: Path
) -> None:
    out = shutil.copytree(straight["dt_jrd"], tmp_path / "run")
    before, told = (out / "weights.safetensors").read_bytes(), []
    with pytest.raises(InputError, match="another configuration"):
        train(quick(ow_jrd, out, epochs=1))
    assert train(quick(ow_jrd, out, epochs=1, fresh=True), say=told.append).epochs == 1
    assert train(quick(ow_jrd, out, fresh=True), say=told.append).epochs == 2
    assert (out / "weights.safetensors").read_bytes() == before
    assert not any("going on" in line for line in told)


def test_a_run_is_not_mixed_with_another_configuration(quick, ow_jrd: Path, straight: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"another configuration \(lr 0.03, now 0.5\)"):
        train(quick(ow_jrd, straight["dt_jrd"], lr=0.5))
    with pytest.raises(InputError, match="labelled objects have changed"):
        train(quick(ow_jrd, straight["dt_jrd"], limit=3))


def test_training_goes_on_from_a_file_of_weights(
    quick, ow_jrd: Path, straight: dict[str, Path], tmp_path: Path
) -> None:
    weights = straight["dt_jrd"] / "weights.safetensors"
    train(quick(ow_jrd, tmp_path / "run", init=str(straight["dt_jrd"]), epochs=1, limit=4))
    start, end = read_state(weights), read_state(tmp_path / "run" / "weights.safetensors")
    moved = {key for key, value in start.items() if not torch.equal(value, end[key])}
    assert "head.weight" in moved and "blocks.0.attn.qkv.weight" in moved
    # The published freezing, which is the default unless weights start at random.
    assert not moved & {"pos_embed", "cls_token", "norm.weight", "patch_embed.proj.weight"}


def test_pretrained_weights_that_cannot_be_had_are_an_error(quick, ow_jrd: Path, tmp_path: Path) -> None:
    # A backbone that timm never had weights for: no network can help.
    with pytest.raises(VcmError, match=r"pretrained weights mnasnet_050 .*--init PATH takes a file, --init random"):
        train(quick(ow_jrd, tmp_path / "run", "bc_jrd", init="pretrained", backbone="mnasnet_050"))
    # Nothing is left that would stand in the way of the next try.
    assert not (tmp_path / "run").exists()
    assert train(quick(ow_jrd, tmp_path / "run", epochs=1, limit=4)).epochs == 1


def test_a_data_set_without_validation_is_trained_to_the_end(quick, make_ow_jrd, tmp_path: Path) -> None:
    notes: list[str] = []
    data = make_ow_jrd(tmp_path / "set", 6, 0)
    report = train(quick(data, tmp_path / "run", epochs=1), warn=notes.append)
    assert report.best_epoch == 1 and report.metrics == {} and report.baseline is None
    assert "no objects in the split val" in notes[0]


def test_training_stops_when_nothing_gets_better(quick, ow_jrd: Path, tmp_path: Path) -> None:
    report = train(quick(ow_jrd, tmp_path / "run", lr=1e-12, epochs=9, patience=1, limit=4))
    assert report.epochs < 9


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "dtjrd"}, "unknown model 'dtjrd'; known are bc_jrd"),
        ({"init": "no.pth"}, "--init no.pth does not exist"),
        ({"backbone": "resnet18"}, "resnet18"),
        ({"size": 33}, "33"),
        ({"device": "cuda:77"}, "cuda:77"),
    ],
)
def test_bad_options(quick, ow_jrd: Path, tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        train(quick(ow_jrd, tmp_path / "run", **changes))


def test_a_folder_that_holds_something_else(quick, ow_jrd: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="holds no training run"):
        train(quick(ow_jrd, tmp_path))


def test_the_learning_rate_falls_along_a_cosine_to_a_hundredth() -> None:
    assert cosine(0, 20) == 1
    assert cosine(10, 20) == pytest.approx(0.505)
    assert cosine(20, 20) == pytest.approx(0.01)
