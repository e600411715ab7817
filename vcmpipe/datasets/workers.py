"""Where work is done: threads of this process, or the workers of a Dask cluster; joblib hands it out either way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from vcmpipe import process
from vcmpipe.errors import VcmError
from vcmpipe.process.cluster import PATIENCE, connect

R = TypeVar("R")


def run_everywhere(
    function: Callable[..., R], tasks: Iterable[tuple[Any, ...]], jobs: int, cluster: str | None = None
) -> Iterator[R]:
    """Results of a function, each as soon as it is there, whatever the order.

    Tasks are taken as they are needed: where it stops, only those that are under way are left to wait for (a cluster
    holds as many more, so that its workers need not wait).

    Args:
        function: What to call; for a cluster it must be picklable.
        tasks: Its arguments, call by call.
        jobs: Calls side by side on this machine.
        cluster: The address of a Dask scheduler, ``tcp://HOST:PORT``; None: threads of this process. Threads, because
            the encoders are processes of their own, and decoders and detectors leave Python's lock.

    Raises:
        InputError: There is no scheduler at the address, or Dask is not installed.
        VcmError: Workers died again and again.
    """
    from joblib import Parallel, delayed, parallel_config

    calls = (delayed(function)(*arguments) for arguments in tasks)
    with ExitStack() as stack:
        # That work under way is dropped after an error is no news to one who reads of the error.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=".*tasks which were still being processed.*", module="joblib")
        if cluster is None:
            stack.enter_context(parallel_config("threading", n_jobs=jobs))
            stack.enter_context(_encoders_ended())
        else:
            client = stack.enter_context(connect(cluster))
            stack.enter_context(parallel_config("dask", client=client, wait_for_workers_timeout=PATIENCE))
        try:
            ahead = "n_jobs" if cluster is None else "2*n_jobs"
            yield from Parallel(return_as="generator_unordered", pre_dispatch=ahead)(calls)
        except Exception as error:
            if cluster is None or isinstance(error, VcmError):
                raise
            raise VcmError(
                f"the cluster {cluster} failed ({type(error).__name__}: {error}): what was done is kept; see its "
                "workers' logs, and run the command again to go on"
            ) from error


@contextmanager
def _encoders_ended() -> Iterator[None]:
    """End the encoders that are running when the block is left by an error or an interrupt."""
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException:
        process.stop_all()
        raise
