"""Which VVC QP is as good as H.264 at a QP, or as JPEG at a quality factor: real encodes, and lines through them.

    python benchmarks/scale_conversion.py --images coco-dev/images --skip 40 --limit 8 --cache CACHE

For each picture and value the largest VVC QP whose PSNR-Y, and whose XPSNR-Y, reaches that of the other codec's
picture. Pictures are made smaller first: photos are JPEG files mostly, and one that is coded again near its own
quality factor comes out nearly as it was, which no picture of a camera does. The lines are what
``vcmpipe.jnd.models.scale`` holds; how far they are off is said for pictures that they were not fitted to (each is
left out in turn).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, find_pictures, read_picture, scale_rgb, scaled_size
from vcmpipe.jnd.models.scale import jpeg_step
from vcmpipe.jnd.quality_match import Measure, Versions
from vcmpipe.process.content_cache import ContentCache

H264_QPS = tuple(range(18, 47, 4))
JPEG_FACTORS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
MEASURES: tuple[Measure, ...] = ("psnr", "xpsnr")
Floats = NDArray[np.float64]


def fit(x: Floats, y: Floats) -> tuple[float, float]:
    """Offset and slope with the least squares."""
    slope, offset = np.polyfit(x, y, 1)
    return float(offset), float(slope)


def left_out(x: Floats, matched: Floats) -> Floats:
    """Errors (pictures, values) of lines through the other pictures."""
    errors = np.zeros_like(matched)
    for i in range(len(matched)):
        others = np.delete(matched, i, axis=0)
        offset, slope = fit(np.tile(x, len(others)), others.ravel())
        errors[i] = offset + slope * x - matched[i]
    return errors


def show(title: str, values: tuple[int, ...], ways: dict[str, Callable[[Floats], Floats]], matched: Floats) -> None:
    """The table and the fits of one scale and measure; ``matched`` is (pictures, values) QPs."""
    print(f"\n{title}\n")
    print("| value | VVC QP, mean | sd | range |\n|---:|---:|---:|---:|")
    for value, column in zip(values, matched.T, strict=True):
        print(
            f"| {value} | {column.mean():.1f} | {column.std(ddof=1):.1f} | {column.min():.0f} to {column.max():.0f} |"
        )
    print()
    for name, way in ways.items():
        x = way(np.array(values, dtype=np.float64))
        offset, slope = fit(np.tile(x, len(matched)), matched.ravel())
        errors = left_out(x, matched)
        print(
            f"{name}: {offset:.2f} {slope:+.4f} x; left-out pictures: mean |error| {np.abs(errors).mean():.2f}, "
            f"rms {np.sqrt((errors**2).mean()):.2f}, worst {np.abs(errors).max():.1f} QP; "
            f"off at the values by {', '.join(f'{each:+.1f}' for each in errors.mean(axis=0))}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first N, which are for other things")
    parser.add_argument("--limit", type=int, default=8, help="take so many of the rest, evenly spread")
    parser.add_argument("--scale", type=float, default=0.75, help="each side of a picture is taken times this")
    parser.add_argument("--cache", type=Path, required=True, help="keeps streams and figures")
    parser.add_argument("--preset", default="faster", help="of VVenC")
    arguments = parser.parse_args()
    paths = list(find_pictures(arguments.images).values())[arguments.skip :]
    paths = [paths[i] for i in np.linspace(0, len(paths) - 1, arguments.limit).astype(int)]
    encoder, cache = load_encoder("vvenc"), ContentCache(arguments.cache)
    scales = {"h264-qp": H264_QPS, "jpeg-qf": JPEG_FACTORS}
    found: dict[tuple[str, Measure], list[list[int]]] = {(s, m): [] for s in scales for m in MEASURES}
    unreached = 0
    for number, path in enumerate(paths):
        rgb = read_picture(path)
        rgb = scale_rgb(rgb, scaled_size(rgb.shape[1], rgb.shape[0], arguments.scale))
        versions = Versions(encoder, Frame(number, rgb, path.name), cache, arguments.preset)
        for (scale, measure), rows in found.items():
            matches = [versions.match(scale, value, measure) for value in scales[scale]]
            unreached += sum(not match.reached for match in matches)
            rows.append([match.qp for match in matches])
        print(f"# {path.name}: {versions.coder.segment.width}x{versions.coder.segment.height}", flush=True)
    print(f"\n{len(paths)} pictures, {encoder.build}, preset {arguments.preset}; {unreached} values that no QP reaches")
    for (scale, measure), rows in found.items():
        ways: dict[str, Callable[[Floats], Floats]] = {"line in the value": lambda x: x}
        if scale == "jpeg-qf":
            ways = {"line in its step (jpeg_step)": jpeg_step} | ways
        show(f"{scale}, by {measure.upper()}", scales[scale], ways, np.array(rows, dtype=np.float64))
        if scale == "h264-qp":
            errors = np.array(rows) - np.array(scales[scale])
            print(f"the same number (identity): mean |error| {np.abs(errors).mean():.2f}, mean {-errors.mean():+.2f}")


if __name__ == "__main__":
    main()
