"""The rotation of linked effects into independent ones, against its definition at high precision."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.dependence import compound_symmetry, correlated_covariance
from bmac_meta.stats.gls_rotation import Links, Rotation


def whole_transform(rotation: Rotation, k: int) -> np.ndarray:
    """Return the matrix that the rotation of one meta-analysis stands for."""
    return rotation.apply(np.eye(k)[None])[0]


def exact_product(transform: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return T M Tᵀ without rounding on the way."""
    with mp.workdps(80):
        turn, middle = mp.matrix(transform.tolist()), mp.matrix(matrix.tolist())
        return np.array((turn * middle * turn.T).tolist(), dtype=float)


def linked(decades: float, correlation: float, tied: float, k: int = 6, seed: int = 0) -> Links:
    """Make effects in two blocks, with variances over some decades."""
    rng = np.random.default_rng(seed)
    variance = 10.0 ** rng.uniform(-0.5 * decades, 0.5 * decades, k)
    cluster = np.arange(k) % 2
    covariance = correlated_covariance(compound_symmetry(cluster, correlation), variance=variance)
    between = np.where(cluster[:, None] == cluster, tied, 0.0)
    np.fill_diagonal(between, 1.0)
    return Links(covariance[None], between[None])


@pytest.mark.parametrize("tied", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("decades", [1, 8, 24])
def test_errors_become_independent_and_true_effects_diagonal(decades, correlation, tied):
    links = linked(decades, correlation, tied)
    rotation = Rotation.of(links)
    transform = whole_transform(rotation, 6)
    # A correlation of 0.99 and one of 0.999 cost two or three digits.
    np.testing.assert_allclose(exact_product(transform, links.covariance[0]), np.eye(6), atol=1e-12)
    turned = exact_product(transform, links.between[0])
    np.testing.assert_allclose(np.diag(turned), rotation.between[0], rtol=1e-11)
    scale = np.sqrt(np.outer(rotation.between[0], rotation.between[0]))
    np.testing.assert_allclose(turned / scale, np.eye(6), atol=1e-11)


@pytest.mark.parametrize("decades", [1, 8, 24])
def test_true_effects_tied_altogether_keep_one_direction_in_each_block(decades):
    links = linked(decades, 0.5, 1.0)
    rotation = Rotation.of(links)
    assert np.count_nonzero(rotation.between) == 2
    with mp.workdps(60):
        inverse = mp.matrix(links.covariance[0].tolist()) ** -1
        blocks = [sum(inverse[i, j] for i in rows for j in rows) for rows in ([0, 2, 4], [1, 3, 5])]
    found = np.sort(rotation.between[rotation.between > 0])
    np.testing.assert_allclose(found, np.sort([float(value) for value in blocks]), rtol=1e-11)


def test_the_volume_is_the_log_determinant_of_the_covariance():
    links = linked(24, 0.6, 0.3)
    with mp.workdps(60):
        volume = mp.log(mp.det(mp.matrix(links.covariance[0].tolist())))
    assert Rotation.of(links).volume[0] == pytest.approx(float(volume), rel=1e-13)


def test_rows_that_nothing_links_do_not_mix():
    links = linked(4, 0.5, 0.5)
    transform = whole_transform(Rotation.of(links), 6)
    apart = np.arange(6)[:, None] % 2 != np.arange(6) % 2
    assert not transform[apart].any()
    assert [rows.tolist() for rows in links.blocks()] == [[[0, 2, 4], [1, 3, 5]]]


def test_rows_linked_by_true_effects_or_in_one_meta_analysis_are_one_block():
    first, second = np.eye(4), np.eye(4)
    first[0, 1] = first[1, 0] = 0.5
    between = np.eye(4)
    between[1, 3] = between[3, 1] = 0.5
    assert [rows.tolist() for rows in Links(np.array([first, second])).blocks()] == [[[2], [3]], [[0, 1]]]
    together = Links(np.array([first, second]), between[None]).blocks()
    assert [rows.tolist() for rows in together] == [[[2]], [[0, 1, 3]]]


def test_absent_rows_link_nothing_and_become_nothing():
    covariance = correlated_covariance(compound_symmetry(list("aaab"), 0.5), variance=[0.1, 0.2, 0.3, 0.4])
    present = np.array([[True, False, True, True]])
    covariance[1] = covariance[:, 1] = np.nan
    rotation = Rotation.of(Links(covariance[None], None, present))
    assert np.count_nonzero(rotation.between) == 3
    rows = np.flatnonzero(present[0])
    alone = Rotation.of(Links(covariance[np.ix_(rows, rows)][None]))
    np.testing.assert_allclose(np.sort(rotation.between[rotation.between > 0]), np.sort(alone.between[0]), rtol=1e-14)
    assert rotation.volume == pytest.approx(alone.volume, rel=1e-14)


@pytest.mark.parametrize("width", [40, 150])
def test_a_wide_block_of_effects_of_any_precision_is_rotated(width):
    rng = np.random.default_rng(width)
    variance = 10.0 ** rng.uniform(-12, 12, width)
    covariance = correlated_covariance(compound_symmetry(np.zeros(width), 0.6), variance=variance)
    between = compound_symmetry(np.zeros(width), 0.9999)
    rotation = Rotation.of(Links(covariance[None], between[None]))
    transform = whole_transform(rotation, width)
    scaled = transform * np.sqrt(variance)
    correlation = compound_symmetry(np.zeros(width), 0.6)
    np.testing.assert_allclose(scaled @ correlation @ scaled.T, np.eye(width), atol=1e-10)
    with mp.workdps(50):
        inverse = sum(mpf(1) / mpf(value) for value in variance)
    # What the least and the most precise leave: the diagonal spans the range of the precisions.
    assert rotation.between.max() <= float(inverse) / 0.4 * (1 + 1e-12)
    assert rotation.between.min() < 1e-11


def test_many_meta_analyses_are_rotated_as_each_alone():
    links = [linked(12, 0.5, 0.5, seed=seed) for seed in range(5)]
    stacked = (np.concatenate([getattr(alone, name) for alone in links]) for name in ("covariance", "between"))
    together = Rotation.of(Links(*stacked))
    for row, alone in enumerate(links):
        # Signs and order are free, what is diagonal is not.
        np.testing.assert_allclose(np.sort(together.between[row]), np.sort(Rotation.of(alone).between[0]), rtol=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.99, 1 - 1e-10])
@pytest.mark.parametrize("rank", [1, 2, 4, 7])
@pytest.mark.parametrize("decades", [0, 12, 30])
def test_any_true_effects_with_errors_of_any_precision_are_rotated(decades, rank, correlation):
    rng = np.random.default_rng(rank)
    variance = 10.0 ** rng.uniform(-0.5 * decades, 0.5 * decades, (300, 7))
    covariance = correlated_covariance(compound_symmetry(np.arange(7) % 3 == 0, correlation), variance=variance)
    factor = rng.normal(size=(300, 7, rank))
    factor /= np.sqrt((factor**2).sum(axis=2, keepdims=True))
    between = factor @ factor.swapaxes(1, 2)
    rotation = Rotation.of(Links(covariance, between))
    assert (np.count_nonzero(rotation.between, axis=1) == rank).all()
    transform = rotation.apply(np.broadcast_to(np.eye(7), (300, 7, 7)).copy())
    whole = transform @ covariance @ transform.swapaxes(1, 2)
    # The product itself, in doubles, knows only rows of one precision.
    if decades == 0 and correlation < 1 - 1e-6:
        np.testing.assert_allclose(whole, np.broadcast_to(np.eye(7), whole.shape), atol=1e-12)
