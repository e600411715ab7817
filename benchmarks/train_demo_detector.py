"""Train the demo detector from random weights on rendered scenes and write the files that ship in the package.

    python benchmarks/train_demo_detector.py --work build/demo-training

Everything is seeded and runs on one thread. The scenes are rendered once into ``--work`` (7,000 scenes: 2.3 GB);
a checkpoint is saved there at every validation, and a run that is started again goes on from it. AP50 on validation
scenes is printed. The network is written as ONNX, its weights in fp16, beside a JSON card to ``--out``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import time
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from demo_network import MEAN, STD, build_network, onnx_model
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from vcmpipe.datasets.scenes import CLASSES, HEIGHT, WIDTH, render_scene, write_demo_dataset
from vcmpipe.detection.demo import INPUT_SIZE, DemoDetector
from vcmpipe.evaluation import GroundTruth, coco_accuracy, load_ground_truth

TRAIN_SEED, VAL_SEED = 1_000_000, 800_000  # First scene seeds; seeds below 800,000 are seen in neither.
VALIDATION_SCENES = 100
EMA_DECAY = 0.998
WARMUP_STEPS = 150
# Focal loss leaves scores timid: on the validation scenes a fifth of what scored 0.3..0.4 was right, of what scored
# 0.6..0.7 nine in ten. Class logits times this bring score and precision about together.
SHARPEN = 2.5


def render_small(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scene at the network's input size: rgb, boxes in its pixels, class ids."""
    cv2.setNumThreads(1)
    scene = render_scene(seed)
    scale = np.array([INPUT_SIZE[0] / WIDTH, INPUT_SIZE[1] / HEIGHT] * 2, dtype=np.float32)
    return cv2.resize(scene.rgb, INPUT_SIZE, interpolation=cv2.INTER_AREA), scene.boxes * scale, scene.class_ids


def training_scenes(work: Path, count: int, jobs: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The rendered training set, from ``work`` where it was made before."""
    pixels, labels = work / f"scenes-{count}.npy", work / f"scenes-{count}.json"
    shape = (count, INPUT_SIZE[1], INPUT_SIZE[0], 3)
    if not labels.exists():
        store = np.lib.format.open_memmap(pixels, mode="w+", dtype=np.uint8, shape=shape)
        truth: list[dict[str, Any]] = []
        with get_context("spawn").Pool(jobs) as pool:
            seeds = range(TRAIN_SEED, TRAIN_SEED + count)
            for index, (rgb, boxes, ids) in enumerate(pool.imap(render_small, seeds, chunksize=16)):
                store[index] = rgb
                truth.append({"boxes": boxes.tolist(), "ids": ids.tolist()})
        store.flush()
        labels.write_text(json.dumps(truth))
    truth = json.loads(labels.read_text())
    boxes = [np.array(item["boxes"], dtype=np.float32).reshape(-1, 4) for item in truth]
    return np.load(pixels, mmap_mode="r"), boxes, [np.array(item["ids"], dtype=np.int64) for item in truth]


def augment(batch: torch.Tensor, boxes: list[torch.Tensor], rng: np.random.Generator) -> torch.Tensor:
    """Mirror, swap colour channels, vary brightness, add mild noise or blur; boxes are changed in place."""
    width, height = INPUT_SIZE
    for index, item in enumerate(boxes):
        if rng.random() < 0.5:
            batch[index] = batch[index].flip(-1)
            item[:, [0, 2]] = width - item[:, [2, 0]]
        if rng.random() < 0.5:
            batch[index] = batch[index][rng.permutation(3)]
        if rng.random() < 0.15:
            batch[index] = functional.avg_pool2d(batch[index], 3, 1, 1, count_include_pad=False)
        batch[index] *= float(rng.uniform(0.85, 1.15))
        if rng.random() < 0.3:
            noise = torch.from_numpy(rng.standard_normal((1, height, width), dtype=np.float32))
            batch[index] += noise * float(rng.uniform(0.0, 0.03))
    return batch.clamp_(0, 1)


def losses(network: Any, batch: torch.Tensor, boxes: list[torch.Tensor], ids: list[torch.Tensor]) -> dict[str, Any]:
    """The losses, per object's anchor; the network runs in bfloat16, the losses in float32.

    Focal loss over all anchors in place of SSD's hard negatives: with those, training from random weights stayed where
    every anchor gets the same scores. The class of the objects' anchors has a term of its own, so that shapes are
    learnt from the first step on.
    """
    with torch.autocast("cpu", torch.bfloat16):
        features = list(network.backbone(batch.contiguous(memory_format=torch.channels_last)).values())
        outputs = {key: value.float() for key, value in network.head(features).items()}
    sizes = [(INPUT_SIZE[1], INPUT_SIZE[0])] * len(boxes)
    anchors = network.anchor_generator(ImageList(batch[:1], sizes[:1]), features)[0]
    labels = torch.zeros(outputs["cls_logits"].shape[:2], dtype=torch.int64)
    wanted, given = [], []
    for index, (item, label) in enumerate(zip(boxes, ids, strict=True)):
        matched = network.proposal_matcher(box_iou(item, anchors))
        objects = torch.where(matched >= 0)[0]
        labels[index, objects] = label[matched[objects]] + 1
        wanted.append(network.box_coder.encode_single(item[matched[objects]], anchors[objects]))
        given.append(outputs["bbox_regression"][index, objects])
    logits, positive = outputs["cls_logits"], labels > 0
    count = max(int(positive.sum()), 1)
    log_p = torch.log_softmax(logits, dim=-1).gather(-1, labels[..., None])[..., 0]
    focal = -((1.0 - log_p.exp()) ** 2 * log_p).sum() / count
    kind = functional.cross_entropy(logits[positive][:, 1:], labels[positive] - 1, reduction="sum") / count
    box = functional.smooth_l1_loss(torch.cat(given), torch.cat(wanted), reduction="sum") / count
    return {"focal": focal, "kind": 0.5 * kind, "box": box}


def validation_ap50(weights: Path, truth: GroundTruth, scenes: dict[str, Any]) -> float:
    """AP50 of written weights on scenes, by file name, that training does not see."""
    detector = DemoDetector(jobs=1, folder=weights)
    found = detector.detect(list(scenes.values()))
    return coco_accuracy(truth, dict(zip(scenes, found, strict=True)), detector.classes).ap50 or 0.0


def write_weights(state: dict[str, torch.Tensor], out: Path, card: dict[str, Any]) -> None:
    """Write the network with fp16 weights, the class logits' layer sharpened, and its card."""
    out.mkdir(parents=True, exist_ok=True)
    last = re.compile(r"head\.classification_head\.module_list\.\d+\.1\.(weight|bias)")
    state = {k: v * SHARPEN if last.fullmatch(k) else v for k, v in state.items()}
    blob = onnx_model(state, len(CLASSES))
    (out / "demo.onnx").write_bytes(blob)
    card = {"classes": list(CLASSES), "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob), **card}
    (out / "demo.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    weights = Path(__file__).resolve().parents[1] / "vcmpipe" / "detection" / "weights"
    parser.add_argument("--work", type=Path, required=True, help="folder for rendered scenes and the checkpoint")
    parser.add_argument("--out", type=Path, default=weights)
    parser.add_argument("--scenes", type=int, default=7000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument(
        "--decay-share", type=float, default=0.33, help="share of the steps in which the rate falls to 0"
    )
    parser.add_argument("--validate-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes that render")
    return parser.parse_args()


def main() -> None:
    args = parse()
    torch.set_num_threads(1)  # Two threads were slower on a busy machine, and one thread repeats exactly.
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.time()
    pixels, all_boxes, all_ids = training_scenes(args.work, args.scenes, args.jobs)
    print(f"{len(pixels)} training scenes after {time.time() - started:.0f} s", flush=True)
    truth = load_ground_truth(write_demo_dataset(args.work / "validation", VALIDATION_SCENES, VAL_SEED))
    validation = {name: SimpleNamespace(rgb=render_scene(seed).rgb) for name, seed in truth.images.items()}

    network = build_network(len(CLASSES)).to(memory_format=torch.channels_last).train()
    for module in network.head.classification_head.module_list:
        # At first each anchor is background to 99 %, so that the many negatives do not drown the objects.
        module[-1].bias.data.view(-1, len(CLASSES) + 1)[:, 0] = math.log(99 * len(CLASSES))
    average = {k: v.clone() for k, v in network.state_dict().items()}
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}])
    first, checkpoint = 0, args.work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        average, first = saved["average"], saved["step"]
    decay_from = args.steps * (1.0 - args.decay_share)
    started = time.time()
    for step in range(first, args.steps):
        rng = np.random.default_rng([args.seed, step])
        epoch, offset = divmod(step * args.batch, args.scenes)
        order = np.random.default_rng([args.seed, 7, epoch]).permutation(args.scenes)
        chosen = order[offset : offset + args.batch]
        batch = torch.from_numpy(np.stack([pixels[i] for i in chosen])).permute(0, 3, 1, 2).float().div_(255)
        boxes = [torch.from_numpy(all_boxes[i].copy()) for i in chosen]
        ids = [torch.from_numpy(all_ids[i]) for i in chosen]
        batch = augment(batch, boxes, rng)
        batch = (batch - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        fall = 0.5 * (1 + math.cos(math.pi * max(0.0, (step - decay_from) / (args.steps - decay_from))))
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1.0, (step + 1) / WARMUP_STEPS) * max(fall, 0.005)
        parts = losses(network, batch, boxes, ids)
        optimizer.zero_grad()
        sum(parts.values()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        keep = min(EMA_DECAY, (step + 1) / (step + 10))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                average[key].lerp_(value, 1.0 - keep)
            else:
                average[key].copy_(value)
        if step % 20 == 0:
            numbers = " ".join(f"{key} {value.item():.3f}" for key, value in parts.items())
            print(f"step {step} {numbers} after {time.time() - started:.0f} s", flush=True)
        if (step + 1) % args.validate_every == 0 or step + 1 == args.steps:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            torch.save({**state, "step": step + 1}, checkpoint)
            settings = {k: v for k, v in vars(args).items() if not isinstance(v, Path)}
            card = {"name": "demo", "trained_steps": step + 1, "settings": settings}
            write_weights(average, args.out, card)
            ap50 = validation_ap50(args.out, truth, validation)
            write_weights(average, args.out, {**card, "validation_ap50": round(ap50, 4)})
            print(f"step {step + 1}: AP50 on {VALIDATION_SCENES} validation scenes {ap50:.3f}", flush=True)


if __name__ == "__main__":
    main()
