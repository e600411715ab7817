"""Weights and data sets that predictors cannot be made, trained or judged from: one line, and the right exit code."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import huggingface_hub
import numpy as np
import pytest
import torch

from vcmpipe.config import DatasetBuildOptions
from vcmpipe.datasets.build import build
from vcmpipe.frames import write_png
from vcmpipe.thresholds import bc_jrd, dt_jrd


class RunsCode:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def in_a_checkpoint(mark: Path) -> None:
    torch.save({"state_dict": {"head.weight": torch.zeros(1)}, "hook": RunsCode(mark)}, "w.pth")


def alone(mark: Path) -> None:
    Path("w.pth").write_bytes(pickle.dumps(RunsCode(mark), protocol=2))


@pytest.fixture
def frames(here: Path, make_picture: Callable[..., bytes]) -> Path:
    (here / "frames").mkdir()
    (here / "frames" / "a.png").write_bytes(make_picture(96, 64))
    return here / "frames"


@pytest.fixture
def crops(here: Path) -> str:
    """The least that can be trained on."""
    files = {"JRD_info": '{"a_1": 30, "b_1": 40, "c_1": 50}', "train_names": '{"names": ["a_1", "b_1"]}'}
    files |= {"val_names": '{"names": ["c_1"]}', "test_names": '{"names": []}'}
    for name, text in files.items():
        (here / "set").mkdir(exist_ok=True)
        (here / "set" / f"{name}.json").write_text(text)
    for name in ("a_1", "b_1", "c_1"):
        (here / "set" / "data" / "original" / name).mkdir(parents=True)
        assert cv2.imwrite(f"set/data/original/{name}/{name}.png", np.full((20, 20, 3), 99, np.uint8))
    return "ow-jrd:set"


@pytest.mark.parametrize("write", [in_a_checkpoint, alone])
@pytest.mark.parametrize("model", ["dt_jrd", "bc_jrd"])
def test_a_pickle_that_wants_to_run_code(here, frames, crops, vcmpipe, model: str, write) -> None:
    mark = here / "ran"
    write(mark)
    encode = ["encode", "--input", frames, "--out", "o.bin", "--predictor", f"{model}:w.pth"]
    vcmpipe(*encode).refused(2, "w.pth", "is refused")
    vcmpipe("evaluate", "predictor", "--data", crops, "--predictor", f"{model}:w.pth").refused(2, "is refused")
    network = ["--backbone", "test_vit" if model == "dt_jrd" else "test_efficientnet", "--size", "32"]
    train = ["train", model, "--data", crops, "--init", "w.pth", "--out", "run", *network]
    vcmpipe(*train).refused(2, "w.pth", "is refused")
    assert not mark.exists() and not (here / "o.bin").exists() and not (here / "run").exists()


def test_a_checkpoint_of_another_architecture_is_told_by_the_first_key_that_differs(here, frames, crops, vcmpipe):
    torch.manual_seed(0)
    torch.save(dt_jrd.build("test_vit", 32).state_dict(), "vit.pth")
    torch.save({f"module.{k}": v for k, v in bc_jrd.BcJrd("test_efficientnet", 32).state_dict().items()}, "eff.pth")
    words = ["predict", "--input", frames, "--predictor"]
    vcmpipe(*words, "bc_jrd:vit.pth").refused(2, "vit.pth is of another architecture: it lacks backbone.conv_stem")
    vcmpipe(*words, "dt_jrd:eff.pth").refused(2, "eff.pth is of another architecture: it lacks patch_embed.proj.weight")
    vcmpipe(*words, "dt_jrd:vit.pth").refused(2, "vit.pth: no backbone is known of width 64")
    train = ["train", "dt_jrd", "--data", crops, "--out", "run", "--backbone", "test_vit", "--size", "32", "--init"]
    vcmpipe(*train, "eff.pth").refused(2, "eff.pth is of another architecture: it lacks cls_token")
    assert not (here / "run").exists()  # nothing that the next try would stumble over


def test_a_store_without_labels(here: Path, vcmpipe) -> None:
    write_png(here / "images" / "grey.png", np.full((64, 64, 3), 128, np.uint8))
    build(DatasetBuildOptions(images="images", out="store", detector="demo", qps="30"))
    for model in ("dt_jrd", "bc_jrd"):
        words = ["train", model, "--data", "store", "--out", "run", "--init", "random"]
        vcmpipe(*words).refused(2, "store has no labelled objects: 0 are in it")
    aware = ["train", "detector_aware", "--data", "store", "--out", "run", "--detector", "demo"]
    vcmpipe(*aware).refused(2, "images has no objects to learn from: there are no labels")
    judge = ["evaluate", "predictor", "--data", "store", "--predictor", "constant:41"]
    vcmpipe(*judge).refused(2, "store has no labelled objects")
    assert not (here / "run").exists()


def test_pretrained_weights_without_a_network_are_an_error_and_the_next_try_may_differ(
    here: Path, crops: str, vcmpipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The library's own switch; nothing is pretended.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(here / "nothing"))
    words = ["train", "dt_jrd", "--data", crops, "--out", "run", "--backbone", "vit_tiny_patch16_384", "--epochs", "1"]
    said = (
        "vit_tiny_patch16_384 are not here and cannot be downloaded",
        "--init PATH takes a file, --init random starts",
    )
    vcmpipe(*words).refused(1, "vcmpipe: the pretrained weights", *said)
    assert not (here / "run").exists()


def test_a_hub_that_cannot_be_reached_is_not_tried_for_minutes(
    here: Path, crops: str, vcmpipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(here / "nothing"))
    words = ["train", "dt_jrd", "--data", crops, "--out", "run", "--backbone", "vit_tiny_patch16_384", "--epochs", "1"]
    started = time.monotonic()
    vcmpipe(*words).refused(
        1, "cannot be downloaded (127.0.0.1 cannot be reached: Connection refused): --init PATH takes"
    )
    assert time.monotonic() - started < 30  # the hub's own tries take some minutes


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--epochs", "5"], "detector_aware has no --epochs"),
        (["--init", "random"], "detector_aware has no --init"),
        (["--weight-decay", "0.1"], "detector_aware has no --weight-decay"),
        (["--device", "cuda"], "detector_aware has no --device"),
        (["--sigma", "0"], "--sigma"),
    ],
)
def test_detector_aware_passes_nothing_over(here: Path, vcmpipe, words: list[str], named: str) -> None:
    vcmpipe("train", "detector_aware", "--data", "no-store", "--out", "run", *words).refused(2, named)


@pytest.mark.parametrize("made", ["run.json", "weights.safetensors"])
def test_detector_aware_does_not_replace_the_weights_of_another_model(here: Path, vcmpipe, made: str) -> None:
    (here / "run").mkdir()
    (here / "run" / made).write_text("hours of work")
    words = ["train", "detector_aware", "--data", "no-store", "--out", "run"]
    vcmpipe(*words).refused(2, "run holds a run of another model")
    assert (here / "run" / made).read_text() == "hours of work"


def test_a_training_that_goes_astray_is_an_error(here: Path, crops: str, vcmpipe) -> None:
    words = ["train", "dt_jrd", "--data", crops, "--out", "run", "--init", "random", "--backbone", "test_vit"]
    outcome = vcmpipe(*words, "--size", "32", "--lr", "1e30", "--epochs", "4", "--patience", "0", "--device", "cpu")
    assert outcome.code == 1 and "the training diverged" in outcome.err.splitlines()[-1]
    assert not (here / "run" / "weights.safetensors").exists()
