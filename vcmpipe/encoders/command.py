"""Any encoder that a TOML file describes: one process per segment, run from an argument list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import Vui
from vcmpipe.encoders.base import PRESETS, Capabilities, Job
from vcmpipe.encoders.description import Description
from vcmpipe.encoders.files import encode_files, seconds_allowed
from vcmpipe.encoders.maps import WrittenMap, write_map
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec
from vcmpipe.qpmap import QpMap

_MATRIX_NAMES = {"bt709": "bt709", "bt601": "smpte170m"}
_RANGE_NAMES = {"limited": "tv", "full": "pc"}


@dataclass(frozen=True)
class CommandEncoder:
    """An encoder program and its description."""

    description: Description
    binary: Path
    build: str

    @property
    def name(self) -> str:
        """The description's name."""
        return self.description.name

    @property
    def capabilities(self) -> Capabilities:
        """What the description says."""
        return self.description.capabilities

    def command(self, job: Job, source: Path, output: Path, written: WrittenMap | None) -> list[str]:
        """The command line that codes one job."""
        if not isinstance(job.qp, QpMap):
            qp = background = job.qp
        elif written is not None:
            qp, background = written.qp, written.background
        else:
            raise InputError(f"encoder {self.name} reads no QP maps")
        colour = job.colour or ColourSpec()
        vui = Vui.of_colour(colour)
        values = {
            "input": process.file_argument(source),
            "output": process.file_argument(output),
            "frames": len(job.frames),
            "width": job.width,
            "height": job.height,
            "qp": qp,
            "preset": self.description.presets.get(job.mode.preset, job.mode.preset),
            "map": process.file_argument(written.path) if written else "",
            "background_qp": background,
            "primaries": vui.colour_primaries,
            "transfer": vui.transfer,
            "matrix": vui.matrix,
            "full_range": int(vui.full_range),
            "siting": vui.chroma_siting or 0,
            "matrix_name": _MATRIX_NAMES[colour.matrix],
            "range_name": _RANGE_NAMES[colour.range],
            "folder": process.file_argument(self.binary.parent),
        }
        table = self.description.map
        arguments = self.description.arguments + (table.arguments if table and written else ())
        return [str(self.binary), *(argument.format_map(values) for argument in arguments)]

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code the jobs, one process after another. See ``Encoder.encode``."""
        seconds = dict.fromkeys(PRESETS, float(self.description.seconds_per_megapixel))
        table = self.description.map

        def run(folder: Path, inputs: list[Path], outputs: list[Path]) -> None:
            for number, (job, source, output) in enumerate(zip(jobs, inputs, outputs, strict=True)):
                written = None
                if isinstance(job.qp, QpMap) and table is not None:
                    written = write_map(job, table.form, folder / f"map{number}{table.ending}", self.capabilities)
                argv = self.command(job, source, output, written)
                process.run(argv, timeout=seconds_allowed([job], seconds), cwd=folder)

        return encode_files(self, jobs, run, depth=self.description.depth)


def identify(description: Description, binary: Path) -> tuple[CommandEncoder | None, str]:
    """Ask a program for its version; the encoder, or the reason why it is none."""
    probe = description.version
    if probe is None:
        return CommandEncoder(description, binary, f"{description.name} {digest(binary)}"), ""
    text = process.probe([binary, *probe.arguments])
    if text is None:
        return None, f"does not answer {' '.join(probe.arguments) or 'when it is started'}"
    found = re.search(probe.pattern, text)
    if found is None:
        return None, f"is no {description.name}: it answers {process.one_line(text)[:60]!r}"
    version = found.group(1)
    if probe.minimum is not None and not at_least(version, probe.minimum):
        because = f": {probe.reason}" if probe.reason else ""
        return None, f"is {description.name} {version}, {probe.minimum} or later is needed{because}"
    return CommandEncoder(description, binary, f"{description.name} {version}"), ""


def at_least(version: str, minimum: str) -> bool:
    """Whether a version's leading numbers are those of ``minimum`` or more; what follows them is not looked at."""
    have, need = ([int(part) for part in re.findall(r"\d+", text.split("-")[0])] for text in (version, minimum))
    length = max(len(have), len(need))
    return have + [0] * (length - len(have)) >= need + [0] * (length - len(need))


def digest(binary: Path) -> str:
    """What stands for the version of a program that states none: the beginning of its SHA-256."""
    with binary.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
