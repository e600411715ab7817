"""Compares ``vcmpipe encode`` of whole videos with plain VVenC random access: bytes, PSNR, time, memory.

    python benchmarks/video.py CLIP... [--qps 27,37,47] [--repeats 3] [--json video.json]
    python benchmarks/video.py --memory

Every clip is coded at each QP by ``encode --qp Q --detector none`` into a raw stream, and by FFmpeg's libvvenc with the
same preset, QP, group of pictures and switches, with an intra picture (cra) every 64 frames, as JVET's random access
has them. The two take turns, as many times as --repeats says; times are medians, and ratios those of one turn.

    bytes         ours over plain's
    PSNR-Y        ours less plain's, each frame against the source, mean over frames, dB
    wall          ours, without what the run reports as detecting and as decoding and checking, over plain's
    check         decoding and checking over encoding, both as the run reports them
    own           our own processor time, without decoding and checking, over that of encoder and ourselves

With --memory 2,000 drawn frames of 1920x1080 are coded at QP 47, and the memory of vcmpipe and of its encoder (resident
set, /proc) is printed every ten seconds. --segments codes the first clip with segments of several lengths.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from vcmpipe import EncodeOptions, encode, open_source
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.frames import psnr_y
from vcmpipe.process.stopwatch import Stopwatch

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SWITCHES = "GOPQPA=0:MCTF=0:BIM=0:IntraQPOffset=0:STA=0"


@dataclass(frozen=True)
class Row:
    """One clip at one QP."""

    clip: str
    frames: int
    qp: int
    bytes: int
    plain_bytes: int
    psnr_y: float
    plain_psnr_y: float
    wall: float
    plain_wall: float
    wall_ratio: float
    check_ratio: float
    own_share: float


def plain(clip: Path, qp: int, out: Path, preset: str) -> float:
    """Code a clip by FFmpeg alone; the seconds that it takes."""
    keys = f"IntraPeriod=64:GOPSize=16:DecodingRefreshType=cra:{SWITCHES}"
    argv = [FFMPEG, "-v", "error", "-nostdin", "-y", "-i", str(clip), "-an", "-fps_mode", "passthrough"]
    argv += ["-pix_fmt", "yuv420p10le", "-c:v", "libvvenc", "-preset", preset, "-qpa", "0", "-qp", str(qp)]
    started = time.monotonic()
    subprocess.run([*argv, "-vvenc-params", keys, "-f", "vvc", str(out)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def cpu(who: int) -> float:
    """Processor seconds of ourselves or of the children that have ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def ours(clip: Path, qp: int, out: Path, preset: str, **options: object) -> tuple[float, Stopwatch, float]:
    """Code a clip; the seconds, those of the parts, and our share of the processor time, checking left out."""
    watch = Stopwatch()
    own, others = cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    settings = {"structure": "random-access", "detector": "none", "preset": preset, **options}
    encode(EncodeOptions(input=str(clip), out=str(out), qp=qp, **settings), watch=watch)  # type: ignore[arg-type]
    seconds = time.monotonic() - started
    own = cpu(resource.RUSAGE_SELF) - own - watch.seconds["decode and check"]
    return seconds, watch, own / (own + cpu(resource.RUSAGE_CHILDREN) - others)


def mean_psnr(clip: Path, stream: Path) -> tuple[float, int]:
    """Mean PSNR-Y over the frames of a clip, and their number."""
    values = [
        psnr_y(frame.planes.yuv(), picture.yuv)  # type: ignore[union-attr]
        for frame, picture in zip(open_source(clip), decode_stream(stream), strict=True)
    ]
    return float(np.mean(values)), len(values)


def compare(clip: Path, qp: int, folder: Path, repeats: int, preset: str) -> Row:
    """One clip at one QP, the two coders taking turns."""
    mine, other = folder / "ours.266", folder / "plain.266"
    walls, plains, checks, owns = [], [], [], []
    for _ in range(repeats):
        plains.append(plain(clip, qp, other, preset))
        seconds, watch, own = ours(clip, qp, mine, preset)
        walls.append(seconds - watch.seconds["decode and check"] - watch.seconds["detect"])
        checks.append(watch.seconds["decode and check"] / watch.seconds["encode"])
        owns.append(own)
    psnr, frames = mean_psnr(clip, mine)
    return Row(
        clip.name,
        frames,
        qp,
        mine.stat().st_size,
        other.stat().st_size,
        psnr,
        mean_psnr(clip, other)[0],
        statistics.median(walls),
        statistics.median(plains),
        statistics.median(a / b for a, b in zip(walls, plains, strict=True)),
        statistics.median(checks),
        statistics.median(owns),
    )


def table(rows: list[Row]) -> None:
    """Print what was measured."""
    print(f"{'clip':<24}{'frames':>7}{'QP':>4}{'bytes':>11}{'ratio':>7}{'dB':>7}{'wall':>7}{'check':>7}{'own':>7}")
    for row in rows:
        difference = row.psnr_y - row.plain_psnr_y
        print(
            f"{row.clip:<24}{row.frames:>7}{row.qp:>4}{row.bytes:>11,}{row.bytes / row.plain_bytes:>7.3f}"
            f"{difference:>+7.2f}{row.wall_ratio:>7.2f}{row.check_ratio:>7.2f}{row.own_share:>7.1%}"
        )


def resident(pid: int) -> int:
    """Bytes of memory of a process and of all that it started."""
    total = 0
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        total = 1024 * int(status.split("VmRSS:")[1].split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(resident(int(child)) for child in (task / "children").read_text().split())
    except (OSError, IndexError):
        pass
    return total


def memory(frames: int, folder: Path, preset: str) -> None:
    """Code drawn frames of 1920x1080, and print what memory that takes as it goes on."""
    clip = folder / "drawn.mkv"
    source = f"testsrc2=size=1920x1080:rate=30:duration={frames / 30}"
    argv = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast"]
    subprocess.run([*argv, "-qp", "12", "-pix_fmt", "yuv420p", str(clip)], check=True)
    peaks: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(1.0):
            peaks.append(resident(os.getpid()))

    thread = threading.Thread(target=sample)
    thread.start()
    started, _ = time.monotonic(), ours(clip, 47, folder / "drawn.266", preset)
    done.set()
    thread.join()
    for place in range(0, len(peaks), 10):
        print(f"{place:>5} s  {max(peaks[place : place + 10]) / 2**20:>7,.0f} MiB")
    print(f"{frames} frames in {time.monotonic() - started:.0f} s, at most {max(peaks) / 2**20:,.0f} MiB")


def segments(clip: Path, folder: Path, preset: str) -> None:
    """Code a clip at several QPs with segments of several lengths, against one segment."""
    lengths = [1.0, 2.0, 5.0, 10.0, 20.0, 1e6]
    print("bytes by length of segment over those of one segment")
    print("QP   " + "".join(f"{seconds:>8g}" for seconds in lengths))
    for qp in (27, 37, 47):
        sizes = []
        for seconds in lengths:
            ours(clip, qp, folder / "s.266", preset, segment=seconds)
            sizes.append((folder / "s.266").stat().st_size)
        print(f"{qp:<5}" + "".join(f"{size / sizes[-1]:>8.3f}" for size in sizes))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--qps", default="27,32,37,42,47")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--preset", default="faster")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--segments", action="store_true")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.memory:
            memory(args.frames, folder, args.preset)
            return 0
        if args.segments:
            for clip in args.clips:
                segments(clip, folder, args.preset)
            return 0
        rows = [
            compare(clip, int(qp), folder, args.repeats, args.preset)
            for clip in args.clips
            for qp in args.qps.split(",")
        ]
    table(rows)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
