"""LASeR-JND from stage to stage; what it starts from is what was requested, or an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture
from vcmpipe.jnd.models import laser
from vcmpipe.jnd.models.picture_jnd import laser_predictor
from vcmpipe.jnd.training.laser import check_start, head_loss, make_network
from vcmpipe.jnd.training.material import JndPlan, medians
from vcmpipe.jnd.training.pictures import open_pictures
from vcmpipe.thresholds.weights import read_card, read_state, write_weights
from vcmpipe.training.run import train


class Killed(Exception):
    pass


def killed_at(step: int):
    def progress(done: int, total: int | None) -> None:
        if done == step:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def chain(jnd_set: Path, options, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The three stages of lat, each from the folder of the one before."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("chain")
    train(options("laser", jnd_set, out / "autoencoder", stage="autoencoder", variant="lat", limit=1))
    train(options("laser", jnd_set, out / "jnd", stage="jnd", init=str(out / "autoencoder"), limit=1))
    train(options("laser", jnd_set, out / "head", variant="lat", init=str(out / "jnd"), epochs=2, batch=1))
    return {name: out / name for name in ("autoencoder", "jnd", "head")}


def card_of(folder: Path) -> dict[str, object]:
    card = read_card(folder / "weights.safetensors", "laser")
    assert card is not None
    return card


def test_the_cards_of_the_stages(chain: dict[str, Path]) -> None:
    cards = {name: card_of(folder) for name, folder in chain.items()}
    assert [cards[name]["stage"] for name in chain] == ["autoencoder", "jnd", "head"]
    assert [cards[name]["variant"] for name in chain] == ["autoencoder", "autoencoder", "lat"]
    assert cards["jnd"]["level"] == 1 and "level" not in cards["autoencoder"]
    assert cards["jnd"]["training"]["coded"] == "encode" and (chain["jnd"] / "coded").is_dir()
    head = cards["head"]
    assert head["predictor"] == "laser:lat:weights.safetensors" and head["data"]["pictures"]["train"] == 3
    assert (head["scale"], head["range"], head["levels"], head["level"]) == ("h264-qp", [0, 51], 1, 1)
    assert head["metrics"]["constant_val_error"] == 6.0  # |33 - median of 24, 27, 30|
    assert set(head["metrics"]) == {"val_loss", "val_error", "constant_val_error"}


def test_weights_pass_from_stage_to_stage(chain: dict[str, Path]) -> None:
    first, second, third = (read_state(folder / "weights.safetensors") for folder in chain.values())
    assert first.keys() == second.keys() and any(not torch.equal(first[key], second[key]) for key in first)
    # Those of the head's autoencoder are the JND's, which stay as they are.
    encoder = {key: value for key, value in second.items() if key.startswith("encoder.")}
    assert encoder and all(torch.equal(third[f"autoencoders.0.{key}"], value) for key, value in encoder.items())


def test_the_predictor_says_what_training_measured(chain: dict[str, Path], jnd_set: Path) -> None:
    predictor = laser_predictor(f"lat:{chain['head'] / 'weights.safetensors'}")
    picture = read_picture(jnd_set.parent / "images" / "val" / "p3.png")
    (level,) = predictor.picture(Frame(0, picture, "p3")).levels
    report = json.loads((chain["head"] / "report.json").read_text())
    assert abs(level - 33) == pytest.approx(report["metrics"]["val_error"], abs=0.01)
    with pytest.raises(InputError, match=r"is an autoencoder \(stage jnd\)"):
        laser_predictor(f"lat:{chain['jnd'] / 'weights.safetensors'}")


def test_a_head_that_was_killed_goes_on_to_the_same_weights(
    chain: dict[str, Path], jnd_set: Path, options, tmp_path: Path
) -> None:
    words = {"variant": "lat", "init": str(chain["jnd"]), "epochs": 2, "batch": 1, "checkpoint_every": 1}
    chosen = options("laser", jnd_set, tmp_path / "run", **words)
    with pytest.raises(Killed):
        train(chosen, progress=killed_at(5))  # three batches in an epoch: in the middle of the second
    assert train(chosen).metrics == json.loads((chain["head"] / "report.json").read_text())["metrics"]
    found, expected = (read_state(folder / "weights.safetensors") for folder in (tmp_path / "run", chain["head"]))
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def plan(variant: str, levels: list[int], freeze: bool = False) -> JndPlan:
    values = {"epochs": 1, "batch": 2, "lr": 1e-4, "weight_decay": 0.0, "patience": 0, "seed": 5}
    common = {"model": "laser", "data": "", "objects": "", "init": "random", "precision": "32-true"}
    words = {"variant": variant, "stage": "head", "levels": levels, "scale": "h264-qp"}
    return JndPlan(**common, **values, **words, freeze=freeze)  # type: ignore[arg-type]


def test_heads_begin_at_the_medians_and_only_they_learn(jnd_set: Path, options, tmp_path: Path) -> None:
    pictures = open_pictures(options("laser", jnd_set, tmp_path), (1, 2, 3))
    network = make_network(plan("mj_lat", [1, 2, 3], freeze=True), [], pictures)
    assert isinstance(network, laser.Laser) and medians(pictures).tolist() == [27, 31, 35]
    assert [layer.bias.item() for layer in network.output_layers()] == [27, 31, 35]
    assert not any(p.requires_grad for p in network.autoencoders.parameters())
    assert all(p.requires_grad for p in network.head.parameters())
    whole = make_network(plan("e2e_lat", [1]), [], open_pictures(options("laser", jnd_set, tmp_path), (1,)))
    assert all(p.requires_grad for p in whole.parameters())


def test_the_losses() -> None:
    torch.manual_seed(0)
    network = laser.build("e2e_lat").eval()
    pictures, targets = 255 * torch.rand(1, 3, *laser.SIZE), 255 * torch.rand(1, 3, *laser.SIZE)
    labels = torch.tensor([[30.0]])
    with torch.no_grad():
        answers, given = network.with_picture(pictures)
        loss, figures = head_loss(plan("e2e_lat", [1]), network, (pictures, targets, labels))
    squared, error = ((given - targets) ** 2).mean(), (answers - labels).abs().mean()
    assert float(loss) == pytest.approx(float(0.01 * squared + 0.99 * error), rel=1e-5)
    # The answer of a network that knows nothing is far outside the scale: a user sees it clipped.
    assert float(figures["error"]) == pytest.approx(float((answers.clamp(0, 51) - labels).abs().mean()), rel=1e-5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Autoencoders by what their cards say, without training; and one without a card."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(1)
    network = laser.Autoencoder()
    cards: dict[str, dict[str, object]] = {"pictures": {"stage": "autoencoder", "variant": "autoencoder"}}
    cards |= {f"jnd{level}": {"stage": "jnd", "variant": "autoencoder", "level": level} for level in (1, 2, 3)}
    for name, card in cards.items():
        write_weights(folder / f"{name}.safetensors", network, {"model": "laser"} | card)
    write_weights(folder / "plain.safetensors", network, {"model": "laser"})
    (folder / "plain.json").unlink()
    return {name: folder / f"{name}.safetensors" for name in (*cards, "plain")}


@pytest.mark.parametrize(
    ("names", "stage", "variant", "levels", "says"),
    [
        (("jnd1",), "head", "mj_lat", (1, 2, 3), "mj_lat starts from an autoencoder of each JND"),
        (("jnd1", "jnd2"), "head", "lat", (1,), "names 2 files of weights, and lat starts from one"),
        (("jnd1", "jnd3", "jnd2"), "head", "mj_rec", (1, 2, 3), "trained on JND3: number 2 should be of JND2"),
        (("jnd2",), "head", "rec", (1,), "was trained on JND2: number 1 should be of JND1"),
        (("pictures",), "head", "lat", (1,), "holds the stage autoencoder.*: head starts from the stage jnd"),
        (("jnd1", "jnd2"), "jnd", "autoencoder", (1,), "names 2 files"),
        (("jnd1", "jnd2", "jnd3"), "head", "mj_lat", (1, 2, 3), None),
        (("plain",), "head", "lat", (1,), None),
        (("pictures",), "head", "e2e_lat", (1,), None),
        (("jnd2",), "jnd", "autoencoder", (1,), None),
    ],
)  # fmt: skip
def test_what_a_stage_may_start_from(files, names, stage, variant, levels, says: str | None) -> None:
    chosen = [files[name] for name in names]
    if says is None:
        check_start(chosen, stage, variant, levels)
        return
    with pytest.raises(InputError, match=says):
        check_start(chosen, stage, variant, levels)


def test_three_autoencoders_each_find_their_place(files, jnd_set: Path, options, tmp_path: Path) -> None:
    state = read_state(files["jnd1"])
    for factor, name in ((2, "jnd2"), (3, "jnd3")):
        changed = laser.Autoencoder()
        changed.load_state_dict({key: factor * value for key, value in state.items()})
        card = read_card(files[name], "laser") or {}
        write_weights(tmp_path / f"{name}.safetensors", changed, card)
    pictures = open_pictures(options("laser", jnd_set, tmp_path), (1, 2, 3))
    chosen = [files["jnd1"], tmp_path / "jnd2.safetensors", tmp_path / "jnd3.safetensors"]
    network = make_network(plan("mj_lat", [1, 2, 3], freeze=True), chosen, pictures)
    own = network.state_dict()
    for number in range(3):
        weight = state["encoder.0.weight"]
        assert torch.equal(own[f"autoencoders.{number}.encoder.0.weight"], (number + 1) * weight)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "--variant must be given for the stage head: lat, rec"),
        ({"variant": "lta"}, "no variant 'lta'.*did you mean 'lat'"),
        ({"variant": "lat"}, r"--init must be given for the stage head: the runs of the stage jnd \(its folder\)"),
        ({"variant": "mj_rec"}, "one for each JND, with commas"),
        ({"stage": "jnd"}, "--init must be given for the stage jnd: the folder of a run of the stage autoencoder"),
        ({"stage": "autoencoder", "level": 1}, "--level is for the stages jnd and head"),
        ({"variant": "mj_lat", "level": 2, "init": "random"}, "mj_lat learns all three"),
        ({"variant": "lat", "init": "pretrained"}, "no pretrained weights for laser"),
        ({"variant": "lat", "init": "nothing"}, "--init nothing does not exist"),
        ({"variant": "e2e_lat", "init": "random", "freeze": "yes"}, "e2e_lat is trained whole in the stage head"),
        ({"variant": "lat", "init": "random", "device": "cuda:77"}, "cuda:77"),
        ({"stage": "jnd", "init": "random", "coded": "folders"}, "'train/p0.png' has no picture coded at its JND1"),
    ],
)  # fmt: skip
def test_bad_options(changes: dict[str, object], says: str, jnd_set: Path, options, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        train(options("laser", jnd_set, tmp_path / "run", **changes))
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_a_run_that_has_not_ended_is_no_start(jnd_set: Path, options, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    with pytest.raises(InputError, match=r"before has no weights\.safetensors: name a run that has ended"):
        train(options("laser", jnd_set, tmp_path / "run", stage="jnd", init=str(tmp_path / "before")))


def test_weights_of_another_network_are_refused_by_the_first_name_that_differs(
    files, jnd_set: Path, options, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    state = read_state(files["plain"])
    save_file({key: value for key, value in state.items() if key != "decoder.0.weight"}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors is of another architecture: it lacks decoder\.0\.weight"):
        train(options("laser", jnd_set, tmp_path / "run", stage="jnd", init=str(tmp_path / "w.safetensors")))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["rec", "e2e_rec", "mj_lat"])
def test_the_other_variants_train(variant: str, files, jnd_set: Path, options, tmp_path: Path) -> None:
    names = ("jnd1", "jnd2", "jnd3") if variant.startswith("mj") else ("jnd1",)
    init = ",".join(str(files[name]) for name in names)
    report = train(options("laser", jnd_set, tmp_path / "run", variant=variant, init=init))
    predictor = laser_predictor(f"{variant}:{report.weights}")
    levels = predictor.picture(Frame(0, read_picture(jnd_set.parent / "images/val/p3.png"), "p3")).levels
    assert len(levels) == len(names) and list(levels) == sorted(levels)
