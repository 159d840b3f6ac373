"""The moments of the projection, against full matrices and against the stable elimination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.stats.design import DesignProjection
from bmac_meta.stats.network.heterogeneity import network_projection
from bmac_meta.stats.network.projection import NetworkProjection, is_wide, project
from bmac_meta.stats.network.rows import independent_rows
from bmac_meta.stats.projection import Moments


@pytest.mark.parametrize("tau2", [0.0, 0.4])
def test_moments_are_those_of_the_full_projection_matrix(tau2: float, draw: Any, write_out: Any) -> None:
    data = draw(6, trials=10, treatments=6, largest=5)
    model, projection = write_out(data), network_projection(independent_rows(data))
    unit2 = projection.unit[0] ** 2
    ours = projection.moments(np.array([tau2 / unit2]))
    weight, cov = model.normal(tau2)
    p = weight - weight @ model.x @ cov @ model.x.T @ weight
    pull = p @ model.y
    exact = {
        "y_p_y": model.y @ pull,
        "y_pp_y": unit2 * (pull @ model.s @ pull),
        "y_ppp_y": unit2**2 * (pull @ model.s @ p @ model.s @ pull),
        "trace_w": unit2 * np.trace(weight @ model.s),
        "trace_ww": unit2**2 * np.trace(weight @ model.s @ weight @ model.s),
        "trace_p": unit2 * np.trace(p @ model.s),
        "trace_pp": unit2**2 * np.trace(p @ model.s @ p @ model.s),
    }
    for name, value in exact.items():
        assert getattr(ours, name)[0] == pytest.approx(value, rel=1e-10), name


def test_fast_and_stable_projections_agree(draw: Any) -> None:
    data = draw(8, trials=14, treatments=6)
    fast = network_projection(independent_rows(data))
    assert isinstance(fast, NetworkProjection)
    alive = fast.alive[0] > 0.0
    columns = np.ascontiguousarray(fast.columns[:, alive].T)[:, :, None]
    stable = DesignProjection.of(columns, fast.effect[:, None], fast.variance[:, None], fast.trials, constant=False)
    ratio = stable.unit / 1.0
    nodes = np.array([[0.0], [0.3], [8.0]])
    left, right = fast.moments(nodes), stable.moments(nodes / ratio**2)
    powers = {"y_p_y": 0, "y_pp_y": 2, "y_ppp_y": 4, "trace_w": 2, "trace_ww": 4, "trace_p": 2, "trace_pp": 4}
    for name in Moments.__slots__:
        scaled = getattr(right, name) / ratio ** powers[name]
        np.testing.assert_allclose(getattr(left, name), scaled, rtol=1e-9, err_msg=name)
    for one, other in zip(fast.log_determinants(nodes[1]), stable.log_determinants(nodes[1] / ratio**2), strict=True):
        assert np.isfinite(one).all()
        assert np.isfinite(other).all()
    difference = fast.log_determinants(nodes[1])[1] - fast.log_determinants(nodes[2])[1]
    expected = stable.log_determinants(nodes[1] / ratio**2)[1] - stable.log_determinants(nodes[2] / ratio**2)[1]
    np.testing.assert_allclose(difference, expected, rtol=1e-9)


def test_variances_over_many_powers_of_ten_take_the_stable_way() -> None:
    columns = np.array([[-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    variance = np.array([1e-9, 1.0, 2.0])
    assert is_wide(variance)
    assert isinstance(project(np.ones(3), columns, variance, np.array([False, True])), DesignProjection)


def test_rows_that_are_not_kept_count_for_nothing(draw: Any) -> None:
    rows = independent_rows(draw(9, trials=12))
    whole = network_projection(rows)
    part = network_projection(rows.take(rows.trial != 11))
    keep = (rows.trial != 11).astype(float)[None]
    cut = NetworkProjection(whole.effect, whole.columns, whole.gram, whole.variance, keep, whole.alive, whole.unit)
    at, ratio = np.array([0.7]), (part.unit / whole.unit) ** 2
    assert cut.degrees[0] == part.degrees[0]
    assert cut.moments(at).y_p_y[0] == pytest.approx(part.moments(at / ratio).y_p_y[0], rel=1e-10)
    assert cut.spread()[0][0] * whole.unit[0] ** 2 == pytest.approx(part.spread()[0][0] * part.unit[0] ** 2, rel=1e-10)
    assert cut.total_squares()[0] * whole.unit[0] ** 2 == pytest.approx(
        part.total_squares()[0] * part.unit[0] ** 2, rel=1e-12
    )
