"""Weights of threshold networks on disk: safetensors with a JSON card beside them; state dicts of others are read, too.

Nothing is unpickled but tensors.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process import publish_together
from vcmpipe.process.network import unreachable
from vcmpipe.process.reading import LARGEST_CARD, LARGEST_WEIGHTS, check_file, read_json

KIND = "threshold-predictor"
VERSION = 1
# Layers around the network that trainers leave in the names.
_PREFIXES = ("module.", "net.", "model.")
_INSIDE = ("state_dict", "model", "net")


def card_path(weights: Path) -> Path:
    """Where the card of a weight file is."""
    return weights.with_suffix(".json")


def write_weights(weights: Path, network: nn.Module, card: Mapping[str, Any]) -> None:
    """Write a network's weights (``.safetensors``) and their card; OutputError where the place cannot be written to.

    Half precision is kept. The card holds at least ``model``, the name that the registry knows the predictor by.
    """
    from safetensors.torch import save

    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    full = {"kind": KIND, "version": VERSION, "predictor": f"{card['model']}:{weights.name}"} | dict(card)
    with publish_together(card_path(weights), weights) as (card_part, part):
        part.write_bytes(save(state))
        card_part.write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(weights: Path, model: str | None = None) -> dict[str, Any] | None:
    """The card of a weight file, or None where there is none.

    Raises:
        InputError: It is damaged, of another version, or of another model than ``model``.
    """
    path = card_path(weights)
    if not path.is_file():
        return None
    card = read_json(path, LARGEST_CARD)
    try:
        kind, version, name = card["kind"], card["version"], card["model"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged, or not a card of a predictor's weights ({error})") from error
    if kind != KIND or version != VERSION:
        raise InputError(f"{path}: kind {kind!r}, version {version!r}; this vcmpipe reads {KIND!r} {VERSION}")
    if model is not None and name != model:
        raise InputError(f"{weights} holds weights of {name}, not of {model}: name it as {name}:{weights}")
    return dict(card)


def card_size(card: Mapping[str, Any], default: int, weights: Path) -> int:
    """The side of the crops that a card states, or the default; InputError where it is no whole number above 0."""
    size = card.get("size", default)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise InputError(f"{card_path(weights)} is damaged: the size of crops must be a whole number, not {size!r}")
    return size


def read_state(weights: Path) -> dict[str, Tensor]:
    """A state dict: ``.safetensors``, or what ``torch.save`` wrote, with tensors only.

    ``module.`` and the like around all names are taken off, and so is a dict around the state dict.

    Raises:
        InputError: The file is missing, damaged, or would run code when it is loaded.
    """
    if not weights.is_file():
        raise InputError(f"{weights} does not exist: name a file of weights (.safetensors or .pth)")
    check_file(weights, LARGEST_WEIGHTS)
    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{weights} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # pickle, zipfile, safetensors and torch each have their own
        if isinstance(error, pickle.UnpicklingError):
            raise InputError(
                f"{weights} is refused: it holds more than tensors, and loading that would run its code. Ask its "
                "author for the state dict alone, best as .safetensors"
            ) from error
        raise InputError(f"{weights} is damaged or holds no weights (.safetensors, or .pth with tensors)") from error
    for name in _INSIDE:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{weights} holds no state dict: names with tensors are what is read")
    named: dict[str, Tensor] = {str(key): value for key, value in state.items()}
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in named)), None):
        named = {key.removeprefix(prefix): value for key, value in named.items()}
    return named


def fill(
    network: nn.Module, state: Mapping[str, Tensor], source: str, *, without: Callable[[str], bool] | None = None
) -> None:
    """Put a state dict into a network, all of it but for the names that are ``without``: those keep what they have.

    Raises:
        InputError: It is of another architecture; the message names the first difference, and ``source``.
    """
    own = network.state_dict()
    skip = without or (lambda key: False)
    wanted = {key: value for key, value in own.items() if not skip(key)}
    given = {key: value for key, value in state.items() if not (key in own and skip(key))}
    for key, value in wanted.items():
        if key.endswith("num_batches_tracked"):
            given.setdefault(key, value)  # a counter that changes nothing, and that converters leave out
        if key not in given:
            raise InputError(f"{source} is of another architecture: it lacks {key}")
        if given[key].shape != value.shape:
            shapes = "x".join(map(str, given[key].shape)), "x".join(map(str, value.shape))
            raise InputError(f"{source} is of another architecture: {key} is {shapes[0]}, not {shapes[1]}")
    for key in given:
        if key not in wanted:
            raise InputError(f"{source} is of another architecture: it has {key}, which is unknown here")
    network.load_state_dict(dict(given), strict=not without)


def pretrained_state(name: str, **options: Any) -> dict[str, Tensor]:
    """The state dict of a network of timm (after a dot, which of its weights), downloaded where it is not here.

    ``options`` are for ``timm.create_model``. VcmError where it cannot be downloaded, or there is none: nothing is
    taken instead.
    """
    import timm

    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # it reports each of its tries
    try:
        # The hub tries again for minutes.
        if not _is_cached(name) and (offline := unreachable(_hub())):
            raise _not_had(name, offline)
        network = timm.create_model(name, pretrained=True, num_classes=0, **options)
    except VcmError:
        raise
    except Exception as error:  # the hub, the network and timm each have their own
        raise _not_had(name, reason(error, 120)) from error
    finally:
        hub.setLevel(level)
    return cast(dict[str, Tensor], network.state_dict())


def _not_had(name: str, why: str) -> VcmError:
    return VcmError(
        f"the pretrained weights {name} are not here and cannot be downloaded ({why}): --init PATH takes a file, "
        "--init random starts without"
    )


def _hub() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _is_cached(name: str) -> bool:
    """Whether timm needs no hub for the weights of a network: they are here, or come from elsewhere."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    known = timm.get_pretrained_cfg(name)
    if known is None or not known.hf_hub_id:
        return True
    repository, _, revision = known.hf_hub_id.partition("@")
    files = (known.hf_hub_filename, "model.safetensors", "pytorch_model.bin")
    found = [try_to_load_from_cache(repository, file, revision=revision or None) for file in files if file]
    return any(isinstance(path, str) for path in found)


def named_weights(model: str, argument: str | Path) -> Path:
    """The weight file that stands after ``MODEL:`` in a predictor's name; InputError where none does."""
    if not str(argument):
        raise InputError(f"the predictor {model} needs weights: write {model}:FILE (.safetensors or .pth)")
    return Path(argument)
