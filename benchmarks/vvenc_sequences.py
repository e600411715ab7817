"""What VVenC's switches for sequences cost and bring: groups, the first picture, the intra offset; and slow input.

    python benchmarks/vvenc_sequences.py CLIP... [--qps 22,37,47] [--frames 300]
    python benchmarks/vvenc_sequences.py --slow

Codes each clip whole in random access by FFmpeg's libvvenc at constant QP, once for each set of switches, and prints
bytes and mean PSNR-Y. With --slow 23 frames of 64x48 come through a pipe every few milliseconds, thirty times for each
pause, and it is counted how often pictures are missing although FFmpeg exits with 0.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from vcmpipe import open_source
from vcmpipe.bitstream import count_pictures
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.frames import Yuv, psnr_y, yuv_bytes

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CONSTANT = "GOPQPA=0:MCTF=0:BIM=0:STA=0:accessunitdelimiter=0"
WAYS = {
    "an intra picture every 64": "GOPSize=16:IntraPeriod=64:DecodingRefreshType=cra:IntraQPOffset=0",
    "one intra picture": "GOPSize=16:IntraPeriod=-1:DecodingRefreshType=cra:POC0IDR=1:IntraQPOffset=0",
    "leading pictures": "GOPSize=16:IntraPeriod=-1:DecodingRefreshType=cra:IntraQPOffset=0",
    "groups of 32": "GOPSize=32:IntraPeriod=-1:DecodingRefreshType=cra:POC0IDR=1:IntraQPOffset=0",
    "intra offset -1": "GOPSize=16:IntraPeriod=-1:DecodingRefreshType=cra:POC0IDR=1:IntraQPOffset=-1",
    "intra offset -3": "GOPSize=16:IntraPeriod=-1:DecodingRefreshType=cra:POC0IDR=1:IntraQPOffset=-3",
}


def command(size: tuple[int, int], source: str, qp: int, keys: str, out: Path) -> list[str]:
    """FFmpeg's command line."""
    argv = [FFMPEG, "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p10le"]
    argv += ["-s", f"{size[0]}x{size[1]}", "-i", source, "-c:v", "libvvenc", "-preset", "faster", "-qpa", "0"]
    return [*argv, "-qp", str(qp), "-vvenc-params", f"{CONSTANT}:{keys}", "-f", "vvc", str(out)]


def switches(clip: Path, qps: list[int], frames: int, folder: Path) -> None:
    """Print bytes and PSNR for each set of switches."""
    source = [frame.planes.yuv() for frame in islice(open_source(clip), frames) if frame.planes is not None]
    raw, out = folder / "in.yuv", folder / "out.266"
    with raw.open("wb") as file:
        file.writelines(map(yuv_bytes, source))
    for qp in qps:
        for name, keys in WAYS.items():
            argv = command((source[0].width, source[0].height), str(raw), qp, keys, out)
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            psnr = np.mean([psnr_y(a, b.yuv) for a, b in zip(source, decode_stream(out), strict=True)])
            print(f"{clip.name:<24} QP {qp}  {name:<26} {out.stat().st_size:>9,} bytes  {psnr:.2f} dB", flush=True)


def slow(folder: Path) -> None:
    """Count streams that lack pictures where the input comes slowly."""
    rng = np.random.default_rng(0)
    base = rng.integers(200, 800, (48, 64)).astype(np.uint16)
    grey = np.full((24, 32), 512, np.uint16)
    frames = [yuv_bytes(Yuv(np.roll(base, number, axis=1), grey, grey)) for number in range(23)]
    out = folder / "slow.266"
    for pause in (0.0, 0.003, 0.01):
        missing = 0
        for _ in range(30):
            argv = command((64, 48), "pipe:0", 34, WAYS["one intra picture"], out)
            with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
                assert process.stdin is not None
                for frame in frames:
                    time.sleep(pause)
                    process.stdin.write(frame)
                process.stdin.close()
                if process.wait():
                    raise SystemExit("FFmpeg failed")
            data = out.read_bytes()
            missing += not data or count_pictures(data) != len(frames)
        print(f"a frame every {1000 * pause:g} ms: pictures missing in {missing} of 30 runs", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--qps", default="22,37,47")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--slow", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if args.slow:
            slow(Path(name))
        for clip in args.clips:
            switches(clip, [int(qp) for qp in args.qps.split(",")], args.frames, Path(name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
