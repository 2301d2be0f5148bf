"""The jobs of a sweep: what a worker does, where workers come from, and results in the order of jobs.

A job draws some networks of one cell and sends back moments and sketches: a few kilobytes. Any executor of
``concurrent.futures`` will do.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from experiments.cells import Cell, Found, code, parts
from experiments.settings import Unusable
from experiments.sketch import Moments, Sketch

if TYPE_CHECKING:
    from experiments.sketch import FloatArray

AHEAD = 8  # jobs under way for each worker, so that none waits while one takes long
REACH = 5  # seconds to wait for a scheduler
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Drawn:
    """What a row's ``draw`` gives for some networks.

    ``values`` are independent values by statistic; their mean is predicted. ``layers`` has one number a
    network for each layer, of which quantiles are kept; -inf is a network that is lost.
    """

    values: dict[str, FloatArray]
    layers: dict[int, FloatArray]


def work(cell: Cell, job: int, written: str) -> Found:
    """What one job of a cell finds. Raises Unusable where the code is not as ``written``."""
    if code(cell.row) != written:
        raise Unusable(
            "a worker has other code or libraries than this process; start the workers anew"
        )
    drawn: Drawn = part(cell.row, "sweep").draw(cell, cell.networks_of(job), cell.key(job))
    return Found(
        {name: Moments.of(values) for name, values in drawn.values.items()},
        {layer: Sketch.of(values) for layer, values in drawn.layers.items()},
    )


def part(row: str, kind: str) -> ModuleType:
    """The module that a row has for sweeps: ``sweep`` or ``reading``."""
    chapter, file = row.split("/")[0], parts(row)[kind]
    return importlib.import_module(f"experiments.{chapter}.{file.stem}")


@dataclass(frozen=True)
class Pool:
    """Workers: an executor, and how many there are at the moment."""

    executor: Executor
    size: Callable[[], int]

    def in_order(self, jobs: Iterable[tuple[Cell, int]]) -> Iterator[tuple[Cell, Found]]:
        """What the jobs find, in their order, however many workers there are; a few jobs ahead."""
        waiting: deque[tuple[Cell, Future[Found]]] = deque()
        for cell, job in jobs:
            waiting.append((cell, self._submit(cell, job)))
            if len(waiting) >= AHEAD * max(1, self.size()):
                first, future = waiting.popleft()
                yield first, _result(future)
        for cell, future in waiting:
            yield cell, _result(future)

    def _submit(self, cell: Cell, job: int) -> Future[Found]:
        try:
            return self.executor.submit(work, cell, job, code(cell.row))
        except (RuntimeError, OSError) as error:  # broken, or closed; OSError: while one is started
            raise WorkersDied(str(error)) from None


class WorkersDied(Exception):
    """Workers, or the scheduler, ended before their jobs."""


def _result(future: Future[Found]) -> Found:
    try:
        return future.result()
    except ModuleNotFoundError as error:
        raise Unusable(
            f"a worker does not find {error.name}: start the workers in the repository's folder, "
            "with all that it needs installed"
        ) from None
    except (BrokenExecutor, CancelledError) as error:
        raise WorkersDied(str(error) or type(error).__name__) from None
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's: several workers died of one job
            raise WorkersDied(str(error)) from None
        raise


@contextmanager
def pool(workers: int, scheduler: str = "") -> Iterator[Pool]:
    """Workers of a Dask ``scheduler``, or of this machine: processes, or for one worker a thread.

    Raises Unusable if there is no scheduler at the address.
    """
    with _dask(scheduler) if scheduler else _local(workers or os.cpu_count() or 1) as found:
        yield found


@contextmanager
def _local(workers: int) -> Iterator[Pool]:
    """Processes that start anew: a fork of a process that has used torch hangs."""
    kept = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # pools of threads on the same cores stall
    executor: Executor = ThreadPoolExecutor(1)
    if workers > 1:
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start)
    try:
        yield Pool(executor, lambda: workers)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    executor.shutdown()


def _start() -> None:
    """In a worker: die silently of Ctrl-C, and with the parent, even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _dask(address: str) -> Iterator[Pool]:
    try:
        from distributed import Client
    except ImportError:
        raise Unusable(
            "--scheduler needs Dask: pip install 'distributed', or Companion's extra cluster"
        ) from None
    logging.getLogger("distributed").setLevel(
        logging.CRITICAL
    )  # we say what goes wrong, in one line
    try:
        client: Any = Client(address, timeout=REACH, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise Unusable(
            f"no scheduler answers at {address} (start one: dask scheduler): {error}"
        ) from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield Pool(executor, lambda: sum(client.nthreads().values()))
        finally:
            executor.shutdown(wait=False)
