r"""Train the ``detector_aware`` weights that ship in the package, from a JRD store.

    python benchmarks/train_detector_aware.py --data STORE --detector yolox_nano.onnx --leave-out FOLDER:40 \
        --out vcmpipe/thresholds/weights/yolox_nano.safetensors

Those of the demo's detector come from 30 scenes, ``write_demo_dataset(FOLDER, 30, 850_000)`` in
``vcmpipe.datasets.scenes``, and ``vcmpipe dataset build --images FOLDER/images --detector demo --search --out STORE``.

The card beside them says what they were trained on, and the cross-validated error. On one machine the same store gives
the same file; on another one it may differ in the last digits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from predictor_crossval import parser, remaining

from vcmpipe.datasets.store import Store
from vcmpipe.detection import load_detector
from vcmpipe.thresholds import Thresholds
from vcmpipe.training.aware_data import collect
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, train


def main() -> None:
    options = parser()
    options.add_argument("--out", type=Path, required=True, help="NAME.safetensors")
    args = options.parse_args()
    store = Store.open(args.data)
    detector = load_detector(args.detector, jobs=1)
    data = collect(
        store, detector, names=remaining(store, args.leave_out, args.images), images=args.images, cache=args.cache,
        progress=lambda name: print(name, file=sys.stderr),
    )  # fmt: skip
    how = AwareOptions()
    answers = cross_validate(data, how)
    medians = [Thresholds(mass, np.ones(len(data), dtype=bool)).quantile(0.5) for mass in answers.used]
    error, base = (float(np.abs(values - data.label).mean()) for values in (np.stack(medians), answers.constant))
    metrics = {
        "cross_validated": {"E_A": round(error, 3), "constant_E_A": round(base, 3), "ratio": round(error / base, 3)}
    }
    predictor = {"predictor": f"detector_aware:{args.out.stem}", "left_out": args.leave_out}
    train(store, data, detector, how, card=predictor | metrics).save(args.out)
    print(f"{args.out}: {args.out.stat().st_size} bytes, {metrics}")


if __name__ == "__main__":
    main()
