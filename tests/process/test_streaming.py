from __future__ import annotations

import os
import sys
import time

import pytest

from vcmpipe.errors import ProcessError
from vcmpipe.process import streaming

PY = sys.executable
pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")


def gone(pid: int) -> bool:
    end = time.monotonic() + 8
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_pieces_come_while_the_program_runs() -> None:
    code = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
    with streaming([PY, "-c", code], stall=30, input=b"ab\ncd\n") as output:
        assert output.read(5) == b"abab\n"
        assert output.read(3) == b"cdc"
        assert output.read(99) == b"d\n"
        assert output.read(99) == b""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import sys; print('half'); print('it broke', file=sys.stderr); sys.exit(3)", "exit code 3: it broke"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import time; print('half', flush=True); time.sleep(600)", r"gave no answer within 1\.5 s"),
        ("import os, time; os.close(1); time.sleep(600)", r"did not finish within 1\.5 s"),
    ],
)
def test_bad_ends_are_errors(code: str, says: str) -> None:
    with pytest.raises(ProcessError, match=says), streaming([PY, "-c", code], stall=1.5) as output:
        output.read(1000)


def test_a_slow_reader_is_no_stall() -> None:
    with streaming([PY, "-c", "print('x' * 1_000_000)"], stall=1.0) as output:
        assert output.read(10) == b"x" * 10
        time.sleep(1.8)
        assert len(output.read(2_000_000)) == 999_991


def test_a_block_that_fails_ends_the_program() -> None:
    code = "import os, time; print(f'{os.getpid():9}', flush=True); time.sleep(600)"
    pids = []
    with pytest.raises(ZeroDivisionError), streaming([PY, "-c", code], stall=60) as output:
        pids.append(int(output.read(9)))
        raise ZeroDivisionError
    assert pids and gone(pids[0])
