"""The options of a command as words of the command line, for the parser and the help."""

from __future__ import annotations

import dataclasses
from typing import Any

from vcmpipe.config import option

Fields = dict[str, dataclasses.Field[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What every command takes besides its own options."""

    help: bool = option(False, help="show this help and exit")
    config: str | None = option(None, help="a YAML file of options, or the name of one in pipelines/", metavar="FILE")
    print_config: bool = option(False, help="print all options as a YAML file for --config, and exit")


def short_of(field: dataclasses.Field[Any]) -> str | None:
    """The short form of an option: ``-i`` of a command's first input, whatever that is called there."""
    return "-i" if field.metadata["bare"] else {"help": "-h", "out": "-o"}.get(field.name)


def options_of(*options: Any) -> tuple[Fields, Fields]:
    """The fields of option dataclasses: those with an option's name, and those that may stand without one, in order."""
    fields = [field for each in options for field in dataclasses.fields(each)]
    named = {field.name: field for field in fields if not field.metadata["positional"]}
    bare = [field for field in fields if field.metadata["positional"]]
    return named, {field.name: field for field in (*bare, *(f for f in fields if f.metadata["bare"]))}
