"""The command line: spelling, defaults, configuration files and one-line usage errors."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vcmpipe.cli import config_files
from vcmpipe.cli.commands import COMMANDS, GROUPS
from vcmpipe.cli.main import main
from vcmpipe.cli.parser import parse
from vcmpipe.errors import InputError


def test_options_are_hyphenated_and_typed() -> None:
    command, options = parse(
        ["encode", "--input", "a", "--out", "b.bin", "--map-out", "m", "--no-check", "--ctu", "64", "--risk=0.2"]
    )
    assert command == "encode"
    assert (options.input, options.out, options.map_out, options.check, options.ctu) == ("a", "b.bin", "m", False, 64)
    assert options.risk == 0.2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["encode", "a", "-o", "b"], {"input": "a", "out": "b"}),
        (["encode", "-o", "b", "--verify", "a"], {"input": "a", "out": "b", "verify": True}),
        (["encode", "-i=a", "-o=b"], {"input": "a", "out": "b"}),
        (["inspect", "--", "--verify-map"], {"input": "--verify-map", "verify_map": False}),
        (["decode", "-", "-o", "d", "--no-restore", "--restore"], {"input": "-", "restore": True}),
        (["bench", "frames"], {"images": "frames"}),
        (["bench", "-i", "frames"], {"images": "frames"}),
        (["train", "dt_jrd", "-i", "store", "-o", "run"], {"model": "dt_jrd", "data": "store"}),
        (["dataset", "build", "frames", "-o", "store"], {"images": "frames", "out": "store"}),
        (["train", "dt_jrd", "store", "-o", "run"], {"model": "dt_jrd", "data": "store"}),
        (["train", "--data", "store", "-o", "run", "dt_jrd"], {"model": "dt_jrd", "data": "store"}),
        (["dataset", "verify", "store", "--images", "x"], {"store": "store", "images": "x"}),
        (["encode", "a", "-o", "b", "--limit", "3", "--limit", "null"], {"limit": None}),
        (["encode", "a", "-o", "b", "--background", "-4", "--margin", "-2"], {"background": "-4", "margin": -2}),
        (["encode", "./-i.png", "--out=-o.bin"], {"input": "./-i.png", "out": "-o.bin"}),
        (["encode", "--input", "-i.png", "--out", "-o.bin"], {"input": "-i.png", "out": "-o.bin"}),
        (["encode", "--input=--out", "-o", "b"], {"input": "--out", "out": "b"}),
        (["encode", "--input=http:x.png", "-o", "b=c"], {"input": "http:x.png", "out": "b=c"}),
    ],
)
def test_words_become_options(words: list[str], expected: dict[str, object]) -> None:
    _, options = parse(words)
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "give a command: encode, decode"),
        (["nonsense"], "'nonsense'; there are encode"),
        (["encod"], "'encod': did you mean encode?"),
        (["--json", "encode"], "give a command before --json"),
        (["dataset"], "give a command: build, verify"),
        (["dataset", "bild"], "did you mean build?"),
        (["encode"], "--input and --out must be given (see vcmpipe encode --help)"),
        (["encode", "--input", "a"], "--out must be given"),
        (["train", "--out", "run"], "--data and MODEL must be given"),
        (["encode", "a", "--out", "b", "--inptu", "c"], "no option --inptu: did you mean --input?"),
        (["encode", "a", "--out", "b", "--qps", "32"], "no option --qps: did you mean --qp"),
        (["encode", "a", "--out", "b", "--map_out", "c"], "no option --map_out: did you mean --map-out"),
        (["encode", "a", "--out", "b", "--audience", "both"], "--audience is now --viewer"),
        (["encode", "a", "--output", "b"], "no option --output: did you mean --out?"),
        (["encode", "a", "--out", "b", "--QP", "32"], "no option --QP: did you mean --qp"),
        (["encode", "a", "--out", "b", "--marg", "3"], "no option --marg: did you mean --margin?"),
        (["encode", "a", "--out", "b", "-x"], "no option -x (see vcmpipe encode --help)"),
        (["encode", "-input", "a"], "no option -input: did you mean --input?"),
        (["decode", "a", "b", "--out", "c"], "unexpected argument 'b'"),
        (["encode", "a", "--out"], "--out needs a value"),
        (["encode", "--input", "--out", "b"], "--input needs a value"),
        (["encode", "-i", "-o", "b"], "-i needs a value"),
        (["encode", "a", "--out", "b", "--json=1"], "--json takes no value"),
        (["encode", "a", "--out", "b", "--ctu", "33"], "--ctu: 33 is not one of 32, 64, 128"),
        (["encode", "a", "--out", "b", "--jobs", "many"], "--jobs: many is not a whole number"),
        (["encode", "a", "--out", "b", "--risk", "big"], "--risk: big is not a number"),
        (["encode", "a", "--out", "b", "--risk", "3"], "--risk 3.0: give at least 0 and less than 1"),
        (["bench", "--methods", "plain,best"], "unknown method 'best'"),
        (["encode", "--config", "no-such-thing", "a", "--out", "b"], "no such file"),
        (["--print-completion", "perl"], "--print-completion perl: give one of bash, zsh, tcsh"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1 and captured.err.startswith("vcmpipe: ")
    assert named in captured.err


def test_a_configuration_file_and_the_command_line_over_it(tmp_path: Path) -> None:
    first, second = tmp_path / "c.yaml", tmp_path / "d.yaml"
    first.write_text("margin: -4\nmap_out: maps\nbackground: +4\ncheck: false\nlimit: 2\nscale: 1\n")
    second.write_text("# over it\nlimit: null\nkeep-classes: 'no'\nempty:\nrisk: 2e-1\ninput: x\n")
    words = ["encode", "--margin", "2", "--config", str(first), f"--config={second}", "-o", "b"]
    _, options = parse(words)
    assert (options.margin, options.map_out, options.background, options.check) == (2, "maps", "+4", False)
    assert (options.limit, options.keep_classes, options.empty, options.risk) == (None, "no", None, 0.2)
    assert (options.input, options.scale) == ("x", "1")
    assert parse([*words, "a"])[1].input == "a"


_LEVELS = "abcdefghijklmnopqrstuvwxyz"
BOMB = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{', '.join(9 * [f'*{old}'])}]\n" for old, new in itertools.pairwise(_LEVELS)
)

# Its first levels as a name; the text of all of it would not fit into any memory.
KEY_BOMB = f"? [{', '.join(line.partition(': ')[2] for line in BOMB.splitlines()[:7])}]\n: 1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("margni: 3", "there is no option margni: did you mean margin?"),
        ("map-otu: m", "there is no option map-otu: did you mean map-out?"),
        ("map_otu: m", "there is no option map-otu: did you mean map-out?"),
        ("audience: both", "audience is now --viewer"),
        ("json: maybe", "--json in c.yaml: maybe is not one of true"),
        ("map-out: a\nmap_out: b", "c.yaml has map_out twice"),
        ("margin: x", "--margin in c.yaml: x is not a whole number"),
        ("out:", "--out in c.yaml has no value"),
        ("- margin", "c.yaml holds no options"),
        ("margin", "c.yaml holds no options"),
        ("scales: [1, 0.5]", "--scales in c.yaml has several values"),
        (BOMB, "b has several values"),
        (KEY_BOMB, "has a list for a name"),
        ('out: "a\\0b"', "--out in c.yaml holds a character that no name of a file can have"),
        ('out: "a\\uD800b"', "--out in c.yaml holds a character that no name of a file can have"),
        ("? " * 5000 + "x", "c.yaml is not YAML"),
        ("? [a]\n: b", "has a list for a name"),
        ("margin: !!python/object/apply:os.abort []", "margin has several values"),
        ("margin: *x", "c.yaml is not YAML"),
        ("[" * 100_000, "c.yaml is not YAML"),
        ("margin: 1\n---\nmargin: 2", "c.yaml is not YAML"),
        ("\x00", "c.yaml is not YAML"),
        ("#" * (config_files.LARGEST + 1), "more than 1,000,000 bytes"),
    ],
)
def test_configuration_files_that_are_refused(
    text: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(text)
    assert main(["encode", "--config", "c.yaml", "--input", "a", "--out", "b"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and named in captured.err


def test_an_unknown_configuration_names_the_ready_ones() -> None:
    with pytest.raises(InputError, match="ready configurations are"):
        parse(["bench", "--config", "nothing-of-that-name"])


@pytest.mark.parametrize("spelling", ["--print-config", "--print_config"])
def test_a_printed_configuration_is_whole_and_is_read_again(
    spelling: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["encode", "a", "-o", "null.bin", "--background", "+4", "--no-check", "--limit", "3", "--cache", "ü: #"]
    with pytest.raises(SystemExit) as caught:
        main([*words, spelling])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "map-out: null\n" in text and "_" not in "".join(yaml.safe_load(text))
    (tmp_path / "c.yaml").write_text(text)
    assert parse(["encode", "--config", str(tmp_path / "c.yaml")]) == parse(words)
    with pytest.raises(SystemExit):
        main(["encode", spelling])
    assert "input" not in capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *GROUPS, *COMMANDS])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert out.startswith(f"usage: vcmpipe {command}")
    assert "null" not in out and "None" not in out and "==" not in out


def test_help_lists_what_is_required_first_and_switches_by_what_they_change(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        main(["encode", "-h"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usage: vcmpipe encode INPUT ... --out OUT [options]"
    first = lines.index("required:")
    assert lines[first + 1].startswith("  -i, --input INPUT ")
    assert next(line for line in lines[first + 2 :] if "--" in line).startswith("  -o, --out OUT ")
    assert any(line.startswith("  --no-check ") for line in lines) and not any(" --check" in line for line in lines)
    assert any(line.startswith("  --verify ") for line in lines) and not any("--no-verify" in line for line in lines)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom vcmpipe.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'supervision', 'pandas', 'av', 'onnxruntime', 'matplotlib', 'scipy', 'ultralytics'}\n"
        "heavy |= {'numpy', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", [["--print-completion", "bash"], ["--print_completion=shtab-zsh"]])
def test_completion_scripts_are_printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 0 and "--verify-map" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="the locale says what file names are on Linux")
def test_a_configuration_in_utf_8_where_the_locale_is_ascii(tmp_path: Path) -> None:
    """Its names are those of the same files as in any other locale."""
    (tmp_path / "c.yaml").write_text("# ünï\ninput: größe.bin\n", encoding="utf-8")
    program = (
        "import os; from vcmpipe.cli.parser import parse; from pathlib import Path\n"
        "print(os.fsencode(parse(['inspect', '--config', 'c.yaml'])[1].input))"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | locale,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (repr("größe.bin".encode()), "")
