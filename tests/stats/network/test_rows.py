"""Independent rows: the rotation that makes V + τ² S diagonal for every τ²."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.stats.network.rows import independent_rows, standardized_rows


@pytest.mark.parametrize("tau2", [0.0, 0.5])
def test_rotated_rows_have_the_same_normal_equations_as_the_full_model(tau2: float, draw: Any, write_out: Any) -> None:
    data = draw(2, trials=10, treatments=6, largest=6)
    model, rows = write_out(data), independent_rows(data)
    weight = np.diag(1.0 / (rows.variance + tau2))
    full = np.linalg.inv(model.v + tau2 * model.s)
    x = rows.columns[:, 1:]
    np.testing.assert_allclose(x.T @ weight @ x, model.x.T @ full @ model.x, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(x.T @ weight @ rows.effect, model.x.T @ full @ model.y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(rows.effect @ weight @ rows.effect, model.y @ full @ model.y, rtol=1e-12)


def test_standardized_rows_have_variance_one(draw: Any, write_out: Any) -> None:
    data = draw(4, trials=10, treatments=6, largest=6)
    model, rows = write_out(data), standardized_rows(data, 0.3)
    full = np.linalg.inv(model.v + 0.3 * model.s)
    np.testing.assert_allclose(rows.columns[:, 1:].T @ rows.columns[:, 1:], model.x.T @ full @ model.x, atol=1e-11)
    np.testing.assert_allclose(rows.effect @ rows.effect, model.y @ full @ model.y, rtol=1e-12)


def test_each_row_is_a_contrast(draw: Any) -> None:
    rows = independent_rows(draw(1, treatments=6, largest=6))
    np.testing.assert_allclose(rows.columns.sum(axis=1), 0.0, atol=1e-12)
