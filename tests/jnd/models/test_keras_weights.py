"""Files as Keras writes them, from networks made and computed in numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.jnd.models import laser, mtjnd
from vcmpipe.jnd.models.keras_weights import fits, load_keras

Small = Callable[[str], tuple[int, int]]


@pytest.fixture(scope="module")
def lat_file(keras: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the small ``lat``."""
    network = keras.Keras(5)
    network.laser("lat", np.zeros((64, 128, 3)))
    path: Path = network.save(tmp_path_factory.mktemp("keras") / "LATJND1.h5")
    return path


def copy(path: Path, to: Path) -> Path:
    to.write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize(
    ("variant", "first", "written"),
    [
        ("e2e_lat", 3, {"whole": True}),
        ("e2e_rec", 0, {"nested": 4}),
        ("mj_lat", 0, {"order": False}),
        ("mj_rec", 7, {}),  # numbers start anywhere, as if the process had made others; 9 comes before 10
    ],
)
def test_a_published_network_answers_as_in_keras(
    variant: str, first: int, written: dict[str, object], keras: ModuleType, small: Small, tmp_path: Path
) -> None:
    height, width = small(variant)
    by_hand = keras.Keras(11, first)
    picture = by_hand.rng.uniform(0, 255, (height, width, 3)).astype(np.float32)
    expected, image = by_hand.laser(variant, picture)
    path = by_hand.save(tmp_path / "weights.h5", **written)
    network = laser.build(variant).eval()
    load_keras(network, path)
    pictures = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    with torch.inference_mode():
        answer = network(pictures)[0].numpy()
        np.testing.assert_allclose(answer, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
        if image is not None:
            levels, back = network.with_picture(pictures)
            assert levels[0].tolist() == pytest.approx(answer.tolist(), rel=1e-4)
            given = back[0].numpy().transpose(1, 2, 0)
            np.testing.assert_allclose(given, image, atol=1e-3 * np.abs(image).max())
    assert np.abs(expected).min() > 1e-3 and len({*expected.round(5)}) == len(expected)


def test_mtjnd_answers_as_in_keras(keras: ModuleType, small: Small, tmp_path: Path) -> None:
    height, width = small("mt_3ljnd")
    by_hand = keras.Keras(2)
    picture = by_hand.rng.uniform(0, 1, (height, width, 3)).astype(np.float32)
    expected = by_hand.mtjnd(picture)
    network = mtjnd.build("mt_3ljnd").eval()
    load_keras(network, by_hand.save(tmp_path / "MT_3LJND.h5", order=False))
    with torch.inference_mode():
        answer = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))[0].numpy()
    np.testing.assert_allclose(answer, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_an_autoencoder_loads_by_itself(keras: ModuleType, tmp_path: Path) -> None:
    by_hand = keras.Keras(4)
    picture = by_hand.rng.uniform(0, 255, (48, 32, 3)).astype(np.float32)
    expected = by_hand.decoder(by_hand.encoder(picture))
    network = laser.Autoencoder()
    load_keras(network, by_hand.save(tmp_path / "JND1Reconstruction.h5"))
    with torch.inference_mode():
        answer = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(answer, expected, atol=1e-3 * np.abs(expected).max())


def edit(path: Path, change: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def drop(*names: str) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        for name in names:
            del file[name]

    return change


def put(name: str, value: np.ndarray) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = value
        top = name.partition("/")[0]
        names = [str(known) for known in file.attrs["layer_names"]]
        if top not in names:
            file.attrs["layer_names"] = [*names, top]

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop("JND_output"), "of another network: it lacks output 1 of 1"),
        (drop("conv2d_7"), "of another network: it lacks convolution 8 of 8"),
        (
            drop("batch_normalization_2"),
            r"another network: batch_normalization_3 \(.* 3 of 5\) has the gamma 256 where 128",
        ),
        (
            drop("dense_3"),
            r"another network: dense_4 \(dense layer 4 of 10\) has the kernel 256x32 where 16x128 is due",
        ),
        (drop("dense_8/dense_8/bias:0"), "or damaged: the layer dense_8 lacks its bias"),
        (put("conv2d_4/conv2d_4/kernel:0", np.zeros((3, 3, 3, 512))), r"conv2d_4 .* 3x3x3x512 where 3x3x192x64 is due"),
        (put("conv2d_8/conv2d_8/kernel:0", np.zeros((3, 3, 4, 4))), "it has conv2d_8, convolution 9, one too many"),
        (put("conv1d/conv1d/kernel:0", np.zeros((3, 4, 4))), "the layer conv1d is none that JND networks have"),
        (put("embedding/embedding/embeddings:0", np.zeros(4)), "the layer embedding is none that"),
        (put("dense/dense/bias:0", np.full(8, np.nan)), "the bias of dense holds numbers that are not finite"),
        (put("dense/dense/bias:0", np.array([b"x"] * 8)), "is damaged"),
        (put("layers/conv2d/vars/0", np.zeros(3)), "has no weights as Keras 2 writes them"),
        (lambda file: file.attrs.__setitem__("layer_names", 5), "is damaged"),
        (put("model_weights", np.zeros(3)), "has no weights as Keras 2 writes them"),
        (lambda file: file.clear(), "it is not a file of weights that Keras wrote"),
    ],
)
def test_files_of_other_networks_are_refused(
    change: Callable[[h5py.File], object], says: str, lat_file: Path, small: Small, tmp_path: Path
) -> None:
    small("lat")
    path = edit(copy(lat_file, tmp_path / "w.h5"), change)
    with torch.device("meta"):
        network = laser.build("lat")
    network = network.to_empty(device="cpu")
    with pytest.raises(InputError, match=says) as caught:
        load_keras(network, path)
    assert str(caught.value).startswith(f"{path}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_cut_files_are_refused(keep: float, lat_file: Path, small: Small, tmp_path: Path) -> None:
    small("lat")
    data = lat_file.read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(InputError, match=r"cut.h5 is damaged or no HDF5 file"):
        load_keras(laser.build("lat"), path)


def test_missing_and_foreign_files(small: Small, tmp_path: Path) -> None:
    small("lat")
    with torch.device("meta"):
        network = laser.build("lat").to_empty(device="cpu")
    with pytest.raises(InputError, match=r"no.h5 does not exist"):
        load_keras(network, tmp_path / "no.h5")
    (tmp_path / "text.h5").write_text("not weights\n" * 100)
    with pytest.raises(InputError, match=r"text.h5 is damaged or no HDF5 file"):
        load_keras(network, tmp_path / "text.h5")


def test_shapes_tell_variants_apart(lat_file: Path, small: Small) -> None:
    small("lat")
    with torch.device("meta"):
        networks = {variant: laser.build(variant) for variant in laser.VARIANTS}
    assert [variant for variant, network in networks.items() if fits(network, lat_file)] == ["lat"]
