"""Weights that Keras wrote as ``.h5``, read without TensorFlow: those published for LASeR-JND and MTJND.

Keras numbers layers of a kind in the order in which they were made (``conv2d``, ``conv2d_1``, ...), wherever in the
process it stood when the first was made. So the n-th of a kind there is the n-th of that kind here, and each shape is
checked. Outputs have names of their own, and the numbers skip them: ``NAMES``.

What differs is the order of dimensions: a kernel of a convolution is height, width, in, out there and out, in, height,
width here; of a transposed one height, width, out, in there and in, out, height, width here; of a dense layer in, out
there and out, in here. Dense layers after a map fit because ``FlattenHwc`` flattens as TensorFlow does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import nn

from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError
from vcmpipe.thresholds.weights import fill, read_state

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

Kind = Literal["conv", "transposed", "norm", "dense", "output"]
SUFFIXES = (".h5", ".hdf5")
NAMES: dict[str, Kind] = {
    "JNDImg": "transposed",
    "JND_output": "output",
    "JND1_output": "output",
    "JND2_output": "output",
    "JND3_output": "output",
}
"""Layers that the published networks name."""
_TITLES: dict[Kind, str] = {
    "conv": "convolution",
    "transposed": "transposed convolution",
    "norm": "batch normalisation",
    "dense": "dense layer",
    "output": "output",
}
_NUMBERED = re.compile(r"(?:conv2d_transpose|conv2d|batch_normalization|dense)(?:_(\d+))?")
# Name there, name here.
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_KERNEL = {"kernel": "weight", "bias": "bias"}
_PARAMETERS: dict[Kind, dict[str, str]] = {kind: _NORM if kind == "norm" else _KERNEL for kind in get_args(Kind)}
# There to here.
_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}  # by the number of dimensions
# What h5py raises for a damaged file differs from place to place.
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)


@dataclass(frozen=True)
class KerasLayer:
    """A layer with weights, as a file has it.

    Attributes:
        name: As Keras named it, such as ``conv2d_12``.
        kind: What it is.
        weights: By name, such as ``kernel``; not read yet.
    """

    name: str
    kind: Kind
    weights: dict[str, h5py.Dataset]


def is_keras(weights: Path) -> bool:
    """Whether a file is taken for one that Keras wrote."""
    return weights.suffix.lower() in SUFFIXES


def load_weights(network: nn.Module, file: Path) -> None:
    """Fill a network from a file, all of it.

    Raises:
        InputError: It is missing, damaged, or of another network: the first name that differs is given.
    """
    if is_keras(file):
        load_keras(network, file)
    else:
        fill(network, read_state(file), str(file))


def load_keras(network: nn.Module, weights: Path) -> None:
    """Fill a network from a file that Keras wrote.

    Args:
        network: A ``Laser``, ``Mtjnd`` or ``Autoencoder``, on the CPU.
        weights: What ``save_weights`` or ``save`` wrote to ``.h5`` (Keras 2).

    Raises:
        InputError: The file is missing, damaged, no such file, or of another network: the first layer that differs is
            named.
    """
    if not weights.is_file():
        raise InputError(f"{weights} does not exist: name a file of weights")
    try:
        with _pairs(network, weights) as pairs, torch.no_grad():
            for module, layer in pairs:
                _fill(module, layer, str(weights))
    except _DAMAGE as error:
        raise InputError(f"{weights} is damaged or no HDF5 file, which Keras' .h5 is ({reason(error)})") from error


def fits(network: nn.Module, weights: Path) -> bool:
    """Whether a file has the layers of a network, which may be on the meta device; nothing is read but shapes."""
    try:
        with _pairs(network, weights):
            return True
    except (InputError, *_DAMAGE):
        return False


@contextmanager
def _pairs(network: nn.Module, weights: Path) -> Iterator[list[tuple[nn.Module, KerasLayer]]]:
    """Modules and the layers of an open file that fill them, all of both."""
    import h5py

    with h5py.File(weights, "r") as file:
        found = list(layers_of(file, str(weights)))
        yield [pair for kind in get_args(Kind) for pair in _matched(network, found, kind, str(weights))]


def layers_of(file: h5py.File, source: str) -> Iterator[KerasLayer]:
    """The layers of a file, those that Keras numbered first and in the order of their numbers, then the others.

    Args:
        file: Opened.
        source: What to call it in errors.

    Raises:
        InputError: It holds no layers, or weights of a layer that the networks here do not have.
    """
    import h5py

    root = file.get("model_weights", file)
    if not isinstance(root, h5py.Group) or "_layer_checkpoint_dependencies" in root or "layers" in root:
        raise InputError(
            f"{source} has no weights as Keras 2 writes them to .h5: have them saved by its save_weights('NAME.h5')"
        )
    order = [_text(name) for name in root.attrs.get("layer_names", root)]
    found: list[tuple[tuple[int, int, int], KerasLayer]] = []
    for place, top in enumerate(name for name in order if name in root):
        inside = _weights_below(root[top])
        for inner, held in inside.items():
            name = inner if len(inside) > 1 else top  # variables may still bear the name that a layer had before
            number = _NUMBERED.fullmatch(name)
            # A network within the network numbers its own layers.
            within = place if len(inside) > 1 else len(order)
            rank = (within, int(number[1] or 0), 0) if number else (len(order) + 1, 0, place)
            found.append((rank, KerasLayer(name, _kind(name, held, source), held)))
    if not found:
        raise InputError(f"{source} holds no layers: it is not a file of weights that Keras wrote")
    yield from (layer for _, layer in sorted(found, key=lambda entry: entry[0]))


def _weights_below(group: h5py.Group | h5py.Dataset) -> dict[str, dict[str, h5py.Dataset]]:
    """Weights by layer; a weight is named after its path, ``.../LAYER/kernel:0``."""
    import h5py

    layers: dict[str, dict[str, h5py.Dataset]] = {}

    def visit(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            *_, layer, weight = f"{group.name}/{path}".split("/")
            layers.setdefault(layer, {})[weight.removesuffix(":0")] = item

    if isinstance(group, h5py.Group):
        group.visititems(visit)
    return layers


def _kind(name: str, weights: dict[str, h5py.Dataset], source: str) -> Kind:
    """What a layer is, by its name or by its weights."""
    if name in NAMES:
        return NAMES[name]
    if "gamma" in weights or "moving_mean" in weights:
        return "norm"
    kernel = weights.get("kernel")
    if kernel is not None and kernel.ndim == 4:
        return "transposed" if "transpose" in name else "conv"
    if kernel is not None and kernel.ndim == 2:
        return "output" if kernel.shape[1] == 1 else "dense"
    raise InputError(f"{source}: the layer {name} is none that JND networks have (weights: {', '.join(weights)})")


def kind_of(module: nn.Module) -> Kind | None:
    """What a module is, or None where it holds no weights itself."""
    if isinstance(module, nn.Linear):
        return "output" if module.out_features == 1 else "dense"
    if isinstance(module, nn.ConvTranspose2d):
        return "transposed"
    if isinstance(module, nn.Conv2d):
        return "conv"
    return "norm" if isinstance(module, nn.BatchNorm2d) else None


def _matched(
    network: nn.Module, found: list[KerasLayer], kind: Kind, source: str
) -> Iterator[tuple[nn.Module, KerasLayer]]:
    """Modules and layers of one kind, in order, shapes checked."""
    layers = [layer for layer in found if layer.kind == kind]
    modules = [module for module in network.modules() if kind_of(module) == kind]
    other = f"{source} is of another network"
    for number, module in enumerate(modules, 1):
        if number > len(layers):
            raise InputError(f"{other}: it lacks {_TITLES[kind]} {number} of {len(modules)}")
        layer = layers[number - 1]
        for there, here in _PARAMETERS[kind].items():
            if there not in layer.weights:
                raise InputError(f"{other}, or damaged: the layer {layer.name} lacks its {there}")
            due, given = _shape_there(module, here), layer.weights[there].shape
            if due != given:
                shapes = ("x".join(map(str, shape)) for shape in (given, due))
                raise InputError(
                    f"{other}: {layer.name} ({_TITLES[kind]} {number} of {len(modules)}) has the {there} "
                    f"{' where '.join(shapes)} is due"
                )
        yield module, layer
    if len(layers) > len(modules):
        raise InputError(
            f"{other}: it has {layers[len(modules)].name}, {_TITLES[kind]} {len(modules) + 1}, one too many"
        )


def _shape_there(module: nn.Module, here: str) -> tuple[int, ...]:
    """The shape that a weight of a module has in Keras."""
    shape = getattr(module, here).shape
    return tuple(int(shape[place]) for place in np.argsort(_AXES[len(shape)]))


def _fill(module: nn.Module, layer: KerasLayer, source: str) -> None:
    for there, here in _PARAMETERS[layer.kind].items():
        value: NDArray[np.float32] = np.asarray(layer.weights[there][()], dtype=np.float32)
        if not np.isfinite(value).all():
            raise InputError(f"{source}: the {there} of {layer.name} holds numbers that are not finite")
        getattr(module, here).copy_(torch.from_numpy(np.ascontiguousarray(value.transpose(_AXES[value.ndim]))))


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
