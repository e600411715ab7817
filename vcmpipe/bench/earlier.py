"""The report that an earlier bench has left in a folder: renewed by the same configuration, else never lost unasked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcmpipe.config import BenchOptions, flag_of
from vcmpipe.errors import InputError
from vcmpipe.plugins import METHODS
from vcmpipe.process.reading import read_json
from vcmpipe.process.text import one_line

# Bytes; a bench of ten thousand pictures at a hundred points has some hundred million.
LARGEST = 1 << 30

# What changes no figure: where things lie, how many cores work, what is printed.
_NO_MATTER = frozenset(
    {"json", "out", "overwrite", "cache", "cache_size", "fresh", "on_error", "jobs", "gallery", "fail_under"}
)

# What holds names of methods, which may have changed since.
_NAMES_METHODS = frozenset({"methods", "anchors", "protocol"})


def check_earlier(folder: Path, names: tuple[str, ...], configuration: Mapping[str, Any]) -> None:
    """Refuse to replace the report of another configuration, and files that are no report of a bench.

    Args:
        folder: Where the report is to be written.
        names: The report's files, of which the first holds the result.
        configuration: Every option of the bench with its value.

    Raises:
        InputError: The report there is of another configuration, or nobody can tell of which.
    """
    there = [name for name in names if (folder / name).exists()]
    if not there:
        return
    way = "name another --out, or replace it by --overwrite"
    try:
        earlier = read_json(folder / names[0], LARGEST)["configuration"]
        earlier.keys()
    except (InputError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{one_line(str(folder / there[0]))} exists, and holds no report of a bench that can be read: {way}"
        ) from None
    for option in dataclasses.fields(BenchOptions):
        if option.name in _NO_MATTER:
            continue
        # An option that the earlier bench did not know had its default.
        before, now = earlier.get(option.name, option.default), configuration[option.name]
        if option.name in _NAMES_METHODS and isinstance(before, str):
            before = re.sub(r"[\w-]+", lambda name: METHODS.renamed.get(name[0], name[0]), before)
        if before != now:
            change = f"{flag_of(option.name)} was {one_line(str(before))}, and is {one_line(str(now))}"
            raise InputError(
                f"--out {one_line(str(folder))} holds the report of another configuration ({change}): {way}"
            )
