"""`heterogeneity` says how far trials differ, by every estimator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats import TAU2_METHODS, profile_likelihood_interval

FOURTH = 5e-5


def test_the_intervals_are_those_of_confint_in_metafor(bcg):
    # metafor's confint() of a REML fit, tightened, two digits for I² and H²; half a unit in the last digit.
    numbers = bcg.heterogeneity().numbers
    tau2 = [numbers.tau2, numbers.tau2_low, numbers.tau2_high]
    others = [getattr(numbers, name + end) for name in ("i2", "h2") for end in ("", "_low", "_high")]
    np.testing.assert_allclose(tau2, [0.3132, 0.1197, 1.1115], atol=FOURTH)
    np.testing.assert_allclose(others, [92.22, 81.92, 97.68, 12.86, 5.53, 43.07], atol=5e-3)


def test_every_estimator_gives_the_pool_that_metafor_gives(bcg, case):
    table = bcg.heterogeneity().tidy().set_index("tau2_method")
    known = {fit["method"]: fit for fit in case("bcg_RR")["fits"] if fit["test"] == "adhoc" and fit["method"] != "EE"}
    assert len(known) == 8
    for method, fit in known.items():
        found = table.loc[method, ["tau2", "i2", "estimate", "se", "ci_low", "ci_high"]].tolist()
        expected = [fit[name] for name in ("tau2", "I2", "beta", "se", "ci_lb", "ci_ub")]
        assert found == pytest.approx(np.ravel(expected).tolist(), rel=1e-8)
    assert set(table.index) == set(TAU2_METHODS)


@pytest.mark.parametrize(("tau2", "likelihood"), [("ML", "ML"), ("REML", "REML"), ("DL", "REML")])
def test_the_profile_likelihood_is_that_of_the_estimator(bcg, tau2, likelihood):
    expected = profile_likelihood_interval(bcg.estimates, variance=bcg.variances, method=likelihood)
    assert bcg.heterogeneity(tau2).profile == expected


def test_the_card_gives_tau_and_its_two_intervals(bcg):
    result = bcg.heterogeneity()
    lines = repr(result).splitlines()
    assert next(line for line in lines if line.startswith("τ  ")).split("  ")[0] == "τ"
    assert f"{math.sqrt(result.numbers.tau2_low):.2f} to {math.sqrt(result.numbers.tau2_high):.2f}" in repr(result)
    assert "by profile likelihood (REML)" in repr(result)
    assert sum("(DL2)" in line or "(PMM)" in line for line in lines) == 2


def test_one_trial_has_nothing_to_differ_from(bcg):
    with pytest.raises(NotEnoughTrials, match="takes 2 trials; here is 1"):
        bcg.where(study="Trial 1").heterogeneity()
