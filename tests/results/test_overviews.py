from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError
from bmac_meta.question import Question
from bmac_meta.results.courses import TimeCourse
from bmac_meta.results.maps import EvidenceCounts
from bmac_meta.results.saving import save_picture
from bmac_meta.results.tabulate import tabulate


def answer(months, estimates=(-0.5, -0.2, 0.1), measure="SMD"):
    question = Question("PRP", "HA", "pain", f"{months} months", lower_is_better=True)
    table = pd.DataFrame({"d": estimates, "s": 0.2, "months": float(months)})
    return Effects.from_frame(table, estimate="d", se="s", measure=measure, question=question).pool()


@pytest.fixture
def course():
    return TimeCourse(((0, 3), (3, 6), (12, float("inf"))), (answer(3), None, answer(30)))


@pytest.fixture
def counts():
    studies = pd.DataFrame({"knee oa": [12, 0], "=cmd()": [1, 3]}, index=["PRP", "<script>x</script>"])
    return EvidenceCounts("Studies by treatment and condition", "treatment", "condition", studies, studies * 40.0)


def test_a_course_has_a_row_for_each_window_that_has_an_answer(course):
    assert list(course.tidy().months_from) == [0, 12]
    assert [row[0] for row in course.card().grids[0].rows] == ["over 0 to 3", "over 3 to 6", "over 12"]
    assert course.card().grids[0].rows[1] == ("over 3 to 6", "0", "", "", "", "")


def test_the_picture_of_a_course_has_its_windows_and_its_table(course, tmp_path):
    course.draw(save=tmp_path / "course.svg")
    picture = (tmp_path / "course.svg").read_text(encoding="utf-8")
    assert "PRP vs HA · pain" in picture
    assert "Trials recur from window to window" in picture
    assert len(pd.read_csv(tmp_path / "course.csv")) >= 8


def test_a_map_counts_its_empty_cells(counts):
    assert counts.card().aside == "1 of 4 cells empty"
    assert counts.card().grids[0].rows[1][1:] == ("·", "3")
    assert list(counts.tidy().studies) == [12, 1, 0, 3]
    assert list(counts.tidy().patients) == [480.0, 40.0, 0.0, 120.0]


def test_a_map_is_drawn_with_hostile_names_as_text(counts, tmp_path):
    assert "<script" not in counts._repr_html_()
    counts.draw(save=tmp_path / "map.svg")
    assert "<script" not in (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert "'=cmd()" in (tmp_path / "map.csv").read_text(encoding="utf-8")


def test_answers_stand_side_by_side_under_their_names():
    table = tabulate({"r = 0.5": answer(3), "r = 0.7": answer(6, (-0.5, -0.2))})
    assert list(table.tidy().name) == ["r = 0.5", "r = 0.7"]
    assert table.tidy().columns[0] == "name"
    rows = table.card().grids[0].rows
    assert [row[0] for row in rows] == ["r = 0.5", "r = 0.7"]
    assert rows[1][5] == ""


@pytest.mark.parametrize("nothing", [{}, {"x": 3}])
def test_nothing_to_tabulate_is_refused_with_an_example(nothing):
    with pytest.raises(InputError, match=r"'r = 0\.5': effects\.pool\(\)"):
        tabulate(nothing)


def test_a_picture_that_is_not_saved_writes_nothing(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure = course.draw()
    assert save_picture(figure, None, "", "", pd.DataFrame()) is figure
    assert list(tmp_path.iterdir()) == []
