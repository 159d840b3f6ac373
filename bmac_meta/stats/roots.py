"""Many bracketed roots at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_STEPS = 200


def bracketed_roots(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return, element by element, where a function changes sign between `low` and `high`, to rounding error.

    `function` takes and returns arrays of the shape of `low`. Where it has one sign on both ends the end with
    the smaller absolute value is returned. Inverse quadratic interpolation with bisection as the safeguard
    (Chandrupatla 1997, doi:10.1016/s0965-9978(96)00051-8).
    """
    old, new = np.array(low, dtype=float), np.array(high, dtype=float)
    f_old, f_new = function(old), function(new)
    third, f_third = old, f_old
    step = np.full(new.shape, 0.5)
    one_sign = np.sign(f_old) * np.sign(f_new) > 0
    for _ in range(MOST_STEPS):
        best = np.where(np.abs(f_old) < np.abs(f_new), old, new)
        tolerance = 2 * np.finfo(float).eps * np.abs(best) + np.finfo(float).tiny
        done = one_sign | (np.abs(old - new) <= 2 * tolerance) | (f_old == 0) | (f_new == 0)
        if done.all():
            break
        place = np.where(done, best, new + step * (old - new))
        value = function(place)
        same = np.sign(value) == np.sign(f_new)
        third, f_third = np.where(same, new, old), np.where(same, f_new, f_old)
        old, f_old = np.where(same, old, new), np.where(same, f_old, f_new)
        new, f_new = place, value
        step = _next_step((old, f_old), (new, f_new), (third, f_third), tolerance)
    return np.where(np.abs(f_old) < np.abs(f_new), old, new)


def _next_step(
    old: tuple[Array, Array], new: tuple[Array, Array], third: tuple[Array, Array], tolerance: Array
) -> Array:
    """Return the next place as a share of the way from `new` to `old`."""
    (a, fa), (b, fb), (c, fc) = new, old, third
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        interpolate = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(quadratic)
        smallest = np.minimum(0.5, tolerance / np.abs(b - a))
    share = np.where(interpolate, quadratic, 0.5)
    return np.clip(share, np.nan_to_num(smallest, nan=0.5), 1 - np.nan_to_num(smallest, nan=0.5))
