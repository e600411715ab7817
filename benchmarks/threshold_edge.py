"""Why measured thresholds need a margin: what becomes of objects that are coded exactly at their thresholds.

    python benchmarks/threshold_edge.py --images DIR --detector D [--limit 20]

Each row changes one thing against the picture that the thresholds were measured in: bytes of all pictures, and
objects kept.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np

from vcmpipe import EncodeOptions, open_source
from vcmpipe.coding.detected import detected
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.qpmap import RateModel, plan_regions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--limit", type=int, default=20)
    args = parser.parse_args()
    options = EncodeOptions(input=args.images, out="unused", detector=args.detector, predictor="measured")
    pipeline = Pipeline(options)
    size: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    objects = 0
    for frame, found in detected(pipeline.detector, open_source(args.images, limit=args.limit)):
        (mine,) = pipeline.task.reference([found]).detections
        coder = pipeline.coder(frame)
        answer = pipeline.predictor.predict(frame, mine, coder.of_frame(0))
        boxes, qps = mine.xyxy[answer.recognisable], answer.decide(margin=0)[answer.recognisable]
        objects += len(mine)
        if not len(qps):
            continue
        lowest = int(qps.min())
        policy, flat = pipeline.policy, replace(pipeline.policy, background=str(lowest))
        own = coder.map_of(boxes, qps, policy)
        plan = plan_regions(own, RateModel.from_texture(coder.padded[0].y, own.ctu))
        ways = {
            "whole picture at its lowest threshold, as it was measured": coder.uniform([lowest])[0],
            "the same QP, cut into regions": coder.regions(replace(plan, qps=(lowest,) * len(plan.qps))),
            "objects at that QP, background 8 higher": coder.by_map(
                coder.map_of(boxes, np.full_like(qps, lowest), policy)
            ),
            "every object at its own threshold, background at the lowest": coder.by_map(coder.map_of(boxes, qps, flat)),
            "every object at its own threshold, background 8 above their median": coder.by_map(own),
        }
        for name, coded in ways.items():
            seen = pipeline.detector.detect([coder.decode_still(coded)[0]])[0]
            size[name] += len(coded.data)
            kept[name] += int(pipeline.task.compare(pipeline.task.reference([found]), [seen]).kept.sum())
    print("| | bytes | kept |\n|---|---:|---:|")
    for name in size:
        print(f"| {name} | {size[name]:,} | {kept[name]} of {objects} |")


if __name__ == "__main__":
    main()
