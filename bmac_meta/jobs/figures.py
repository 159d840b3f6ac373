"""The main job: execute the notebooks that need it, and bring `figures/` up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from bmac_meta.errors import BmacMetaError
from bmac_meta.jobs.inputs import Inputs, file_digest, inputs_of
from bmac_meta.jobs.manifest import MANIFEST, Figure, Manifest, read_manifest, up_to_date
from bmac_meta.jobs.notebooks import Notebook, read_notebooks
from bmac_meta.jobs.processes import outcomes
from bmac_meta.jobs.staging import only_run, publish, staging_beside
from bmac_meta.jobs.worker import Outcome
from bmac_meta.numbers import count_noun


class NotebookError(BmacMetaError):
    """Is raised when notebooks cannot be executed; the message tells for each the cell and what happened there."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Is where a run finds notebooks and data, and where it puts figures."""

    notebooks: Path
    figures: Path
    data: Path


@dataclass(frozen=True, slots=True)
class Made:
    """Is what a run did: notebooks executed and found up to date, figures there now, files removed, warnings heard."""

    executed: tuple[str, ...]
    kept: tuple[str, ...]
    figures: tuple[str, ...]
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """Is what a run finds: what the figures depend on now, what they were made from, and which notebooks are due."""

    inputs: Inputs
    before: Manifest | None
    due: tuple[Notebook, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        due = {notebook.name for notebook in self.due}
        return tuple(name for name in self.inputs.notebooks if name not in due)

    @property
    def settled(self) -> bool:
        """Whether nothing is to be done."""
        return not self.due and self.before is not None and self.before.inputs == self.inputs


def make_figures(folders: Folders, *, jobs: int | None = None, force: bool = False) -> Made:
    """Execute the notebooks whose figures are not up to date, and move what they save into the folder of figures.

    A notebook is executed when its code, the data, the code of the package or a version has changed, when one of
    its files is missing or altered, or when `force` is True. Files appear in the folder of figures only after
    every notebook has succeeded, one by one and whole, `manifest.json` last; files that no notebook makes any
    more are removed, if the manifest lists them. At most `jobs` notebooks run at a time (default: one per core).

    Raises `NotebookError` when notebooks fail or two of them save the same figure, `DataError` when the data have
    faults, `BmacMetaError` when another run is making the same figures; the folder of figures is then as before.
    """
    notebooks = read_notebooks(folders.notebooks)
    with only_run(folders.figures):
        plan = _plan(notebooks, folders, force)
        if plan.settled:
            return Made((), plan.kept, tuple(plan.before.figures))
        if plan.before is None or plan.before.inputs.data != plan.inputs.data:
            _validate(folders.data)
        return _carry_out(plan, folders, jobs)


def _plan(notebooks: Sequence[Notebook], folders: Folders, force: bool) -> _Plan:
    inputs = inputs_of(notebooks, folders.data)
    before = read_manifest(folders.figures)
    due = [
        notebook for notebook in notebooks if force or not up_to_date(notebook.name, inputs, before, folders.figures)
    ]
    return _Plan(inputs, before, tuple(due))


def _validate(data: Path) -> None:
    from bmac_meta.tables import read_tables  # pandas is slow to import, and a run without news needs none

    read_tables(data)


def _carry_out(plan: _Plan, folders: Folders, jobs: int | None) -> Made:
    with staging_beside(folders.figures) as staging:
        done = _execute(plan.due, staging, folders.data, jobs)
        staged = {name: staging / _room(one) / "figures" / name for one in done for name in sorted(one.files)}
        manifest = Manifest(plan.inputs, _figures(plan, done, staged))
        gone = sorted(set(plan.before.files if plan.before else ()) - set(manifest.files))
        (staging / MANIFEST).write_text(manifest.text(), encoding="utf-8", newline="\n")
        publish(staged | {MANIFEST: staging / MANIFEST}, gone, folders.figures)
    warnings = tuple(warning for outcome in done for warning in outcome.warnings)
    executed = tuple(outcome.notebook for outcome in done)
    return Made(executed, plan.kept, tuple(manifest.figures), tuple(gone), warnings)


def _execute(notebooks: Sequence[Notebook], staging: Path, data: Path, jobs: int | None) -> list[Outcome]:
    """Return what became of each notebook, sorted by name; raise when one failed."""
    bar = {"total": len(notebooks), "desc": "figures", "unit": "notebook", "disable": not notebooks}
    with closing(outcomes(notebooks, staging, data=data, jobs=jobs)) as ending:
        done = list(tqdm(ending, dynamic_ncols=True, **bar))
    done.sort(key=lambda outcome: outcome.notebook)
    failures = [outcome.failure for outcome in done if outcome.failure]
    if failures:
        raise NotebookError("\n".join([f"{count_noun(len(failures), 'notebook')} failed:", *failures]))
    return done


def _figures(plan: _Plan, done: Iterable[Outcome], staged: Mapping[str, Path]) -> dict[str, Figure]:
    """Return every figure by its name: those kept, and those that were just made."""
    figures: dict[str, Figure] = {}
    for name in plan.kept:
        _add(figures, plan.before.of(name))
    for outcome in done:
        _add(figures, _made(outcome, staged))
    return dict(sorted(figures.items()))


def _made(outcome: Outcome, staged: Mapping[str, Path]) -> dict[str, Figure]:
    """Return the figures of one notebook: files that differ in their suffix only are one figure."""
    figures: dict[str, Figure] = {}
    for name, cell in sorted(outcome.files.items()):
        stem = Path(name).stem
        before = figures.get(stem, Figure(outcome.notebook, 0, {}))
        files = {**before.files, name: file_digest(staged[name])}
        figures[stem] = Figure(outcome.notebook, max(cell, before.cell), files)
    return figures


def _add(figures: dict[str, Figure], more: Mapping[str, Figure]) -> None:
    for name, figure in more.items():
        if MANIFEST in figure.files:
            raise NotebookError(f"{figure.notebook} saves {MANIFEST}, which is the list of the figures.")
        if name in figures:
            raise NotebookError(
                f"{figures[name].notebook} and {figure.notebook} both save {name}. Give one another name."
            )
        figures[name] = figure


def _room(outcome: Outcome) -> str:
    return outcome.notebook.removesuffix(".ipynb")
