"""Three codecs side by side: what a detector still finds at one QP everywhere, and what verified encodes take.

    python benchmarks/codecs.py INPUT --detector yolox_nano.onnx [--encoders vvenc x265 svtav1] [--ladder-only]

INPUT is a folder of pictures, coded as intra pictures, or a video, coded in random access with an intra picture every
32 frames. Each encoder goes through ``vcmpipe bench`` at its preset ``faster``: a ladder of QPs (``plain``, of video
``plain-whole``) and ``verified``. QPs of AV1 stand for other steps than those of VVC and HEVC: its ladder has others.

    at 0.95     bytes per picture (of video: kbit/s) at which the ladder keeps that share of the objects
    BD-rate     of the ladder over the first encoder's, in percent of the bits at equal quality
    seconds     of coding, per picture or frame and rung of the ladder
    verified    the cheapest version found that keeps every object, without a reserve, and the versions tried
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path

from vcmpipe import BenchOptions, load_encoder
from vcmpipe.bench import BenchResult, bench
from vcmpipe.evaluation import Estimate, bd_rate

QPS = {"av1": "15:60:9"}
USUAL_QPS = "22:47:5"
QUALITIES = ("psnr_y", "retention", "ap_source")


def run(encoder: str, options: argparse.Namespace, folder: Path) -> tuple[BenchResult, str]:
    """The bench of one encoder, and its ladder's QPs."""
    qps = QPS.get(load_encoder(encoder).capabilities.codec, USUAL_QPS)
    ladder = "plain" if Path(options.input).is_dir() else "plain-whole"
    chosen = BenchOptions(
        images=options.input,
        detector=options.detector,
        encoder=encoder,
        methods=ladder if options.ladder_only else f"{ladder},verified",
        anchors=ladder,
        qps=qps,
        limit=options.limit,
        resamples=0,
        gallery=0,
        out=str(folder / encoder),
        cache=str(folder / "cache"),
    )
    return bench(chosen, warn=lambda line: print(f"{encoder}: {line}", file=sys.stderr)), qps


def curve(result: BenchResult, quality: str) -> list[tuple[float, float | None]]:
    """Bits and quality of the ladder's rungs."""
    points = [point for point in result.points if point.method != "verified"]
    return [
        (float(point.rate.value or 0), point.psnr_y if quality == "psnr_y" else point.quality(quality))
        for point in points
    ]


def figure(estimate: Estimate | None, form: str) -> str:
    """A figure, or a dash where there is none."""
    return "-" if estimate is None or estimate.value is None else format(estimate.value, form)


def main() -> None:
    """Bench every encoder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--encoders", nargs="+", default=["vvenc", "x265", "svtav1"])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--ladder-only", action="store_true", help="without verified, which takes most of the time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {name: run(name, options, Path(folder)) for name in options.encoders}
    first = next(iter(found.values()))[0]
    what = "frames" if first.sequences else "pictures"
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{first.frames} {what}, {first.objects} objects; {machine}, {date.today()}\n")
    print(
        "| encoder | QPs | at 0.95 | at 0.98 | BD-rate PSNR | BD-rate retention | BD-rate AP vs source | seconds "
        "| verified | kept | versions |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, (result, qps) in found.items():
        ladder = next(method for method in result.methods if method.method != "verified")
        best = next((point for point in result.points if point.method == "verified"), None)
        cells = [name, qps, *(figure(ladder.rate_at.get(key), ",.0f") for key in ("0.95", "0.98"))]
        cells += [
            "anchor" if result is first else figure(bd_rate(curve(first, each), curve(result, each)), "+.1f")
            for each in QUALITIES
        ]
        cells.append(f"{ladder.costs.encode:.2f}" if ladder.costs else "-")
        cells += (
            [figure(best.rate, ",.0f"), f"{best.kept}/{best.total}", f"{best.trials or 0:.1f}"] if best else ["-"] * 3
        )
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
