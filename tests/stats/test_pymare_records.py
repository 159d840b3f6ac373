"""How a batch with gaps is cut into full tables, and put together again."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats import pymare_records
from bmac_meta.stats.batch import as_batch
from bmac_meta.stats.pymare_records import full_parts, gather, tables


def ragged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = rng.random((7, 5)) < 0.6
    mask[:, 0], mask[5], mask[6] = True, mask[1], mask[1]
    return np.where(mask, rng.normal(size=mask.shape), np.nan), mask


def test_each_analysis_is_in_one_part_with_the_trials_that_it_has():
    _, mask = ragged()
    seen = []
    for rows, trials in full_parts(mask, 7, 5):
        assert all(np.flatnonzero(mask[row]).tolist() == trials.tolist() for row in rows)
        seen += rows.tolist()
    assert sorted(seen) == list(range(7))


def test_analyses_with_one_pattern_go_together():
    _, mask = ragged()
    assert any({1, 5, 6} <= set(rows.tolist()) for rows, _ in full_parts(mask, 7, 5))
    assert [rows.tolist() for rows, _ in full_parts(None, 7, 5)] == [list(range(7))]


def test_a_part_is_never_larger_than_memory_allows(monkeypatch):
    monkeypatch.setattr(pymare_records, "CHUNK_CELLS", 12)
    assert [rows.tolist() for rows, _ in full_parts(None, 7, 5)] == [[0, 1], [2, 3], [4, 5], [6]]


@pytest.mark.parametrize("own_designs", [False, True])
def test_what_is_made_of_tables_comes_back_in_the_order_of_the_batch(own_designs):
    estimate, mask = ragged()
    batch = as_batch(estimate, np.ones(5), mask)
    designs = np.random.default_rng(1).normal(size=(7 if own_designs else 1, 5, 2))
    fields = gather(
        tables(batch, designs), lambda table: {"weighted": np.nan_to_num(table.estimate) @ table.design}, batch.count
    )
    for row in range(7):
        expected = estimate[row, mask[row]] @ designs[row if own_designs else 0][mask[row]]
        np.testing.assert_allclose(fields["weighted"][row], expected, rtol=1e-12)


def test_tables_one_by_one_are_the_same_analyses():
    estimate, mask = ragged()
    batch = as_batch(estimate, np.ones(5), mask)
    for table in tables(batch, np.ones((1, 5, 1))):
        singles = list(table.one_by_one())
        assert [one.analyses.item() for one in singles] == table.analyses.tolist()
        np.testing.assert_array_equal(np.concatenate([one.estimate for one in singles]), table.estimate)
