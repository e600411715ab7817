"""Encoders described by TOML files: how a program is run, what it takes and gives, and how its version is found."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from vcmpipe.bitstream import Codec
from vcmpipe.encoders.base import PRESETS, Capabilities, Structure
from vcmpipe.encoders.maps import MAP_FORMS, MapForm, limits_of
from vcmpipe.encoders.order import whole_groups
from vcmpipe.errors import InputError
from vcmpipe.process import one_line
from vcmpipe.process.reading import LARGEST_CARD, read_file

_JOB_PLACEHOLDERS = ("input", "output", "frames", "width", "height", "qp", "preset", "map", "background_qp", "folder")
_TIME_PLACEHOLDERS = ("rate", "rate_num", "rate_den", "intra_period")
_COLOUR_PLACEHOLDERS = ("primaries", "transfer", "matrix", "full_range", "siting")
_COLOUR_NAMES = ("primaries_name", "transfer_name", "matrix_name", "range_name")
PLACEHOLDERS = _JOB_PLACEHOLDERS + _TIME_PLACEHOLDERS + _COLOUR_PLACEHOLDERS + _COLOUR_NAMES
"""What may stand in braces in an argument; docs/encoders.md says what each becomes."""
STRUCTURE = "{structure}"
"""The argument in whose place those of the structure stand."""
MAP_ARGUMENTS = "{map_arguments}"
"""The argument in whose place those of a map stand."""

FFMPEG = "ffmpeg"
"""What the program is called where an FFmpeg with a library is meant."""
_INPUT_DEPTHS = {"yuv420p": 8, "yuv420p10le": 10}
MapOrder = Literal["presentation", "coding"]
_CHOICES = {
    "codec": get_args(Codec),
    "input": tuple(_INPUT_DEPTHS),
    "map.form": MAP_FORMS,
    "map.order": get_args(MapOrder),
}

Argument = Annotated[str, Meta(pattern=r"\A[^\0]*\Z")]
Qp = Annotated[int, Meta(ge=0, le=63)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a TOML file may hold; ``read_description`` checks it."""


class MapTable(_Table, frozen=True):
    """How a map is handed over.

    Attributes:
        form: The form of its file.
        arguments: What is appended to the command line of a picture with a map.
        ending: Ending of the file's name.
        span: How far its QPs may be apart, or None.
        ctu: Samples of a side of its blocks.
        order: The order of frames in which the program reads maps.
    """

    form: MapForm
    arguments: tuple[Argument, ...]
    ending: Annotated[str, Meta(pattern=r"\A\.[a-z0-9]{1,8}\Z")] = ".txt"
    span: Annotated[int, Meta(ge=1, le=63)] | None = None
    ctu: Annotated[int, Meta(ge=32, le=128)] = 64
    order: MapOrder = "presentation"

    def __post_init__(self) -> None:
        _check_placeholders(self.arguments, ("map",))


class StructureTable(_Table, frozen=True):
    """How frames are told to refer to each other.

    Attributes:
        arguments: What stands in the command line of such a segment.
        gop: Frames of a group of pictures, which intra periods are rounded up to. In random access they are taken to
            be coded in halves (see ``order.coding_order``).
        first_only: What ``{intra_period}`` becomes where only the first frame is to be intra.
    """

    arguments: tuple[Argument, ...]
    gop: Annotated[int, Meta(ge=1, le=128)] = 1
    first_only: Annotated[str, Meta(pattern=r"\A-?\d{1,9}\Z")] = "-1"

    def __post_init__(self) -> None:
        _check_placeholders(self.arguments, ())


class StructureTables(_Table, frozen=True, rename="kebab"):
    """The structures that a program codes; intra needs no table."""

    intra: StructureTable | None = None
    random_access: StructureTable | None = None
    low_delay: StructureTable | None = None

    def of(self, structure: Structure) -> StructureTable | None:
        """The table of a structure."""
        tables = {"intra": self.intra, "random-access": self.random_access, "low-delay": self.low_delay}
        return tables[structure]


class VersionProbe(_Table, frozen=True):
    """How a program states its version.

    Attributes:
        arguments: What it is asked with.
        pattern: A regular expression with one group, the version.
        minimum: The oldest that will do; see ``versions.py`` for what is known of the encoders described here.
        reason: What is wrong with older ones.
        exit_code: What it exits with when it answers.
        patched: Whether builds of one version differ: the program's digest then stands beside it.
    """

    arguments: tuple[Argument, ...]
    pattern: str
    minimum: Annotated[str, Meta(pattern=r"\A\d+(\.\d+){0,3}\Z")] | None = None
    reason: str = ""
    exit_code: Annotated[int, Meta(ge=0, le=255)] = 0
    patched: bool = False

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"pattern is {self.pattern!r}, expected a regular expression with one group: the version")


class Description(_Table, frozen=True):
    """One external encoder, as its TOML file says.

    Attributes:
        name: The name it is requested by.
        program: The program's file name, looked for in ``encoder_bin`` and on ``PATH``, or a path.
        ffmpeg: The library, such as ``libx265``, with which an FFmpeg codes: the program is then the first FFmpeg that
            was built with it.
        codec: What it writes.
        qp_range: The lowest and the highest QP that it takes.
        arguments: The command line behind the program, with placeholders; ``{structure}`` by itself stands for the
            arguments of the structure, which else come last, and ``{map_arguments}`` for those of a map.
        structures: What is added by structure. A description without random-access and low-delay codes intra only.
        input: The raw pictures that it reads, as FFmpeg calls their format.
        map: How it reads QP maps, or None where it reads none.
        version: How its version is found, or None: the program's digest then stands for it.
        presets: What ``{preset}`` becomes, by vcmpipe's preset.
        seconds_per_megapixel: Seconds allowed.
        aborts_at_end: Whether it is known to abort (SIGABRT) once its stream is complete. Such a stream is taken where
            all of it decodes.
    """

    name: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_-]{0,31}\Z")]
    program: Annotated[str, Meta(pattern=r"\A[^\0]+\Z")]
    codec: Codec
    qp_range: tuple[Qp, Qp]
    arguments: tuple[Argument, ...]
    ffmpeg: Annotated[str, Meta(pattern=r"\Alib[a-z0-9_]{1,28}\Z")] | None = None
    input: Literal["yuv420p", "yuv420p10le"] = "yuv420p10le"
    structures: StructureTables = StructureTables()
    map: MapTable | None = None
    version: VersionProbe | None = None
    presets: dict[str, Annotated[str, Meta(pattern=r"\A\S+\Z")]] = {}
    seconds_per_megapixel: Annotated[int, Meta(ge=1, le=100_000)] = 600
    aborts_at_end: bool = False

    def __post_init__(self) -> None:
        common = tuple(argument for argument in self.arguments if argument not in (STRUCTURE, MAP_ARGUMENTS))
        _check_placeholders(common, ("input", "output", "width", "height", "qp"))
        for place in (STRUCTURE, MAP_ARGUMENTS):
            if self.arguments.count(place) > 1:
                raise ValueError(f"arguments has {place!r} twice")
        if self.ffmpeg is not None and self.program != FFMPEG:
            raise ValueError(f"program is {self.program!r}: leave it out where ffmpeg names a library")
        group = self.group("random-access")
        if self.map is not None and self.map.order == "coding" and group & (group - 1):
            raise ValueError(f"structures.random-access.gop is {group}: maps in coding order need a power of two")
        if self.qp_range[0] > self.qp_range[1]:
            raise ValueError(f"qp_range is {list(self.qp_range)}, expected [LOWEST, HIGHEST] within 0..63")
        if unknown := sorted(set(self.presets) - set(PRESETS)):
            raise ValueError(f"presets.{unknown[0]} is not known here: choose from {', '.join(PRESETS)}")

    @property
    def depth(self) -> int:
        """Bits per sample of the raw pictures that it reads."""
        return _INPUT_DEPTHS[self.input]

    @property
    def variable(self) -> str:
        """The environment variable that names the program instead."""
        return "VCMPIPE_" + self.name.upper().replace("-", "_")

    @property
    def capabilities(self) -> Capabilities:
        """What it can do.

        Raises:
            InputError: Its map can say nothing that an encoder could use.
        """
        table = self.map
        limits = limits_of(table.form, table.ctu, self.qp_range, table.span) if table else None
        return Capabilities(
            codec=self.codec,
            qp_range=self.qp_range,
            native_map=limits is not None and limits.levels != 1,
            bit_depths=(self.depth,),
            map_limits=limits,
            structures=tuple(one for one in get_args(Structure) if one == "intra" or self.structures.of(one)),
        )

    def structure_arguments(self, structure: Structure, *, with_map: bool = False) -> tuple[str, ...]:
        """The command line behind the program for a structure, with the arguments of a map or without."""
        table = self.structures.of(structure)
        own = {STRUCTURE: table.arguments if table else ()}
        own[MAP_ARGUMENTS] = self.map.arguments if self.map is not None and with_map else ()
        filled = [part for argument in self.arguments for part in own.pop(argument, (argument,))]
        return tuple(filled) + own.pop(STRUCTURE, ()) + own.pop(MAP_ARGUMENTS, ())

    def group(self, structure: Structure) -> int:
        """Frames of a group of pictures."""
        table = self.structures.of(structure)
        return table.gop if table else 1

    def intra_period(self, structure: Structure, wanted: int | None) -> str:
        """What ``{intra_period}`` becomes."""
        table = self.structures.of(structure)
        if structure == "intra" or table is None:
            return "1"
        return table.first_only if wanted is None else str(whole_groups(wanted, table.gop))


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises:
        InputError: The file cannot be read, or says something that is not known here; the message names the place.
    """
    try:
        data = msgspec.toml.decode(read_file(path, LARGEST_CARD))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a TOML file: {one_line(str(error))}") from error
    data.setdefault("name", path.stem)
    data.setdefault("program", FFMPEG if "ffmpeg" in data else data["name"])
    try:
        description = msgspec.convert(data, Description)
        assert description.capabilities
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {_reason(str(error), data)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if len(Path(description.program).parts) > 1:
        # A path: as it is, or from the folder that the TOML lies in.
        description = msgspec.structs.replace(description, program=str(path.parent / description.program))
    return description


def _reason(message: str, data: Any) -> str:
    """What msgspec finds wrong, beginning with the key and, where it is the value, that."""
    reason, _, place = message.partition(" - at `$.")
    where = re.sub(r"\[.*?\]", "", place.rstrip("`"))
    if found := re.fullmatch(r"Object (?:contains (unknown)|missing required) field `(.*)`", reason):
        reason = f"{found[2]} is {'not known here: see docs/encoders.md' if found[1] else 'missing'}"
    elif reason.startswith(("Expected", "Invalid")):
        for key in where.split("."):
            data = data[key]
        if where in _CHOICES:
            return f"{where} is {data!r}: choose one of {', '.join(_CHOICES[where])}"
        reason = reason[0].lower() + reason[1:].replace("`object", "`table")
        return f"{where} is {data!r}: {reason}"
    return f"{where}.{reason}" if where else reason


def _check_placeholders(arguments: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Refuse placeholders that do not exist, formats, and the lack of one that is ``needed``."""
    used: set[str] = set()
    for item in arguments:
        try:
            fields = list(string.Formatter().parse(item))
        except ValueError as error:
            raise ValueError(f"arguments has {item!r}: {error} (write {{{{ and }}}} for braces)") from error
        for _, name, form, conversion in fields:
            if name is None:
                continue
            if name not in PLACEHOLDERS or form or conversion:
                raise ValueError(f"arguments has {item!r}: choose placeholders from {', '.join(PLACEHOLDERS)}")
            used.add(name)
    if missing := [name for name in needed if name not in used]:
        raise ValueError(f"arguments never uses {{{missing[0]}}}")
