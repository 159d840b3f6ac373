"""From the pairwise contrasts of a trial to the covariance of its arms, and the tests that they can be one
trial's.

With the variances v of all pairs of a trial, the covariance of two contrasts that share an arm is cov(b − a,
c − a) = (v_ab + v_ac − v_bc) / 2, whatever the covariance is (Rücker & Schwarzer 2014, doi:10.1002/sim.6236).
Independent arms have v_ab = v_a + v_b, so that the variances of the arms can be solved for.
"""

from __future__ import annotations

import numpy as np

from bmac_meta.stats.network.data import FloatArray


def shared_covariance(variance: FloatArray) -> FloatArray:
    """Return the covariance (k, m − 1, m − 1) of contrasts with arm 0, from all pair variances (k, m, m)."""
    first = variance[:, 1:, :1]
    return 0.5 * (first + np.swapaxes(first, 1, 2) - variance[:, 1:, 1:])


def pair_variance(covariance: FloatArray) -> FloatArray:
    """Return the variances (k, m, m) of all pairs, from the covariance (k, m − 1, m − 1) against arm 0."""
    k, others = covariance.shape[:2]
    full = np.zeros((k, others + 1, others + 1))
    full[:, 1:, 1:] = covariance
    own = np.diagonal(full, axis1=1, axis2=2)
    return own[:, :, None] + own[:, None, :] - 2.0 * full


def pair_effect(effect: FloatArray) -> FloatArray:
    """Return all pairwise effects (k, m, m), column minus row, from the effects (k, m − 1) against arm 0."""
    full = np.concatenate([np.zeros((effect.shape[0], 1)), effect], axis=1)
    return full[:, None, :] - full[:, :, None]


def arm_variance(variance: FloatArray) -> FloatArray:
    """Return the least-squares variances (k, m) of independent arms, from pair variances (k, m, m), m ≥ 3."""
    m = variance.shape[1]
    by_arm = variance.sum(axis=2)
    total = by_arm.sum(axis=1, keepdims=True) / (2.0 * (m - 1))
    return (by_arm - total) / (m - 2)


def pair_weight(covariance: FloatArray) -> FloatArray:
    """Return the reduced weights (k, m, m) of all pairs: a trial as a network of independent two-arm trials.

    The weights are the off-diagonal entries, with changed sign, of the Laplacian whose pseudo-inverse is the
    covariance of the arms (Rücker 2012, doi:10.1002/jrsm.1058); the diagonal is zero.
    """
    k, others = covariance.shape[:2]
    precision = np.linalg.inv(covariance)
    weight = np.zeros((k, others + 1, others + 1))
    weight[:, 1:, 1:] = -precision
    weight[:, 0, 1:] = weight[:, 1:, 0] = precision.sum(axis=2)
    diagonal = np.arange(others + 1)
    weight[:, diagonal, diagonal] = 0.0
    return weight


def reconcile(effect: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return effects (k, m − 1) against arm 0 that fit all printed pairs (k, m, m; column minus row) best.

    Weighted least squares with the reduced weights of the pairs; exact where the pairs agree.
    """
    divergence = (pair_weight(covariance) * effect).sum(axis=1)[:, 1:]
    return np.einsum("kij,kj->ki", covariance, divergence)


def worst_triangle(effect: FloatArray) -> tuple[int, int, int, float]:
    """Return arms a, b, c of a trial where (b − a) + (c − b) is farthest from (c − a), and by how much."""
    gap = effect[:, :, None] + effect[None, :, :] - effect[:, None, :]
    a, b, c = np.unravel_index(np.argmax(np.abs(gap)), gap.shape)
    return int(a), int(b), int(c), float(gap[a, b, c])


def is_positive_definite(covariance: FloatArray) -> FloatArray:
    """Say for each covariance (k, r, r) whether it is one: positive definite beyond rounding."""
    scale = np.sqrt(np.abs(np.diagonal(covariance, axis1=1, axis2=2)))
    safe = np.where(scale > 0.0, scale, 1.0)
    correlation = covariance / (safe[:, :, None] * safe[:, None, :])
    return np.linalg.eigvalsh(correlation)[:, 0] > 1e-12
