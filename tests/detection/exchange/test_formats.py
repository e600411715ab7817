"""Every format: what is written comes back, and files that say something else are refused by name and place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.detection.base import TRACK
from vcmpipe.detection.coco_names import COCO_80
from vcmpipe.detection.exchange import FORMATS, FrameDetections, format_of, read_detections
from vcmpipe.detection.recorded import RecordedDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame

COCO = dict(enumerate(COCO_80))
OWN = {0: "ring", 3: "=star"}
NAMES = ["found.json", "found.coco.json", "found.csv", "found.parquet", "found.txt", "labels"]


def found(boxes: Sequence[Sequence[float]], classes: Sequence[int], scores: Sequence[float]) -> sv.Detections:
    return sv.Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.array(scores, np.float32),
        class_id=np.array(classes, np.int64),
    )


# Awkward numbers: thirds, borders, a confidence that no short decimal is.
PARTS = [
    ((64, 42), found([(10.25, 20.1, 31.7, 30.3), (0, 0, 64, 42)], [0, 3], [1 / 3, 0.3]), [4, -1]),
    ((58, 64), found([], [], []), []),
    ((33, 17), found([(1 / 3, 2 / 3, 33, 17)], [3], [1.0]), [4]),
]
PICTURES = ["in/000139.jpg", "in/=b.v2.jpg", "in/c c.png"]
VIDEO = [f"some/clip.mp4#{number}" for number in (0, 1, 7)]


def frames(sources: Sequence[str]) -> list[Frame]:
    times = [Fraction(0) if "#" in source else None for source in sources]
    numbers = [int(source.partition("#")[2] or place) for place, source in enumerate(sources)]
    return [
        Frame(number, np.zeros((size[1], size[0], 3), np.uint8), source, time)
        for number, source, time, (size, _, _) in zip(numbers, sources, times, PARTS, strict=True)
    ]


def write(path: Path, shown: Sequence[Frame], classes: Mapping[int, str]) -> None:
    form = format_of(path)
    if form.is_folder:
        path.mkdir()
    parts = zip(shown, PARTS, strict=True)
    form.write([FrameDetections.of(each, own, np.array(track)) for each, (_, own, track) in parts], classes, path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sources", [PICTURES, VIDEO], ids=["pictures", "video"])
@pytest.mark.parametrize("classes", [COCO, OWN], ids=["coco", "own"])
def test_what_is_written_is_read(tmp_path: Path, name: str, sources: list[str], classes: dict[int, str]) -> None:
    shown = frames(sources)
    write(tmp_path / name, shown, classes)
    mot = name.endswith(".txt")
    detector = RecordedDetector.read(tmp_path / name)
    again = detector.detect(shown)
    for (_, own, track), new in zip(PARTS, again, strict=True):
        np.testing.assert_array_equal(new.xyxy, own.xyxy)
        np.testing.assert_array_equal(new.confidence, own.confidence)
        # MOT's results have no classes.
        names = [detector.classes[number] for number in new.class_id.tolist()]
        assert names == ["person" if mot else classes[number] for number in own.class_id.tolist()]
        if not mot:
            np.testing.assert_array_equal(new.class_id, own.class_id)
        if mot or name.endswith((".csv", ".parquet")):
            numbers = [each + mot if each >= 0 else -1 for each in track]
            assert new.data.get(TRACK, np.full(len(new), -1)).tolist() == numbers
    assert detector.remarks() == [] or not name.startswith(("labels", "found.coco"))


def test_formats_by_name(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    names = {name: format_of(tmp_path / name).name for name in (*NAMES, "X.COCO.JSON", "folder.csv", "a.b")}
    assert list(names.values()) == [
        *("COCO results", "COCO data set", "CSV", "Parquet", "MOT text", "YOLO labels"),
        *("COCO data set", "YOLO labels", "YOLO labels"),
    ]
    assert len({each.name for each in FORMATS}) == len(FORMATS)


def test_coco_results_are_those_of_pycocotools(tmp_path: Path) -> None:
    """Loaded against a data set of ours, numbers and all."""
    pycocotools = pytest.importorskip("pycocotools.coco")
    shown = frames(["in/000139.jpg", "in/7.jpg", "in/12.png"])
    for name in ("found.json", "truth.coco.json"):
        write(tmp_path / name, shown, COCO)
    truth = json.loads((tmp_path / "truth.coco.json").read_text())
    assert [each["file_name"] for each in truth["images"]] == ["000139.jpg", "7.jpg", "12.png"]
    results = json.loads((tmp_path / "found.json").read_text())
    assert [(each["image_id"], each["category_id"]) for each in results] == [(139, 1), (139, 4), (12, 4)]
    for image, number in zip(truth["images"], (139, 7, 12), strict=True):
        for each in truth["annotations"]:
            each["image_id"] = number if each["image_id"] == image["id"] else each["image_id"]
    truth["images"] = [each | {"id": number} for each, number in zip(truth["images"], (139, 7, 12), strict=True)]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    loaded = pycocotools.COCO(str(tmp_path / "truth.json"))
    assert len(loaded.loadRes(str(tmp_path / "found.json")).getAnnIds()) == 3
    # What FiftyOne and CVAT ask of a data set: sizes, areas, rectangles without a polygon.
    assert {each["segmentation"] == [] and each["iscrowd"] == 0 for each in truth["annotations"]} == {True}
    assert [(each["width"], each["height"]) for each in truth["images"]] == [size for size, _, _ in PARTS]


def test_frames_of_a_video_are_called_as_decode_calls_them(tmp_path: Path) -> None:
    write(tmp_path / "v.coco.json", frames(VIDEO), COCO)
    images = json.loads((tmp_path / "v.coco.json").read_text())["images"]
    assert [each["file_name"] for each in images] == ["clip_000000.png", "clip_000001.png", "clip_000007.png"]
    write(tmp_path / "labels", frames(VIDEO), COCO)
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == [
        *("classes.txt", "clip_1.txt", "clip_2.txt", "clip_8.txt")
    ]


def test_names_that_repeat_have_folders(tmp_path: Path) -> None:
    shown = frames(["x/a/1.png", "x/b/1.png", "x/b/2.png"])
    write(tmp_path / "found.csv", shown, COCO)
    assert {line.partition(",")[0] for line in (tmp_path / "found.csv").read_text().splitlines()[1:]} == {
        *("a/1.png", "b/2.png")
    }
    # Nothing is said of b/1.png, and what is said of a/1.png is not about it, whichever comes first.
    for order in (shown, shown[::-1]):
        detector = RecordedDetector.read(tmp_path / "found.csv")
        detector.settle((each.source, each.index) for each in order)
        assert [len(own) for own in detector.detect(shown)] == [2, 0, 1]
    with pytest.raises(InputError, match="two pictures are called 1, and YOLO's labels have a file for each name"):
        write(tmp_path / "labels", shown, COCO)


def test_our_own_documents(tmp_path: Path) -> None:
    thing = {"bbox_xyxy": [1, 2, 3, 4], "class_id": 5, "class_name": "bus", "score": 0.5, "threshold": 30}
    frame = {"source": "a.png", "index": 0, "objects": [thing, thing | {"bbox_xyxy": [0, 0, 9, 9]}]}
    empty = {"source": "b.png", "index": 1, "objects": []}
    documents = {
        "sidecar": {"schema": 2, "stream": "x", "segments": [{"frames": [frame]}, {"frames": [empty]}]},
        "prediction": {"version": 1, "detector": "demo", "pictures": [frame, empty]},
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        table, _ = read_detections(tmp_path / f"{name}.json")
        assert table.classes == {5: "bus"} and {each: len(own) for each, own in table.places.items()} == {
            "a.png": 2,
            "b.png": 0,
        }
    documents["sidecar"]["segments"][1]["frames"] = [frame]  # type: ignore[index]
    (tmp_path / "twice.json").write_text(json.dumps(documents["sidecar"]))
    with pytest.raises(InputError, match=r"twice\.json, a\.png: it occurs twice"):
        read_detections(tmp_path / "twice.json")


LINE = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
SET = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [LINE],
    "categories": [{"id": 1, "name": "cat"}],
}
HEAD = "picture,x1,y1,x2,y2,class_id,confidence"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "", "holds no detections in a form that is known"),
        ("a.json", "[1]", "holds no detections in a form that is known: Expected object, got int - at"),
        ("a.json", "{}", "COCO's results are a list"),
        ("a.json", json.dumps([LINE | {"bbox": [1, 2, 3]}]), r"Expected array of length 4 - at \$\[0\]\.bbox"),
        ("a.json", json.dumps([LINE, LINE | {"bbox": [1, 2, -3, 4]}]), "detection 2: a box -3 wide and 4 high"),
        ("a.json", '[{"image_id": 1, "category_id": 1, "bbox": [NaN, 2, 3, 4]}]', "in a form that is known"),
        ("a.json", '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 1e999, 4]}]', "known|finite"),
        ("a.json", json.dumps([LINE | {"score": 87.5}]), "detection 1: a confidence of 87.5: it is 0 to 1"),
        ("a.json", json.dumps([LINE | {"category_id": 91}]), "class 91 has no name; COCO's are 1 to 90: name yours by"),
        ("a.json", json.dumps([LINE | {"category_id": 12}]), "class 12 has no name"),
        ("a.json", json.dumps(SET | {"annotations": [LINE | {"image_id": 2}]}), "annotation 1: there is no image 2"),
        ("a.json", json.dumps(SET | {"categories": []}), "annotation 1: class 1 has no name; named are none"),
        ("a.json", json.dumps(SET | {"images": SET["images"] * 2}), "has the image id 1 twice"),
        ("a.json", json.dumps(SET | {"categories": SET["categories"] * 2}), "has the category 1 twice"),
        ("a.csv", "", "has no column picture, x1, y1, x2, y2, class_id or class_name"),
        ("a.csv", "picture,x1,y1,x2,y2\n", "has no column class_id or class_name"),
        ("a.csv", f"{HEAD},X1\n", "has the column 'x1' twice"),
        ("a.csv", f"{HEAD}\na.png,1,2,3,4,0,0.5\na.png,1,2\n", "line 3: 3 values for 7 columns"),
        ("a.csv", f"{HEAD}\na.png,1,2,nan,4,0,0.5\n", "line 2: the box 1, 2, nan, 4 is not finite"),
        ("a.csv", f"{HEAD}\na.png,1,2,x,4,0,0.5\n", "line 2: x2 'x' is not a number"),
        ("a.csv", f"{HEAD}\na.png,1,2,3,4,0.5,0.5\n", "line 2: class_id '0.5' is not a whole number"),
        ("a.csv", f"{HEAD}\na.png,1,2,3,4,80,0.5\n", "line 2: class 80 has no name; COCO's are 0 to 79"),
        ("a.csv", f"{HEAD}\n,1,2,3,4,0,0.5\n", "line 2: picture is empty"),
        ("a.csv", f'{HEAD}\n"a.png,1\n', "is not CSV"),
        ("a.csv", f"{HEAD},class_name\na,1,2,3,4,0,1,x\na,1,2,3,4,0,1,y\n", "class 0 is called x and y"),
        ("a.parquet", "PAR1", "is damaged, or not Parquet"),
        ("a.txt", "1,7,11,21,30,40\n", r"a\.txt, line 1: 6 columns"),
        ("a.txt", "1,7,1,1,5,5,1,-1,-1,-1\n1,7,2,2,5,5,1,-1,-1,-1\n", "line 2: track 7 is in frame 1 already"),
        ("a.txt", "1,7,1,1,5,5,1,8,1\n", "line 1: class 8, where 1, 3, 4, 5 have names"),
        ("a.txt", "1,7,1,1,5,5,45.2,-1,-1,-1\n", "line 1: a confidence of 45.2"),
        ("labels/a.txt", "0 0.5 0.5 0.1\n", r"a\.txt, line 1: 4 values, where class cx cy"),
        ("labels/a.txt", "\n0 312 200 50 50\n", "line 2: the box 312 200 50 50 is not in shares"),
        ("labels/a.txt", "0 0.5 0.5 -0.1 0.1\n", "line 1: a box -0.1 wide and 0.1 high"),
        ("labels/a.txt", "0 nan 0.5 0.1 0.1\n", "line 1: the box nan 0.5 0.1 0.1 is not in shares"),
        ("labels/a.txt", "0 x 0.5 0.1 0.1\n", "are not numbers"),
        ("labels/a.txt", "80 0.5 0.5 0.1 0.1\n", "class 80 has no name; COCO's are 0 to 79"),
        ("labels/a.txt", "0.5 0.5 0.5 0.1 0.1\n", "is not a whole number"),
        ("labels/a.txt", "0 0.5 0.5 0.1 0.1 0.9 1e30\n", "line 1: track 1"),
        ("labels/a.md", "", "holds no labels"),
        ("a.xyz", "", "is not a file of detections: its name ends in .coco.json, .json"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_detections(path if "/" not in name else path.parent)
    assert "\n" not in str(error.value)


def test_more_than_such_a_file_can_have(tmp_path: Path) -> None:
    for name in ("a.json", "a.csv", "a.txt", "a.parquet"):
        with (tmp_path / name).open("wb") as file:
            file.truncate((1 << 30) + 1)
        with pytest.raises(InputError, match="more than such a file can have"):
            read_detections(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "classes", "expected"),
    [
        ("a.json", json.dumps([LINE]), None, {0: "person"}),
        ("a.json", json.dumps([LINE | {"category_id": 90}]), None, {79: "toothbrush"}),
        ("a.json", json.dumps([LINE | {"category_id": 2}]), "cat\ndog\n", {1: "dog"}),
        ("a.json", json.dumps([LINE | {"category_id": 7}]), '{"7": "dog"}', {6: "dog"}),
        ("a.json", json.dumps([LINE | {"category_id": 0}]), '{"0": "dog"}', {0: "dog"}),
        ("a.csv", f"{HEAD}\na,1,2,3,4,1,1\n", "cat\ndog\n", {1: "dog"}),
        ("a.csv", "picture;x1;y1;x2;y2;class_name\na;1;2;3;4;car\n", None, {2: "car"}),
        ("a.csv", "picture,x1,y1,x2,y2,class_name\na,1,2,3,4,owl\nb,1,2,3,4,ant\n", None, {0: "ant", 1: "owl"}),
        ("labels/a.txt", "1 0.5 0.5 0.1 0.1 0.9 17\n", "names: {0: cat, 1: dog}", {1: "dog"}),
        ("labels/a.txt", "1 0.5 0.5 0.1 0.1 0.9\n", "names: [cat, dog]", {1: "dog"}),
        ("a.txt", "1,7,1,1,5,5,1,2,1\n", "cat\ndog\n", {1: "dog"}),
        ("a.txt", "1,7,1,1,5,5,1,3,1\n", None, {2: "car"}),
        ("a.txt", "1,7,1,1,5,5,1\n", "dog", {0: "dog"}),
    ],
)
def test_classes(tmp_path: Path, name: str, text: str, classes: str | None, expected: dict[int, str]) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    given = None
    if classes is not None:
        ending = "json" if classes[0] == "{" else "yaml" if classes[:5] == "names" else "names"
        given = tmp_path / f"classes.{ending}"
        given.write_text(classes)
    table, _ = read_detections(path if "/" not in name else path.parent, given)
    assert {int(number): table.classes[number] for number in table.class_id} == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.txt", "", "names no classes .it is empty"),
        ("c.txt", "cat\n\ndog\n", "names no classes .a name is missing"),
        ("c.txt", "cat\ncat\n", "has the class 'cat' twice"),
        ("c.json", "3", "names no classes"),
        ("c.json", '{"x": "cat"}', "names no classes"),
        ("c.json", '{"categories": [{"id": 1}]}', "names no classes"),
        ("c.yaml", "names: [", "is not YAML"),
        ("c.yaml", "path: x", "names no classes"),
        ("none.txt", None, "does not exist"),
    ],
)
def test_files_that_name_no_classes(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    (tmp_path / "a.txt").write_text("1,7,1,1,5,5,1\n")
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_detections(tmp_path / "a.txt", tmp_path / name)


def test_names_of_classes_that_the_file_has(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SET))
    (tmp_path / "c.txt").write_text("dog\n")
    with pytest.raises(InputError, match="names its classes itself: leave it out"):
        read_detections(tmp_path / "a.json", tmp_path / "c.txt")


def test_crowds_and_ground_truth_that_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SET | {"annotations": [LINE, LINE | {"iscrowd": 1}]}))
    (tmp_path / "a.txt").write_text("1,7,1,1,5,5,0,1,1\n1,8,1,1,5,5,1,1,1\n")
    assert [len(read_detections(tmp_path / name)[0]) for name in ("a.json", "a.txt")] == [1, 1]


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    def digest(text: str, name: str = "a.csv") -> str:
        (tmp_path / name).write_text(text)
        return read_detections(tmp_path / name)[1]

    first = digest(f"{HEAD}\na.png,1,2,3,4,0,0.5\n")
    assert first == digest(f"{HEAD}\na.png,1.0,2,3,4,0,.5\n", "b.csv")
    others = ["b.png,1,2,3,4,0,0.5", "a.png,1,2,3,5,0,0.5", "a.png,1,2,3,4,1,0.5", "a.png,1,2,3,4,0,0.6"]
    assert len({first, *(digest(f"{HEAD}\n{line}\n") for line in others)}) == 5


def test_hidden_files_and_folders_of_labels(tmp_path: Path) -> None:
    for name in ("labels/x/a.txt", "labels/.b.txt", "labels/.c/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("0 0.5 0.5 0.1 0.1\n")
    table, _ = read_detections(tmp_path / "labels")
    assert list(table.places) == ["x/a"]
