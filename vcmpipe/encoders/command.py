"""Any encoder that a TOML file describes: one process per segment, run from an argument list."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import Vui
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders.base import PRESETS, Capabilities, Job
from vcmpipe.encoders.description import Description
from vcmpipe.encoders.files import encode_files, seconds_allowed
from vcmpipe.encoders.maps import WrittenMap, write_map
from vcmpipe.encoders.order import check_order, coding_order
from vcmpipe.encoders.versions import at_least, refusal, too_old
from vcmpipe.errors import BitstreamError, InputError, ProcessError
from vcmpipe.frames import ColourSpec

# Names of H.273's codes as x264 and those after it have them. What has no name there is stated as undefined.
_PRIMARIES_NAMES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
}
_TRANSFER_NAMES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
}
_MATRIX_NAMES = {"bt709": "bt709", "bt601": "smpte170m", "bt2020": "bt2020nc"}
_RANGE_NAMES = {"limited": "tv", "full": "pc"}
# Frames per second that are stated where frames are not moments of a video.
_NO_RATE = Fraction(25)
_FOLDER = "{folder}/"


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
        if isinstance(job.qp, int):
            qp = background = job.qp
        elif written is not None:
            qp, background = written.qp, written.background
        else:
            raise InputError(f"encoder {self.name} reads no QP maps")
        colour = job.colour or ColourSpec()
        vui = Vui.of_colour(colour)
        rate = (job.rate or _NO_RATE).limit_denominator(100_000)  # programs hold both numbers in 32 bits
        structure = job.coded_structure
        values = {
            "input": process.file_argument(source),
            "output": process.file_argument(output),
            "frames": len(job.frames),
            "width": job.width,
            "height": job.height,
            "qp": qp,
            "preset": self.description.presets.get(job.mode.preset, job.mode.preset),
            # Run where it lies: kvazaar's kin free a long name of a map twice when they end.
            "map": written.path.name if written else "",
            "background_qp": background,
            "rate": f"{float(rate):.8g}",
            "rate_num": rate.numerator,
            "rate_den": rate.denominator,
            "intra_period": self.description.intra_period(structure, job.intra_period),
            "primaries": vui.colour_primaries,
            "transfer": vui.transfer,
            "matrix": vui.matrix,
            "full_range": int(vui.full_range),
            "siting": vui.chroma_siting or 0,
            "primaries_name": _PRIMARIES_NAMES.get(vui.colour_primaries, "undef"),
            "transfer_name": _TRANSFER_NAMES.get(vui.transfer, "undef"),
            "matrix_name": _MATRIX_NAMES[colour.matrix],
            "range_name": _RANGE_NAMES[colour.range],
            "folder": process.file_argument(self.binary.parent),
        }
        arguments = self.description.structure_arguments(structure, with_map=written is not None)
        return [str(self.binary), *(argument.format_map(values) for argument in arguments)]

    def _check_folder(self, job: Job) -> None:
        """Refuse a job for which a file beside the program is missing: InputError."""
        for argument in self.description.structure_arguments(job.coded_structure):
            name = argument.removeprefix(_FOLDER)
            if name != argument and "{" not in name and not (self.binary.parent / name).exists():
                raise InputError(
                    f"encoder {self.name} codes {job.coded_structure} with {process.one_line(name)}, which is not in "
                    f"{process.one_line(str(self.binary.parent))}: put it beside the program"
                )

    def _map_order(self, job: Job) -> list[int] | None:
        """The frames of a job in the order in which maps are read; None: as they are presented."""
        table, structure = self.description.map, job.coded_structure
        if table is None or table.order != "coding":
            return None
        return coding_order(len(job.frames), self.description.group(structure) if structure == "random-access" else 1)

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code the jobs, one process after another. See ``Encoder.encode``."""
        for job in jobs:
            self._check_folder(job)
        seconds = dict.fromkeys(PRESETS, float(self.description.seconds_per_megapixel))
        table = self.description.map
        aborts: dict[int, ProcessError] = {}

        def run(folder: Path, inputs: list[Path], outputs: list[Path]) -> None:
            for number, (job, source, output) in enumerate(zip(jobs, inputs, outputs, strict=True)):
                written = None
                if table is not None and job.maps:
                    path = folder / f"map{number}{table.ending}"
                    written = write_map(job, table.form, path, self.capabilities, self._map_order(job))
                argv = self.command(job, source, output, written)
                try:
                    process.run(argv, timeout=seconds_allowed([job], seconds), cwd=folder)
                except ProcessError as error:
                    if not (self.description.aborts_at_end and error.returncode == -signal.SIGABRT):
                        raise
                    aborts[number] = error

        streams = encode_files(self, jobs, run, depth=self.description.depth)
        for number, error in aborts.items():
            if not _decodes(streams[number]):
                raise error
        for job, stream in zip(jobs, streams, strict=True):
            order = self._map_order(job)
            if isinstance(job.qp, tuple) and order is not None:
                check_order(stream, order, self.name)
        return streams


def identify(description: Description, binary: Path) -> tuple[CommandEncoder | None, str]:
    """Ask a program for its version; the encoder, or the reason why it is none."""
    probe = description.version
    if probe is None:
        return CommandEncoder(description, binary, f"{description.name} {digest(binary)}"), ""
    text = process.probe([binary, *probe.arguments], exit_code=probe.exit_code)
    if text is None:
        return None, f"does not answer {' '.join(probe.arguments) or 'when it is started'}"
    found = re.search(probe.pattern, text)
    if found is None:
        return None, f"is no {description.name}: it answers {process.one_line(text)[:60]!r}"
    version = found.group(1)
    if probe.minimum is not None and not at_least(version, probe.minimum):
        return None, too_old(description.name, version, probe.minimum, probe.reason)
    if reason := refusal(description.name, version):
        return None, reason
    build = f"{description.name} {version}" + (f" {digest(binary)}" if probe.patched else "")
    return CommandEncoder(description, binary, build), ""


def _decodes(stream: bytes) -> bool:
    """Whether a stream, which holds as many pictures as its job has frames, decodes to all of them."""
    try:
        for _ in decode_stream(stream, threads=1):
            pass
    except BitstreamError:
        return False
    return True


def digest(binary: Path) -> str:
    """What stands for the version of a program that states none: the beginning of its SHA-256."""
    with binary.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
