"""Notebooks executed side by side, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from bmac_meta.jobs.notebooks import Notebook
from bmac_meta.jobs.worker import Outcome, execute
from bmac_meta.paths import DATA_VARIABLE

# One thread of linear algebra per process: the processes fill the cores, and a process with threads must not fork.
_SETTINGS = {
    "MPLBACKEND": "Agg",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_PRELOADED = ["bmac_meta.evidence", "bmac_meta.results.forests", "bmac_meta.jobs.worker"]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(notebooks: Iterable[Notebook], staging: Path, *, data: Path, jobs: int | None = None) -> Iterator[Outcome]:
    """Execute notebooks, each in `staging/its name`, and yield what became of each as it ends.

    At most `jobs` run at a time (default: as many as there are cores). Every notebook has a new process, so none
    sees what another left in memory. The processes are forks of one that has imported the package already, where
    the system can do that. They end with the process that started them, even if that was killed.
    """
    waiting = deque(notebooks)
    running: dict[Connection, BaseProcess] = {}
    with _environment(_SETTINGS):
        try:
            while waiting or running:
                while waiting and len(running) < (jobs or cores()):
                    receiver, process = _start(waiting.popleft(), staging, data)
                    running[receiver] = process
                for receiver in wait(list(running)):
                    yield _outcome(receiver, running.pop(receiver))
        finally:
            _stop(running.values())


def _start(notebook: Notebook, staging: Path, data: Path) -> tuple[Connection, BaseProcess]:
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    room = staging / notebook.name.removesuffix(".ipynb")
    process = context.Process(target=_work, args=(notebook, room, str(data), sender), name=notebook.name)
    process.start()
    sender.close()
    return receiver, process


def _context() -> multiprocessing.context.BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _work(notebook: Notebook, room: Path, data: str, sender: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ[DATA_VARIABLE] = data
    sender.send(execute(notebook, room))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _outcome(receiver: Connection, process: BaseProcess) -> Outcome:
    try:
        outcome = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        failure = f"{process.name}: its process ended with exit code {process.exitcode} before its last cell."
        outcome = Outcome(process.name, failure=failure)
    receiver.close()
    process.close()
    return outcome


def _stop(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        process.kill()
        process.join()
        process.close()


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})
        for name in (name for name, value in before.items() if value is None):
            os.environ.pop(name, None)
