"""The command line: spelling, defaults, configuration files and one-line usage errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vcmpipe.cli.main import main
from vcmpipe.cli.parser import COMMANDS, parse
from vcmpipe.errors import InputError


def test_options_are_hyphenated_and_typed() -> None:
    command, options = parse(
        ["encode", "--input", "a", "--out", "b.bin", "--map-out", "m", "--no-check", "--ctu", "64"]
    )
    assert command == "encode"
    assert (options.input, options.out, options.map_out, options.check, options.ctu) == ("a", "b.bin", "m", False, 64)


def test_file_names_that_look_like_options_or_protocols() -> None:
    _, options = parse(["encode", "--input", "./-i.png", "--out=-o.bin"])
    assert (options.input, options.out) == ("./-i.png", "-o.bin")
    _, options = parse(["encode", "--input=http:x.png", "--out", "b"])
    assert options.input == "http:x.png"


def test_a_configuration_file_and_the_command_line_over_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("margin: -4\nmap_out: maps\nbackground: '+10'\ncheck: false\n")
    _, options = parse(["encode", "--config", str(path), "--input", "a", "--out", "b", "--margin", "2"])
    assert (options.margin, options.map_out, options.background, options.check) == (2, "maps", "+10", False)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "give a command: encode, decode"),
        (["nonsense"], "'nonsense'"),
        (["encode"], "--input and --out must be given"),
        (["encode", "--input", "a"], "--out must be given"),
        (["encode", "--input", "a", "--out", "b", "--inptu", "c"], "--inptu"),
        (["encode", "--input", "a", "--out", "b", "--ctu", "33"], "--ctu: 33 is not one of 32, 64, 128"),
        (["encode", "--input", "a", "--out", "b", "--jobs", "many"], "--jobs: many is no whole number"),
        (["encode", "--input", "a", "--out", "b", "--risk", "3"], "--risk 3.0: give 0 or more"),
        (["bench", "--methods", "plain,best"], "unknown method 'best'"),
        (["encode", "--config", "no-such-thing", "--input", "a", "--out", "b"], "no such file"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["vcmpipe", *words])
    try:
        code = main(words)
    except SystemExit as exit:
        code = exit.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1 and captured.err.startswith("vcmpipe: ")
    assert named in captured.err


def test_a_misspelt_key_in_a_configuration_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("margni: 3\n")
    with pytest.raises(SystemExit) as caught:
        main(["encode", "--config", str(path), "--input", "a", "--out", "b"])
    assert caught.value.code == 2
    assert "margni" in capsys.readouterr().err


def test_an_unknown_configuration_names_the_ready_ones() -> None:
    with pytest.raises(InputError, match="ready configurations are"):
        parse(["bench", "--config", "nothing-of-that-name"])


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert out.startswith(f"usage: vcmpipe {command}")
    assert "null" not in out and "type:" not in out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom vcmpipe.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'supervision', 'pandas', 'av', 'onnxruntime', 'matplotlib', 'scipy', 'ultralytics'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_completion_scripts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--print_completion", "shtab-bash"])
    assert "--verify-map" in capsys.readouterr().out
