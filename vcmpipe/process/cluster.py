"""The workers of a Dask cluster: a function is called on one of them, by whichever thread here wants its result."""

from __future__ import annotations

import json
import platform
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from vcmpipe.errors import InputError, VcmError
from vcmpipe.process import interrupt, stop_all
from vcmpipe.process.extras import need

R = TypeVar("R")

# Seconds that a scheduler, or the first of its workers, has to answer.
PATIENCE = 15
# Seconds between two checks whether somebody wants to stop.
_POLL = 0.2


def connect(address: str) -> Any:
    """A Dask client of a scheduler.

    Raises:
        InputError: There is none at the address, or Dask is not installed.
    """
    need("--cluster", "cluster")
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"--cluster {address}: no Dask scheduler answers there ({error}); start one: dask scheduler"
        ) from error


class Cluster:
    """Calls functions on the workers of a cluster; safe for several threads, each of which waits for its own result.

    Args:
        address: The scheduler's, for messages.
        client: A Dask client of it.
    """

    def __init__(self, address: str, client: Any) -> None:
        self._address, self._client = address, client
        self._closed = threading.Event()

    @property
    def threads(self) -> int:
        """What all workers together do side by side.

        Raises:
            InputError: No worker comes within the time allowed.
        """
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise InputError(
                f"--cluster {self._address}: the scheduler has no workers; start some: dask worker {self._address}"
            ) from error
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    def call(self, function: Callable[..., R], *arguments: Any) -> R:
        """The result of a function, called on a worker; where that dies, on another one.

        Raises:
            VcmError: What the function raised; or workers died again and again, or the scheduler went away.
        """
        from distributed import wait

        future = self._client.submit(function, *arguments, pure=False)
        try:
            while not future.done():
                interrupt.check()
                if self._closed.is_set():
                    raise VcmError(f"the work on the cluster {self._address} was stopped")
                try:
                    wait(future, timeout=_POLL)  # type: ignore[no-untyped-call]
                except TimeoutError:
                    continue
            result: R = future.result()
        except VcmError:
            raise
        except Exception as error:
            raise VcmError(
                f"the cluster {self._address} failed ({type(error).__name__}: {error}): see its workers' logs"
            ) from error
        finally:
            future.release()
        return result

    def stop(self) -> None:
        """End all waiting, and what runs here."""
        self._closed.set()
        stop_all()


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """The cluster of a scheduler; see ``connect``."""
    with connect(address) as client:
        yield Cluster(address, client)


def check_same(own: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise InputError where the tools of this worker, by kind, are not those of the run; both as JSON holds them."""
    own = json.loads(json.dumps(own))
    for name, value in wanted.items():
        if own[name] != value:
            here, there = json.dumps(own[name])[:200], json.dumps(value)[:200]
            raise InputError(
                f"the worker on {platform.node()} cannot take part: its {name} is {here}, that of the run {there}; "
                "install the same there"
            )


def everywhere(value: Any) -> Any:
    """An option's files by their whole paths: a worker runs in another folder."""
    if not isinstance(value, str):
        return value
    parts = re.split("([:@,])", value)
    return "".join(str(Path(part).absolute()) if Path(part).suffix and Path(part).is_file() else part for part in parts)
