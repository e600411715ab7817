"""Whether a long run needs more memory than a short one: ``encode`` of many small pictures, and of a long video.

    python benchmarks/long_runs.py [--frames 2000] [--write]

Drawn scenes of the built-in demo, 160x96, coded with its detector. The resident memory of the process is read ten times
a second: its mean over the second, third and last quarter of the time, in MiB. Flat means that the last is no more than
the second; what all frames leave in the sidecar (about a kilobyte each) grows.

``--write`` puts the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import numpy as np
from pages import write_part
from PIL import Image

SIZE = (160, 96)
PAGE = "reliability.md"


def picture(number: int) -> np.ndarray:
    """A noisy gradient with a square that moves, (height, width, 3) uint8."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    rgb = np.stack([x, y * 2, np.full_like(x, 90)], axis=-1) + rng.normal(0, 4, (SIZE[1], SIZE[0], 1))
    left = 3 * number % (SIZE[0] - 24)
    rgb[30:54, left : left + 24] = (240, 40, 40)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def write_y4m(path: Path, frames: int) -> None:
    """A grey y4m video of so many frames."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F25:1 Ip A1:1 C420jpeg\n".encode())
        chroma = bytes([128]) * (SIZE[0] * SIZE[1] // 2)
        for number in range(frames):
            file.write(b"FRAME\n" + picture(number)[..., 0].tobytes() + chroma)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def measured(arguments: list[str]) -> tuple[list[float], float]:
    """Mean MiB by quarter of the time, and the seconds."""
    started, seen = time.monotonic(), []
    argv = [sys.executable, "-m", "vcmpipe", *arguments]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                seen.append(resident(process.pid))
            except (OSError, IndexError):
                break
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"encode exited with {process.returncode}")
    quarter = len(seen) // 4
    parts = [seen[place * quarter : (place + 1) * quarter] for place in range(4)]
    return [fmean(part) / (1 << 20) for part in parts], time.monotonic() - started


def main() -> None:
    """Print a row for pictures and one for video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    options = parser.parse_args()
    lines = ["| run | MiB in the 2nd quarter | 3rd | last | seconds |", "|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "frames").mkdir()
        for number in range(options.frames):
            Image.fromarray(picture(number)).save(place / "frames" / f"{number:06d}.png")
        write_y4m(place / "clip.y4m", options.frames)
        common = ["--detector", "demo", "--predictor", "constant:40"]
        ways = {
            f"{options.frames:,} pictures": ["encode", str(place / "frames"), "--structure", "intra"],
            f"{options.frames:,} frames of video": ["encode", str(place / "clip.y4m")],
        }
        for name, arguments in ways.items():
            parts, seconds = measured([*arguments, "--out", str(place / "out.bin"), *common])
            cells = [f"{part:,.0f}" for part in parts[1:]]
            lines.append(f"| {name} | {' | '.join(cells)} | {seconds:,.0f} |")
            print(lines[-1], flush=True)
    lines += ["", f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores."]
    if options.write:
        write_part(PAGE, "long_runs", "\n".join(lines))


if __name__ == "__main__":
    main()
