"""Single arguments of public functions: of the kind that is needed, or refused with what was given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Integral, Real

import numpy as np

from bmac_meta.errors import InputError, told, unknown_word


def one_number(name: str, value: object, wanted: str, fits: Callable[[float], bool] = math.isfinite) -> float:
    """Return an argument as a float; raise `InputError` for a text, a yes or no, and a number that does not fit.

    >>> one_number("correlation", 0.5, "a number from 0 to 1", lambda r: 0 <= r <= 1)
    0.5
    >>> one_number("correlation", "0.5", "a number from 0 to 1")
    Traceback (most recent call last):
    bmac_meta.errors.InputError: correlation is '0.5'; it must be a number from 0 to 1.
    """
    single = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    number = as_real(single)
    if math.isnan(number) or not fits(number):
        raise InputError(f"{name} is {told(value)}; it must be {wanted}.")
    return number


def as_real(value: object) -> float:
    """Return a number as a float, infinite where it is too large for one; NaN for what is none.

    >>> as_real(3), as_real(True), as_real("3"), as_real(-(10**400))
    (3.0, nan, nan, -inf)
    """
    if not isinstance(value, Real | Decimal) or isinstance(value, bool | np.bool_):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signaling NaN of decimal
        return math.nan


def several_numbers(
    name: str, values: object, wanted: str, fits: Callable[[float], bool] = math.isfinite
) -> tuple[float, ...]:
    """Return an argument that must be a list of numbers, one at least; `wanted` says what each of them must be.

    >>> several_numbers("contours", [1.5, 2], "a size above 0")
    (1.5, 2.0)
    """
    listed = isinstance(values, Iterable) and not isinstance(values, str | bytes | dict) and getattr(values, "ndim", 1)
    found = tuple(values) if listed else ()
    if not found:
        raise InputError(f"{name} is {told(values)}; it must be a list, and each of it {wanted}.")
    return tuple(one_number(name.removesuffix("s"), value, wanted, fits) for value in found)


def several(name: str, value: object) -> tuple[object, ...]:
    """Return an argument that may be one thing or several; raise `InputError` for what is neither.

    >>> several("on", "pain"), several("months", [3, 6])
    (('pain',), (3, 6))
    """
    if isinstance(value, str) or not math.isnan(as_real(value)):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, bytes) or not getattr(value, "ndim", 1):
        raise InputError(f"{name} is {told(value)}; it must be a list.")
    return tuple(value)


def one_share(name: str, value: object, such_as: float = 0.95) -> float:
    """Return an argument that must be a share, neither 0 nor 1."""
    return one_number(name, value, f"one share between 0 and 1, such as {such_as:g}", lambda share: 0 < share < 1)


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return an argument that must be a whole number.

    >>> whole_number("draws", 100.0), whole_number("seed", 0, least=0)
    (100, 0)
    """
    wanted = f"a whole number of {least} or more"
    return int(one_number(name, value, wanted, lambda number: least <= number < math.inf and number % 1 == 0))


def one_seed(value: object) -> int:
    """Return the seed of a generator: a whole number of 0 or more, as an int and no float.

    >>> one_seed(7)
    7
    """
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_) or value < 0:
        raise InputError(f"seed is {told(value)}; it must be a whole number of 0 or more, such as 1.")
    return int(value)


def yes_or_no(name: str, value: object) -> bool:
    """Return an argument that must be True or False.

    >>> yes_or_no("logged", "no")
    Traceback (most recent call last):
    bmac_meta.errors.InputError: logged is 'no'; it must be True or False.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} is {told(value)}; it must be True or False.")
    return bool(value)


def at_most(most: int, count: int, things: str, doing: str) -> None:
    """Raise `InputError` where there are more things than can be worked with in reasonable time and memory.

    >>> at_most(1000, 2000, "trials", "leaving out each trial in turn")
    Traceback (most recent call last):
    bmac_meta.errors.InputError: There are 2,000 trials, and leaving out each trial in turn is for 1,000 at most. ...
    """
    if count > most:
        raise InputError(
            f"There are {count:,} {things}, and {doing} is for {most:,} at most. Narrow them with where() or without()."
        )


def one_of(word: object, known: Iterable[object], kind: str = "column of these effects") -> object:
    """Return a word that is among those that are known; raise `UnknownWordError` with these where it is not.

    Unlike `check_word` it takes words that are no text, as names of columns need not be.

    >>> one_of("design", ["study", "design"])
    'design'
    """
    words = known if isinstance(known, dict) else dict.fromkeys(known)
    try:
        found = word in words
    except (TypeError, ValueError):
        found = False
    if not found:
        raise unknown_word(kind, word, map(str, words))
    return word
