r"""A short real training of networks for human eyes, on labels by a rule, against the constant.

    python benchmarks/train_jnd.py --images coco-dev/images coco-extra/images --skip 40 --work WORK

What people notice is not measured here: labels follow a rule that networks have to find out from pixels alone. E is the
energy of a picture's gradients (the mean over pixels of the squared differences to the right and below, of the grey
levels at 640x352) and M their mean, and with masking by texture and by light in mind

    JND1 = 28 + 1.5 (log2 E - 8) + (M - 110) / 8, rounded, 1..51;  JND2 = JND1 + 4;  JND3 = JND1 + 7

on the scale of H.264 QPs. ``--skip`` leaves out the first pictures of the first folder. Every source is cropped at
random, crops of a source are in one split, and test is what neither training nor the choice of an epoch has seen.
``lat`` goes through its three stages; ``mt_3ljnd`` starts at random, frozen where the paper freezes. A run that was
interrupted goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples, make_table, split_by_picture, write_samples
from vcmpipe.frames import Frame, find_pictures, read_picture, write_png
from vcmpipe.jnd.models.picture_jnd import JndPredictor, laser_predictor, mtjnd_predictor
from vcmpipe.training.run import train

WIDTH, HEIGHT = 640, 352
OFFSETS = (0, 4, 7)
# Mostly more than the papers' 1e-5: hundreds of epochs are not at hand here.
RATES = {"autoencoder": 3e-4, "lat": 1e-4, "mt_3ljnd": 1e-5}
# Autoencoders cost the most and gain the least by more pictures: a crop of this many sources is enough.
PIXEL_SOURCES = 120
SHARES = (0.65, 0.1, 0.25)


def rule(rgb: NDArray[np.uint8]) -> list[int]:
    """The three labels of a picture; see the top."""
    grey = cv2.cvtColor(cv2.resize(rgb, (WIDTH, HEIGHT)), cv2.COLOR_RGB2GRAY).astype(np.float64)
    energy = np.diff(grey, axis=1)[:-1] ** 2 + np.diff(grey, axis=0)[:, :-1] ** 2
    first = 28 + 1.5 * (np.log2(max(energy.mean(), 1.0)) - 8) + (grey.mean() - 110) / 8
    return [int(np.clip(round(first), 1, 51)) for first in (first + offset for offset in OFFSETS)]


def crop(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random part of 60 to 100 % of what fits the aspect, perhaps mirrored, at the networks' size."""
    height, width = rgb.shape[:2]
    scale = min(width / WIDTH, height / HEIGHT) * rng.uniform(0.6, 1.0)
    w, h = int(WIDTH * scale), int(HEIGHT * scale)
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    part = rgb[y : y + h, x : x + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.asarray(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def make_set(args: argparse.Namespace, name: str, sources: int | None, crops: int) -> Path:
    """A folder of samples with pictures beside it; a source has the same split in all."""
    out: Path = args.work / name
    if out.is_dir():
        return out
    files = [
        file
        for n, folder in enumerate(args.images)
        for file in list(find_pictures(folder).values())[args.skip * (not n) :]
    ]
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))[:sources]]
    rows = []
    for number, file in enumerate(files):
        (split,) = split_by_picture([file.name], shares=SHARES)
        rgb = read_picture(file)
        for nth in range(crops):
            part = crop(rgb, np.random.default_rng([number, nth]))
            path = f"{split}/{file.stem}_{nth}.png"
            write_png(args.work / "images" / path, part)
            for level, label in enumerate(rule(part), 1):
                rows.append((f"{file.stem}_{nth}_{level}", file.stem, split, float(label), level, path))
    columns = zip(("sample", "picture", "split", "label", "level", "path"), zip(*rows, strict=True), strict=True)
    table = make_table(**{name: list(values) for name, values in columns})
    root = str((args.work / "images").resolve())
    write_samples(Samples(table, "rule", "h264-qp", root=root, source={"kind": "rule"}), out)
    return out


def run(args: argparse.Namespace, data: Path, name: str, model: str, **words: object) -> Path:
    """One stage; its folder."""
    began = time.monotonic()
    out = args.work / name
    common = {"data": str(data), "batch": 4, "device": args.device, "precision": args.precision}
    options = TrainOptions(model=model, out=str(out), **common, **words)  # type: ignore[arg-type]

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {name}: {text}", file=sys.stderr, flush=True)

    train(options, say=say, warn=say)
    return out


def judge(predictor: JndPredictor, data: Path, mixed: bool) -> list[tuple[str, int, float, float]]:
    """Of the split test, by level: pictures, the network's mean absolute error, the constant's."""
    samples = load_samples(data)
    table = samples.table
    test = table[table["split"] == "test"]
    answers = {}
    for path in test["path"].unique():
        with torch.autocast(predictor.device.split(":")[0], dtype=torch.bfloat16, enabled=mixed):
            found = predictor.picture(Frame(0, read_picture(Path(samples.root or ".") / path), path))
        answers[path] = dict(zip(found.numbers, found.levels, strict=True))
    rows = []
    for level in predictor.numbers:
        median = table[(table["split"] == "train") & (table["level"] == level)]["label"].median()
        mine = test[test["level"] == level]
        errors = [abs(answers[path][level] - label) for path, label in zip(mine["path"], mine["label"], strict=True)]
        rows.append((f"JND{level}", len(mine), float(np.mean(errors)), float((mine["label"] - median).abs().mean())))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--skip", type=int, default=0, help="pictures of the first folder that are left out")
    parser.add_argument("--work", type=Path, required=True, help="a folder for pictures and runs")
    parser.add_argument("--crops", type=int, default=3, help="of each source")
    parser.add_argument("--limit", type=int, default=240, help="of mt_3ljnd: pictures of each split")
    parser.add_argument("--models", nargs="+", default=["lat", "mt_3ljnd"], choices=["lat", "mt_3ljnd"])
    parser.add_argument("--epochs", type=int, default=4, help="of lat's head")
    parser.add_argument("--vgg-epochs", type=int, default=2, help="of mt_3ljnd")
    parser.add_argument("--pixel-epochs", type=int, default=1, help="of each autoencoder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="bf16-mixed")
    args = parser.parse_args()
    pixels, data = make_set(args, "samples", PIXEL_SOURCES, 1), make_set(args, "heads", None, args.crops)
    print("| network | level | pictures | E_A | always the median |\n|---|---|---:|---:|---:|")
    for name in args.models:
        if name == "lat":
            words: dict[str, object] = {"epochs": args.pixel_epochs, "lr": RATES["autoencoder"]}
            first = run(args, pixels, "autoencoder", "laser", stage="autoencoder", **words)
            second = run(args, pixels, "jnd1", "laser", stage="jnd", init=str(first), **words)
            out = run(args, data, "lat", "laser", variant="lat", init=str(second), epochs=args.epochs, lr=RATES[name])
            predictor = laser_predictor(f"lat:{out / 'weights.safetensors'}")
        else:
            words = {"variant": name, "init": "random", "freeze": "yes", "epochs": args.vgg_epochs, "lr": RATES[name]}
            words["limit"] = args.limit
            out = run(args, data, name, "mtjnd", **words)
            predictor = mtjnd_predictor(f"{name}:{out / 'weights.safetensors'}")
        for level, count, error, constant in judge(predictor, data, args.precision == "bf16-mixed"):
            print(f"| `{name}` | {level} | {count} | {error:.2f} | {constant:.2f} |", flush=True)


if __name__ == "__main__":
    main()
