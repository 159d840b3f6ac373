"""Formulas are taken apart before anything is computed, and can say nothing but columns and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import BmacMetaError, InputError, UnknownWordError
from bmac_meta.formula import CALLS, LONGEST, evaluate, read_formula

KNOWN = ("x", "year", "my column", "log")


def value(formula, **columns):
    """Return the value of the only factor of a formula."""
    factor = read_formula(formula, columns).factors[0]
    arrays = {f"_{place}": np.asarray(columns[name], float) for place, name in enumerate(factor.columns)}
    return evaluate(factor.tree, arrays, {})


@pytest.mark.parametrize(
    "attack",
    [
        "~ __import__('os').system('x')",
        "~ eval(x)",
        "~ exec(x)",
        "~ open(x)",
        "~ x.__class__",
        "~ I(x.real)",
        "~ I((lambda: 1)())",
        "~ I([x for x in x])",
        "~ I(x if x else x)",
        "~ I(x := 1)",
        "~ I((x)(3))",
        "~ I(2(3))",
        "~ I(__import__(x))",
        "~ log(x, x)",
        "~ log()",
        "~ np.log(x)",
        "~ {x}",
        "~ x; x",
        "~ `x`.real",
        "~ I('x')",
        "~ I(x == 1)",
        "~ hashed(x)",
        "~ I(x\n)\nimport os",
    ],
)
def test_nothing_but_columns_and_listed_functions_can_be_said(attack):
    with pytest.raises(InputError):
        read_formula(attack, KNOWN)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="~ xyI()C+-*/:`.0123logeval_,'[]{}@\n", max_size=40))
def test_any_text_is_either_read_or_refused_in_words(text):
    try:
        columns = read_formula(text, KNOWN).columns
    except BmacMetaError:
        columns = ()
    assert set(columns) <= set(KNOWN)


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("~", "ends where a name should stand"),
        ("~ x +", "ends where a name should stand"),
        ("~ x year", "a sign is missing before 'year'"),
        ("y ~ x", "the left side is always the effect"),
        ("~ 2*x", "put arithmetic into I()"),
        ("~ x**2", r"a sign is missing before '\*\*'"),
        ("~ 1*x", "0 and 1 stand alone"),
        ("~ (x + year):x", "put arithmetic into I()"),
        ("~ I(x", "a bracket is not closed"),
        ("~ I(x**)", "not well formed"),
        ("~ C(x + year)", "takes one column"),
        ("~ x @ year", "holds '@' at place 5"),
    ],
)
def test_a_formula_that_cannot_be_read_says_where(formula, what):
    with pytest.raises(InputError, match=what.replace("(", r"\(").replace(")", r"\)")):
        read_formula(formula, KNOWN)


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(UnknownWordError, match="did you mean 'year'"):
        read_formula("~ yaer", KNOWN)


def test_an_unknown_function_names_the_known_ones():
    with pytest.raises(UnknownWordError, match=", ".join(CALLS[:3])):
        read_formula("~ ln(x)", KNOWN)


def test_a_formula_has_a_greatest_length():
    with pytest.raises(InputError, match=str(LONGEST)):
        read_formula("~ " + "x + " * LONGEST + "x", KNOWN)


def test_a_column_may_have_the_name_of_a_function_or_a_space():
    assert read_formula("~ log + `my column`", KNOWN).columns == ("log", "my column")


def test_a_factor_that_recurs_is_one_factor():
    assert len(read_formula("~ x + x:year + x*year", KNOWN).factors) == 2


def test_arithmetic_is_done_on_floats_so_that_no_number_grows_without_end():
    assert np.isinf(value("~ I(x * 9**9**9**9)", x=[1.0])).all()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("~ I(x**2 - 2*x + 1)", [0.0, 1.0, 9.0]),
        ("~ I(-x / 2)", [-0.5, -1.0, -2.0]),
        ("~ log2(x)", [0.0, 1.0, 2.0]),
        ("~ sqrt(I(x*x))", [1.0, 2.0, 4.0]),
        ("~ exp(x - x)", [1.0, 1.0, 1.0]),
        ("~ center(x)", [1 - 7 / 3, 2 - 7 / 3, 4 - 7 / 3]),
    ],
)
def test_arithmetic_is_what_it_says(formula, expected):
    assert value(formula, x=[1.0, 2.0, 4.0]) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_scale_divides_by_the_sample_standard_deviation():
    assert value("~ scale(x)", x=[1.0, 2.0, 3.0]) == pytest.approx([-1.0, 0.0, 1.0])


def test_new_rows_are_moved_as_the_first_ones_were():
    factor = read_formula("~ center(x)", KNOWN).factors[0]
    state = {}
    evaluate(factor.tree, {"_0": np.array([1.0, 3.0])}, state)
    assert evaluate(factor.tree, {"_0": np.array([10.0])}, state).tolist() == [8.0]
