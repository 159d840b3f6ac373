"""Functions of tau2 that many problems share places for, known everywhere from a few places in each stretch of it.

What the likelihood is made of is a ratio of polynomials of a variance, with no singularity but at negative tau2, below
minus the smallest variance. As a function of log(tau2 + smallest variance) it has none within π of a real place, so
that the polynomial through a few Chebyshev places of some octaves has all its digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.columns import BoolArray

SPAN, PLACES = 3, 22
NODES = 0.5 - 0.5 * np.cos(np.pi * np.arange(PLACES) / (PLACES - 1))
NODE_WEIGHTS = (-1.0) ** np.arange(PLACES) * np.where(np.arange(PLACES) % (PLACES - 1) == 0, 0.5, 1.0)

Pieces = tuple[NDArray, BoolArray]


@dataclass(frozen=True, slots=True)
class Octaves:
    """Gives f numbers of N problems at any tau2 ≥ 0, by stretches of `SPAN` octaves of tau2 + `base`.

    `stretch` takes the number of a stretch, from 0, and returns the values at its places (f, N, m), and for which
    problems all of them are sound (N,).
    """

    base: float
    stretch: Callable[[int], Pieces]

    @classmethod
    def of(cls, base: float, values: Callable[[NDArray], Pieces], kept: int) -> Octaves:
        """Take a variance, and a function of some tau2 (m,) that returns values (f, N, m) and if they are sound (N, m).

        The stretches used last are `kept`.
        """

        def stretch(number: int) -> Pieces:
            numbers, sound = values(base * np.ldexp(np.exp2(SPAN * NODES), SPAN * number) - base)
            return numbers, sound.all(axis=1)

        return cls(base, lru_cache(maxsize=kept)(stretch))

    def numbers(self, tau2: NDArray, problem: NDArray) -> Pieces:
        """Return the numbers (f, n) of problems (n,) at tau2 (n,), and if they are sound (n,)."""
        mantissa, power = np.frexp(1.0 + tau2 / self.base)
        stretch, octave = np.divmod(power - 1, SPAN)
        place, parts = (octave + np.log2(2.0 * mantissa)) / SPAN, []
        for one in np.unique(stretch):
            here = np.flatnonzero(stretch == one)
            shares, (values, sound) = _shares(place[here]), self.stretch(int(one))
            alone = values.shape[1] == 1
            numbers = values[:, 0] @ shares.T if alone else np.einsum("fnm,nm->fn", values[:, problem[here]], shares)
            parts.append((here, numbers, sound[problem[here]]))
        order = np.concatenate([here for here, _, _ in parts]).argsort()
        numbers, sound = (np.concatenate([part[i] for part in parts], axis=-1) for i in (1, 2))
        return numbers[:, order], sound[order]


def _shares(place: NDArray) -> NDArray:
    """Return how much values at the nodes count (n, m) in the polynomial through them, at places (n,) from 0 to 1."""
    gap = place[:, None] - NODES
    hit = gap == 0.0
    pulls = NODE_WEIGHTS / np.where(hit, 1.0, gap)
    return np.where(hit.any(axis=1, keepdims=True), hit, pulls / pulls.sum(axis=1, keepdims=True))
