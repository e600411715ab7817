"""Keras in numpy, as far as the JND networks need it: channels last, layers numbered as made, files as it writes.

Written from TensorFlow's documentation, not from the package, and used to compare with it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """This module: ``Keras`` and the convolutions."""
    return sys.modules[__name__]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[int, int]]:
    """Makes a variant take small pictures: all layers are there, and all but the first dense one are of their size.

    The maps that are flattened have several places, so that their order matters.
    """
    from vcmpipe.jnd.models import laser, mtjnd

    def shrink(variant: str) -> tuple[int, int]:
        model = laser if variant in laser.VARIANTS else mtjnd
        size = (64, 128) if variant.endswith("lat") else (32, 64)
        monkeypatch.setattr(model, "SIZE", size)
        return size

    return shrink


def same(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """(outputs, zeros before, zeros after) of TensorFlow's SAME."""
    outputs = int(np.ceil(size / stride))
    total = kernel - stride if size % stride == 0 else kernel - size % stride
    total = max(total, 0)
    return outputs, total // 2, total - total // 2


def conv(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """(H, W, C) by (k, k, C, C'), SAME."""
    (rows, *pad_rows), (cols, *pad_cols) = (same(side, kernel.shape[0], stride) for side in x.shape[:2])
    padded = np.pad(x, (pad_rows, pad_cols, (0, 0)))
    out = np.zeros((rows, cols, kernel.shape[3]), np.float64)
    for i, j in np.ndindex(*kernel.shape[:2]):
        seen = padded[i : i + stride * rows : stride, j : j + stride * cols : stride][:rows, :cols]
        out += (seen.reshape(rows * cols, -1) @ kernel[i, j]).reshape(out.shape)
    return out


def transposed(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """(H, W, C) by (k, k, C', C), SAME: each sample is spread by the kernel where a convolution would have seen it."""
    height, width = (side * stride for side in x.shape[:2])
    (_, top, bottom), (_, left, right) = (same(side, kernel.shape[0], stride) for side in (height, width))
    out = np.zeros((height + top + bottom, width + left + right, kernel.shape[2]), np.float64)
    patches = (x.reshape(-1, x.shape[2]) @ kernel.reshape(-1, x.shape[2]).T).reshape(*x.shape[:2], *kernel.shape[:3])
    for r, c in np.ndindex(*x.shape[:2]):
        out[r * stride : r * stride + kernel.shape[0], c * stride : c * stride + kernel.shape[1]] += patches[r, c]
    return out[top : top + height, left : left + width]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def pool(x: np.ndarray) -> np.ndarray:
    rows, cols = x.shape[0] // 2, x.shape[1] // 2
    return x[: rows * 2, : cols * 2].reshape(rows, 2, cols, 2, -1).max(axis=(1, 3))


class Keras:
    """Makes layers with random weights, keeps them under Keras' names, and computes.

    Args:
        seed: Of the weights.
        first: Number that each kind starts at, as if the process had made others before.
    """

    def __init__(self, seed: int, first: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.made: Counter[str] = Counter()
        self.first = first
        self.layers: dict[str, dict[str, np.ndarray]] = {}

    def _add(self, kind: str, name: str | None, **weights: np.ndarray) -> dict[str, np.ndarray]:
        if name is None:
            number = self.first + self.made[kind]
            name = f"{kind}_{number}" if number else kind
            self.made[kind] += 1
        self.layers[name] = {key: value.astype(np.float32) for key, value in weights.items()}
        return self.layers[name]

    def _kernel(self, *shape: int, fan: int) -> np.ndarray:
        return self.rng.standard_normal(shape, np.float32) * np.float32((2 / fan) ** 0.5)

    def conv(self, x: np.ndarray, units: int, size: int = 3, stride: int = 1, name: str | None = None) -> np.ndarray:
        shape = (size, size, x.shape[2], units)
        bias = self.rng.normal(0, 0.1, units)
        made = self._add("conv2d", name, kernel=self._kernel(*shape, fan=size * size * x.shape[2]), bias=bias)
        return conv(x, made["kernel"], stride) + made["bias"]

    def transposed(self, x: np.ndarray, units: int, name: str | None = None) -> np.ndarray:
        kernel = self._kernel(5, 5, units, x.shape[2], fan=6 * x.shape[2])
        made = self._add("conv2d_transpose", name, kernel=kernel, bias=self.rng.normal(0, 0.1, units))
        return transposed(x, made["kernel"], 2) + made["bias"]

    def norm(self, x: np.ndarray) -> np.ndarray:
        units, rng = x.shape[2], self.rng
        mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1)) * rng.uniform(0.8, 1.2, units)
        weights = {"gamma": rng.uniform(0.5, 1.5, units), "beta": rng.normal(0, 0.3, units)}
        # Small variances, so that the epsilon counts.
        made = self._add("batch_normalization", None, **weights, moving_mean=mean, moving_variance=variance)
        scaled = (x - made["moving_mean"]) / np.sqrt(made["moving_variance"] + 1e-3)
        return scaled * made["gamma"] + made["beta"]

    def dense(self, x: np.ndarray, units: int, name: str | None = None) -> np.ndarray:
        shape = (x.shape[-1], units)
        made = self._add("dense", name, kernel=self._kernel(*shape, fan=shape[0]), bias=self.rng.normal(0, 0.1, units))
        return x @ made["kernel"] + made["bias"]

    def attention(self, x: np.ndarray) -> np.ndarray:
        units = x.shape[2]
        hidden = relu(self.dense(x.mean(axis=(0, 1)), units // 8))
        answer = self.dense(hidden, units)
        *_, squeeze, excite = (made for name, made in self.layers.items() if name.startswith("dense"))
        most = relu(x.max(axis=(0, 1)) @ squeeze["kernel"] + squeeze["bias"]) @ excite["kernel"] + excite["bias"]
        return x / (1 + np.exp(-(answer + most)))

    def lat_block(self, x: np.ndarray, units: int) -> np.ndarray:
        return self.attention(relu(self.norm(self.conv(x, units))))

    def rec_block(self, x: np.ndarray, units: int) -> np.ndarray:
        return pool(relu(self.norm(self.conv(x, units))))

    def encoder(self, x: np.ndarray) -> np.ndarray:
        for _ in range(3):
            x = self.conv(x, 128, 5, 2)
            x = np.where(x > 0, x, 0.05 * x)
        return self.conv(x, 192, 5, 2)

    def decoder(self, x: np.ndarray, last: str | None = None) -> np.ndarray:
        for _ in range(3):
            x = self.transposed(x, 128)
            x = np.where(x > 0, x, 0.05 * x)
        return self.transposed(x, 3, last)

    def laser(self, variant: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The published networks, layers made in their order: (levels,), before the last ReLU; and the picture of e2e.

        Args:
            variant: Of LASeR-JND.
            picture: (H, W, 3) BGR 0..255.
        """
        count = 3 if variant.startswith("mj_") else 1
        last = "JNDImg" if variant.startswith("e2e_") else None
        outputs = ["JND_output"] if count == 1 else [f"JND{n}_output" for n in (1, 2, 3)]
        seen, image = [], None
        for _ in range(count):
            x = self.encoder(picture)
            if variant.endswith("rec") or last:
                image = self.decoder(x, last)
            seen.append(image if variant.endswith("rec") else x)
        seen = [self.norm(x) for x in seen]
        if variant.endswith("lat"):
            x = np.prod([self.lat_block(x, 64) for x in seen], axis=0)
            x = pool(self.lat_block(x, 128))
            x = pool(self.lat_block(self.lat_block(x, 256), 512)).reshape(-1)
            answers = [self.dense(relu(self.dense(relu(self.dense(x, 256)), 128)), 1, name) for name in outputs]
        else:
            x = np.prod([self.rec_block(x, 512) for x in seen], axis=0)
            for units in (256, 128, 64, 32):
                x = self.rec_block(x, units)
            x = relu(self.dense(x.reshape(-1), 512))
            answers = [self.dense(x, 1, name) for name in outputs]
        return np.concatenate(answers), image if last else None

    def mtjnd(self, picture: np.ndarray) -> np.ndarray:
        """Three heads on VGG16, whose layers have names of their own."""
        x = picture
        for block, (count, units) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
            for n in range(1, count + 1):
                x = relu(self.conv(x, units, name=f"block{block}_conv{n}"))
            x = pool(x)
        x = x.reshape(-1)
        heads = [f"JND{n}_output" for n in (1, 2, 3)]
        return np.concatenate([self.dense(relu(self.dense(relu(self.dense(x, 256)), 128)), 1, name) for name in heads])

    def save(self, path: Path, *, whole: bool = False, order: bool = True, nested: int = 0) -> Path:
        """Write what ``save_weights`` does, or ``save`` where ``whole``.

        Args:
            path: The file.
            whole: With the group ``model_weights``, and optimiser's weights beside it.
            order: Whether the names of the layers are listed, as Keras does, in another order than they were made in.
            nested: Put so many layers, from the first, into a network within the network.
        """
        with h5py.File(path, "w") as file:
            root = file.create_group("model_weights") if whole else file
            if whole:
                file.create_group("optimizer_weights").create_dataset("Adam/iter:0", data=np.int64(7))
            names = ["input_1", *sorted(self.layers, key=lambda name: name[::-1]), "flatten"]
            inner = list(self.layers)[:nested]
            if inner:
                names = ["input_1", "model", *(name for name in names[1:] if name not in inner)]
            if order:
                root.attrs["layer_names"] = [name.encode() for name in names]
            for name in ("input_1", "flatten"):
                root.create_group(name).attrs["weight_names"] = []
            for name, weights in self.layers.items():
                place = f"model/{name}" if name in inner else f"{name}/{name}"
                for key, value in weights.items():
                    root.create_dataset(f"{place}/{key}:0", data=value)
        return path
