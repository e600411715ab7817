"""Time to merge eight regions of a 640x480 picture into one stream: ``python benchmarks/merge.py``.

Codes textured pictures with the real encoder, then merges them repeatedly. "first" is a picture whose parameter sets
were never seen before, as in a folder of pictures of different sizes; "next" is one more picture of the same stream.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from vcmpipe.bitstream import RegionLayout, inspect_stream, merge_regions
from vcmpipe.bitstream.vvc import parameter_sets as sets

LAYOUT = RegionLayout(640, 480, 64, (4, 6), (8,), ((2, 1, 3, 2), (1, 3, 2, 2)))
QPS = (22, 27, 32, 37, 42, 32, 27, 37)
PARAMETERS = (
    "CTUSize=64:threads=0:GOPQPA=0:MCTF=0:BIM=0:IntraQPOffset=0:STA=0:TreatAsSubPic=1:accessunitdelimiter=0:"
    "IntraPeriod=1:DecodingRefreshType=idr"
)


def encode(pictures: int, folder: Path) -> list[bytes]:
    random = np.random.default_rng(1)
    y, x = np.mgrid[:480, :640]
    luma = 512 + 150 * np.sin(x / 17) + 120 * np.cos(y / 11 + x / 29)
    with (folder / "in.yuv").open("wb") as file:
        for _ in range(pictures):
            file.write(np.clip(luma + random.normal(0, 20, luma.shape), 0, 1023).astype("<u2").tobytes())
            file.write(np.full(2 * 240 * 320, 512, "<u2").tobytes())
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p10le", "-s", "640x480", "-i", str(folder / "in.yuv")]
    outputs = [folder / f"{i}.266" for i in range(len(QPS))]
    for rect, qp, output in zip(LAYOUT.regions(), QPS, outputs, strict=True):
        command += ["-map", "0:v", "-vf", f"crop={rect.width}:{rect.height}:{rect.x}:{rect.y}", "-c:v", "libvvenc"]
        command += [
            "-preset",
            "faster",
            "-qpa",
            "0",
            "-qp",
            str(qp),
            "-vvenc-params",
            PARAMETERS,
            "-f",
            "vvc",
            str(output),
        ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
    return [output.read_bytes() for output in outputs]


def milliseconds(streams: list[bytes], form: str, *, cold: bool) -> float:
    """The median over repeated merges, in milliseconds of processor time."""
    times = []
    for _ in range(30):
        if cold:
            sets._read_sps.cache_clear()
            sets._read_pps.cache_clear()
        began = time.process_time()
        merge_regions(streams, LAYOUT, form=form)  # type: ignore[arg-type]
        times.append(1000 * (time.process_time() - began))
    return float(np.median(times))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        one, five = (encode(count, Path(folder)) for count in (1, 5))
    limit, worst = 5.0, 0.0
    print(f"{len(QPS)} regions of 640x480, CTU 64; {sum(map(len, one))} bytes in region streams")
    for form in ("slices", "subpictures"):
        first = milliseconds(one, form, cold=True)
        following = (milliseconds(five, form, cold=False) - milliseconds(one, form, cold=False)) / 4
        size = len(merge_regions(one, LAYOUT, form=form))  # type: ignore[arg-type]
        print(f"{form:12} first picture {first:5.2f} ms, next pictures {following:5.2f} ms each, {size} bytes")
        worst = max(worst, first, following)
    began = time.process_time()
    inspect_stream(merge_regions(five, LAYOUT))
    print(f"{'inspect':12} {1000 * (time.process_time() - began) / 5:5.2f} ms per picture, merge included")
    return 0 if worst < limit else 1


if __name__ == "__main__":
    sys.exit(main())
