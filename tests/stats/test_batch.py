"""Shapes, masks and bad input of the kernel."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_batch, as_level, map_chunks, unbatch
from bmac_meta.stats.inference import random_effects


def test_one_meta_analysis_becomes_a_batch_of_one() -> None:
    batch = as_batch([1, 2], [3, 4])
    assert batch.single
    assert (batch.count, batch.width) == (1, 2)


def test_one_row_is_broadcast_against_a_mask_without_a_copy() -> None:
    y = np.arange(3.0)
    batch = as_batch(y, [1, 1, 1], np.eye(3, dtype=bool))
    assert batch.estimate.shape == (3, 3)
    assert np.shares_memory(batch.estimate, y)


@pytest.mark.parametrize(
    ("estimate", "variance", "words"),
    [
        ([], [], "no trials"),
        ([[]], [[]], "no trials"),
        (1.0, 2.0, "must be (k,)"),
        ([1.0, 2.0], [1.0], "same number of trials"),
        (np.ones((2, 3)), np.ones((3, 3)), "do not fit"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), "must be (k,)"),
        ([1.0, np.nan], [1.0, 1.0], "trial 1 (counted from 0) has estimate nan"),
        ([1.0, np.inf], [1.0, 1.0], "must be finite"),
        ([1.0, 2.0], [np.inf, 1.0], "must be finite"),
        ([1.0, 2.0], [1.0, 0.0], "must be above 0"),
        ([1.0, 2.0], [-1.0, 1.0], "must be above 0"),
        ([1.0, 1e30], [1.0, 1.0], "Change the unit"),
        ([1.0, 2.0], [1.0, 1e-60], "Change the unit"),
        (["a", "b"], [1.0, 1.0], "must be numbers"),
        ([[1.0], [1.0, 2.0]], [1.0], "must be numbers"),
        ([1.0, None], [1.0, {}], "must be numbers"),
    ],
)
def test_unusable_effects_are_refused_in_words(estimate: object, variance: object, words: str) -> None:
    with pytest.raises(InputError) as caught:
        random_effects(estimate, variance=variance)
    assert words in str(caught.value)


def test_the_bad_row_of_a_batch_is_named() -> None:
    y = np.zeros((5, 3))
    y[3, 2] = np.nan
    with pytest.raises(InputError, match="meta-analysis 3, trial 2"):
        as_batch(y, np.ones((5, 3)))


def test_masked_cells_may_hold_anything() -> None:
    y, v = np.array([1.0, np.nan, 2.0]), np.array([1.0, -1.0, np.inf])
    batch = as_batch(y, v, [True, False, False])
    effects, variances, counts = batch.columns(slice(0, 1))
    assert effects.T.tolist() == [[1.0, 0.0, 0.0]]
    assert variances.T.tolist() == [[1.0, np.inf, np.inf]]
    assert counts.tolist() == [1.0]


def test_a_row_without_any_trial_is_named() -> None:
    with pytest.raises(InputError, match="meta-analysis 1 has no trial"):
        as_batch(np.ones((2, 2)), np.ones((2, 2)), [[True, False], [False, False]])


def test_a_mask_of_numbers_is_refused() -> None:
    with pytest.raises(InputError, match="boolean"):
        as_batch([1.0, 2.0], [1.0, 1.0], [1, 0])


@pytest.mark.parametrize("level", [0, 1, 95, np.nan, [0.9, 0.95], "high"])
def test_a_level_that_is_no_share_is_refused(level: object) -> None:
    with pytest.raises(InputError, match="level"):
        as_level(level)


def test_chunks_on_several_threads_give_what_one_call_gives() -> None:
    values = np.arange(300_000.0)

    def double(rows: slice) -> dict[str, np.ndarray]:
        return {"twice": 2.0 * values[rows], "pair": np.stack([values[rows]] * 2, axis=1)}

    whole = map_chunks(double, values.size, 1)
    assert np.array_equal(whole["twice"], 2.0 * values)
    assert np.array_equal(whole["pair"], np.stack([values, values], axis=1))


def test_a_chunk_that_fails_fails_the_whole() -> None:
    def fail(rows: slice) -> dict[str, np.ndarray]:
        if rows.start:
            raise InputError("bad chunk")
        return {"x": np.zeros(rows.stop)}

    with pytest.raises(InputError, match="bad chunk"):
        map_chunks(fail, 1000, 10_000)


def test_scalars_come_out_as_python_numbers() -> None:
    fields = unbatch({"a": np.array([1.5]), "k": np.array([3]), "w": np.array([[0.5, 0.5]])}, single=True)
    assert type(fields["a"]) is float
    assert type(fields["k"]) is int
    assert fields["w"].tolist() == [0.5, 0.5]


def test_arrays_of_records_are_read_only_and_those_of_the_user_are_not():
    y, v = np.array([[0.1, 0.2, 0.4]] * 2), np.full((2, 3), 0.1)
    many, one = random_effects(y, variance=v), random_effects(y[0], variance=v[0])
    for array in (many.estimate, many.weights, one.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    y[0], v[0] = 5.0, 5.0
    assert one.estimate == pytest.approx(np.mean([0.1, 0.2, 0.4]), rel=1e-12)


@pytest.mark.parametrize("level", ["0.95", 95, 0, True, None, [0.95, 0.9], np.nan], ids=repr)
def test_a_level_is_one_share(level):
    with pytest.raises(InputError, match=r"level is .*; it must be one share between 0 and 1, such as 0\.95"):
        as_level(level)
