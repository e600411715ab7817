"""Weight files: what is read, what is refused, and what a wrong one is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from vcmpipe.errors import InputError
from vcmpipe.thresholds.weights import card_path, card_size, fill, read_card, read_state, write_weights


def small() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_weights_and_card_come_back(tmp_path: Path) -> None:
    network, weights = small(), tmp_path / "w.safetensors"
    write_weights(weights, network, {"model": "dt_jrd", "backbone": "x"})
    other = small()
    nn.init.zeros_(other[3].weight)
    fill(other, read_state(weights), "w")
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
    card = read_card(weights, "dt_jrd")
    assert card is not None and card["predictor"] == "dt_jrd:w.safetensors" and card["backbone"] == "x"
    with pytest.raises(InputError, match="holds weights of dt_jrd, not of bc_jrd"):
        read_card(weights, "bc_jrd")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
def test_state_dicts_of_trainers(tmp_path: Path, wrap, prefix: str) -> None:
    path = tmp_path / "w.pth"
    network = small()
    torch.save(wrap({prefix + key: value for key, value in network.state_dict().items()}), path)
    assert list(read_state(path)) == list(network.state_dict())


class RunsCode:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_wants_to_run_code_is_refused_and_does_not(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"weight": torch.zeros(1), "x": RunsCode(tmp_path / "ran")}, path)
    with pytest.raises(InputError, match=r"evil.pth is refused: it holds more than tensors") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_damaged_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name) as caught:
        read_state(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_state(tmp_path / "w.pth")
    torch.save(torch.zeros(3), tmp_path / "t.pth")
    with pytest.raises(InputError, match="no state dict"):
        read_state(tmp_path / "t.pth")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("0.bias"), "it lacks 0.bias"),
        (lambda s: s.update({"3.weight": torch.zeros(5, 4)}), "3.weight is 5x4, not 2x4"),
        (lambda s: s.update({"4.weight": torch.zeros(1)}), "it has 4.weight, which is unknown here"),
        (lambda s: (s.pop("3.bias"), s.update({"0.weight": torch.zeros(1)})), "0.weight is 1, not 4x3x1x1"),
    ],
)
def test_another_architecture_is_told_by_the_first_name_that_differs(change, says: str) -> None:
    state = small().state_dict()
    change(state)
    with pytest.raises(InputError, match=f"w.pth is of another architecture: {says}"):
        fill(small(), state, "w.pth")


def test_a_counter_may_be_missing() -> None:
    state = {k: v for k, v in small().state_dict().items() if "num_batches" not in k}
    fill(small(), state, "w")


@pytest.mark.parametrize(
    "text", ["{", "[]", json.dumps({"kind": "x", "version": 1, "model": "dt_jrd"}), json.dumps({"kind": "x"})]
)
def test_damaged_cards(tmp_path: Path, text: str) -> None:
    weights = tmp_path / "w.safetensors"
    card_path(weights).write_text(text)
    with pytest.raises(InputError, match=r"w.json"):
        read_card(weights)


@pytest.mark.parametrize("size", ["x", 0, -3, 2.5, True, None])
def test_a_card_with_an_odd_size(tmp_path: Path, size: object) -> None:
    with pytest.raises(InputError, match=r"w.json is damaged: the size of crops"):
        card_size({"size": size}, 384, tmp_path / "w.safetensors")
    assert card_size({}, 384, tmp_path / "w") == 384 and card_size({"size": 64}, 384, tmp_path / "w") == 64
