"""ResJND: its architecture, tiles that see no border, weights, and the published maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.jnd.models import resjnd
from vcmpipe.thresholds.weights import write_weights


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network with few channels: the same layers, for a fraction of the time."""
    monkeypatch.setattr(resjnd, "CHANNELS", 8)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def small_network() -> resjnd.ResJnd:
    torch.manual_seed(1)
    return resjnd.ResJnd().eval()


def test_published_size_and_names() -> None:
    network = resjnd.ResJnd()
    assert sum(p.numel() for p in network.parameters()) == 301_824
    assert list(network.state_dict()) == ["input.weight", "conv1.weight", "conv2.weight", "output.weight"]


def test_what_is_added_in_every_iteration_is_rectified(narrow: None) -> None:
    network, x = small_network().double(), torch.rand(1, 3, 9, 11, dtype=torch.float64)
    with torch.no_grad():
        first = network.input(x).clamp(min=0)
        y = first
        for _ in range(25):
            y = network.conv2(network.conv1(y.clamp(min=0)).clamp(min=0)) + first
        expected = network.output(y.clamp(min=0))
        assert torch.allclose(network.residual(x), expected) and expected.abs().max() > 0
        assert torch.allclose(network(x), x + expected)


def test_it_learns(narrow: None) -> None:
    network = small_network().train()
    (network(torch.rand(2, 3, 8, 8)) - 0.5).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    ("height", "width", "tile"), [(1, 1, 512), (33, 21, 512), (17, 150, 40), (131, 16, 64), (70, 71, 40), (5, 130, 30)]
)
def test_tiles_are_as_the_whole_picture(narrow: None, height: int, width: int, tile: int) -> None:
    network, rgb, seen = small_network(), picture(height, width), []
    tiled = resjnd.jnd_map(network, rgb, tile, progress=lambda done, total: seen.append((done, total)))
    with torch.no_grad():
        residual = network.residual(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)[0]
    whole = (residual.square().mean(dim=0).sqrt() * 255).numpy()
    assert tiled.dtype == np.float32 and tiled.shape == (height, width)
    np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-4 * whole.max())
    count = -(-height // tile) * -(-width // tile)
    assert seen == [(n, count) for n in range(1, count + 1)]


@pytest.mark.parametrize("direction", [(1, 2), (1, 0), (2, 1), (0, 1)], ids=["right", "left", "below", "above"])
def test_the_halo_is_what_the_network_sees_and_no_pixel_more(
    narrow: None, monkeypatch: pytest.MonkeyPatch, direction: tuple[int, int]
) -> None:
    # Every layer hands on its neighbour on one side: what comes out holds the pixels 2, 4, ... 52 steps away.
    network = resjnd.ResJnd().eval()
    with torch.no_grad():
        for layer in (network.input, network.conv1, network.conv2, network.output):
            layer.weight.zero_()
            for channel in range(min(layer.weight.shape[:2])):
                layer.weight[channel, channel, *direction] = 1.0
    rgb = picture(4, 260) if direction[0] == 1 else picture(260, 4)
    whole = resjnd.jnd_map(network, rgb, 512)
    assert resjnd.HALO == 52
    np.testing.assert_allclose(resjnd.jnd_map(network, rgb, 60), whole, rtol=1e-5)
    monkeypatch.setattr(resjnd, "HALO", 51)
    assert np.abs(resjnd.jnd_map(network, rgb, 60) - whole).max() > 1.0


@pytest.mark.parametrize(
    ("rgb", "tile"),
    [
        (np.zeros((8, 8), np.uint8), 512),
        (np.zeros((8, 8, 4), np.uint8), 512),
        (np.zeros((8, 8, 3), np.float32), 512),
        (np.zeros((0, 8, 3), np.uint8), 512),
        (np.zeros((8, 8, 3), np.uint8), 0),
    ],
)
def test_what_is_no_picture_is_refused(narrow: None, rgb: np.ndarray, tile: int) -> None:
    with pytest.raises(InputError):
        resjnd.jnd_map(resjnd.ResJnd(), rgb, tile)


def test_weights_come_back(narrow: None, tmp_path: Path) -> None:
    network = small_network()
    write_weights(tmp_path / "r.safetensors", network, {"model": "resjnd"})
    torch.save({"state_dict": network.state_dict()}, tmp_path / "r.pth")
    rgb = picture(12, 10)
    expected = resjnd.jnd_map(network, rgb)
    for name in ("r.safetensors", "r.pth"):
        loaded = resjnd.load(tmp_path / name, "cpu")
        np.testing.assert_allclose(resjnd.jnd_map(loaded, rgb), expected, rtol=1e-4, atol=1e-4)
    assert resjnd.digest(tmp_path / "r.pth") != resjnd.digest(tmp_path / "r.safetensors")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state: state.pop("conv2.weight"), "lacks conv2.weight"),
        (lambda state: state.update({"conv3.weight": torch.zeros(1)}), "conv3.weight"),
        (lambda state: state.update({"conv1.weight": torch.zeros(8, 8, 5, 5)}), "conv1.weight is 8x8x5x5, not 8x8x3x3"),
    ],
)
def test_other_architectures_are_refused_by_name(
    narrow: None, tmp_path: Path, change: Callable[[dict], object], named: str
) -> None:
    state = dict(small_network().state_dict())
    change(state)
    torch.save(state, tmp_path / "r.pth")
    with pytest.raises(InputError, match=named):
        resjnd.load(tmp_path / "r.pth")


def test_weights_of_another_model_and_missing_ones_are_refused(narrow: None, tmp_path: Path) -> None:
    write_weights(tmp_path / "r.safetensors", small_network(), {"model": "laser"})
    with pytest.raises(InputError, match="weights of laser"):
        resjnd.load(tmp_path / "r.safetensors")
    with pytest.raises(InputError, match="does not exist"):
        resjnd.load(tmp_path / "none.pth")


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Path:
    folder = shared_data / "reference" / "resjnd"
    if not (folder / "resjnd_cpl.pth").is_file():
        pytest.skip("the published ResJND checkpoint (../shared/data/reference/resjnd) is not here")
    return folder


def as_published(values: np.ndarray) -> np.ndarray:
    """A map as the published pictures of maps are: divided by its maximum and rounded to 8 bits."""
    return np.rint(values / values.max() * 255)


def test_a_part_of_a_published_map(published: Path) -> None:
    rgb, expected = (read_picture(published / f"230_{kind}.bmp") for kind in ("input", "jnd"))
    # Around its maximum, by which it was divided; and what the network sees around that.
    y, x = np.unravel_index(int(expected[..., 0].argmax()), expected.shape[:2])
    top, left = max(y - 66, 0), max(x - 66, 0)
    values = resjnd.jnd_map(resjnd.load(published / "resjnd_cpl.pth", "cpu"), rgb[top : y + 67, left : x + 67])
    inner = (slice(y - top - 14, y - top + 15), slice(x - left - 14, x - left + 15))
    ours, theirs = as_published(values[inner]), expected[y - 14 : y + 15, x - 14 : x + 15, 0]
    assert np.abs(ours - theirs).mean() <= 0.1
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("name", ["230", "808"])
def test_the_published_maps(published: Path, name: str) -> None:
    rgb, expected = (read_picture(published / f"{name}_{kind}.bmp") for kind in ("input", "jnd"))
    ours = as_published(resjnd.jnd_map(resjnd.load(published / "resjnd_cpl.pth"), rgb, 300))
    difference = np.abs(ours - expected[..., 0])
    r = np.corrcoef(ours.ravel(), expected[..., 0].ravel())[0, 1]
    print(f"{name}: mean difference {difference.mean():.4f} grey levels, largest {difference.max():.0f}, r {r:.5f}")
    assert difference.mean() <= 0.1 and r >= 0.999
