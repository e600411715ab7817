"""The weighted AP against pycocotools: with weights of one, and with pictures that really stand there twice."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from vcmpipe.evaluation import GroundTruth, ap_table, average_precision, coco_accuracy, pseudo_truth

CLASSES = {number: f"class {number}" for number in range(12)}
PICTURES = 14


def make(seed: int, *, crowds: float = 0.06) -> tuple[list[dict], dict[str, sv.Detections]]:
    """Random objects and detections: near misses, duplicates, false alarms, ties in the scores, empty pictures."""
    rng = np.random.default_rng(seed)
    annotations: list[dict] = []
    found: dict[str, sv.Detections] = {}
    for picture in range(PICTURES):
        rows = []
        for _ in range(rng.integers(0, 7)):
            x, y, w, h = (*rng.uniform(0, 300, 2), *rng.uniform(20, 150, 2))
            number = int(rng.integers(0, 12))
            annotations.append(
                {"image_id": picture + 1, "category_id": number, "bbox": [x, y, w, h], "area": w * h,
                 "iscrowd": int(rng.random() < crowds)}
            )  # fmt: skip
            rows += [(np.array([x, y, x + w, y + h]) + rng.normal(0, 8, 4), number) for _ in range(rng.integers(0, 3))]
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = (*rng.uniform(0, 300, 2), *rng.uniform(20, 150, 2))
            rows.append((np.array([x, y, x + w, y + h]), int(rng.integers(0, 12))))
        if rows:
            # Ties between pictures are common, within a picture there is none.
            scores = rng.permutation(np.linspace(0.1, 0.9, 33))[: len(rows)]
            order = np.argsort(-scores)
            found[f"p{picture}.jpg"] = sv.Detections(
                np.array([rows[i][0] for i in order], np.float32),
                confidence=scores[order].astype(np.float32),
                class_id=np.array([rows[i][1] for i in order]),
            )
        else:
            found[f"p{picture}.jpg"] = sv.Detections.empty()
    return annotations, found


def truth_of(annotations: list[dict], names: list[str]) -> GroundTruth:
    return GroundTruth({name: number + 1 for number, name in enumerate(names)}, CLASSES, tuple(annotations))


@pytest.mark.parametrize("seed", range(8))
def test_weights_of_one_give_what_pycocotools_gives(seed: int) -> None:
    annotations, found = make(seed)
    truth = truth_of(annotations, list(found))
    accuracy = coco_accuracy(truth, found, CLASSES)
    table = ap_table(truth, found, CLASSES)
    ap, ap50 = table.values(np.ones((2, PICTURES)))
    assert 0.05 < accuracy.ap < 0.95
    assert ap.tolist() == pytest.approx([accuracy.ap] * 2, abs=1e-13)
    assert ap50.tolist() == pytest.approx([accuracy.ap50] * 2, abs=1e-13)
    assert table.objects == accuracy.objects


@pytest.mark.parametrize("seed", range(4))
def test_a_weight_is_that_many_copies_of_the_picture(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations, found = make(seed)
    weights = np.random.default_rng(seed).multinomial(PICTURES, [1 / PICTURES] * PICTURES, size=5)
    monkeypatch.setattr(average_precision, "_CHUNK", 500)  # done in many parts
    ap, ap50 = ap_table(truth_of(annotations, list(found)), found, CLASSES).values(weights)
    for row, drawn in enumerate(weights):
        copies: dict[str, sv.Detections] = {}
        drawn_annotations: list[dict] = []
        for picture, count in enumerate(drawn):
            for copy in range(count):
                copies[f"p{picture}-{copy}.jpg"] = found[f"p{picture}.jpg"]
                own = [a for a in annotations if a["image_id"] == picture + 1]
                drawn_annotations += [a | {"image_id": len(copies)} for a in own]
        accuracy = coco_accuracy(truth_of(drawn_annotations, list(copies)), copies, CLASSES)
        assert (ap[row], ap50[row]) == (pytest.approx(accuracy.ap, abs=1e-13), pytest.approx(accuracy.ap50, abs=1e-13))


def test_without_any_object_there_is_no_figure() -> None:
    annotations, found = make(0)
    alone = [a for a in annotations if a["image_id"] == 3]
    ap, ap50 = ap_table(truth_of(alone, list(found)), found, CLASSES).values(np.eye(PICTURES))
    assert np.flatnonzero(~np.isnan(ap)).tolist() == [2] == np.flatnonzero(~np.isnan(ap50)).tolist()
    table = ap_table(truth_of([], list(found)), found, CLASSES)
    assert table.objects == 0
    assert np.isnan(table.values(np.ones((1, PICTURES)))).all()


def test_the_source_s_own_view_and_nothing_found() -> None:
    _, found = make(1)
    truth = pseudo_truth(found, CLASSES)
    assert ap_table(truth, found, CLASSES).values(np.ones((1, PICTURES)))[1][0] == pytest.approx(
        coco_accuracy(truth, found, CLASSES).ap50
    )
    blind = dict.fromkeys(found, sv.Detections.empty())
    assert [v.tolist() for v in ap_table(truth, blind, CLASSES).values(np.ones((1, PICTURES)))] == [[0.0], [0.0]]
