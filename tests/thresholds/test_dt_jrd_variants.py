"""DT-JRD with context around the box and a confidence map: what it is shown, its channel, its card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch

from vcmpipe.errors import InputError
from vcmpipe.thresholds import load_predictor
from vcmpipe.thresholds.crops import confidence_map, cut, grown_box, resized, shown
from vcmpipe.thresholds.dt_jrd import build, freeze, load, load_start
from vcmpipe.thresholds.weights import read_state, write_weights

TINY, SIZE = "test_vit", 64
CHANNEL = "patch_embed.proj.confidence"
PICTURE = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def noise(channels: int) -> torch.Tensor:
    return torch.randn(2, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(2))


def network(confidence: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    made = build(TINY, SIZE, confidence=confidence).eval()
    torch.manual_seed(1)
    torch.nn.init.normal_(made.head.weight, std=1.0)  # a head that says something
    return made


@pytest.mark.parametrize(
    ("box", "context", "pixels"),
    [
        ((20, 10, 30, 30), 0.0, (20, 10, 30, 30)),
        ((20, 10, 30, 30), 0.5, (15, 0, 35, 40)),
        ((20, 10, 30, 30), 0.25, (18, 5, 32, 35)),
        ((0, 0, 10, 10), 0.5, (0, 0, 15, 15)),  # a corner of the picture
        ((54, 38, 64, 48), 0.5, (49, 33, 64, 48)),  # the opposite one
        ((-5, -5, 100, 100), 2.0, (0, 0, 64, 48)),  # all of it
        ((20, 20, 20, 20), 0.5, (20, 20, 21, 21)),  # one pixel has no half
        ((20, 20, 20, 20), 1.0, (19, 19, 22, 22)),
        ((80, 20, 90, 25), 1.0, (62, 15, 64, 30)),  # outside: from the nearest pixels
    ],
)
def test_boxes_grow_within_the_picture(
    box: tuple[float, ...], context: float, pixels: tuple[int, int, int, int]
) -> None:
    assert grown_box(box, 64, 48, context) == pixels


@pytest.mark.parametrize(
    ("boxes", "scores", "places"),
    [
        ([], [], {(0, 0): 0.0, (47, 63): 0.0}),
        ([[2, 3, 6, 7]], [0.5], {(3, 2): 0.5, (6, 5): 0.5, (7, 5): 0.0, (6, 6): 0.0, (2, 2): 0.0}),
        ([[2.4, 3.4, 5.2, 6.2]], [0.5], {(3, 2): 0.5, (6, 5): 0.5, (7, 6): 0.0}),  # every pixel that it touches
        ([[0, 0, 20, 20], [10, 10, 30, 30]], [0.75, 0.25], {(15, 15): 0.75, (25, 25): 0.25, (5, 5): 0.75}),
        ([[10, 10, 30, 30], [0, 0, 20, 20]], [0.25, 0.75], {(15, 15): 0.75, (25, 25): 0.25, (5, 5): 0.75}),
        ([[-9, -9, 900, 900]], [1.0], {(0, 0): 1.0, (47, 63): 1.0}),
        ([[7, 7, 7, 7]], [0.0], {(7, 7): 0.0}),
    ],
)
def test_scores_are_painted_in_their_boxes(
    boxes: list[list[float]], scores: list[float], places: dict[tuple[int, int], float]
) -> None:
    painted = confidence_map(np.array(boxes), np.array(scores), 64, 48)
    assert painted.shape == (48, 64) and painted.dtype == np.float32
    assert {place: float(painted[place]) for place in places} == places


@pytest.mark.parametrize(
    ("boxes", "scores", "says"),
    [
        ([[0, 0, 4, 4]], [float("nan")], "a number in 0..1, not nan"),
        ([[0, 0, 4, 4]], [1.5], "not 1.5"),
        ([[0, 0, 4, 4]], [-0.1], "not -0.1"),
        ([[0, 0, 4, 4]], [0.5, 0.5], "1 boxes do not go with 2 scores"),
        ([[4, 0, 0, 4]], [0.5], "inside out"),
    ],
)
def test_maps_that_cannot_be_painted(boxes: list[list[float]], scores: list[float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        confidence_map(boxes, scores, 64, 48)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("context", [0.0, 0.5])
def test_map_and_pixels_are_cut_and_mirrored_alike(context: float, mirrored: bool) -> None:
    box = (20, 10, 30, 30)
    painted = np.repeat(PICTURE[..., :1].astype(np.float32) / 255, 3, axis=2)
    image = shown(PICTURE, box, 32, context=context, confidence=painted[..., 0], mirrored=mirrored)
    assert image.shape == (4, 32, 32)
    left, top, right, bottom = grown_box(box, 64, 48, context)
    crop = np.ascontiguousarray(PICTURE[top:bottom, left:right][:, :: -1 if mirrored else 1])
    assert torch.equal(image[:3], resized(crop, 32))
    red = image[0] * 0.229 + 0.485  # the map is the red channel: not normalised
    assert torch.allclose(image[3], red, atol=1e-5)


def test_without_additions_a_crop_is_the_published_one() -> None:
    box = (3.3, 4.4, 20.2, 17.0)
    assert torch.equal(shown(PICTURE, box, 32), resized(cut(PICTURE, box), 32))


def test_the_fourth_channel_changes_nothing_until_it_is_trained() -> None:
    published, variant = network(False), network(True)
    assert set(variant.state_dict()) - set(published.state_dict()) == {CHANNEL}
    assert variant.state_dict()[CHANNEL].shape == (64, 1, 16, 16) and not variant.state_dict()[CHANNEL].any()
    images = noise(4)
    with torch.no_grad():
        assert torch.allclose(variant(images), published(images[:, :3]), atol=1e-4)
        torch.nn.init.normal_(variant.patch_embed.proj.confidence, std=0.5)
        assert not torch.allclose(variant(images), published(images[:, :3]), atol=1e-2)


@pytest.mark.parametrize("head", [False, True])
def test_published_weights_are_a_start(head: bool) -> None:
    published, variant = network(False), network(True)
    torch.nn.init.ones_(variant.patch_embed.proj.confidence)
    load_start(variant, published.state_dict(), "w.pth", head=head)
    assert not variant.patch_embed.proj.confidence.any()
    assert torch.equal(variant.patch_embed.proj.weight, published.patch_embed.proj.weight)
    torch.nn.init.ones_(variant.patch_embed.proj.confidence)
    another = network(True)
    load_start(another, variant.state_dict(), "w.pth", head=head)  # the channel of a run goes on
    assert another.patch_embed.proj.confidence.all()


@pytest.mark.parametrize(
    ("into", "of", "says"), [(True, False, f"it lacks {CHANNEL}"), (False, True, f"it has {CHANNEL}, which is unknown")]
)
def test_weights_of_the_other_variant(into: bool, of: bool, says: str) -> None:
    with pytest.raises(InputError, match=f"w.pth is of another architecture: {says}"):
        load(network(into), network(of).state_dict(), "w.pth")


def test_the_channel_trains_where_the_other_patches_are_frozen() -> None:
    variant = network(True)
    freeze(variant)
    assert variant.patch_embed.proj.confidence.requires_grad
    assert not variant.patch_embed.proj.weight.requires_grad and not variant.patch_embed.proj.bias.requires_grad
    variant(noise(4)).square().sum().backward()
    assert variant.patch_embed.proj.confidence.grad.abs().sum() > 0


@pytest.mark.parametrize("card", [{}, {"context": 0.5}, {"confidence": True}, {"context": 0.5, "confidence": True}])
def test_a_predictor_reads_from_its_card_what_it_is_shown(card: dict[str, object], tmp_path: Path, make_frame) -> None:
    made = network(bool(card.get("confidence")))
    if card.get("confidence"):
        torch.nn.init.normal_(made.patch_embed.proj.confidence, std=0.1)
    weights = tmp_path / "w.safetensors"
    write_weights(weights, made, {"model": "dt_jrd", "backbone": TINY, "size": SIZE} | card)
    predictor = load_predictor(f"dt_jrd:{weights}")
    assert predictor.context == card.get("context", 0.0) and predictor.confidence is card.get("confidence", False)
    frame = make_frame(160, 120)
    boxes = np.array([[10, 10, 50, 40], [30, 20, 90, 100], [150, 0, 160, 30]], np.float32)
    scores = np.array([0.9, 0.4, 0.6], np.float32)
    found = predictor.predict(frame, sv.Detections(boxes, confidence=scores))
    painted = confidence_map(boxes, scores, 160, 120) if card.get("confidence") else None
    for n in range(3):
        image = shown(frame.rgb, boxes[n], SIZE, context=predictor.context, confidence=painted)
        with torch.no_grad():
            mass = torch.softmax(made(image[None])[0].double(), 0)
        assert found.mass[n] == pytest.approx(mass.numpy(), abs=1e-5)
    alone = predictor.predict(frame, sv.Detections(boxes[1:2], confidence=scores[1:2]))
    others_count = not np.allclose(alone.mass[0], found.mass[1], atol=1e-6)
    assert others_count == bool(card.get("confidence"))
    assert len(predictor.predict(frame, sv.Detections.empty())) == 0


def test_answers_of_variants_are_cached_apart(tmp_path: Path) -> None:
    digests = set()
    for context in (0.0, 0.5, 1.0):
        weights = tmp_path / "w.safetensors"
        write_weights(weights, network(False), {"model": "dt_jrd", "backbone": TINY, "size": SIZE, "context": context})
        digests.add(load_predictor(f"dt_jrd:{weights}").digest)
    assert len(digests) == 3
    assert min(digests, key=len).split()[0] == "dt_jrd" and len(min(digests, key=len).split()) == 2  # as ever


@pytest.mark.parametrize("confidence", [None, np.array([np.nan], np.float32)])
def test_detections_without_scores(confidence: np.ndarray | None, tmp_path: Path, make_frame) -> None:
    weights = tmp_path / "w.safetensors"
    write_weights(weights, network(True), {"model": "dt_jrd", "backbone": TINY, "size": SIZE, "confidence": True})
    detections = sv.Detections(np.array([[5, 5, 60, 50]], np.float32), confidence=confidence)
    with pytest.raises(InputError, match="needs the score of every detection") as caught:
        load_predictor(f"dt_jrd:{weights}").predict(make_frame(80, 70), detections)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({"context": -1}, "the context must be a number from 0 on, not -1"),
        ({"context": float("inf")}, "Infinity is not a number"),
        ({"context": "x"}, "not 'x'"),
        ({"context": True}, "not True"),
        ({"confidence": 1}, "confidence must be true or false, not 1"),
        ({}, "was trained with a confidence map, which its card"),
    ],
)
def test_cards_that_do_not_fit(card: dict[str, object], says: str, tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    write_weights(weights, network(True), {"model": "dt_jrd", "backbone": TINY, "size": SIZE} | card)
    with pytest.raises(InputError, match=says):
        load_predictor(f"dt_jrd:{weights}")


def test_weights_with_the_channel_need_their_card(tmp_path: Path) -> None:
    torch.save(network(True).state_dict(), tmp_path / "w.pth")
    assert CHANNEL in read_state(tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth was trained with a confidence map"):
        load_predictor(f"dt_jrd:{tmp_path / 'w.pth'}")


def test_a_backbone_without_patches_of_rgb() -> None:
    with torch.device("meta"), pytest.raises(InputError, match="makes no patches of RGB"):
        build("vit_small_r26_s32_384", 384, confidence=True)
