"""Encoders described by TOML files: how a program is called, what it takes and gives, and how its version is asked."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from vcmpipe.encoders.base import PRESETS, Capabilities
from vcmpipe.encoders.maps import MAP_FORMS, MapForm, limits_of
from vcmpipe.errors import InputError

_JOB_PLACEHOLDERS = ("input", "output", "frames", "width", "height", "qp", "preset", "map", "background_qp", "folder")
_COLOUR_PLACEHOLDERS = ("primaries", "transfer", "matrix", "full_range", "siting", "matrix_name", "range_name")
PLACEHOLDERS = _JOB_PLACEHOLDERS + _COLOUR_PLACEHOLDERS
"""What may stand in braces in an argument; docs/encoders.md says what each becomes."""

_INPUT_DEPTHS = {"yuv420p": 8, "yuv420p10le": 10}
T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class VersionProbe:
    """How a program is asked for its version, and the oldest that will do, with the reason."""

    arguments: tuple[str, ...]
    pattern: str
    minimum: str | None
    reason: str


@dataclass(frozen=True)
class Description:
    """One external encoder, as its TOML file says.

    Attributes:
        name: The name it is requested by.
        program: The program's file name, looked for in ``encoder_bin`` and on ``PATH``, or a path.
        variable: The environment variable that names it instead.
        arguments: The command line behind the program, with placeholders.
        depth: Bits per sample of the raw pictures that it reads.
        map_form: The form of its map files, or None where it reads none.
        map_arguments: What is appended to the command line of a picture with a map.
        map_ending: Ending of the map file's name.
        presets: What ``{preset}`` becomes, by vcmpipe's preset.
        seconds: Seconds allowed per megapixel.
        version: How its version is asked, or None: the program's digest then stands for it.
        capabilities: What it can do.
        source: The TOML file.
    """

    name: str
    program: str
    variable: str
    arguments: tuple[str, ...]
    depth: int
    map_form: MapForm | None
    map_arguments: tuple[str, ...]
    map_ending: str
    presets: dict[str, str]
    seconds: float
    version: VersionProbe | None
    capabilities: Capabilities
    source: Path


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises:
        InputError: The file cannot be read, or says something that is not known here; the message names the place.
    """
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no TOML file: {error}") from error
    table = _Table(path, data)
    name = table.text("name", path.stem, _NAME)
    low, high = table.pair("qp_range")
    depth = _INPUT_DEPTHS[table.choice("input", tuple(_INPUT_DEPTHS), "yuv420p10le")]
    codec: Literal["vvc", "hevc"] = "hevc" if table.choice("codec", ("vvc", "hevc"), None) == "hevc" else "vvc"
    arguments = table.arguments("arguments", ("input", "output", "width", "height", "qp"))
    map_table, version_table, preset_table = (table.table(key) for key in ("map", "version", "presets"))
    map_form: MapForm | None = None
    map_arguments: tuple[str, ...] = ()
    limits, ending = None, ".txt"
    if map_table is not None:
        asked = map_table.choice("form", MAP_FORMS, None)
        map_form = next(form for form in MAP_FORMS if form == asked)
        map_arguments = map_table.arguments("arguments", ("map",))
        ending = map_table.text("ending", ".txt", re.compile(r"\.[a-z0-9]{1,8}"))
        span, ctu = map_table.number("span", None, 1, 63), map_table.number("ctu", 64, 32, 128)
        limits = map_table.checked(lambda: limits_of(map_form or "csv", ctu, (low, high), span))
        map_table.finish()
    version = None
    if version_table is not None:
        version = VersionProbe(
            version_table.plain_arguments("arguments"),
            version_table.regex("pattern"),
            version_table.text("minimum", "", re.compile(r"(\d+(\.\d+){0,3})?")) or None,
            version_table.text("reason", "", re.compile(r".*")),
        )
        version_table.finish()
    presets = {preset: preset for preset in PRESETS}
    if preset_table is not None:
        presets |= {preset: preset_table.text(preset, preset, re.compile(r"\S+")) for preset in PRESETS}
        preset_table.finish()
    seconds = table.number("seconds_per_megapixel", 600, 1, 100_000)
    program = table.text("program", name, re.compile(r"[^\0]+"))
    table.finish()
    capabilities = table.checked(
        lambda: Capabilities(codec, (low, high), map_form is not None, (depth,), None, False, limits)
    )
    variable = "VCMPIPE_" + name.upper().replace("-", "_")
    return Description(
        name, program, variable, arguments, depth, map_form, map_arguments, ending, presets, float(seconds or 600),
        version, capabilities, path,
    )  # fmt: skip


class _Table:
    """A TOML table whose keys are taken one by one, so that one that nobody takes is noticed."""

    def __init__(self, path: Path, data: dict[str, Any], where: str = "") -> None:
        self._path, self._data, self._where = path, dict(data), where

    def _error(self, key: str, reason: str) -> InputError:
        return InputError(f"{self._path}: {self._where}{key} {reason}")

    def _take(self, key: str, default: Any) -> Any:
        if key not in self._data and default is None:
            raise self._error(key, "is missing")
        return self._data.pop(key, default)

    def table(self, key: str) -> _Table | None:
        value = self._data.pop(key, None)
        if value is not None and not isinstance(value, dict):
            raise self._error(key, "is no table")
        return None if value is None else _Table(self._path, value, f"{self._where}{key}.")

    def text(self, key: str, default: str | None, form: re.Pattern[str]) -> str:
        value = self._take(key, default)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise self._error(key, f"is {value!r}, expected text of the form {form.pattern}")
        return value

    def choice(self, key: str, known: tuple[str, ...], default: str | None) -> str:
        value = self._take(key, default)
        if value not in known:
            raise self._error(key, f"is {value!r}: choose one of {', '.join(known)}")
        return str(value)

    def number(self, key: str, default: int | None, low: int, high: int) -> int | None:
        value = self._data.pop(key, default)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(key, f"is {value!r}, expected a whole number in {low}..{high}")
        return value

    def pair(self, key: str) -> tuple[int, int]:
        value = self._take(key, None)
        numbers = isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)
        if not numbers or not 0 <= value[0] <= value[1] <= 63:
            raise self._error(key, f"is {value!r}, expected [LOWEST, HIGHEST] within 0..63")
        return value[0], value[1]

    def plain_arguments(self, key: str) -> tuple[str, ...]:
        value = self._take(key, None)
        if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
            raise self._error(key, "is no list of texts: one argument each, no shell line")
        return tuple(value)

    def arguments(self, key: str, needed: tuple[str, ...]) -> tuple[str, ...]:
        """A list of arguments with placeholders, each of ``needed`` among them."""
        value = self.plain_arguments(key)
        used: set[str] = set()
        for item in value:
            try:
                fields = list(string.Formatter().parse(item))
            except ValueError as error:
                raise self._error(key, f"has {item!r}: {error} (write {{{{ and }}}} for braces)") from error
            for _, name, form, conversion in fields:
                if name is None:
                    continue
                if name not in PLACEHOLDERS or form or conversion:
                    raise self._error(key, f"has {item!r}: choose placeholders from {', '.join(PLACEHOLDERS)}")
                used.add(name)
        if missing := [name for name in needed if name not in used]:
            raise self._error(key, f"never uses {{{missing[0]}}}")
        return value

    def regex(self, key: str) -> str:
        value = self._take(key, None)
        try:
            if isinstance(value, str) and re.compile(value).groups == 1:
                return value
        except re.error as error:
            raise self._error(key, f"is no regular expression: {error}") from error
        raise self._error(key, f"is {value!r}, expected a regular expression with one group: the version")

    def checked(self, make: Callable[[], T]) -> T:
        try:
            return make()
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error

    def finish(self) -> None:
        if self._data:
            raise self._error(next(iter(self._data)), "is not known here: see docs/encoders.md")
