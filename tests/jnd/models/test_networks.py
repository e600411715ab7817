"""LASeR-JND and MTJND: published sizes, shapes, what trains, and what they take."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.jnd.models import laser, mtjnd

ALL = [(model, variant) for model in (laser, mtjnd) for variant in model.VARIANTS]


def on_meta(model: ModuleType, variant: str) -> torch.nn.Module:
    with torch.device("meta"):
        network: torch.nn.Module = model.build(variant)
    return network.eval()


@pytest.mark.parametrize(
    ("model", "variant", "millions", "exactly"),
    [
        (laser, "lat", 9.8, 9_780_921),
        (laser, "rec", 8.1, 8_076_394),
        (laser, "mj_lat", 26.1, 26_066_763),
        (laser, "mj_rec", 13.9, 13_882_878),
        (mtjnd, "mt_3ljnd", 62.0, 62_000_451),
        (laser, "e2e_lat", None, 9_780_921 + 1_443_587),  # and the decoder
        (laser, "e2e_rec", None, 8_076_394),
        (mtjnd, "mt_1ljnd_va", None, 62_000_451 - 2 * 15_761_921 + 682_497),  # two heads less, and the decoder
        (mtjnd, "mt_3ljnd_va", None, 62_000_451 + 682_497),
    ],
)
def test_published_parameter_counts(model: ModuleType, variant: str, millions: float | None, exactly: int) -> None:
    count = sum(parameter.numel() for parameter in on_meta(model, variant).parameters())
    assert count == exactly
    assert millions is None or round(count / 1e6, 1) == millions


@pytest.mark.parametrize(("model", "variant"), ALL)
def test_shapes(model: ModuleType, variant: str) -> None:
    network = on_meta(model, variant)
    pictures = torch.zeros(2, 3, *model.SIZE, device="meta")
    levels = 3 if variant.startswith(("mj_", "mt_3")) else 1
    assert model.levels(variant) == network.levels == levels
    assert network(pictures).shape == (2, levels)
    assert [layer.weight.shape[0] for layer in network.output_layers()] == [1] * levels
    if model is laser:
        assert len(network.autoencoders) == levels
        latent = network.autoencoders[0].encode(pictures)
        assert latent.shape == (2, 192, 22, 40)
        assert (network.autoencoders[0].decoder is None) == (variant in ("lat", "mj_lat"))
    if variant.startswith("e2e"):
        assert [part.shape for part in network.with_picture(pictures)] == [(2, 1), (2, 3, 352, 640)]
    if variant.endswith("_va"):
        assert [part.shape for part in network.with_attention(pictures)] == [(2, levels), (2, 1, *mtjnd.ATTENTION)]


@pytest.mark.parametrize("model", [laser, mtjnd])
def test_unknown_variants(model: ModuleType) -> None:
    for call in (model.build, model.levels):
        with pytest.raises(InputError, match=f"has no variant '{model.VARIANTS[1]}x'.*did you mean"):
            call(f"{model.VARIANTS[1]}x")


def test_autoencoders_freeze_unless_all_trains_at_once() -> None:
    for variant in laser.VARIANTS:
        network = on_meta(laser, variant)
        network.freeze()
        trained = {name.split(".")[0] for name, each in network.named_parameters() if each.requires_grad}
        assert trained == ({"autoencoders", "head"} if variant.startswith("e2e_") else {"head"})


def test_the_backbone_freezes_through_block3_conv3() -> None:
    network = on_meta(mtjnd, "mt_3ljnd_va")
    network.freeze()
    frozen = {name for name, each in network.named_parameters() if not each.requires_grad}
    assert frozen == {f"backbone.{n}.{what}" for n in (0, 2, 5, 7, 10, 12, 14) for what in ("weight", "bias")}
    assert [network.backbone[n].out_channels for n in (14, 17)] == [256, 512]


def test_an_autoencoder_trained_by_itself_is_adopted(small: Callable[[str], object]) -> None:
    autoencoder = laser.Autoencoder()
    for variant in ("mj_lat", "rec"):
        small(variant)
        network = laser.build(variant)
        level = len(network.autoencoders) - 1
        network.adopt(level, autoencoder)
        own = network.autoencoders[level].state_dict()
        assert all(torch.equal(own[key], value) for key, value in autoencoder.state_dict().items() if key in own)
        assert ("decoder.0.weight" in own) == (variant == "rec")


def test_heads_answer_each_for_itself(small: Callable[[str], object]) -> None:
    small("mj_rec")
    network = on_meta(laser, "mj_rec").to_empty(device="cpu")
    for value in network.state_dict().values():
        value.zero_()
    for layer, bias in zip(network.output_layers(), (30.0, 20.0, 40.0), strict=True):
        torch.nn.init.constant_(layer.bias, bias)
    pictures = torch.rand(1, 3, *laser.SIZE) * 255
    with torch.inference_mode():
        assert network(pictures).tolist() == [[30.0, 20.0, 40.0]]


def test_every_head_learns_from_its_own_answers(small: Callable[[str], object]) -> None:
    small("mt_3ljnd_va")
    network = mtjnd.build("mt_3ljnd_va")
    for layer, bias in zip(network.output_layers(), (30.0, 20.0, 10.0), strict=True):
        torch.nn.init.constant_(layer.bias, bias)
    answer, attention = network.with_attention(torch.rand(1, 3, *mtjnd.SIZE))
    (answer.sum() + attention.sum()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(layer.bias.grad.item() == 1.0 for layer in network.output_layers())


@pytest.mark.parametrize(("model", "top"), [(laser, 255.0), (mtjnd, 1.0)])
def test_pictures_of_any_size_are_prepared(model: ModuleType, top: float, make_frame) -> None:
    rgb = make_frame(161, 99).rgb
    prepared = model.prepare(rgb)
    assert prepared.shape == (3, *model.SIZE) and prepared.dtype == torch.float32
    scaled = cv2.resize(rgb, model.SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    for channel in range(3):  # blue first
        np.testing.assert_allclose(prepared[channel].numpy(), scaled[..., 2 - channel] * (top / 255), rtol=1e-6)
    assert 0 <= float(prepared.min()) < float(prepared.max()) <= top


def test_imagenet_weights_see_bgr_as_they_saw_normalised_rgb() -> None:
    torch.manual_seed(1)
    theirs = torch.nn.Conv2d(3, 8, 3, padding=1)
    ours = torch.nn.Conv2d(3, 8, 3, padding=1)
    rgb = torch.rand(1, 3, 12, 14)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        for own, made in zip((ours.weight, ours.bias), mtjnd.bgr_first(theirs.weight, theirs.bias), strict=True):
            own.copy_(made)
        wanted, answer = theirs((rgb - mean) / deviation), ours(rgb.flip(1))
    assert torch.allclose(answer[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], atol=1e-5)


def test_pretrained_weights_are_never_silently_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from vcmpipe.errors import VcmError

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody answers there
    network = on_meta(mtjnd, "mt_1ljnd_va")
    with pytest.raises(VcmError, match=r"vgg16.*cannot be downloaded.*--init PATH takes a file, --init random"):
        mtjnd.load_pretrained(network)
