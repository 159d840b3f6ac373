"""Effects with their clusters: what is refused, and how they enter a model."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials
from bmac_meta.stats.nested_data import ClusteredBatch

ESTIMATE = np.array([[0.1, 0.5, 0.3, 0.9, 0.2], [0.4, 0.2, 0.6, 0.1, 0.8]])
VARIANCE = np.array([[0.4, 0.2, 0.3, 0.1, 0.2], [0.1, 0.2, 0.1, 0.3, 0.5]])
CLUSTER = ["b", "a", "b", "a", "c"]


def test_effects_are_sorted_by_cluster_and_precision_in_each_data_set():
    scaled = ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER, None, None).model(slice(0, 2), True)
    variance = scaled.model.variance * scaled.unit**2
    np.testing.assert_allclose(variance.T, [[0.1, 0.2, 0.3, 0.4, 0.2], [0.2, 0.3, 0.1, 0.1, 0.5]], rtol=1e-15)
    np.testing.assert_array_equal(scaled.model.cluster, [0, 0, 1, 1, 2])
    effect = scaled.model.effect * scaled.unit + scaled.origin
    np.testing.assert_allclose(effect.T, [[0.9, 0.5, 0.3, 0.1, 0.2], [0.2, 0.1, 0.4, 0.6, 0.8]], rtol=1e-14)


def test_what_is_masked_comes_last_in_its_cluster_and_is_not_counted():
    mask = np.array([[True, True, True, False, True], [True, True, True, True, False]])
    estimate, variance = np.where(mask, ESTIMATE, np.nan), np.where(mask, VARIANCE, -1.0)
    scaled = ClusteredBatch.of(estimate, variance, CLUSTER, None, mask).model(slice(0, 2), True)
    np.testing.assert_array_equal(scaled.model.present.T, [[1, 0, 1, 1, 1], [1, 1, 1, 1, 0]])
    assert np.isfinite(scaled.model.effect).all()
    assert (scaled.model.variance > 0).all()
    np.testing.assert_array_equal(scaled.trials, [4, 4])
    np.testing.assert_array_equal(scaled.clusters, [3, 2])


def test_coefficients_come_back_in_the_units_of_the_data():
    design = np.column_stack([np.full(5, 2.0), [1e6, 3e6, 2e6, 5e6, 4e6]])
    batch = ClusteredBatch.of(1e3 + 1e-4 * ESTIMATE[0], 1e-8 * VARIANCE[0], CLUSTER, design, None)
    scaled = batch.model(slice(0, 1), True)
    beta, covariance = scaled.coefficients(scaled.model.at(np.zeros((2, 1))).regression)
    root = 1 / np.sqrt(1e-8 * VARIANCE[0])
    expected = np.linalg.lstsq(root[:, None] * design, root * (1e3 + 1e-4 * ESTIMATE[0]), rcond=None)[0]
    # The effects have 16 digits of which their differences have 9.
    np.testing.assert_allclose(beta[0], expected, rtol=1e-7)
    information = (root[:, None] * design).T @ (root[:, None] * design)
    np.testing.assert_allclose(covariance[0], np.linalg.inv(information), rtol=1e-9)


def test_a_data_set_without_clusters_is_refused_by_its_number():
    mask = np.ones((2, 5), dtype=bool)
    mask[1] = [True, True, False, False, True]
    with pytest.raises(NotEnoughTrials, match="3 clusters of 3 effects in meta-analysis 1"):
        ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER, None, mask)
    mask[1] = [True, False, True, False, False]
    with pytest.raises(NotEnoughTrials, match="1 clusters of 2 effects in meta-analysis 1"):
        ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER, None, mask)
    with pytest.raises(NotEnoughTrials, match=r"1 clusters of 2 effects\. Pool"):
        ClusteredBatch.of(ESTIMATE[0], VARIANCE[0], CLUSTER, None, mask[1])


def test_a_design_that_tells_the_clusters_apart_is_refused_by_number():
    design = np.column_stack([np.ones(5), [1.0, 0, 1, 0, 2], [0.3, 0.1, 0.2, 0.5, 0.4]])
    mask = np.array([[True] * 5, [True] * 4 + [False]])
    with pytest.raises(DesignError, match="every cluster apart in meta-analysis 1"):
        ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER, design, mask)
    assert ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER, design, mask[:1]).design.size == 3


def test_each_effect_has_a_label():
    with pytest.raises(InputError, match="one label for each of the 5 effects"):
        ClusteredBatch.of(ESTIMATE, VARIANCE, CLUSTER[:4], None, None)


def test_a_design_of_many_clusters_is_checked_without_a_table_of_all_effects_by_clusters():
    rng = np.random.default_rng(0)
    cluster, design = np.arange(8000) // 2, np.column_stack([np.ones(8000), rng.normal(size=8000)])
    tracemalloc.start()
    batch = ClusteredBatch.of(rng.normal(size=8000), np.ones(8000), cluster, design, None)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert batch.design.size == 2
    assert memory < 2**24  # the table would have 256 MB


def test_in_a_batch_a_design_that_tells_few_clusters_apart_is_found_among_many_clusters():
    cluster = np.repeat(np.arange(6), 2)
    design = np.column_stack([np.ones(12), cluster == 0, np.arange(12) % 5])
    mask = np.ones((3, 12), dtype=bool)
    mask[1, 4:] = False
    with pytest.raises(DesignError, match="every cluster apart in meta-analysis 1"):
        ClusteredBatch.of(np.tile(np.arange(12.0), (3, 1)), np.ones(12), cluster, design, mask)
