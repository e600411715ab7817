"""DT-JRD: the published architecture, its state dicts, and the predictor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.thresholds import ThresholdPredictor, load_predictor
from vcmpipe.thresholds.crops import cut, resized
from vcmpipe.thresholds.dt_jrd import DtJrdPredictor, build, freeze, guess_backbone, load, resize_positions
from vcmpipe.thresholds.weights import write_weights

TINY, SIZE = "test_vit", 64


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    network = build(TINY, SIZE).eval()
    torch.nn.init.normal_(network.head.weight, std=1.0)  # a head that says something
    return network


@pytest.mark.parametrize(("backbone", "millions"), [("vit_large_patch32_384", 305.7), ("vit_base_patch32_384", 87.6)])
def test_published_sizes_and_names(backbone: str, millions: float) -> None:
    with torch.device("meta"):
        network = build(backbone)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    depth = len(network.blocks)
    layers = [
        f"{a}.{b}"
        for a in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        for b in ("weight", "bias")
    ]
    published = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"]
    published += [f"blocks.{n}.{layer}" for n in range(depth) for layer in layers]
    published += ["norm.weight", "norm.bias", "head.weight", "head.bias"]
    assert set(network.state_dict()) == set(published)
    assert network.pos_embed.shape[1] == 1 + 12 * 12
    assert guess_backbone(network.state_dict(), "x") == backbone


def test_the_norm_comes_before_the_mean_of_the_patches(network: torch.nn.Module) -> None:
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        x = network.patch_embed(images).reshape(2, -1, network.embed_dim)
        x = torch.cat([network.cls_token.expand(2, -1, -1), x], dim=1) + network.pos_embed
        x = network.norm(network.blocks(x))[:, 1:].mean(dim=1)
        assert torch.allclose(network(images), network.head(x), atol=1e-5)


def test_what_trains_is_what_the_paper_trains() -> None:
    network = build(TINY, SIZE)
    freeze(network)
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert frozen == {
        "cls_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
        "norm.weight",
        "norm.bias",
    }


def test_positions_are_stretched_with_aligned_corners() -> None:
    positions = torch.randn(1, 1 + 49, 5, generator=torch.Generator().manual_seed(1))
    grid = positions[0, 1:].reshape(7, 7, 5)
    new = resize_positions(positions, 1 + 144)
    assert torch.equal(new[:, 0], positions[:, 0])
    stretched = new[0, 1:].reshape(12, 12, 5)
    for old, place in (((0, 0), (0, 0)), ((6, 6), (11, 11)), ((0, 6), (0, 11))):
        assert torch.allclose(stretched[place], grid[old], atol=1e-5)
    assert resize_positions(positions, 50) is positions
    for odd in (positions[:, :40], positions[:, :0], positions[0], torch.zeros(5), torch.zeros(())):
        with pytest.raises(InputError, match="square"):
            resize_positions(odd, 145)


def test_a_published_state_dict_predicts_as_the_network(
    network: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vcmpipe.thresholds import dt_jrd

    monkeypatch.setitem(dt_jrd._KNOWN, (64, 16), TINY)
    monkeypatch.setattr(dt_jrd, "SIZE", SIZE)
    path = tmp_path / "block6-MAE5.5.pth"
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, path)
    predictor = DtJrdPredictor(path, device="cpu")
    assert all(torch.equal(v, predictor.network.state_dict()[k]) for k, v in network.state_dict().items())


def test_predictions(network: torch.nn.Module, tmp_path: Path, make_frame) -> None:
    weights = tmp_path / "tiny.safetensors"
    write_weights(weights, network, {"model": "dt_jrd", "backbone": TINY, "size": SIZE})
    predictor = load_predictor(f"dt_jrd:{weights}")
    assert isinstance(predictor, ThresholdPredictor) and predictor.name == "dt_jrd:tiny.safetensors"
    frame: Frame = make_frame(160, 120)
    boxes = np.array([[i, 2 * i, 20 + 6 * i, 30 + 5 * i] for i in range(19)] + [[200, 300, 200, 300]], np.float32)
    thresholds = predictor.predict(frame, sv.Detections(boxes), coder=None)  # type: ignore[arg-type]
    assert len(thresholds) == 20 and thresholds.recognisable.all()
    for n in (0, 9, 18, 19):  # across batches, and a box outside the picture
        with torch.no_grad():
            mass = torch.softmax(network(resized(cut(frame.rgb, boxes[n]), SIZE)[None])[0].double(), 0)
        assert thresholds.mass[n] == pytest.approx(mass.numpy(), abs=1e-5)
    assert len({tuple(row) for row in thresholds.mass.round(6)}) > 10
    assert len(predictor.predict(frame, sv.Detections.empty(), coder=None)) == 0  # type: ignore[arg-type]


def test_another_backbone_is_named_by_its_first_key(network: torch.nn.Module) -> None:
    other = build("test_vit", 32)
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("blocks.5.")}
    with pytest.raises(InputError, match=r"w.pth is of another architecture: it lacks blocks.5.norm1.weight"):
        load(other, state, "w.pth")
    logits = network.state_dict() | {"pre_logits.fc.weight": torch.zeros(64, 64)}
    with pytest.raises(InputError, match="it has pre_logits"):
        load(build(TINY, SIZE), logits, "w.pth")


@pytest.mark.parametrize("backbone", ["resnet18", "no_such_model", "vit_relpos_small_patch16_224"])
def test_backbones_that_are_no_vision_transformer(backbone: str) -> None:
    with torch.device("meta"), pytest.raises(InputError, match=backbone):
        build(backbone, 64)


@pytest.mark.parametrize(
    ("spec", "says"), [("dt_jrd", "needs weights"), ("dt_jrd:no.pth", "does not exist"), ("bc_jrd", "needs")]
)
def test_missing_weights(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_predictor(spec)
