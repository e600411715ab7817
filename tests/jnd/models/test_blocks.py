"""Layers with TensorFlow's semantics, beside a numpy that follows its documentation."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vcmpipe.errors import InputError
from vcmpipe.jnd.models import blocks


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "zeros"),
    [
        (352, 5, 2, (1, 2)),
        (640, 5, 2, (1, 2)),
        (11, 5, 2, (2, 2)),
        (1, 5, 2, (2, 2)),
        (40, 3, 1, (1, 1)),
        (7, 2, 2, (0, 1)),
        (8, 1, 2, (0, 0)),
    ],
)
def test_zeros_before_and_after(size: int, kernel: int, stride: int, zeros: tuple[int, int]) -> None:
    assert blocks.same_padding(size, kernel, stride) == zeros


def test_the_odd_zero_goes_after() -> None:
    conv = blocks.SameConv2d(1, 1, 5, 2)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(5)[2][:, None] * torch.ones(5))  # sums five neighbours in a row
        conv.bias.zero_()
        # Windows 0, 1, 2, 3, 4 | then 1, 2, 3, 4, 0, 0: with (2, 2), as torch pads, these would be 6 and 10.
        assert conv(torch.tensor([1.0, 2.0, 3.0, 4.0]).expand(1, 1, 4, 4))[0, 0, 0].tolist() == [10.0, 9.0]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_convolutions_of_every_size(
    keras: ModuleType, height: int, width: int, kernel: int, stride: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(height, width, 2))
    batch = torch.from_numpy(maps.transpose(2, 0, 1)[None])
    weights = rng.normal(size=(kernel, kernel, 2, 3))
    conv = blocks.SameConv2d(2, 3, kernel, stride).double()
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(weights.transpose(3, 2, 0, 1).copy()))
        conv.bias.zero_()
        answer = conv(batch)[0].numpy().transpose(1, 2, 0)
    expected = keras.conv(maps, weights, stride)
    assert answer.shape == (-(-height // stride), -(-width // stride), 3)
    np.testing.assert_allclose(answer, expected, atol=1e-12)
    if kernel < stride:
        with pytest.raises(AssertionError):
            blocks.SameConvTranspose2d(2, 3, kernel, stride)
        return
    back = blocks.SameConvTranspose2d(2, 3, kernel, stride).double()
    weights = rng.normal(size=(kernel, kernel, 3, 2))
    with torch.no_grad():
        back.weight.copy_(torch.from_numpy(weights.transpose(3, 2, 0, 1).copy()))
        back.bias.zero_()
        answer = back(batch)[0].numpy().transpose(1, 2, 0)
    assert answer.shape == (height * stride, width * stride, 3)
    np.testing.assert_allclose(answer, keras.transposed(maps, weights, stride), atol=1e-12)
    # It is the gradient of the convolution: <conv(y), x> = <y, back(x)>.
    large = rng.normal(size=(height * stride, width * stride, 3))
    assert (keras.conv(large, weights, stride) * maps).sum() == pytest.approx((large * answer).sum())


def test_attention_weighs_channels(keras: ModuleType) -> None:
    by_hand = keras.Keras(3)
    maps = by_hand.rng.normal(size=(4, 5, 16))
    expected = by_hand.attention(maps)
    module = blocks.ChannelAttention(16).double()
    layers = list(by_hand.layers.values())
    for layer, made in zip((module.squeeze, module.excite), layers, strict=True):
        layer.weight.data = torch.from_numpy(made["kernel"].T.astype(np.float64))
        layer.bias.data = torch.from_numpy(made["bias"].astype(np.float64))
    with torch.no_grad():
        answer = module(torch.from_numpy(maps.transpose(2, 0, 1)[None]))[0].numpy()
    np.testing.assert_allclose(answer.transpose(1, 2, 0), expected, atol=1e-6)
    assert np.abs(expected - maps / 2).max() > 0.1


def test_batches_are_normalised_as_in_keras() -> None:
    norm = blocks.batch_norm(1)
    maps = torch.tensor([0.0, 2.0]).reshape(2, 1, 1, 1)
    assert norm(maps).flatten().tolist() == pytest.approx([-1 / 1.001**0.5, 1 / 1.001**0.5])
    assert norm.running_mean is not None and norm.running_mean.item() == pytest.approx(0.01)


def test_a_dense_layer_sees_channels_last() -> None:
    maps = torch.arange(24.0).reshape(1, 2, 3, 4)  # channel, row, column
    flat = blocks.FlattenHwc()(maps)[0]
    channels_last = maps[0].permute(1, 2, 0).numpy()
    assert flat.tolist() == channels_last.reshape(-1).tolist()
    kernel = np.random.default_rng(0).normal(size=(24, 5))
    in_keras = channels_last.reshape(-1) @ kernel
    assert (flat.double().numpy() @ kernel) == pytest.approx(in_keras)
    assert (maps.flatten().double().numpy() @ kernel) != pytest.approx(in_keras)


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 3)), elements=st.floats(-100, 100, width=32)))
def test_levels_come_in_order(levels: np.ndarray) -> None:
    for falling, accumulate in ((False, np.maximum), (True, np.minimum)):
        answer = blocks.ordered(torch.from_numpy(levels), falling=falling).numpy()
        assert (answer == accumulate.accumulate(levels, axis=1)).all()


def test_a_variant_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"laser has no variant 'mj_lta'; it has lat, mj_lat; did you mean 'mj_lat'\?"):
        blocks.check_variant("laser", "mj_lta", ["lat", "mj_lat"])
