"""The one door to formulas: from a formula and a table to the columns of a regression."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmac_meta.arguments import as_real, one_of
from bmac_meta.copies import read_only
from bmac_meta.errors import DesignError, InputError, told
from bmac_meta.formula import Factor, Formula, State, evaluate, read_formula

if TYPE_CHECKING:
    from formulaic import ModelSpec

Array = NDArray[np.float64]

MOST_COLUMNS = 500
_PLACE = re.compile(r"(factor\d+_)(?:\[(?:T\.)?(\d+)\])?")


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """The columns of a regression, and how to make them again for new trials.

    `matrix` is (k, p), its columns called `names`; `columns` are those of the table that went in, `covariates`
    is p less the intercept, `references` says which category of each column the others are compared with, `terms`
    which places each term of the formula has among the names.
    """

    formula: str
    names: tuple[str, ...]
    matrix: Array
    columns: tuple[str, ...]
    covariates: int
    references: tuple[str, ...]
    terms: Mapping[str, tuple[int, ...]]
    continuous: str | None
    _factors: Mapping[str, Factor] = field(repr=False)
    _levels: Mapping[str, tuple[object, ...]] = field(repr=False)
    _states: Mapping[str, State] = field(repr=False)
    _spec: ModelSpec = field(repr=False)

    def rows(self, table: pd.DataFrame) -> Array:
        """Return the rows (m, p) of new trials, from a table with the same columns.

        Raises `InputError` for a column or a value that is missing, `UnknownWordError` for a category that no
        trial had.
        """
        if not isinstance(table, pd.DataFrame) or table.empty:
            raise InputError(f"New trials come as a DataFrame with a row each and {', '.join(self.columns)}.")
        for column in self.columns:
            if column not in table:
                raise InputError(f"The table of new trials has no column {column!r}, which the formula needs.")
            if table[column].isna().any():
                place = int(table[column].isna().to_numpy().argmax()) + 1
                raise InputError(f"Row {place} of the new trials says no {column}; give every value.")
        labels = [f"row {place + 1}" for place in range(len(table))]
        made = _factor_table(self._factors, table, self._levels, self._states, labels)
        made["constant_"] = 1.0
        return np.asarray(self._spec.get_model_matrix(made), dtype=float)


def formula_columns(formula: str, table: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that a formula needs; raise as `design_matrix` does for what it may not say."""
    return read_formula(formula, table.columns).columns


def design_matrix(formula: str, table: pd.DataFrame, labels: Sequence[str] | None = None) -> DesignMatrix:
    """Make the columns of a regression from a formula and a table without gaps in the columns that it names.

    Numbers are continuous, words are categories (the first in their order is the reference), C(column) makes
    categories of numbers. + adds terms, a:b is an interaction, a*b means a + b + a:b, - takes a term away, 0 or -1
    leaves the intercept out. Transforms: log, log2, log10, exp, sqrt, center, scale, and arithmetic in I().
    `labels` name the rows in errors. Raises `InputError` for a formula that cannot be read or has no value for
    a row, `UnknownWordError` for an unknown name, `DesignError` for a column without differences.

    >>> table = pd.DataFrame({"dose": [1.0, 2.0, 4.0], "arm": ["gel", "cell", "gel"]})
    >>> design_matrix("~ log2(dose) + arm", table).names
    ('Intercept', 'log2(dose)', 'arm = gel')
    """
    parsed = read_formula(formula, table.columns)
    names = [f"row {place + 1}" for place in range(len(table))] if labels is None else list(labels)
    factors = {f"factor{place}_": factor for place, factor in enumerate(parsed.factors)}
    levels = {name: _levels(factor, table) for name, factor in factors.items() if _is_category(factor, table)}
    _check_size(parsed, levels)
    states: dict[str, State] = {name: {} for name in factors}
    made = _factor_table(factors, table, levels, states, names)
    made["constant_"] = 1.0
    matrix, spec = _materialized(parsed, made)
    words = tuple(_spoken(name, factors, levels) for name in spec.column_names)
    return DesignMatrix(
        formula=parsed.text,
        names=words,
        matrix=read_only(matrix),
        columns=parsed.columns,
        covariates=matrix.shape[1] - _spans_constant(matrix),
        references=_references(words, factors, levels),
        terms=_terms(spec, factors),
        continuous=_only_number(parsed, levels),
        _factors=factors,
        _levels=levels,
        _states=states,
        _spec=spec,
    )


def _is_category(factor: Factor, table: pd.DataFrame) -> bool:
    return factor.category or (factor.tree is None and _numbers(table[factor.columns[0]]) is None)


def _numbers(column: pd.Series) -> Array | None:
    """Return a column as floats, or None if it holds anything but numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(column):
        return None
    if not all(isinstance(value, Real) and not isinstance(value, bool) for value in column):
        return None
    return np.array([as_real(value) for value in column])


def _levels(factor: Factor, table: pd.DataFrame) -> tuple[object, ...]:
    """Return the categories of a column, the reference first."""
    column = table[factor.columns[0]]
    found = _distinct(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [level for level in column.cat.categories if level in found]
    else:
        levels = sorted(found) if _numbers(column) is not None else sorted(found, key=str)
    if len(levels) < 2:
        raise DesignError(
            f"{factor.columns[0]} is {levels[0] if levels else 'nothing'} in "
            f"{'the one trial' if len(table) == 1 else f'all {len(table)} trials'} that say every column of the "
            "formula, so it cannot tell them apart. Leave it out, or leave out the column that few trials say."
        )
    return tuple(levels)


def _distinct(column: pd.Series) -> list[object]:
    try:
        return list(column.unique())
    except TypeError:
        cell = next((cell for cell in column if not isinstance(cell, Hashable)), column.iloc[0])
        raise InputError(
            f"{column.name} holds {told(cell)}, which is neither a number nor a word nor a date, so trials "
            "cannot be told apart by it. Make it one of these."
        ) from None


def _check_size(parsed: Formula, levels: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse a formula before its columns are made if there are absurdly many."""
    widths = ([1 + len(levels.get(name, "-")) for name in operands] for _, operands, _ in parsed.parts)
    columns = sum(math.prod(width) for width in widths)
    if columns > MOST_COLUMNS:
        raise DesignError(
            f"The formula {parsed.text!r} makes about {columns:,} columns. Use fewer interactions, or columns with "
            "fewer categories."
        )


def _factor_table(
    factors: Mapping[str, Factor],
    table: pd.DataFrame,
    levels: Mapping[str, tuple[object, ...]],
    states: Mapping[str, State],
    labels: Sequence[str],
) -> pd.DataFrame:
    made = {
        name: _coded(factor, table, levels[name]) if name in levels else _computed(factor, table, states[name], labels)
        for name, factor in factors.items()
    }
    return pd.DataFrame(made, index=range(len(table)))


def _coded(factor: Factor, table: pd.DataFrame, levels: tuple[object, ...]) -> pd.Categorical:
    column = factor.columns[0]
    places = {level: place for place, level in enumerate(levels)}
    for value in table[column]:
        one_of(value, places, f"{column} among the trials:")
    codes = [places[value] for value in table[column]]
    return pd.Categorical.from_codes(codes, categories=[str(place) for place in range(len(levels))])


def _computed(factor: Factor, table: pd.DataFrame, state: State, labels: Sequence[str]) -> Array:
    columns = {f"_{place}": _needed(table[column]) for place, column in enumerate(factor.columns)}
    value = columns["_0"] if factor.tree is None else evaluate(factor.tree, columns, state)
    values = np.broadcast_to(np.asarray(value, dtype=float), (len(table),)).copy()
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        found = ", ".join(f"{column} {table[column].iloc[bad[0]]}" for column in factor.columns)
        raise InputError(
            f"{factor.text} has no value for {labels[bad[0]]} ({found or 'no column'}); leave that trial out, or use "
            "another transform."
        )
    return values


def _needed(column: pd.Series) -> Array:
    values = _numbers(column)
    if values is None:
        raise InputError(f"{column.name} is not a number in every trial, so nothing can be computed from it.")
    return values


def _materialized(parsed: Formula, made: pd.DataFrame) -> tuple[Array, ModelSpec]:
    import formulaic  # slow to import, and needed by regressions alone

    words = "1 " + " ".join(f"{sign} {_product(*pair)}" for sign, *pair in parsed.parts)
    made_matrix = formulaic.model_matrix(words, made, output="numpy")
    if not made_matrix.shape[1]:
        raise InputError(f"The formula {parsed.text!r} leaves nothing to estimate. Name a column.")
    return np.asarray(made_matrix, dtype=float), made_matrix.model_spec


def _product(operands: Sequence[str], joints: Sequence[str]) -> str:
    return operands[0] + "".join(f"{joint}{name}" for joint, name in zip(joints, operands[1:], strict=True))


def _terms(spec: ModelSpec, factors: Mapping[str, Factor]) -> dict[str, tuple[int, ...]]:
    """Return the places of the columns of each term but the intercept."""
    places = {str(term): tuple(range(part.start, part.stop)) for term, part in spec.term_slices.items()}
    return {
        " × ".join(factors[name].text for name in term.split(":")): part for term, part in places.items() if term != "1"
    }


def _spoken(name: str, factors: Mapping[str, Factor], levels: Mapping[str, tuple[object, ...]]) -> str:
    """Write a column's name with the names and categories of the table."""
    if name == "Intercept":
        return name
    return " × ".join(_spoken_factor(part, factors, levels) for part in name.split(":"))


def _spoken_factor(part: str, factors: Mapping[str, Factor], levels: Mapping[str, tuple[object, ...]]) -> str:
    factor, place = _PLACE.fullmatch(part).groups()
    if place is None:
        return factors[factor].text
    return f"{factors[factor].columns[0]} = {_word(levels[factor][int(place)])}"


def _word(level: object) -> str:
    return f"{as_real(level):g}" if math.isfinite(as_real(level)) else str(level)


def _spans_constant(matrix: Array) -> bool:
    ones = np.ones(len(matrix))
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=0), np.finfo(float).tiny)
    fitted = scaled @ np.linalg.lstsq(scaled, ones, rcond=None)[0]
    return bool(np.abs(ones - fitted).max() < 1e-9)


def _references(
    names: Sequence[str], factors: Mapping[str, Factor], levels: Mapping[str, tuple[object, ...]]
) -> tuple[str, ...]:
    """Return the categories that have no column of their own, as words."""
    firsts = {name: f"{factors[name].columns[0]} = {_word(found[0])}" for name, found in levels.items()}
    shown = {part for name in names for part in name.split(" × ")}
    return tuple(first for first in firsts.values() if first not in shown)


def _only_number(parsed: Formula, levels: Mapping[str, tuple[object, ...]]) -> str | None:
    """Return the one column of the formula if there is but one and it holds numbers."""
    return parsed.columns[0] if len(parsed.columns) == 1 and not levels else None
