"""What the trials say of two treatments directly, at a given τ²."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.stats.network.data import FloatArray, IntArray, NetworkData
from bmac_meta.stats.network.multiarm import pair_effect, pair_variance


@dataclass(frozen=True, slots=True, eq=False)
class TrialPairs(Sealed):
    """Holds every pair of arms of every trial (P,): treatment `first` minus `second`, first < second."""

    trial: IntArray
    first: IntArray
    second: IntArray
    estimate: FloatArray
    variance: FloatArray


def trial_pairs(data: NetworkData) -> TrialPairs:
    """Return the pairwise contrasts of all trials (as printed, where they came so) and their variances."""
    parts = []
    for block in data.blocks:
        a, b = np.triu_indices(block.size, 1)
        estimate = (pair_effect(block.effect) + block.residual)[:, b, a]
        variance = pair_variance(block.covariance)[:, b, a]
        trial = np.repeat(block.trial[:, None], a.size, axis=1)
        parts.append((trial, block.arms[:, a], block.arms[:, b], estimate, variance))
    return TrialPairs(*(np.concatenate([part.ravel() for part in column]) for column in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class DirectEvidence(Sealed):
    """Holds direct pairwise pools; each matrix is (n, n), row minus column, NaN where no trial compares the
    two.

    `trials` counts the trials. A multi-arm trial gives to each of its pairs what it says of that pair alone.
    """

    estimate: FloatArray
    se: FloatArray
    trials: IntArray


def direct_evidence(data: NetworkData, tau2: float) -> DirectEvidence:
    """Pool each comparison from the trials that make it, by inverse variances at the tau2 of the network."""
    n = len(data.treatments)
    pairs = trial_pairs(data)
    weight = 1.0 / (pairs.variance + tau2)
    total, towards, trials = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n), dtype=np.intp)
    np.add.at(total, (pairs.first, pairs.second), weight)
    np.add.at(towards, (pairs.first, pairs.second), weight * pairs.estimate)
    np.add.at(trials, (pairs.first, pairs.second), 1)
    blank = np.full((n, n), np.nan)
    estimate = np.divide(towards, total, out=blank.copy(), where=total > 0.0)
    se = np.sqrt(np.divide(1.0, total, out=blank, where=total > 0.0))
    upper = np.triu(np.ones((n, n), dtype=bool), 1)
    return DirectEvidence(np.where(upper, estimate, -estimate.T), np.where(upper, se, se.T), trials + trials.T)
