"""Every format that strangers may hand us: real files of it, how they are spoiled, and what reads them.

A reader returns, or raises an error for a user (VcmError) or leaves with its exit code; all else is a fault of ours.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hostile_bytes as spoil

from vcmpipe.cli.main import main
from vcmpipe.errors import VcmError

Files = Mapping[str, bytes]
"""A corpus of one format: real files by their names."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        make: Writes real files of it into a folder, from one with coded demo pictures.
        ending: What a case's name ends in.
        spoil: A hostile file out of real ones.
        use: Reads it; what it writes goes below ``out`` in the working folder.
    """

    make: Callable[[Path, Path], None]
    ending: str
    spoil: Callable[[random.Random, Files], bytes]
    use: Callable[[Path], object]


def any_bytes(rng: random.Random, files: Files) -> bytes:
    return spoil.spoiled(rng, files[rng.choice(sorted(files))])


def any_json(rng: random.Random, files: Files) -> bytes:
    return spoil.spoiled_json(rng, json.loads(files[rng.choice(sorted(files))]))


def any_text(rng: random.Random, files: Files) -> bytes:
    return spoil.spoiled_text(rng, files[rng.choice(sorted(files))].decode())


def any_stream(rng: random.Random, files: Files) -> bytes:
    streams = [files[name] for name in sorted(files)]
    return spoil.spoiled_stream(rng, rng.choice(streams), streams)


codes: list[int] = []
"""Exit codes of the command line since the worker looked last."""


def command(*words: object) -> None:
    """Run the command line and keep its exit code."""
    try:
        codes.append(main([str(word) for word in words]))
    except SystemExit as done:  # --print-config
        codes.append(int(done.code or 0))


# --- what coded demo pictures are made of ---------------------------------------------------------------------------


def coded(folder: Path) -> None:
    """Demo pictures, and streams of them in each codec and structure that is at hand, with sidecars."""
    from vcmpipe.datasets.scenes import render_scene
    from vcmpipe.encoders import load_encoder
    from vcmpipe.errors import VcmError
    from vcmpipe.frames import scale_rgb, write_png

    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(6):
        # Small ones: what hides behind headers is the same.
        write_png(pictures / f"{number:03d}.png", scale_rgb(render_scene(920_000 + number // 3).rgb, (128, 96)))
    words = ["encode", "--detector", "demo", "--predictor", "constant:32", "--no-check", "--limit", "3"]
    ways: dict[str, list[str]] = {
        "slices": ["--realise", "regions", "--background", "+8"],
        "subpictures": ["--realise", "regions", "--form", "subpictures"],
        "uniform": ["--realise", "uniform", "--scale", "0.75"],
        "random-access": ["--structure", "random-access", "--limit", "6"],
        "low-delay": ["--structure", "low-delay", "--limit", "6"],
    }
    for name in ("uvg266", "kvazaar"):
        try:
            load_encoder(name)
        except VcmError:
            continue
        ways[name] = ["--encoder", name]
        ways[f"{name}-low-delay"] = ["--encoder", name, "--structure", "low-delay", "--limit", "6"]
    for name, more in ways.items():
        if main([*words, "-i", str(pictures), "-o", str(folder / f"{name}.bin"), *more]) != 0:
            raise RuntimeError(f"{name} was not coded")


def streams(folder: Path, source: Path) -> None:
    for path in sorted(source.glob("*.bin")):
        shutil.copy(path, folder)


def use_stream(path: Path) -> None:
    """Through the three commands; the decoder in this process, which is what a child process is kept for."""
    from vcmpipe.bitstream import concatenate, count_pictures

    for action in (count_pictures, lambda data: concatenate([data, data])):
        with contextlib.suppress(VcmError):
            action(path.read_bytes())
    command("inspect", path)
    command("extract", path, "-o", "out/part.bin", "--region", "0")
    command("decode", path, "-o", "out/pictures", "--overwrite")


# --- sidecars, configurations, annotations, descriptions -------------------------------------------------------------


def sidecars(folder: Path, source: Path) -> None:
    for name in ("slices", "random-access"):
        shutil.copy(source / f"{name}.json", folder)
        shutil.copy(source / f"{name}.bin", folder.parent / "stream.bin")


def use_sidecar(path: Path) -> None:
    # Of the two streams the one whose digest it has, if it still has one of them.
    stream = "random-access" if b"random-access.bin" in path.read_bytes()[:200] else "slices"
    data = CORPUS / "coded" / f"{stream}.bin"
    command("inspect", data, "--sidecar", path, "--verify-map")
    command("decode", data, "--sidecar", path, "-o", "out/pictures", "--overlay", "--overwrite")
    # Beside its stream, where extract finds it.
    shutil.copy(data, "out/beside.bin")
    shutil.copy(path, "out/beside.json")
    command("extract", "out/beside.bin", "-o", "out/part.bin", "--region", "0")


def configurations(folder: Path, source: Path) -> None:
    text = "# options\noverwrite: true\nout: out/pictures\nrestore: yes\noverlay: false\nsidecar: null\njson: true\n"
    (folder / "decode.yaml").write_text(text)


def use_configuration(path: Path) -> None:
    command("decode", CORPUS / "coded" / "slices.bin", "--config", path, "-o", "out/pictures")
    command("decode", "--config", path, "--print-config")


def annotations(folder: Path, source: Path) -> None:
    images = [{"id": n, "file_name": f"{n}.png", "width": 128, "height": 96} for n in range(3)]
    boxes = [{"id": n, "image_id": n % 3, "category_id": 1 + n % 2, "bbox": [1, 2, 30, 40], "area": 1200, "iscrowd": 0}
             for n in range(8)]  # fmt: skip
    named = [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}]
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": named}))


def use_annotations(path: Path) -> None:
    import numpy as np
    import supervision as sv

    from vcmpipe.evaluation import coco_accuracy, load_ground_truth

    truth = load_ground_truth(path)
    found = sv.Detections(np.array([[1.0, 2, 31, 42]]), confidence=np.array([0.9]), class_id=np.array([0]))
    coco_accuracy(truth, {"0.png": found}, {0: "person"})


def tracks(folder: Path, source: Path) -> None:
    rows = [f"{frame},{track},{10 + frame},{20 + track},30,40,1,1,0.9" for frame in (1, 2, 3) for track in (1, 2)]
    (folder / "gt.txt").write_text("\n".join(rows) + "\n")


def use_tracks(path: Path) -> None:
    from vcmpipe.evaluation.mot import read_mot

    read_mot(path)


def found_json(folder: Path, source: Path) -> None:
    """Each form of JSON that detections come in: COCO's two, a sidecar, a prediction."""
    line = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}
    thing = {"bbox_xyxy": [1, 2, 30, 40], "class_id": 0, "class_name": "person", "score": 0.5}
    named = {"images": [{"id": 1, "file_name": "001.png"}], "categories": [{"id": 1, "name": "cat"}]}
    pictures = [{"source": f"{n:03d}.png", "objects": [thing] * n} for n in range(3)]
    for name, document in {
        "results": [line, line | {"image_id": "002.png"}, line | {"category_id": 90, "category_name": "x"}],
        "set": named | {"annotations": [line, line | {"iscrowd": 1}]},
        "sidecar": {"schema": 2, "segments": [{"frames": pictures}]},
        "prediction": {"version": 1, "pictures": pictures},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def found_tables(folder: Path, source: Path) -> None:
    head = "picture,x1,y1,x2,y2,class_id,class_name,confidence,track"
    (folder / "a.csv").write_text(f"{head}\n001.png,1,2,30,40,0,cat,0.5,3\nx/002.png,-1,2,300,40,1,dog,1,\n")
    (folder / "b.csv").write_text("picture;x1;y1;x2;y2;class_name\n001;1;2;3;4;car\n")


def found_labels(folder: Path, source: Path) -> None:
    for number in range(1, 3):
        (folder / f"{number:03d}.txt").write_text("0 0.5 0.5 0.1 0.1 0.9 3\n" * number + "1 0.2 0.2 0.1 0.1\n")


def use_found(path: Path) -> None:
    """Read, and looked up in."""
    import numpy as np

    from vcmpipe.detection.recorded import RecordedDetector
    from vcmpipe.frames import Frame

    if path.suffix == ".label":
        labels = path.with_suffix(".labels")
        labels.mkdir()
        (labels / "001.txt").write_bytes(path.read_bytes())
        path = labels
    detector = RecordedDetector.read(path)
    samples = np.zeros((30, 40, 3), np.uint8)
    detector.detect([Frame(n, samples, f"{n:03d}.png") for n in range(4)])
    detector.remarks()


def descriptions(folder: Path, source: Path) -> None:
    from importlib import resources

    for entry in resources.files("vcmpipe.encoders").joinpath("descriptions").iterdir():
        if entry.name.endswith(".toml"):
            (folder / entry.name).write_text(entry.read_text(encoding="utf-8"))


def use_description(path: Path) -> None:
    from vcmpipe.encoders.description import read_description

    read_description(path)


def maps(folder: Path, source: Path) -> None:
    import numpy as np

    from vcmpipe.qpmap import QpMap, write_csv

    write_csv(folder / "map.csv", [QpMap(np.full((3, 4), 30), 32, 128, 96) for _ in range(2)])


def use_map(path: Path) -> None:
    from vcmpipe.qpmap import read_csv

    read_csv(path)


# --- pictures and video ----------------------------------------------------------------------------------------------


def pictures(folder: Path, source: Path) -> None:
    import cv2

    picture = cv2.imread(str(source / "pictures" / "000.png"))
    for ending in ("png", "jpg", "webp", "bmp", "tiff"):
        cv2.imwrite(str(folder / f"p.{ending}"), picture)
    cv2.imwrite(str(folder / "deep.png"), picture.astype("uint16") * 257)


def use_picture(path: Path) -> None:
    from vcmpipe.frames import picture_size, read_picture

    with contextlib.suppress(VcmError):
        picture_size(path)
    read_picture(path)


def raw_video(folder: Path, source: Path) -> None:
    for number, path in enumerate(sorted(source.glob("*.bin"))[:2]):
        command("decode", path, "-o", folder / f"v{number}.y4m", "--no-restore")


def videos(folder: Path, source: Path) -> None:
    import imageio_ffmpeg

    from vcmpipe.process import run

    shown = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", source / "pictures" / "%03d.png"]
    for name, how in {
        "a.mp4": ["-c:v", "mpeg4"],
        "b.mkv": ["-c:v", "ffv1"],
        "c.mp4": ["-c:v", "libx264", "-pix_fmt", "yuv420p"],
        "d.avi": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
        "e.webm": ["-c:v", "libvpx-vp9"],
    }.items():
        run([*shown, *how, folder / name], timeout=60)
    for ending in ("mp4", "mkv"):
        words = ["encode", "-i", folder / "a.mp4", "-o", folder / f"own.{ending}", "--detector", "demo"]
        command(*words, "--predictor", "constant:34", "--no-check")


def use_video(path: Path) -> None:
    from vcmpipe.frames import open_source
    from vcmpipe.frames.packets import container_of, read_container

    with contextlib.suppress(VcmError):
        if container_of(path) is not None:
            read_container(path)
    for number, frame in enumerate(open_source(path)):
        frame.rgb.sum()
        if number == 40:
            break


# --- data sets -------------------------------------------------------------------------------------------------------


def tables(folder: Path, source: Path) -> None:
    from vcmpipe.config import DatasetBuildOptions
    from vcmpipe.datasets.build import build
    from vcmpipe.datasets.label_table import label_table
    from vcmpipe.datasets.samples import write_label_table
    from vcmpipe.datasets.store import Store

    store = folder.parent / "store"
    build(DatasetBuildOptions(images=str(source / "pictures"), out=str(store), detector="demo", qps="26:50:8", limit=2))
    write_label_table(label_table(Store.open(store)), folder / "labels.parquet")
    for number, path in enumerate(sorted((store / "pictures").glob("*.parquet"))):
        shutil.copy(path, folder / f"record{number}.parquet")


def spoiled_table(rng: random.Random, files: Files) -> bytes:
    """Bytes; or a sound table with another description, or with other cells."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = files[rng.choice(sorted(files))]
    if rng.random() < 0.5 or b"vcmpipe" not in data:
        return spoil.spoiled(rng, data)
    table = pq.read_table(pa.BufferReader(files["labels.parquet"]))
    about = dict(table.schema.metadata)
    if rng.random() < 0.6:
        about[b"vcmpipe"] = spoil.spoiled_json(rng, json.loads(about[b"vcmpipe"]))
    else:
        place = rng.randrange(table.num_columns)
        values = table.column(place).to_pylist()
        values[rng.randrange(len(values))] = rng.choice(spoil.VALUES)
        try:
            column = pa.array(values)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
            column = pa.array([None] * len(values))
        table = table.set_column(place, table.column_names[place], column)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(about), sink)
    return bytes(sink.getvalue())


def use_table(path: Path) -> None:
    from vcmpipe.datasets.label_table import load_samples
    from vcmpipe.datasets.loss_table import LossTable
    from vcmpipe.datasets.records import PictureRecord

    for read in (LossTable.load, lambda file: PictureRecord.from_parquet(file.read_bytes(), str(file))):
        with contextlib.suppress(VcmError):
            read(path)
    load_samples(path)


def manifests(folder: Path, source: Path) -> None:
    tables(folder, source)
    for path in folder.iterdir():
        path.unlink()
    shutil.copy(folder.parent / "store" / "manifest.json", folder)


def use_manifest(path: Path) -> None:
    from vcmpipe.datasets.label_table import load_samples

    store = Path("out/store")
    store.mkdir(parents=True)
    shutil.copy(path, store / "manifest.json")
    load_samples(store)


# --- models and weights ----------------------------------------------------------------------------------------------


def models(folder: Path, source: Path) -> None:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    kind = onnx.TensorProto.FLOAT
    boxes = np.array([[[4, 5, 40, 50, 0.9, 1], [1, 2, 30, 20, 0.8, 0]]], np.float32)
    constants = {"answer": boxes, "axes": np.array([1, 2, 3]), "shape": np.array([-1, 1, 1])}
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("Sub", ["column", "column"], ["nothing"]),
        helper.make_node("Add", ["nothing", "answer"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("output", kind, [None, None, None])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'cat', 1: 'dog'}", "task": "detect"})
    onnx.save(model, str(folder / "small.onnx"))


def spoiled_model(rng: random.Random, files: Files) -> bytes:
    """Bytes; or a sound model with other names, sizes, types, operators or weights elsewhere."""
    import onnx

    (data,) = files.values()
    if rng.random() < 0.5:
        return spoil.spoiled(rng, data)
    model = onnx.load_from_string(data)
    action = rng.randrange(5)
    if action == 0:
        model.metadata_props[0].value = rng.choice(("{1e400: 'a'}", "[" * 9000, "{0: " * 9000, *_printable()))
    elif action == 1:
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            if rng.random() < 0.5:
                dimension.dim_value = rng.choice((0, -1, 1, 2, 3, 7, 1 << 20, 1 << 40, (1 << 63) - 1))
    elif action == 2:
        node = rng.choice(model.graph.node)
        node.op_type = rng.choice(("Loop", "If", "Scan", "Expand", "Tile", "Resize", "NonZero", "Conv", "Nothing"))
    elif action == 3:
        tensor = rng.choice(model.graph.initializer)
        tensor.dims[:] = [rng.choice((0, -1, 1, 1 << 31, 1 << 62)) for _ in range(rng.randint(0, 6))]
    else:
        tensor = rng.choice(model.graph.initializer)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": rng.choice(("/etc/passwd", "../../x", "/dev/zero", "y")), "offset": "0"}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    return bytes(model.SerializeToString())


def _printable() -> Sequence[str]:
    return [word for word in spoil.WORDS if "\ud800" not in word]


def use_model(path: Path) -> None:
    import numpy as np

    from vcmpipe.detection.onnx import OnnxDetector
    from vcmpipe.frames import Frame

    OnnxDetector(path, jobs=1).detect([Frame(0, np.full((48, 64, 3), 90, np.uint8), "x.png")])


def weights(folder: Path, source: Path) -> None:
    from vcmpipe.thresholds.registry import WEIGHTS

    shutil.copy(WEIGHTS / "demo.safetensors", folder)


def spoiled_weights(rng: random.Random, files: Files) -> bytes:
    (data,) = files.values()
    return spoil.spoiled_safetensors(rng, data) if rng.random() < 0.6 else spoil.spoiled(rng, data)


def use_weights(path: Path) -> None:
    """As weights of each kind: by themselves, and beside a card that has their digest."""
    import hashlib

    from vcmpipe.thresholds.detector_aware import AwareWeights
    from vcmpipe.thresholds.registry import WEIGHTS
    from vcmpipe.thresholds.weights import read_state

    card = json.loads((WEIGHTS / "demo.json").read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    with contextlib.suppress(VcmError):
        read_state(path)
    AwareWeights.load(path)


def cards(folder: Path, source: Path) -> None:
    from vcmpipe.thresholds.registry import WEIGHTS

    shutil.copy(WEIGHTS / "demo.json", folder)


def use_card(path: Path) -> None:
    from vcmpipe.thresholds.calibrated import CalibratedCard
    from vcmpipe.thresholds.detector_aware import AwareWeights
    from vcmpipe.thresholds.registry import WEIGHTS
    from vcmpipe.thresholds.weights import read_card

    shutil.copy(WEIGHTS / "demo.safetensors", path.with_suffix(".safetensors"))
    for read in (CalibratedCard.read, read_card):
        with contextlib.suppress(VcmError):
            read(path)
    AwareWeights.load(path)


def states(folder: Path, source: Path) -> None:
    import torch

    torch.manual_seed(1)
    named = {"head.weight": torch.randn(4, 8), "head.bias": torch.zeros(4)}
    torch.save({"state_dict": named, "optimizer_states": [], "loops": {}}, folder / "last.pth")


def use_state(path: Path) -> None:
    from vcmpipe.thresholds.weights import read_state
    from vcmpipe.training.engine import check_state

    with contextlib.suppress(VcmError):
        check_state(path)
    read_state(path)


def jnd_maps(folder: Path, source: Path) -> None:
    import numpy as np

    from vcmpipe.jnd.maps import write_map

    write_map(folder / "map.npy", np.full((96, 128), 3.5, np.float32), {"source": "x", "weights": "y"})
    (folder / "map.png").unlink()


def use_jnd_map(path: Path) -> None:
    import numpy as np

    from vcmpipe.frames import Frame
    from vcmpipe.jnd.maps import read_jnd_map

    read_jnd_map(path, Frame(0, np.zeros((96, 128, 3), np.uint8), "x.png"))


STREAMS = "streams"
CORPUS = Path("corpus")
FORMATS: dict[str, Format] = {
    STREAMS: Format(streams, ".bin", any_stream, use_stream),
    "sidecar (JSON)": Format(sidecars, ".json", any_json, use_sidecar),
    "configuration (YAML)": Format(configurations, ".yaml", any_text, use_configuration),
    "annotations (COCO JSON)": Format(annotations, ".json", any_json, use_annotations),
    "tracks (MOT text)": Format(tracks, ".txt", any_text, use_tracks),
    "detections (JSON)": Format(found_json, ".json", any_json, use_found),
    "detections (CSV)": Format(found_tables, ".csv", any_text, use_found),
    "detections (MOT text)": Format(tracks, ".txt", any_text, use_found),
    "detections (YOLO labels)": Format(found_labels, ".label", any_text, use_found),
    "encoder description (TOML)": Format(descriptions, ".toml", any_text, use_description),
    "QP map (CSV)": Format(maps, ".csv", any_text, use_map),
    "label table, records (parquet)": Format(tables, ".parquet", spoiled_table, use_table),
    "manifest of a store (JSON)": Format(manifests, ".json", any_json, use_manifest),
    "detector (ONNX)": Format(models, ".onnx", spoiled_model, use_model),
    "weights (safetensors)": Format(weights, ".safetensors", spoiled_weights, use_weights),
    "card of weights (JSON)": Format(cards, ".json", any_json, use_card),
    "weights, training state (torch)": Format(states, ".pth", any_bytes, use_state),
    "JND map (NPY)": Format(jnd_maps, ".npy", any_bytes, use_jnd_map),
    "pictures (PNG, JPEG, WebP, BMP, TIFF)": Format(pictures, "", any_bytes, use_picture),
    "raw video (y4m)": Format(raw_video, ".y4m", any_bytes, use_video),
    "video (MP4, MKV, AVI, WebM)": Format(videos, "", any_bytes, use_video),
}
