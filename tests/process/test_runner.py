from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from vcmpipe import process
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.process import Settings, probe, run, stop_all

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
    ("code", "returncode", "expected"),
    [
        (
            "import sys; print('first\\nbad\\x1b thing', file=sys.stderr); sys.exit(3)",
            3,
            ["exit code 3", "first | bad\\x1b thing"],
        ),
        ("import sys; print('printed on stdout'); sys.exit(1)", 1, ["exit code 1", "printed on stdout"]),
        ("import sys; sys.exit(9)", 9, ["exit code 9", "wrote no message"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -11, ["SIGSEGV"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ["SIGKILL", "out of memory?"]),
    ],
)
@posix
def test_bad_ends_are_one_line_with_the_reason(code: str, returncode: int, expected: list[str]) -> None:
    with pytest.raises(ProcessError) as caught:
        run([PY, "-c", code], timeout=30)
    message = str(caught.value)
    assert all(part in message for part in expected) and message.isprintable() and " -c " in message
    assert pickle.loads(pickle.dumps(caught.value)).returncode == returncode


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
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
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
def test_a_child_that_stays_goes_when_its_parent_has_ended_well(tmp_path: Path) -> None:
    # It holds no pipe of ours, so that nothing but its group tells of it.
    quiet = "stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    child = f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], {quiet})"
    done = run([PY, "-c", f"import subprocess, sys; print({child}.pid)"], timeout=60)
    assert _until(lambda: not _alive(int(done.stdout)))


@posix
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_program_that_a_signal_ended_gets_a_second_chance(tmp_path: Path, name: str) -> None:
    code = (
        "import os, pathlib, resource, signal, sys\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"log = pathlib.Path({str(tmp_path / 'log')!r})\n"
        "with log.open('a') as f: f.write('x')\n"
        f"if len(log.read_text()) < int(sys.argv[1]): os.kill(os.getpid(), signal.{name})\n"
        "print(sys.stdin.read())\n"
    )
    assert run([PY, "-c", code, "2"], timeout=60, input=b"again").stdout == b"again\n"
    (tmp_path / "log").unlink()
    with pytest.raises(ProcessError, match=f"ended by signal {name}.*, 3 times in a row"):
        run([PY, "-c", code, "9"], timeout=60, retries=2)
    assert (tmp_path / "log").read_text() == "xxx"


@posix
@pytest.mark.parametrize("ending", ["sys.exit(1)", "sys.exit(137)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_what_would_come_back_is_not_tried_again(tmp_path: Path, ending: str) -> None:
    log = f"open({str(tmp_path / 'log')!r}, 'a').write('x')"
    with pytest.raises(ProcessError):
        run([PY, "-c", f"import os, signal, sys\n{log}\n{ending}"], timeout=60, retries=5)
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit comes from outside an instant after the start: a program that waits has it for sure.
    code = "import sys; sys.stdin.read(); print(len(bytes(1 << 30)))"
    assert run([PY, "-c", code], timeout=60, input=b"x").stdout == b"1073741824\n"
    with pytest.raises(ProcessError, match=r"with a memory limit of 512 MiB: .*MemoryError"):
        run([PY, "-c", code], timeout=60, input=b"x", memory_limit=1 << 29)
    monkeypatch.setenv("VCMPIPE_MEMORY_LIMIT", "600M")
    with pytest.raises(ProcessError, match="with a memory limit of 600 MiB"):
        run([PY, "-c", code], timeout=60, input=b"x")


def test_time_limits_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCMPIPE_TIMEOUT_FACTOR", "0.01")
    with pytest.raises(ProcessError, match=r"did not finish within 1 s"):
        run([PY, "-c", "import time; time.sleep(600)"], timeout=100)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VCMPIPE_MEMORY_LIMIT", "much"),
        ("VCMPIPE_MEMORY_LIMIT", "-4G"),
        ("VCMPIPE_MEMORY_LIMIT", "1M"),
        ("VCMPIPE_MEMORY_LIMIT", "9" * 40),
        ("VCMPIPE_RETRIES", "-1"),
        ("VCMPIPE_RETRIES", "11"),
        ("VCMPIPE_RETRIES", "1.5"),
        ("VCMPIPE_TIMEOUT_FACTOR", "0"),
        ("VCMPIPE_TIMEOUT_FACTOR", "nan"),
        ("VCMPIPE_TIMEOUT_FACTOR", "slow"),
    ],
)
def test_settings_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"{variable}='.*': give ") as caught:
        run([PY, "-c", "0"], timeout=60)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "limit"), [("", None), ("4G", 4 << 30), ("512MiB", 1 << 29), ("100000000", 10**8)])
def test_memory_limits_are_read(monkeypatch: pytest.MonkeyPatch, text: str, limit: int | None) -> None:
    monkeypatch.setenv("VCMPIPE_MEMORY_LIMIT", text)
    assert Settings.from_environment() == Settings(memory_limit=limit)


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
    monkeypatch.setattr("vcmpipe.process.runner.STDOUT_LIMIT", 1 << 20)
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


def test_a_time_limit_holds_for_all_that_runs_inside_and_ends_with_it() -> None:
    started = time.monotonic()
    with process.time_limit(0.4):
        run([PY, "-c", "1"], timeout=30)
        for _ in range(2):
            with pytest.raises(ProcessError, match="did not finish within"), process.time_limit(60):
                run([PY, "-c", "import time; time.sleep(20)"], timeout=30)
    assert time.monotonic() - started < 10
    run([PY, "-c", "import time; time.sleep(0.5)"], timeout=30)


def test_a_program_may_answer_with_another_exit_code() -> None:
    answer = [PY, "-c", "import sys; print('Version 3'); sys.exit(1)"]
    assert (probe(answer), probe(answer, exit_code=1), probe(answer, exit_code=2)) == (None, "Version 3", None)
    assert probe([PY, "-c", "import os; os.abort()"], exit_code=1) is None
