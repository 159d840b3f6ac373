from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmac_meta.errors import BmacMetaError, DataError, InputError
from bmac_meta.jobs.figures import Folders, NotebookError, make_figures
from bmac_meta.jobs.staging import only_run
from bmac_meta.paths import data_folder

ROOT = Path(__file__).resolve().parents[2]


def refusal(project) -> str:
    with pytest.raises(NotebookError) as caught:
        project.run()
    return str(caught.value)


def test_a_run_brings_every_file_that_notebooks_save_and_a_manifest(project):
    made = project.run()
    assert made.executed == ("01_first.ipynb", "02_second.ipynb")
    assert made.figures == ("first", "second", "third")
    assert sorted(project.figures()) == ["first.csv", "first.svg", "manifest.json", "second.svg", "third.svg"]
    assert project.figures()["first.csv"] == b"a,b\n"


def test_the_manifest_names_for_each_figure_the_notebook_and_the_code_cell(project):
    project.run()
    figures = json.loads(project.figures()["manifest.json"])["figures"]
    places = {name: (figure["notebook"], figure["cell"]) for name, figure in figures.items()}
    assert places == {
        "first": ("01_first.ipynb", 3),
        "second": ("02_second.ipynb", 2),
        "third": ("02_second.ipynb", 3),
    }


def test_nothing_is_executed_when_nothing_changed(project):
    project.run()
    project.executed()
    before = project.figures()
    made = project.run()
    assert (made.executed, made.removed) == ((), ())
    assert project.executed() == []
    assert project.figures() == before


def test_force_executes_everything(project):
    project.run()
    project.executed()
    project.run(force=True)
    assert project.executed() == ["01_first", "02_second"]


def test_only_the_notebook_whose_code_changed_is_executed(project):
    project.run()
    project.executed()
    project.write("02_second", project.saving("second.svg", "another"), project.saving("third.svg"))
    project.run()
    assert project.executed() == ["02_second"]
    assert project.figures()["second.svg"] == b"another"


def test_a_changed_text_executes_nothing(project):
    project.run()
    project.executed()
    project.write("02_second", project.saving("second.svg"), project.saving("third.svg"), text="Another question?")
    project.run()
    assert project.executed() == []


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("edited", encoding="utf-8")])
def test_only_the_notebook_whose_file_was_lost_or_altered_is_executed(project, harm):
    project.run()
    project.executed()
    harm(project.folders.figures / "first.csv")
    project.run()
    assert project.executed() == ["01_first"]
    assert project.figures()["first.csv"] == b"a,b\n"


def test_changed_data_execute_everything(project):
    project.run()
    project.executed()
    project.change_data("-9.5", "-9.4")
    project.run()
    assert project.executed() == ["01_first", "02_second"]


@pytest.mark.parametrize("part", ["package", "versions"])
def test_changed_code_or_versions_execute_everything(project, part):
    project.run()
    project.executed()
    path = project.folders.figures / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["inputs"][part] = {"numpy": "1.0"} if part == "versions" else "0" * 64
    path.write_text(json.dumps(content), encoding="utf-8")
    project.run()
    assert project.executed() == ["01_first", "02_second"]


@pytest.mark.parametrize("content", ["", "<<<<<<< HEAD", "[]", "{}", '{"figures": {}, "inputs": {"data": 1}}'])
def test_a_manifest_that_cannot_be_read_counts_as_none(project, content):
    project.run()
    project.executed()
    (project.folders.figures / "manifest.json").write_text(content, encoding="utf-8")
    project.run()
    assert project.executed() == ["01_first", "02_second"]


def test_figures_that_no_notebook_makes_any_more_are_removed(project):
    project.run()
    project.executed()
    project.remove("01_first")
    project.write("02_second", project.saving("second.svg"))
    made = project.run()
    assert made.removed == ("first.csv", "first.svg", "third.svg")
    assert sorted(project.figures()) == ["manifest.json", "second.svg"]


def test_a_removed_notebook_alone_executes_nothing(project):
    project.run()
    project.executed()
    project.remove("01_first")
    assert project.run().removed == ("first.csv", "first.svg")
    assert project.executed() == []


def test_files_that_no_run_made_are_left_alone(project):
    project.folders.figures.mkdir()
    (project.folders.figures / "mine.svg").write_text("mine", encoding="utf-8")
    project.run()
    project.run(force=True)
    assert project.figures()["mine.svg"] == b"mine"


def test_a_manifest_that_names_files_elsewhere_removes_none_of_them(project):
    project.run()
    precious = project.root / "precious.csv"
    precious.write_text("precious", encoding="utf-8")
    path = project.folders.figures / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("third.svg", "../precious.csv"), encoding="utf-8")
    project.run()
    assert precious.read_text(encoding="utf-8") == "precious"


def test_bytes_depend_neither_on_the_folder_nor_on_the_order_of_the_run(new_project):
    made = []
    for name, jobs in (("here", 1), ("elsewhere", 3)):
        project = new_project(name)
        for letter in "abcd":
            cells = project.saving(f"{letter}.svg"), project.saving(f"{letter}.csv")
            project.write(letter, *cells, logged=False)
        project.run(jobs=jobs)
        made.append(project.figures())
    assert made[0] == made[1]
    assert "here" not in made[0]["manifest.json"].decode()


def test_an_error_names_notebook_cell_and_message(project):
    project.write("02_second", "1 + 1", "{}['key']")
    message = refusal(project)
    assert message.startswith("1 notebook failed:\n02_second.ipynb, cell 3: ")
    assert "{}['key']" in message
    assert message.endswith("KeyError: 'key'")


def test_an_error_of_this_package_is_told_without_its_way_through_the_code(project):
    project.write("02_second", "import bmac_meta as bm", "bm.load('nowhere')")
    message = refusal(project)
    assert "02_second.ipynb, cell 3: 1 fault in the data:" in message
    assert "Traceback" not in message


def test_every_notebook_that_fails_is_named(project):
    project.write("01_first", "import nonsense_that_is_not_there")
    project.write("02_second", "%matplotlib inline")
    message = refusal(project)
    assert "2 notebooks failed:\n01_first.ipynb, cell 2:" in message
    assert "02_second.ipynb, cell 2:" in message
    assert "SyntaxError" in message


def test_a_notebook_that_calls_exit_has_failed(project):
    project.write("02_second", "raise SystemExit(0)")
    assert "SystemExit: 0" in refusal(project)


def test_a_process_that_dies_is_told_by_its_notebook(project):
    project.write("02_second", "import os; os._exit(7)")
    assert "02_second.ipynb: its process ended with exit code 7" in refusal(project)


def test_a_failed_run_leaves_the_figures_as_they_were(project):
    project.run()
    before = project.figures()
    project.write("01_first", project.saving("first.svg", "new"))
    project.write("02_second", "1 / 0")
    refusal(project)
    assert project.figures() == before
    assert sorted(os.listdir(project.root)) == ["data", "figures", "log", "notebooks"]


def test_two_notebooks_that_save_one_figure_are_refused(project):
    project.write("03_third", project.saving("first.png"))
    message = refusal(project)
    assert message == "01_first.ipynb and 03_third.ipynb both save first. Give one another name."


def test_two_cells_that_save_one_file_are_refused(project):
    project.write("02_second", project.saving("second.svg"), "1 + 1", project.saving("second.svg", "other"))
    assert "cell 4: second.svg was saved before, by cell 2" in refusal(project)


def test_a_figure_saved_beside_the_notebook_is_refused(project):
    project.write("02_second", "open('second.svg', 'w').write('')")
    assert "second.svg was saved beside the notebook; save it in ../figures" in refusal(project)


def test_a_folder_among_the_figures_is_refused(project):
    project.write("02_second", "import os; os.mkdir('../figures/more')")
    assert "cell 2: more is a folder" in refusal(project)


def test_a_figure_called_like_the_manifest_is_refused(project):
    project.write("02_second", project.saving("manifest.json"))
    assert refusal(project) == "02_second.ipynb saves manifest.json, which is the list of the figures."


def test_notebooks_do_not_see_what_others_left_in_memory(project):
    project.write("01_first", "import sys; sys.left_behind = True", project.saving("first.svg"))
    project.write("02_second", "import sys", project.saving("second.svg"), "assert not hasattr(sys, 'left_behind')")
    assert project.run(jobs=1).executed == ("01_first.ipynb", "02_second.ipynb")


def test_notebooks_run_side_by_side(project):
    for mine, other in (("01_first", "02_second"), ("02_second", "01_first")):
        signs = {name: str(project.root / f"{name}.sign") for name in (mine, other)}
        wait = f"import os, time\nwhile not os.path.exists({signs[other]!r}): time.sleep(0.01)"
        project.write(mine, f"open({signs[mine]!r}, 'w').close()", wait)
    assert project.run(jobs=2).executed == ("01_first.ipynb", "02_second.ipynb")


def test_warnings_in_notebooks_are_handed_on_once(project):
    warn = "import warnings; warnings.warn('the two trials share an arm', stacklevel=2)"
    project.write("02_second", warn, warn)
    assert project.run().warnings == ("02_second.ipynb: UserWarning: the two trials share an arm",)


def test_notebooks_read_the_data_of_the_run(project):
    project.write(
        "02_second",
        "import bmac_meta as bm",
        f"assert str(bm.load().tables.folder) == {str(project.folders.data)!r}",
    )
    assert project.run().executed == ("01_first.ipynb", "02_second.ipynb")


def test_the_environment_is_as_before_after_a_run(project):
    before = dict(os.environ)
    project.run()
    assert dict(os.environ) == before


def test_faulty_data_are_told_once_and_nothing_is_executed(project):
    project.change_data("vas_pain", "vas_pane")
    with pytest.raises(DataError):
        project.run()
    assert project.executed() == []


def test_folders_that_are_not_there_are_named(project):
    nowhere = project.root / "nowhere"
    with pytest.raises(InputError, match="nowhere, which is no folder"):
        make_figures(Folders(nowhere, project.folders.figures, project.folders.data))
    with pytest.raises(InputError, match="nowhere, which is no folder"):
        make_figures(Folders(project.folders.notebooks, project.folders.figures, nowhere))


def test_a_second_run_at_the_same_time_is_refused(project):
    with only_run(project.folders.figures), pytest.raises(BmacMetaError, match="Another run is making"):
        project.run()
    assert project.run().executed == ("01_first.ipynb", "02_second.ipynb")


def test_progress_is_shown_on_standard_error(project, capsys):
    project.run()
    captured = capsys.readouterr()
    assert "2/2" in captured.err
    assert captured.out == ""


def test_a_run_that_ends_between_two_moves_is_completed_by_the_next(project, monkeypatch):
    project.run()
    project.write("01_first", project.saving("first.svg", "new"), project.saving("first.csv", "new"))
    moves = iter([os.replace])
    with monkeypatch.context() as patch:
        patch.setattr("bmac_meta.jobs.staging.os.replace", lambda *paths: next(moves)(*paths))
        with pytest.raises(StopIteration):
            project.run()
    assert [project.figures()[name] for name in ("first.csv", "first.svg")] == [b"new", b"picture"]
    assert project.run().executed == ("01_first.ipynb",)
    assert [project.figures()[name] for name in ("first.csv", "first.svg")] == [b"new", b"new"]
    assert project.run().executed == ()


def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_completes(project):
    project.run()
    before = project.figures()
    half = project.root / "half"
    project.write("01_first", project.saving("first.svg", "new"), project.saving("first.csv", "new"))
    slow = f"import os, time; open({str(half)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    project.write("02_second", "open('../figures/second.svg', 'w').write('half')", slow)
    worker = _kill_when_written(half, project)
    assert project.figures() == before
    _wait_until(lambda: not _alive(worker))
    project.write("02_second", project.saving("second.svg", "new"))
    project.run()
    after = project.figures()
    assert [after[name] for name in ("first.csv", "first.svg", "second.svg")] == [b"new"] * 3
    assert sorted(after) == ["first.csv", "first.svg", "manifest.json", "second.svg"]
    assert sorted(os.listdir(project.root)) == ["data", "figures", "half", "log", "notebooks"]


def _kill_when_written(half: Path, project) -> int:
    """Start a run, kill it when a file was written half, and return the number of the process that wrote it."""
    folders = project.folders
    options = ["--notebooks", folders.notebooks, "--figures", folders.figures, "--data", folders.data]
    with subprocess.Popen([sys.executable, "-m", "bmac_meta.cli", "figures", *options], cwd=ROOT) as run:
        _wait_until(lambda: run.poll() is not None or (half.exists() and half.read_text(encoding="utf-8") != ""))
        assert run.poll() is None, "the run ended before it could be killed"
        run.send_signal(signal.SIGKILL)
    return int(half.read_text(encoding="utf-8"))


def _wait_until(reached, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "this should have happened by now"
        time.sleep(0.02)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z")


def test_a_figure_of_the_real_evidence_has_its_table_beside_it(new_project):
    project = new_project("real")
    project.write(
        "01_real",
        "import bmac_meta as bm",
        "knee = bm.load().where(condition='knee_oa')",
        "pain = knee.compare('PRP', 'PLACEBO', on='pain', months=6, measured_as='most').pool()",
        "pain.forest(save='../figures/pain.svg')",
    )
    made = make_figures(Folders(project.folders.notebooks, project.folders.figures, data_folder()))
    assert made.figures == ("pain",)
    assert sorted(project.figures()) == ["manifest.json", "pain.csv", "pain.svg"]
