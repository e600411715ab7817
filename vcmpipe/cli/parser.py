"""The command line: arguments and YAML files become a command's option dataclass.

An option is ``--name VALUE`` or ``--name=VALUE``, a switch ``--name`` or ``--no-name``. Values in files are
texts, too, and read by the same rules, so that ``background: +4`` means what ``--background +4`` means.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn

from vcmpipe import __version__
from vcmpipe.cli.commands import COMMANDS, GROUPS
from vcmpipe.cli.options import CommonOptions, Fields, options_of, short_of
from vcmpipe.cli.say import reader_may_leave
from vcmpipe.config import flag_of
from vcmpipe.config.quality import describe, written_out
from vcmpipe.errors import InputError

# What options were called before.
_RENAMED = {"audience": "viewer"}
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class UsageError(InputError):
    """A word that is not understood; the help of the command says more."""


def parse(argv: Sequence[str]) -> tuple[str, Any]:
    """The command and its options as their dataclass.

    Raises:
        InputError: A word that is not understood, or a value out of range.
        SystemExit: After ``--help``, ``--version``, ``--print-config`` and ``--print-completion``; its code is 0.
    """
    name, arguments = _command(argv)
    try:
        return name, _options(name, arguments)
    except UsageError as error:
        raise InputError(f"{error} (see vcmpipe {name} --help)") from None


def _command(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command, of one word or two, and the arguments after it."""
    group = argv[0] if argv and argv[0] in GROUPS else ""
    arguments = list(argv[bool(group) :])
    first = arguments.pop(0) if arguments else ""
    flag, _, value = first.partition("=")
    if not group and first == "--version":
        _print(f"vcmpipe {__version__}\n")
    if not group and flag in ("--print-completion", "--print_completion"):
        from vcmpipe.cli.help import completion

        _print(completion(value or "".join(arguments[:1])))
    if first in ("-h", "--help"):
        from vcmpipe.cli.help import group_help

        _print(group_help(group))
    if (name := f"{group} {first}".strip()) in COMMANDS:
        return name, arguments
    known = list(dict.fromkeys(each.split()[bool(group)] for each in COMMANDS if each.startswith(group)))
    listed = ", ".join(known)
    if not first or first.startswith("-"):
        raise InputError(f"give a command{f' before {flag}' if first else ''}: {listed}")
    raise InputError(f"there is no command {first!r}{_nearest(first, known) or f'; there are {listed}'}")


def _options(name: str, arguments: Iterable[str]) -> Any:
    """A command's options, of the files that are named and over them of the arguments."""
    from vcmpipe.cli.config_files import find_config, read_config
    from vcmpipe.process.folders import same_file

    options = COMMANDS[name].options
    hints = typing.get_type_hints(options)
    named, bare = options_of(options, CommonOptions)
    several = next((key for key, field in bare.items() if field.metadata["several"]), None)
    given, alone, files = _read(arguments, named)
    if several is not None and alone:
        given[several], alone = [*given.get(several, []), *alone], []
    if given.pop("help", False):
        from vcmpipe.cli.help import command_help

        _print(command_help(name))
    printed = given.pop("print_config", False)
    values: dict[str, Any] = {}
    configs = [find_config(file) for file in files]
    for file, config in zip(files, configs, strict=True):
        texts = {f"{key}_" if f"{key}_" in hints else key: text for key, text in read_config(config).items()}
        if unknown := [key for key in texts if key not in hints]:
            raise UsageError(f"--config {file}: {_unknown(_as_key(unknown[0]), map(_as_key, hints))}")
        values |= {key: _value(text, hints[key], f"{flag_of(key)} in {file}") for key, text in texts.items()}
    free = [key for key in bare if key not in given]
    if alone[len(free) :]:
        raise UsageError(f"unexpected argument {alone[len(free)]!r}: give options as --name VALUE")
    given |= zip(free, alone, strict=False)
    values |= {key: _value(text, hints[key], flag_of(key)) for key, text in given.items()}
    fields = dataclasses.fields(options)
    quality = values.get("quality")
    values = written_out(values)
    if values.get("dry_run") and "out" in hints:
        values.setdefault("out", "-")  # nothing is written
    missing = [f for f in fields if f.default is dataclasses.MISSING and values.get(f.name) is None]
    if printed:
        import yaml

        shown = {flag_of(f.name)[2:]: values.get(f.name, f.default) for f in fields if f not in missing}
        _print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=1000))
    if missing:
        names = [f.name.upper() if f.metadata["positional"] else flag_of(f.name) for f in missing]
        raise UsageError(f"{' and '.join(names)} must be given")
    out = values.get("out")
    if isinstance(out, str) and any(same_file(Path(out), config) for config in configs):
        raise UsageError(f"--out {out} is the file that --config names: name another file")
    try:
        return options(**values)
    except InputError as error:
        if quality is None:
            raise
        raise InputError(f"{error} (--quality {quality} stands for {describe(quality)})") from error


def _read(arguments: Iterable[str], named: Fields) -> tuple[dict[str, Any], list[str], list[str]]:
    """Values by option, the arguments that no option precedes, and the files of ``--config``."""
    flags: dict[str, tuple[str, bool | None]] = {"--print_config": ("print_config", True)}
    for name, field in named.items():
        switch = isinstance(field.default, bool)
        flags[flag_of(name)] = flags[short_of(field) or flag_of(name)] = (name, True if switch else None)
        if switch:
            flags[flag_of(f"no_{name}")] = (name, False)
    given: dict[str, Any] = {}
    alone: list[str] = []
    files: list[str] = []
    queue = iter(arguments)
    for word in queue:
        flag, joined, value = word.partition("=")
        if word == "--":
            alone += queue
        elif word == "-" or not word.startswith("-"):
            alone.append(word)
        elif flag not in flags:
            raise UsageError(_unknown(flag, flags))
        elif (constant := flags[flag][1]) is not None:
            if joined:
                raise UsageError(f"{flag} takes no value: write {flag} or --no-{flag[2:]}")
            given[flags[flag][0]] = constant
        else:
            # One hyphen may begin a file's name or a number; two begin the next option.
            if not joined and ((value := next(queue, "--")) in flags or value.startswith("--")):
                raise UsageError(f"{flag} needs a value ({flag}=VALUE where it looks like an option)")
            if flag == "--config":
                files.append(value)
            elif named[flags[flag][0]].metadata["several"]:
                given.setdefault(flags[flag][0], []).append(value)
            else:
                given[flags[flag][0]] = value
    return given, alone, files


def _value(text: str | bool | list[str] | None, hint: Any, what: str) -> Any:
    """A text, or several of them, as the type of its option; None is a file's ``null``."""
    kinds = typing.get_args(hint)
    if str in kinds and tuple[str, ...] in kinds:
        return tuple(_value(each, str, what) for each in (text if isinstance(text, list) else [text]))
    if isinstance(text, list):
        raise UsageError(f"{what} has several values: give one, such as methods: plain,jrd")
    if NoneType in kinds:
        if text in (None, "null"):
            return None
        hint = kinds[0]
    if text is None:
        raise UsageError(f"{what} has no value")
    if isinstance(text, str) and not _sendable(text):
        raise UsageError(f"{what} holds a character that no name of a file can have")
    if isinstance(text, bool) or hint is str:
        return text
    choices = {str(choice): choice for choice in typing.get_args(hint)} if hint is not bool else _SWITCH
    if choices and text in choices:
        return choices[text]
    if choices:
        raise UsageError(f"{what}: {text} is not one of {', '.join(choices)}")
    try:
        return hint(text)
    except ValueError:
        raise UsageError(f"{what}: {text} is not a {'whole ' * (hint is int)}number") from None


def _sendable(text: str) -> bool:
    """Whether the system takes a text: in YAML it may hold NUL, or half of a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _unknown(flag: str, known: Iterable[str]) -> str:
    new = _RENAMED.get(flag.lstrip("-"))
    return f"{flag} is now --{new}" if new else f"there is no option {flag}{_nearest(flag, known)}"


def _as_key(field: str) -> str:
    """An option as it is written in a file: ``map-out``."""
    return flag_of(field)[2:]


def _nearest(word: str, known: Iterable[str]) -> str:
    """What may have been meant: names that it begins, names that begin it, or similar ones."""
    # The hyphens that all options share make none of them more alike; of one letter any word may be the beginning.
    names = {name.lstrip("-"): name for name in known if len(name.lstrip("-")) > 1}
    wanted = word.lstrip("-").lower().replace("_", "-")
    near = [names[each] for each in names if len(wanted) > 1 and each.startswith(wanted)]
    near = near or [names[each] for each in names if len(each) > 2 and wanted.startswith(each)]
    near = near or [names[each] for each in difflib.get_close_matches(wanted, names, cutoff=0.7)]
    return f": did you mean {' or '.join(near[:3])}?" if near else ""


def _print(text: str) -> NoReturn:
    with reader_may_leave():
        print(text, end="")
    raise SystemExit(0)
