"""How long installing takes and how large it becomes: the wheel, with each extra, in an empty environment.

    python benchmarks/install.py [--extras '' datasets cluster torchvision ultralytics train all]

The versions are those of requirements.lock. Downloading and installing are timed apart: the one is the network's, the
other the machine's. The size is that of site-packages on the disk, as du counts it, with pip and setuptools in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("", "datasets", "cluster", "torchvision", "ultralytics", "train", "all")


def run(*argv: str | Path, cwd: Path) -> str:
    """Run a program with nothing of ours on Python's path, and give what it prints; its errors stay visible."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VCMPIPE_"))}
    done = subprocess.run(list(map(str, argv)), cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def clone(folder: Path) -> Path:
    """A copy of this checkout without what is not part of it: builds leave their traces there."""
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "demo-report")
    return Path(shutil.copytree(ROOT, folder / "clone", ignore=ignored))


def build_wheel(folder: Path) -> Path:
    """The wheel, built in an environment of its own."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, clone(folder), cwd=folder)
    return next(folder.glob("vcmpipe-*.whl"))


def empty_environment(folder: Path) -> Path:
    """The Python of a new virtual environment."""
    run(sys.executable, "-m", "venv", folder, cwd=ROOT)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    """Where an environment keeps its packages."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(python, "-c", ask, cwd=python.parent).strip())


def size(folder: Path) -> int:
    """Bytes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())


def measure(wheel: Path, extra: str, folder: Path) -> tuple[float, int, float, int]:
    """Seconds and bytes of the downloads, seconds of the installation, and bytes of site-packages."""
    wanted, files = f"{wheel}[{extra}]" if extra else str(wheel), folder / "files"
    python = empty_environment(folder / "venv")
    started = time.monotonic()
    pip = (python, "-m", "pip")
    run(*pip, "download", "--quiet", "--no-cache-dir", "-c", LOCK, "-d", files, wanted, cwd=folder)
    downloaded = time.monotonic()
    run(*pip, "install", "--quiet", "--no-index", "--find-links", files, wanted, cwd=folder)
    seconds = downloaded - started, time.monotonic() - downloaded
    return seconds[0], size(files), seconds[1], size(site_packages(python))


def main(extras: Sequence[str]) -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print("| extra | downloads | downloading | installing | installed |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as made:
        wheel = build_wheel(Path(made))
        for extra in extras:
            with tempfile.TemporaryDirectory() as folder:
                loading, loaded, installing, installed = measure(wheel, extra, Path(folder))
            name = f"`[{extra}]`" if extra else "none"
            sizes = (f"{each / 1e6:,.0f} MB" for each in (loaded, installed))
            print("|", " | ".join([name, next(sizes), f"{loading:.0f} s", f"{installing:.0f} s", next(sizes)]), "|")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extras", nargs="*", default=EXTRAS, metavar="EXTRA", help="'' for none")
    main(parser.parse_args().extras)
