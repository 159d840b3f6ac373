"""A formula and a table give the columns that R's model.matrix would."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.design import MOST_COLUMNS, design_matrix
from bmac_meta.errors import DesignError, InputError, UnknownWordError

TABLE = pd.DataFrame(
    {
        "x": [1.0, 2.0, 4.0, 8.0],
        "arm": ["gel", "cell", "cell", "gel"],
        "grade": [3, 2, 4, 2],
        "blind": [True, False, True, True],
        "mixed": pd.Series([1, 2.5, 3, 4], dtype=object),
    }
)


def test_numbers_are_continuous_and_words_are_categories_with_the_first_as_reference():
    design = design_matrix("~ x + arm", TABLE)
    assert design.names == ("Intercept", "x", "arm = gel")
    assert design.references == ("arm = cell",)
    assert design.matrix.tolist() == [[1, 1, 1], [1, 2, 0], [1, 4, 0], [1, 8, 1]]
    assert design.covariates == 2


def test_c_makes_categories_of_numbers_in_their_order():
    design = design_matrix("~ C(grade)", TABLE)
    assert design.names == ("Intercept", "grade = 3", "grade = 4")
    assert design.matrix[:, 1:].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_a_star_is_both_and_their_interaction():
    design = design_matrix("~ x * arm", TABLE)
    assert design.names == ("Intercept", "x", "arm = gel", "x × arm = gel")
    assert design.matrix[:, 3].tolist() == [1, 0, 0, 8]


@pytest.mark.parametrize("formula", ["~ 0 + arm", "~ arm - 1", "~ arm + 0"])
def test_without_intercept_every_category_has_a_column(formula):
    design = design_matrix(formula, TABLE)
    assert design.names == ("arm = cell", "arm = gel")
    assert design.covariates == 1
    assert design.references == ()


def test_each_term_knows_its_columns():
    design = design_matrix("~ 0 + C(grade) + x:arm", TABLE)
    assert design.terms == {"C(grade)": (0, 1, 2), "x × arm": (3, 4)}
    assert design_matrix("~ log2(x)", TABLE).terms == {"log2(x)": (1,)}


def test_a_minus_takes_a_term_away():
    assert design_matrix("~ x*arm - x:arm", TABLE).names == ("Intercept", "x", "arm = gel")


def test_truth_values_are_categories_and_objects_that_hold_numbers_are_numbers():
    assert design_matrix("~ blind + mixed", TABLE).names == ("Intercept", "blind = True", "mixed")


def test_an_ordered_category_keeps_its_order():
    table = TABLE.assign(arm=pd.Categorical(TABLE["arm"], categories=["gel", "none", "cell"]))
    assert design_matrix("~ arm", table).names == ("Intercept", "arm = cell")


def test_only_a_single_column_of_numbers_is_continuous():
    assert design_matrix("~ x + I(x**2)", TABLE).continuous == "x"
    assert design_matrix("~ C(grade)", TABLE).continuous is None
    assert design_matrix("~ x + grade", TABLE).continuous is None


def test_new_rows_follow_the_first_ones():
    design = design_matrix("~ center(x) * arm", TABLE)
    new = design.rows(pd.DataFrame({"x": [3.75], "arm": ["gel"]}))
    assert new.tolist() == [[1.0, 0.0, 1.0, 0.0]]


def test_the_intercept_alone_can_be_made_for_new_rows():
    assert design_matrix("~ 1", TABLE).rows(pd.DataFrame({"any": [1, 2]})).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("new", "error", "what"),
    [
        (pd.DataFrame({"x": [1.0]}), InputError, "no column 'arm'"),
        (pd.DataFrame({"x": [np.nan], "arm": ["gel"]}), InputError, "Row 1 of the new trials says no x"),
        (pd.DataFrame({"x": [1.0], "arm": ["gle"]}), UnknownWordError, "did you mean 'gel'"),
        (pd.DataFrame({"x": ["a"], "arm": ["gel"]}), InputError, "x is not a number"),
        ({"x": 1.0}, InputError, "DataFrame"),
    ],
)
def test_new_rows_that_cannot_be_used_are_refused(new, error, what):
    with pytest.raises(error, match=what):
        design_matrix("~ x + arm", TABLE).rows(new)


def test_a_category_without_differences_is_refused_by_name():
    with pytest.raises(DesignError, match="arm is gel in all 2 trials"):
        design_matrix("~ x + arm", TABLE[TABLE["arm"] == "gel"])


def test_a_transform_without_value_names_the_trial():
    with pytest.raises(InputError, match=r"log\(x - 1\) has no value for Trial A \(x 1.0\)"):
        design_matrix("~ log(x - 1)", TABLE, ["Trial A", "B", "C", "D"])


def test_arithmetic_on_words_is_refused():
    with pytest.raises(InputError, match="arm is not a number in every trial"):
        design_matrix("~ I(arm * 2)", TABLE)


def test_absurdly_many_columns_are_refused_before_they_are_made():
    table = pd.DataFrame({name: [str(place) for place in range(40)] for name in "abcdef"})
    with pytest.raises(DesignError, match=r"columns\. Use fewer interactions"):
        design_matrix("~ a*b*c*d*e*f", table)
    assert MOST_COLUMNS < 41**6


def test_a_label_is_never_run_as_code():
    table = pd.DataFrame({"g": ["__import__('os')", "{1:2}", "__import__('os')"], "x": [1.0, 2.0, 3.0]})
    assert design_matrix("~ g", table).names == ("Intercept", "g = {1:2}")
