r"""Train the ``detector_aware`` weights that ship in the package, from a label table and a loss table.

    python benchmarks/train_detector_aware.py --data datasets/coco-yolox-nano.parquet --images IMAGES \
        --losses datasets/coco-losses.parquet --detector yolox_nano.onnx --leave-out coco-dev:40 \
        --out vcmpipe/thresholds/weights/yolox_nano.safetensors

Those of the demo's detector come from 30 scenes, ``write_demo_dataset(FOLDER, 30, 850_000)`` in
``vcmpipe.datasets.scenes``, and ``vcmpipe dataset build --images FOLDER/images --detector demo --search --out STORE``.

It is ``vcmpipe train detector_aware`` with the name that the registry knows the weights by. The card beside them says
what they were trained on, and the cross-validated error. On one machine the same data give the same file; on another
one it may differ in the last digits. Margins are counted anew afterwards (``calibrate_margin.py``).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from predictor_crossval import parser, remaining

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.thresholds.detector_aware import AwareWeights
from vcmpipe.training.run import train


def main() -> None:
    options = parser()
    options.add_argument("--losses", help="a loss table of the same pictures")
    options.add_argument("--out", type=Path, required=True, help="NAME.safetensors")
    args = options.parse_args()
    samples = load_samples(args.data)
    kept = remaining(samples, args.leave_out, args.images)
    left = sorted({str(name) for name in samples.table["picture"]} - kept)
    with tempfile.TemporaryDirectory() as folder:
        exclude = Path(folder) / "exclude.txt"
        exclude.write_text("\n".join(left), encoding="utf-8")
        report = train(
            TrainOptions(
                model="detector_aware", data=args.data, detector=args.detector, losses=args.losses,
                images=str(args.images) if args.images else None, exclude=str(exclude) if left else None,
                out=str(Path(folder) / "run"),
            ),
            warn=print, say=print,
        )  # fmt: skip
        made = AwareWeights.load(Path(report.weights))
    made.card.update(predictor=f"detector_aware:{args.out.stem}", left_out=args.leave_out)
    made.save(args.out)
    print(f"{args.out}: {args.out.stat().st_size} bytes, {json.dumps(report.metrics)}")


if __name__ == "__main__":
    main()
