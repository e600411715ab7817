"""BC-JRD: the published architecture, its state dicts, and the predictor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.thresholds import load_predictor
from vcmpipe.thresholds.bc_jrd import BcJrd, from_published, load
from vcmpipe.thresholds.crops import centred, cut
from vcmpipe.thresholds.tolerance import error_tolerance
from vcmpipe.thresholds.weights import write_weights

TINY, SIZE = "test_efficientnet", 32
STAGES = (("FusedPlain", 2, 24), ("Fused", 4, 48), ("Fused", 4, 64), ("MB", 6, 128))


def published_names() -> list[str]:
    """The names in the published state dict, without the layers of its trainer."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

    def layer(name: str) -> list[str]:
        return [f"{name}.conv.weight", *(f"{name}.bn.{part}" for part in norm)]

    names = layer("EB.stem")
    for stage, (kind, count, _) in enumerate(STAGES):
        for block in range(count):
            at = f"EB.blocks{stage}.{block}"
            if kind != "FusedPlain":
                names += layer(f"{at}.expand_conv")
            if kind == "MB":
                names += layer(f"{at}.dwconv")
                names += [f"{at}.se.conv_{way}.{part}" for way in ("reduce", "expand") for part in ("weight", "bias")]
            names += layer(f"{at}.project_conv")
    for n in range(3):
        names += layer(f"TC.trainableCNN.{n}")
    return [*names, *layer("PH.head.project_conv"), "PH.head.classifier.weight", "PH.head.classifier.bias"]


@pytest.fixture(scope="module")
def network() -> BcJrd:
    torch.manual_seed(4)
    network = BcJrd(TINY, SIZE).eval()
    torch.nn.init.normal_(network.classifier.weight, std=2.0)
    return network


def test_published_size_and_names() -> None:
    with torch.device("meta"):
        network = BcJrd()
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(10.5, abs=0.05)
    assert network.trunk[0].conv.in_channels == 792 and network.grid == 40
    assert [len(stage) for stage in network.backbone["blocks"]] == [count for _, count, _ in STAGES]
    names = published_names()
    assert len(set(names)) == len(names)
    assert set(from_published(dict.fromkeys(names))) == set(network.state_dict())


def test_a_published_state_dict_loads() -> None:
    torch.manual_seed(5)
    source, target = BcJrd(), BcJrd()
    back = dict(zip(from_published(dict.fromkeys(published_names())), published_names(), strict=True))
    load(target, {back[key]: value for key, value in source.state_dict().items()}, "eff.pth")
    assert all(
        torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    )


def test_another_architecture_is_named_by_its_first_key(network: BcJrd) -> None:
    with pytest.raises(InputError, match=r"eff.pth is of another architecture: it lacks backbone.conv_stem.weight"):
        load(network, {"fc.weight": torch.zeros(1)}, "eff.pth")


def test_original_version_and_difference_are_seen_in_the_published_order(network: BcJrd) -> None:
    seen = []
    hook = network.trunk.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    one, two = torch.randn(2, 1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(one, two)
        first, second = network.features(one), network.features(two)
    hook.remove()
    assert [part.shape[2:] for part in first] == [(2, 2)] * 4
    order = [first[0], second[0], first[1], second[1], first[2], second[2], first[3], second[3]]
    order += [a - b for a, b in zip(first, second, strict=True)]
    assert torch.allclose(seen[0], torch.cat(order, dim=1), atol=1e-6)


def test_a_frozen_backbone_stays_as_it_is() -> None:
    network = BcJrd(TINY, SIZE)
    network.freeze()
    before = {key: value.clone() for key, value in network.backbone.state_dict().items()}
    network.train()
    network(torch.randn(2, 3, SIZE, SIZE), torch.randn(2, 3, SIZE, SIZE)).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in network.backbone.state_dict().items())
    assert all(p.grad is None for p in network.backbone.parameters())
    assert network.classifier.weight.grad is not None and network.trunk.training


class Noise:
    """A coder without an encoder: the higher the QP, the noisier."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.requested: list[int] = []

    def __call__(self, qp: int) -> Frame:
        return next(self.many([qp]))

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        self.requested += qps
        noise = [np.random.default_rng(qp).normal(0, qp, self.frame.rgb.shape) for qp in qps]
        return (Frame(0, np.clip(self.frame.rgb + n, 0, 255).astype(np.uint8), self.frame.source) for n in noise)


def test_predictions(network: BcJrd, tmp_path: Path, make_frame) -> None:
    frame = make_frame(80, 60)
    coder = Noise(frame)
    boxes = sv.Detections(np.array([[3, 4, 40, 50], [30, 10, 75, 22]], np.float32))
    with torch.no_grad():  # shift the decision so that some versions pass and some do not
        pairs = [
            (centred(cut(frame.rgb, box), SIZE), centred(cut(coder(qp).rgb, box), SIZE))
            for box in boxes.xyxy
            for qp in (0, 21, 42, 63)
        ]
        logits = network(torch.stack([a for a, _ in pairs]), torch.stack([b for _, b in pairs]))
        network.classifier.bias[0] -= (logits[:, 0] - logits[:, 1]).sort().values[3:5].mean()
    weights = tmp_path / "tiny.safetensors"
    write_weights(weights, network, {"model": "bc_jrd", "backbone": TINY, "size": SIZE})
    predictor = load_predictor(f"bc_jrd:{weights}")
    coder.requested.clear()
    found = predictor.decisions(frame, boxes, coder)  # type: ignore[attr-defined]
    assert coder.requested == list(range(64))
    assert found.any() and not found.all()
    for n, qp in ((0, 0), (0, 33), (1, 20), (1, 63)):
        pair = [centred(cut(rgb, boxes.xyxy[n]), SIZE)[None] for rgb in (frame.rgb, coder(qp).rgb)]
        with torch.no_grad():
            logits = network(*pair)[0]
        assert abs(float(logits[0] - logits[1])) < 1e-4 or found[n, qp] == bool(logits[0] > logits[1])
    thresholds = predictor.predict(frame, boxes, coder)
    assert thresholds.argmax().tolist() == error_tolerance(found).tolist()
    assert thresholds.recognisable.tolist() == found.any(axis=1).tolist()
    assert len(predictor.predict(frame, sv.Detections.empty(), coder)) == 0


@pytest.mark.parametrize("backbone", ["resnet18", "no_such_model"])
def test_backbones_that_are_no_efficientnet(backbone: str) -> None:
    with torch.device("meta"), pytest.raises(InputError, match=backbone):
        BcJrd(backbone)
