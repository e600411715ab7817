"""An interrupt whose exception was swallowed is seen all the same."""

from __future__ import annotations

import threading
import time

import pytest

from vcmpipe.process import interrupt
from vcmpipe.process.workers import in_order, worker_pool


@pytest.fixture(autouse=True)
def _afterwards():
    yield
    interrupt.forget()


def test_whoever_waits_for_work_notices_a_lost_interrupt() -> None:
    release = threading.Event()
    # Noted, but not raised: as where a destructor swallowed the exception. The workers end when they are let go.
    threading.Timer(0.2, interrupt.want).start()
    threading.Timer(1.5, release.set).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), worker_pool(1) as pool:
        list(in_order(pool, lambda item: release.wait(30), range(3), ahead=2))
    assert time.monotonic() - start < 10


def test_nothing_happens_unasked() -> None:
    interrupt.check()
    interrupt.want()
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()
    interrupt.forget()
    interrupt.check()
