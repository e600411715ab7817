"""Help and shell completion, drawn by argparse and shtab; ``parser.py`` reads the arguments."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import typing
from typing import Any

from vcmpipe.cli.commands import COMMANDS, GROUPS
from vcmpipe.cli.options import CommonOptions, options_of, short_of
from vcmpipe.config import flag_of
from vcmpipe.errors import InputError

SHELLS = ("bash", "zsh", "tcsh")


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, max_help_position=28, width=min(shutil.get_terminal_size().columns, 110) - 2)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # As Python 3.13 has it: the value stands once, after the last of the names.
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar}"


_PLAIN: dict[str, Any] = {"formatter_class": _Formatter, "add_help": False}


def command_help(name: str) -> str:
    """What ``vcmpipe COMMAND --help`` prints."""
    parser = argparse.ArgumentParser(**_head(name))
    _describe(parser, name)
    return parser.format_help()


def group_help(group: str) -> str:
    """What ``vcmpipe --help`` prints, or with a group's name the help of that."""
    return _whole()[group].format_help()


def completion(shell: str) -> str:
    """A script that completes commands and options in a shell.

    Raises:
        InputError: There is none for that shell.
    """
    import shtab

    if shell.removeprefix("shtab-") not in SHELLS:
        raise InputError(f"--print-completion {shell}: give one of {', '.join(SHELLS)}")
    return f"{shtab.complete(_whole(shtab.FILE)[''], shell.removeprefix('shtab-'))}\n"


def _head(name: str) -> dict[str, Any]:
    """Usage and description; all options follow at once, so that the usage has only what cannot be left out."""
    options = COMMANDS[name].options
    named, bare = options_of(options)
    parts = ["vcmpipe", name]
    for key, field in (bare | named).items():
        if field.default is dataclasses.MISSING:
            parts.append(f"{flag_of(key)} " * (key not in bare) + key.upper() + " ..." * field.metadata["several"])
        elif key in bare:
            parts.append(f"[{key.upper()}]")
    usage, description = " ".join([*parts, "[options]"]), str(options.__doc__).splitlines()[0]
    return {"prog": f"vcmpipe {name}", "usage": usage, "description": description, **_PLAIN}


def _describe(parser: argparse.ArgumentParser, name: str, complete: Any = None) -> None:
    """Add a command's options: those that are required, its own, then by the dataclass that they come from."""
    options = COMMANDS[name].options
    named, bare = options_of(options)
    for field in (field for key, field in bare.items() if key not in named):
        parser.add_argument(field.name, metavar=field.name.upper(), help=field.metadata["help"].replace("%", "%%"))
    groups = {"required": [key for key, field in named.items() if field.default is dataclasses.MISSING]}
    for owner in options.__mro__[:-1]:
        taken = {key for keys in groups.values() for key in keys}
        title = "options" if owner is options else str(owner.__doc__).splitlines()[0].rstrip(".")
        groups[title] = [key for key in owner.__annotations__ if key in named and key not in taken]
    groups["general"] = [*groups.pop("General"), *CommonOptions.__annotations__]
    fields, hints = options_of(options, CommonOptions)[0], typing.get_type_hints(options)
    hints |= typing.get_type_hints(CommonOptions)
    for title, keys in groups.items():
        group = parser.add_argument_group(title)
        for key in keys:
            _add(group, fields[key], hints[key], complete)


def _add(group: Any, field: dataclasses.Field[Any], hint: Any, complete: Any = None) -> None:
    text = field.metadata["help"].replace("%", "%%")
    names = [name for name in (short_of(field), flag_of(field.name)) if name]
    if hint is bool:
        # A switch is listed by the form that changes something.
        group.add_argument(*([flag_of(f"no_{field.name}")] if field.default else names), action="store_true", help=text)
        return
    # Of a choice its values, of X | None its X; several texts are completed like one.
    hint = str if field.metadata["several"] else hint
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    kind = kinds[0] if len(kinds) == 1 else hint
    choices = typing.get_args(kind)
    metavar = "{" + ",".join(map(str, choices)) + "}" if choices else field.name.rpartition("_")[2].upper()
    metavar = field.metadata["metavar"] or {int: "N", float: "X"}.get(kind, metavar)
    if field.default not in (dataclasses.MISSING, None) and "default" not in text:
        text += f" (default: {field.default})".replace("%", "%%")
    nargs = "+" if field.metadata["several"] else None
    action = group.add_argument(*names, metavar=metavar, choices=choices or None, help=text, nargs=nargs)
    if complete and kind is str:
        action.complete = complete


def _whole(complete: Any = None) -> dict[str, argparse.ArgumentParser]:
    """The whole command line, under no name, and its groups; with the options of all commands to complete them."""
    whole = argparse.ArgumentParser(
        prog="vcmpipe",
        usage="vcmpipe COMMAND ...",
        description="Codes pictures and video for machines: one standard VVC stream with a QP per object.",
        epilog="vcmpipe COMMAND --help lists a command's options; --config FILE takes them from YAML.",
        **_PLAIN,
    )
    _add(whole, dataclasses.fields(CommonOptions)[0], bool)
    whole.add_argument("--version", action="store_true", help="print the version and exit")
    whole.add_argument("--debug", action="store_true", help="show tracebacks; may stand anywhere")
    shells = f"print a completion script: {', '.join(SHELLS)}"
    whole.add_argument("--print-completion", choices=SHELLS, metavar="SHELL", help=shells)
    heads, listed = {"": whole}, {"metavar": "COMMAND", "title": "commands"}
    below: dict[str, Any] = {"": whole.add_subparsers(**listed)}  # type: ignore[call-overload]
    for name in COMMANDS:
        group, _, last = name.rpartition(" ")
        if group not in below:
            usage, text = f"vcmpipe {group} COMMAND ...", GROUPS[group]
            heads[group] = below[""].add_parser(group, usage=usage, description=text, help=text, **_PLAIN)
            _add(heads[group], dataclasses.fields(CommonOptions)[0], bool)
            below[group] = heads[group].add_subparsers(**listed)  # type: ignore[call-overload]
        head = _head(name)
        parser = below[group].add_parser(last, help=head["description"], **head)
        if complete:
            _describe(parser, name, complete)
    return heads
