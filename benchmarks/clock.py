"""Time and memory of a task, and a yardstick that makes times of different machines comparable."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import fields

import numpy as np

YARDSTICK = "np.exp of 2,000,000 numbers"


def seconds(task: Callable[[], object], repeats: int = 5, calls: int = 1) -> float:
    """Return the shortest time of one call among some repeats, after one call that warms up."""
    task()
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            task()
        best = min(best, (time.perf_counter() - start) / calls)
    return best


def yardstick() -> float:
    """Return the time of two million exponentials, in place."""
    values = np.linspace(0.0, 1.0, 2_000_000)
    room = np.empty_like(values)
    return seconds(lambda: np.exp(values, out=room), repeats=20)


def seconds_of_import(statement: str, after: str = "pandas", repeats: int = 5) -> float:
    """Return the shortest time of a statement in a fresh interpreter that has imported another package."""
    code = f"import time, {after}; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(repeats)]
    return min(float(run.stdout) for run in runs)


def working_mebibytes(task: Callable[[], object]) -> tuple[float, float]:
    """Return the peak of memory beside the input and the record of a task, and the size of its record."""
    tracemalloc.start()
    record = task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    output = sum(np.asarray(getattr(record, field.name)).nbytes for field in fields(record))
    return (peak - output) / 2**20, output / 2**20
