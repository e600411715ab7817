"""MTJND: losses, what is frozen, what it starts from; whole runs are slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture
from vcmpipe.jnd.models import mtjnd
from vcmpipe.jnd.models.picture_jnd import mtjnd_predictor
from vcmpipe.jnd.models.saliency import saliency
from vcmpipe.jnd.training.material import JndPlan, level_loss
from vcmpipe.jnd.training.mtjnd import _example, loss, make_network
from vcmpipe.jnd.training.pictures import open_pictures
from vcmpipe.thresholds.weights import read_card, write_weights
from vcmpipe.training.run import train


def plan(variant: str, levels: list[int], scale: str = "h264-qp", weight: float = 0.0) -> JndPlan:
    common = {"model": "mtjnd", "data": "", "objects": "", "init": "random", "precision": "32-true", "freeze": True}
    values = {"epochs": 1, "batch": 2, "lr": 1e-4, "weight_decay": 0.0, "patience": 0, "seed": 5}
    words = {"variant": variant, "stage": "head", "levels": levels, "scale": scale, "attention_weight": weight}
    return JndPlan(**common, **values, **words)  # type: ignore[arg-type]


def test_the_loss_of_levels_adds_up_and_errors_are_of_answers_in_order() -> None:
    answers = torch.tensor([[20.0, 18.0, 60.0]])
    labels = torch.tensor([[20.0, 24.0, 30.0]])
    value, figures = level_loss(plan("mt_3ljnd", [1, 2, 3]), answers, labels)
    assert float(value) == 0 + 6 + 30
    # In order and clipped: 20, 20, 51.
    assert [float(figures[f"error_{level}"]) for level in (1, 2, 3)] == [0, 4, 21]
    assert float(figures["error"]) == pytest.approx(25 / 3)
    # Where less is coarser, they fall: 20, 18, 18.
    _, figures = level_loss(plan("mt_3ljnd", [1, 2, 3], "jpeg-qf"), answers, labels)
    assert [float(figures[f"error_{level}"]) for level in (1, 2, 3)] == [0, 6, 12]


def test_attention_is_learned_beside(jnd_set: Path, options, tmp_path: Path) -> None:
    pictures = open_pictures(options("mtjnd", jnd_set, tmp_path), (1,))
    network = make_network(plan("mt_1ljnd_va", [1]), [], pictures)
    assert isinstance(network, mtjnd.Mtjnd)
    assert [layer.bias.item() for layer in network.output_layers()] == [27]
    frozen = {name.split(".")[1] for name, p in network.backbone.named_parameters("backbone") if not p.requires_grad}
    assert frozen == {"0", "2", "5", "7", "10", "12", "14"}  # through block3_conv3
    row = pictures.split("val").to_dict("records")[0]
    picture, target, label = _example(pictures, True, row)
    rgb = pictures.read(row["path"])
    assert np.array_equal(target[0].numpy(), saliency(rgb, mtjnd.ATTENTION)) and label.tolist() == [33]
    assert torch.equal(picture, mtjnd.prepare(rgb))
    batch = picture[None], target[None], label[None]
    with torch.no_grad():
        answers, logits = network.with_attention(batch[0])
        value, figures = loss(plan("mt_1ljnd_va", [1], weight=3.0), network, batch)
    entropy = functional.binary_cross_entropy(torch.sigmoid(logits), batch[1])
    assert float(figures["attention"]) == pytest.approx(float(entropy), rel=1e-4)
    assert float(value) == pytest.approx(float((answers - 33).abs() + 3 * entropy), rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "--variant must be given for mtjnd: mt_3ljnd"),
        ({"variant": "mt_3jnd"}, "did you mean 'mt_3ljnd'"),
        ({"variant": "mt_3ljnd", "level": 1, "init": "random"}, "mt_3ljnd learns all three"),
        ({"variant": "mt_3ljnd", "init": "no.h5"}, r"--init no\.h5 does not exist"),
    ],
)
def test_bad_options(changes: dict[str, object], says: str, jnd_set: Path, options, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        train(options("mtjnd", jnd_set, tmp_path / "run", **changes))


def test_weights_of_another_variant_or_model(jnd_set: Path, options, tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    write_weights(tmp_path / "v.safetensors", network, {"model": "mtjnd", "variant": "mt_3ljnd_va"})
    write_weights(tmp_path / "l.safetensors", network, {"model": "laser", "variant": "lat"})
    write_weights(tmp_path / "x.safetensors", network, {"model": "mtjnd", "variant": "mt_3ljnd"})
    for name, says in {
        "v": "holds the variant mt_3ljnd_va, not mt_3ljnd",
        "l": "holds weights of laser",
        "x": r"x\.safetensors is of another architecture: it lacks backbone\.0\.weight",
    }.items():
        chosen = options(
            "mtjnd", jnd_set, tmp_path / "run", variant="mt_3ljnd", init=str(tmp_path / f"{name}.safetensors")
        )
        with pytest.raises(InputError, match=says):
            train(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("variant", mtjnd.VARIANTS)
def test_every_variant_trains(variant: str, jnd_set: Path, options, tmp_path: Path) -> None:
    report = train(options("mtjnd", jnd_set, tmp_path / "run", variant=variant, init="random", freeze="yes", limit=2))
    card = read_card(Path(report.weights), "mtjnd")
    assert card is not None and card["predictor"] == f"mtjnd:{variant}:weights.safetensors"
    found = mtjnd_predictor(f"{variant}:{report.weights}").picture(
        Frame(0, read_picture(jnd_set.parent / "images/val/p3.png"), "p3")
    )
    assert len(found.levels) == mtjnd.levels(variant) and list(found.levels) == sorted(found.levels)
