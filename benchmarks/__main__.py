"""Print every claim of speed and memory in one table: `python -m benchmarks`, from the project's folder.

Seconds depend on the machine and on what else runs there. The last columns do so less: times in units of two
million exponentials, measured in the same run, and how many times as long another package takes for the same
job.
"""

from __future__ import annotations

from benchmarks.claims import Claim, batches, many_fits, networks, one_meta_analysis
from benchmarks.clock import YARDSTICK, seconds, seconds_of_import, working_mebibytes, yardstick
from benchmarks.kernel import trials
from bmac_meta.stats.inference import random_effects

HEADING = f"{'':46s}{'time':>12s}{'limit':>10s}{'of limit':>9s}{'in exp':>10s}   another package, times as long"
IMPORTS = {
    "import bmac_meta, after pandas": ("import bmac_meta", 0.15),
    "and all its doors opened": ("import bmac_meta as bm; [getattr(bm, name) for name in bm.__all__]", None),
}
LIMIT_MEBIBYTES = 1024


def row(what: str, spent: float, limit: float | None, unit: float, other: str = "") -> str:
    """Return a line of the table."""
    shares = f"{1e3 * limit:7.1f} ms{spent / limit:9.0%}" if limit else f"{'':19s}"
    return f"{what:46s}{1e3 * spent:9.2f} ms{shares}{spent / unit:10.3f}   {other}".rstrip()


def measured(claim: Claim, unit: float) -> str:
    """Time a claim, and the other package where one is named, and return its line."""
    spent = seconds(claim.task, claim.repeats, claim.calls)
    if claim.peer is None:
        return row(claim.what, spent, claim.limit, unit)
    times = claim.scale * seconds(claim.peer, 3) / spent
    return row(claim.what, spent, claim.limit, unit, f"{claim.peer_name} {times:,.0f}")


def memory_line() -> str:
    """Measure what a million fits take beside their input and output, and return the line."""
    y, v = trials(1_000_000, 20)
    peak, output = working_mebibytes(lambda: random_effects(y, variance=v))
    share = f"{peak:9.0f} MiB{LIMIT_MEBIBYTES:6d} MiB{peak / LIMIT_MEBIBYTES:8.0%}"
    return f"{'memory of 1,000,000 fits of 20 trials':46s}{share}   (input 305 MiB, output {output:.0f} MiB)"


def main() -> None:
    """Print the table."""
    unit = yardstick()
    print(HEADING)
    print(row(YARDSTICK, unit, None, unit))
    for group in (one_meta_analysis, batches, many_fits, networks):
        for claim in group():
            print(measured(claim, unit), flush=True)
    for what, (statement, limit) in IMPORTS.items():
        print(row(what, seconds_of_import(statement), limit, unit), flush=True)
    print(memory_line())


if __name__ == "__main__":
    main()
