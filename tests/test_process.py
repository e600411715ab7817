from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from vcmpipe import process
from vcmpipe.errors import OutputError, ProcessError
from vcmpipe.process import file_argument, one_line, probe, publish, run, stop_all, temporary_folder

PY = sys.executable
posix = pytest.mark.skipif(os.name != "posix", reason="process groups and modes are POSIX")


def _alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody has collected yet does not count)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def _until(condition, seconds: float = 8.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_output_and_input_pass_through() -> None:
    done = run(
        [PY, "-c", "import sys; d=sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1])"], timeout=30, input=b"ab\0"
    )
    assert done.stdout == b"\0ba"
    # an argument is an argument: no shell expands it
    assert (
        run([PY, "-c", "import sys; print(sys.argv[1])", "$HOME; *"], timeout=30).stdout.split(b"\n")[0] == b"$HOME; *"
    )


def test_large_input_that_is_not_read_does_not_hang() -> None:
    assert run([PY, "-c", "print(1)"], timeout=30, input=bytes(10_000_000)).stdout.strip() == b"1"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "import sys; print('first\\nbad\\x1b thing', file=sys.stderr); sys.exit(3)",
            ["exit code 3", "first | bad\\x1b thing"],
        ),
        ("import sys; print('told on stdout'); sys.exit(1)", ["exit code 1", "told on stdout"]),
        ("import sys; sys.exit(9)", ["exit code 9", "wrote no message"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", ["SIGSEGV"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ["SIGKILL", "out of memory?"]),
    ],
)
@posix
def test_bad_ends_are_one_line_with_the_reason(code: str, expected: list[str]) -> None:
    with pytest.raises(ProcessError) as caught:
        run([PY, "-c", code], timeout=30)
    message = str(caught.value)
    assert all(part in message for part in expected) and message.isprintable() and " -c " in message


@posix
def test_programs_that_cannot_start(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF garbage")
    foreign.chmod(0o755)
    orphan = tmp_path / "orphan"
    orphan.write_text("#!/no/such/interpreter\n")
    orphan.chmod(0o755)
    for argv, expected in [
        ([tmp_path / "missing"], "was not found"),
        (["no-such-program-anywhere"], "was not found"),
        ([plain], "no executable file"),
        ([foreign], "wrong architecture"),
        ([orphan], "interpreter or loader"),
        (["a\0b"], "cannot be started"),
        ([], "no program was named"),
    ]:
        with pytest.raises(ProcessError, match=expected) as caught:
            run(argv, timeout=5)
        assert str(caught.value).isprintable()
    with pytest.raises(ProcessError, match="working folder"):
        run([PY, "-c", "0"], timeout=5, cwd=tmp_path / "nowhere")
    assert probe(["no-such-program-anywhere"]) is None
    assert probe([PY, "-c", "import sys; sys.exit(1)"]) is None
    assert (probe([PY, "--version"]) or "").startswith("Python 3")


@posix
def test_timeout_ends_the_whole_family(tmp_path: Path) -> None:
    # The child ignores SIGTERM and has a child of its own: both must be gone, soon.
    pids = tmp_path / "pids"
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}')\n"
        "time.sleep(600)\n"
    )
    begin = time.monotonic()
    with pytest.raises(ProcessError, match=r"did not finish within 1\.5 s"):
        run([PY, "-c", code], timeout=1.5)
    assert time.monotonic() - begin < 1.5 + 3 * process.GRACE_SECONDS
    both = [int(p) for p in pids.read_text().split()]
    assert _until(lambda: not any(_alive(p) for p in both))


@posix
def test_interrupt_ends_the_program(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def interrupt() -> None:
        _until(lambda: pid_file.exists() and pid_file.read_text())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run([PY, "-c", code], timeout=60)
    thread.join()
    assert _until(lambda: not _alive(int(pid_file.read_text())))


@posix
def test_stop_all_reaches_programs_of_other_threads(tmp_path: Path) -> None:
    errors: list[str] = []
    started = tmp_path / "started"

    def work() -> None:
        try:
            run([PY, "-c", f"open({str(started)!r}, 'w'); import time; time.sleep(600)"], timeout=60)
        except ProcessError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    assert _until(started.exists)
    stop_all()
    thread.join(10)
    assert len(errors) == 1 and "SIGTERM" in errors[0]


@posix
def test_left_behind_children_do_not_hold_us_up() -> None:
    child = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    code = f"import subprocess, sys; subprocess.Popen({child}); print('done')"
    begin = time.monotonic()
    assert run([PY, "-c", code], timeout=60).stdout == b"done\n"
    assert time.monotonic() - begin < 4 * process.GRACE_SECONDS


def test_stderr_flood_keeps_the_last_bytes_only() -> None:
    code = "import sys\nfor i in range(40): sys.stderr.write('x' * 1_000_000)\nsys.stderr.write('the end')"
    done = run([PY, "-c", code], timeout=60)
    assert len(done.stderr) == process.STDERR_KEPT and done.stderr.endswith("the end")


def test_stdout_flood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STDOUT_LIMIT", 1 << 20)
    with pytest.raises(ProcessError, match="more than 1 MiB"):
        run([PY, "-c", "import sys\nwhile True: sys.stdout.write('x' * 100_000)"], timeout=60)


def test_a_short_program_costs_no_polling_delay() -> None:
    program = "/bin/true"
    if not Path(program).exists():
        pytest.skip("no /bin/true here")
    times = []
    for _ in range(15):
        begin = time.perf_counter()
        run([program], timeout=30)
        times.append(time.perf_counter() - begin)
    assert sorted(times)[2] < 0.03  # Popen.wait(timeout) alone can sleep 0.05 s


@pytest.mark.parametrize("name", ["-i.png", "http:x.png", "a b.png"])
def test_file_argument_is_never_an_option_or_protocol(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argument = file_argument(Path(name))
    assert Path(argument).is_absolute() and Path(argument).name == name


def test_one_line() -> None:
    assert one_line("a\nb\udcff\x00é") == "a\\nb\\udcff\\x00é"


def test_publish_replaces_whole_and_makes_parents(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "out.bin"
    for data in (b"one", b"two"):
        with publish(target) as part:
            assert part.parent == target.parent and part.suffix == ".bin" and not part.exists()
            part.write_bytes(data)
            assert not target.exists() or target.read_bytes() == b"one"
        assert target.read_bytes() == data
    assert [p.name for p in target.parent.iterdir()] == ["out.bin"]


def test_publish_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "made" / "out.bin"
    with pytest.raises(RuntimeError), publish(target) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old"
    old.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), publish(old) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]
    with pytest.raises(OutputError, match="nothing was produced"), publish(tmp_path / "never"):
        pass


@posix
def test_publish_says_why_a_place_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for target, expected in [
        (tmp_path / "file" / "out", "part of its path is a file"),
        (tmp_path / "folder", "it is a folder"),
        (fifo, "no regular file"),
        (tmp_path / ("n" * 300), "cannot be written"),
    ]:
        with pytest.raises(OutputError, match=expected) as caught, publish(target) as part:
            part.write_text("y")
        assert target.name in str(caught.value) and str(caught.value).isprintable()
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    with pytest.raises(OutputError, match="cannot be written"), publish(Path("/proc/nowhere/out")) as part:
        part.write_text("y")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_publish_names_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), publish(tmp_path / "out") as part:
        part.symlink_to("/dev/full")
        part.write_bytes(b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_publish_lets_other_errors_of_the_block_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), publish(tmp_path / "out"):
        (tmp_path / "some-input").read_bytes()


@posix
def test_publish_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with publish(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_temporary_folder_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_folder("try-") as folder:
        (folder / "x").write_text("x")
        assert folder.name.startswith("try-")
    assert not folder.exists()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="TMPDIR"), temporary_folder():
        pass
