"""The command line, built from the option dataclasses; hyphens in names, ``--no-x`` switches, one-line usage errors."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shutil
import sys
import typing
from typing import Any, NoReturn

from jsonargparse import ActionYesNo, ArgumentParser, Namespace, set_parsing_settings

from vcmpipe import __version__, config
from vcmpipe.errors import InputError
from vcmpipe.process import one_line

COMMANDS: dict[str, tuple[type, str]] = {
    "encode": (config.EncodeOptions, "code pictures or video into one VVC stream, a QP per object"),
    "decode": (config.DecodeOptions, "turn a VVC stream back into pictures"),
    "inspect": (config.InspectOptions, "show headers, pictures and regions; verify QPs against the map"),
    "extract": (config.ExtractOptions, "cut one sub-picture out without coding it again"),
    "bench": (config.BenchOptions, "compare methods: what they keep and what they cost"),
    "predict": (config.PredictOptions, "say how much distortion each object bears"),
    "train": (config.TrainOptions, "train a threshold predictor"),
    "evaluate predictor": (config.EvaluatePredictorOptions, "say how far a predictor is off, next to a constant"),
    "dataset build": (config.DatasetBuildOptions, "code every picture at every QP and look at each version"),
    "dataset verify": (config.DatasetVerifyOptions, "check a store: digests, completeness, decodability"),
    "dataset import": (config.DatasetImportOptions, "read a published data set into one table of samples"),
    "dataset export": (config.DatasetExportOptions, "write a store in a layout that others read"),
    "dataset convert": (config.DatasetConvertOptions, "turn labels of H.264 or JPEG into VVC QPs"),
    "dataset stats": (config.DatasetStatsOptions, "say what is in a data set, and what a constant guess would reach"),
    "dataset crop": (config.DatasetCropOptions, "cut pairs of pictures into patches to train resjnd on"),
    "jnd-map": (config.JndMapOptions, "write what human viewers do not notice in each pixel"),
    "doctor": (config.DoctorOptions, "say what this machine has: encoders, detectors, devices"),
}
# Commands of two words, by the first.
GROUPS: dict[str, str] = {
    "dataset": "build, check and exchange JRD data sets",
    "evaluate": "judge what was trained",
}


class _Help(argparse.HelpFormatter):
    """Help with defaults but without type names: a reader wants to know what happens, not the Python behind it."""

    def __init__(self, prog: str, **words: Any) -> None:
        super().__init__(prog, max_help_position=28, width=min(shutil.get_terminal_size().columns, 110) - 2)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # A switch is listed by the form that changes something.
        if isinstance(action, ActionYesNo) and len(action.option_strings) == 2:
            return action.option_strings[1 if action.default else 0]
        return super()._format_action_invocation(action)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if isinstance(action, ActionYesNo):
            return f"do not: {text}" if action.default else text
        if action.required and action.option_strings:
            return f"{text} (required)"
        if action.option_strings and action.default not in (None, False, argparse.SUPPRESS) and "default" not in text:
            return f"{text} (default: %(default)s)"
        return text

    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any) -> str:
        # The list of all options follows at once; what a reader needs first is what cannot be left out.
        needed = [a for a in actions if a.required and not isinstance(a, argparse._SubParsersAction)]
        words = [f"{a.option_strings[0]} {a.dest.upper()}" if a.option_strings else a.dest.upper() for a in needed]
        command = self._prog.replace(" [options]", "")
        rest = [] if not needed and not any(a.option_strings for a in actions) else ["[options]"]
        if any(isinstance(a, argparse._SubParsersAction) for a in actions):
            rest = ["COMMAND ..."]
        return f"{'usage: ' if prefix is None else prefix}{' '.join([command, *words, *rest])}\n\n"


class Parser(ArgumentParser):
    """jsonargparse's parser with errors of one line and exit code 2."""

    def __init__(self, **words: Any) -> None:
        super().__init__(formatter_class=_Help, **words)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print one line and exit with 2."""
        sys.stderr.write(f"vcmpipe: {one_line(_plain(message))} (vcmpipe {self._command()}--help lists the options)\n")
        raise SystemExit(2)

    def _command(self) -> str:
        for words in (sys.argv[1:3], sys.argv[1:2]):
            if " ".join(words) in (*COMMANDS, *GROUPS):
                return " ".join(words) + " "
        return ""


def _plain(message: str) -> str:
    """Jsonargparse's message in the user's words."""
    text = " ".join(message.split())
    text = re.sub(
        r"the following arguments are required: (.*)",
        lambda m: " and ".join(_flag(word.split(".")[-1]) for word in m[1].split(", ")) + " must be given",
        text,
    )
    text = re.sub(r'Parser key "(?:\w+\.)*(\w+)":', lambda m: f"{_flag(m[1])}:", text)
    text = re.sub(r"[Ee]xpected an? typing\.Literal\[(.*?)\]\. Got value: (\S+)", r"\2 is not one of \1", text)
    text = re.sub(
        r"[Ee]xpected an? <class '(\w+)'>\. Got value: (\S+)", lambda m: f"{m[2]} is no {_KINDS.get(m[1], m[1])}", text
    )
    text = re.sub(
        r'expected "(?:(\w+)\.)?command" to be one of .*', lambda m: f"give a command: {', '.join(_below(m[1]))}", text
    )
    return re.sub(
        r"argument COMMAND: invalid choice: ('[^']*') \(choose from (.*)\)",
        r"there is no command \1; there are \2",
        text,
    )


def _below(group: str | None) -> list[str]:
    """The commands of a group; the first words of all without one."""
    if group is not None:
        return [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{group} ")]
    return list(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))


_KINDS = {"int": "whole number", "float": "number", "bool": "switch"}

_POSITIONAL = {
    field.name
    for options, _ in COMMANDS.values()
    for field in dataclasses.fields(options)
    if "positional" in field.metadata
}


def _flag(name: str) -> str:
    if name in _POSITIONAL:
        return name.upper()
    return "--" + name.replace("_", "-")


def _add_options(parser: ArgumentParser, options: Any) -> None:
    hints = typing.get_type_hints(options)
    fields = {field.name: field for field in dataclasses.fields(options)}
    # Required options first: they are what a reader of --help looks for.
    for field in sorted(fields.values(), key=lambda f: f.default is not dataclasses.MISSING):
        words: dict[str, Any] = {"help": field.metadata["help"].replace("%", "%%")}
        if field.metadata.get("positional"):
            parser.add_argument(field.name, type=hints[field.name], **words)
            continue
        if field.default is dataclasses.MISSING:
            words["required"] = True
        else:
            words["default"] = field.default
        if hints[field.name] is bool:
            words["action"] = ActionYesNo(yes_prefix="", no_prefix="no-")
        else:
            words["type"] = hints[field.name]
        parser.add_argument(_flag(field.name), **words)


def build_parser() -> Parser:
    """The whole command line."""
    set_parsing_settings(add_print_completion_argument=True)
    parser = Parser(
        prog="vcmpipe",
        description="Codes pictures and video for machines: one standard VVC stream with a QP per object.",
        epilog="vcmpipe COMMAND --help lists a command's options; --config FILE takes them from YAML.",
        version=__version__,
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks; may stand anywhere")
    words: dict[str, Any] = {"dest": "command", "metavar": "COMMAND", "title": "commands", "description": None}
    subcommands = parser.add_subcommands(**words)
    groups: dict[str, Any] = {}
    for name, (options, summary) in COMMANDS.items():
        command = Parser(description=typing.cast(str, options.__doc__).splitlines()[0])
        command.add_argument(
            "--config", action="config", help="a YAML file of options, or the name of one in pipelines/"
        )
        _add_options(command, options)
        group, _, rest = name.rpartition(" ")
        if not group:
            subcommands.add_subcommand(rest, command, help=summary)
            continue
        if group not in groups:
            head = Parser(description=GROUPS[group])
            subcommands.add_subcommand(group, head, help=GROUPS[group])
            groups[group] = head.add_subcommands(**words)
        groups[group].add_subcommand(rest, command, help=summary)
    return parser


def parse(argv: list[str]) -> tuple[str, Any]:
    """The command and its options as their dataclass.

    Raises:
        InputError: An option's value is out of range.
        SystemExit: Usage errors (2), ``--help``, ``--version``, ``--print_config`` (0).
    """
    try:
        parsed: Namespace = build_parser().parse_args(_values_joined(_named_config(argv)))
    except UnicodeDecodeError as error:
        raise InputError(f"the file after --config is no text: give YAML in UTF-8 ({error.reason})") from error
    name, chosen = parsed.command, parsed[parsed.command]
    while (rest := chosen.get("command")) is not None:
        name, chosen = f"{name} {rest}", chosen[rest]
    options = COMMANDS[name][0]
    values = {field.name: chosen[field.name] for field in dataclasses.fields(options)}
    return name, options(**values)


def _values_joined(argv: list[str]) -> list[str]:
    """``--input -i.png`` as ``--input=-i.png``: no option but -h has one hyphen, so this can only be a value."""
    joined: list[str] = []
    for word in argv:
        is_value = len(word) > 1 and word[0] == "-" and word[1] != "-" and word != "-h"
        if is_value and joined and re.fullmatch(r"--[a-z][a-z-]*", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _named_config(argv: list[str]) -> list[str]:
    """Replace the name of a ready configuration after ``--config`` by its path."""
    from vcmpipe.cli.pipelines import find_pipeline

    replaced = list(argv)
    for i, word in enumerate(argv):
        if word == "--config" and i + 1 < len(argv):
            replaced[i + 1] = find_pipeline(argv[i + 1])
        elif word.startswith("--config="):
            replaced[i] = "--config=" + find_pipeline(word.removeprefix("--config="))
    return replaced
