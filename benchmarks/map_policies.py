"""What margins and backgrounds cost and keep: the table of "Map policies, and what they cost" in docs/guide.md.

    python benchmarks/map_policies.py --images DIR --detector D [--limit 12]

Thresholds are predicted once per picture; then every margin meets every background. Cells are bytes per picture and
objects kept.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

from vcmpipe import EncodeOptions, open_source
from vcmpipe.coding.detected import detected
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.qpmap import MapPolicy

BACKGROUNDS = ("keep", "+4", "+8", "51")
ROWS = (("constant:32", 0), ("measured", 0), ("measured", -4), ("measured", -8))


class Remembered:
    """A predictor that is asked once per picture, however many maps are made of its answer."""

    def __init__(self, inner: object) -> None:
        self.inner, self.answers = inner, {}

    def predict(self, frame: object, detections: object, coder: object) -> object:
        """The answer of the first time."""
        if frame.index not in self.answers:
            self.answers[frame.index] = self.inner.predict(frame, detections, coder)
        return self.answers[frame.index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--limit", type=int, default=12)
    args = parser.parse_args()
    bits: Counter[tuple[str, int, str]] = Counter()
    kept: Counter[tuple[str, int, str]] = Counter()
    pipelines = {}
    for predictor in dict.fromkeys(name for name, _ in ROWS):
        options = EncodeOptions(input=args.images, out="unused", detector=args.detector, predictor=predictor)
        detector = pipelines["constant:32"].detector if pipelines else None
        pipelines[predictor] = Pipeline(options, detector=detector)
        pipelines[predictor].predictor = Remembered(pipelines[predictor].predictor)

    def work(item: tuple) -> tuple[int, int]:
        frame, found = item
        first = pipelines["constant:32"]
        coder = first.coder(frame)
        wanted = 0
        for name, margin in ROWS:
            for background in BACKGROUNDS:
                pipeline = pipelines[name]
                low, high = pipeline.encoder.capabilities.qp_range
                reference = pipeline.task.reference([found])
                (mine,) = reference.detections
                wanted = len(mine)
                answer = pipeline.predictor.predict(frame, mine, coder.of_frame(0))
                part = answer.recognisable
                qps = answer.decide(margin=margin, lo=low, hi=high)[part]
                policy = replace(pipeline.policy, background=background)
                assert isinstance(policy, MapPolicy)
                coded = coder.by_map(coder.map_of(mine.xyxy[part], qps, policy))
                seen = pipeline.detector.detect([coder.decode_still(coded)[0]])[0]
                bits[name, margin, background] += coded.bits
                kept[name, margin, background] += int(pipeline.task.compare(reference, [seen]).kept.sum())
        return 1, wanted

    pictures = objects = 0
    first = pipelines["constant:32"]
    with worker_pool(first.jobs) as pool:
        frames = open_source(args.images, limit=args.limit)
        for one, some in in_order(pool, work, detected(first.detector, frames), ahead=2 * first.jobs):
            pictures, objects = pictures + one, objects + some
    print(f"{pictures} pictures, {objects} objects; bytes per picture and objects kept\n")
    print("| | " + " | ".join(f"`{b}`" for b in BACKGROUNDS) + " |")
    print("|---|" + "---:|" * len(BACKGROUNDS))
    for name, margin in ROWS:
        cells = [f"{bits[name, margin, b] / 8 / pictures:,.0f}, {kept[name, margin, b]}" for b in BACKGROUNDS]
        print(f"| `--predictor {name} --margin {margin}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
