"""DerSimonian & Kacker 2007, Random-effects model for meta-analysis of clinical trials: an update
(Contemporary Clinical Trials 28:105-114, doi:10.1016/j.cct.2006.04.004): six trials of aspirin against
pre-eclampsia (CLASP).

Tables 3 and 4, pp. 111-112: tau, the mean log odds ratio and its standard error, as metafor's published
analysis of this paper carries them. Cochran's ANOVA estimator (CA) is that of Hedges.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.measures_binary import odds_ratio
from bmac_meta.stats.tau2 import estimate_tau2

EFFECT = odds_ratio(
    events_a=[5, 5, 12, 69, 9, 313],
    total_a=[156, 303, 565, 1570, 103, 4659],
    events_b=[8, 17, 9, 94, 11, 352],
    total_b=[74, 303, 477, 1565, 105, 4650],
)
TABLES_3_AND_4 = {
    "PM": (0.3681, -0.3811, 0.2060),
    "HE": (0.4410, -0.4035, 0.2327),
    "DL": (0.2323, -0.3240, 0.1540),
    "CA2": (0.3831, -0.3861, 0.2115),
    "DL2": (0.3254, -0.3655, 0.1901),
    "EB": (0.3681, -0.3811, 0.2060),
    "REML": (0.1843, -0.2980, 0.1343),
    "HS": (0.1330, -0.2666, 0.1125),
    "SJ": (0.4572, -0.4079, 0.2386),
}
FOURTH = 5e-5


@pytest.mark.parametrize("method", TABLES_3_AND_4)
def test_tau_the_mean_and_its_error(method):
    result = random_effects(EFFECT.estimate, variance=EFFECT.variance, tau2=method, interval="wald")
    found = [np.sqrt(result.tau2), result.estimate, result.se]
    np.testing.assert_allclose(found, TABLES_3_AND_4[method], rtol=0, atol=FOURTH)


def test_maximum_likelihood_puts_tau2_at_zero():
    # metafor has tau 0.0023 and the mean -0.1974 there: its search stops within 1e-5 of the maximum, here
    # 5e-6 above it. The derivative of the log-likelihood at 0 is negative, so that tau is 0 and the mean
    # -0.1973.
    weight = 1 / EFFECT.variance
    residual = EFFECT.estimate - np.average(EFFECT.estimate, weights=weight)
    assert np.sum(weight**2 * residual**2) < np.sum(weight)
    assert estimate_tau2(EFFECT.estimate, variance=EFFECT.variance, method="ML").tau2 == 0.0
    result = random_effects(EFFECT.estimate, variance=EFFECT.variance, tau2="ML", interval="wald")
    np.testing.assert_allclose([result.estimate, result.se], [-0.1974, 0.0694], rtol=0, atol=1e-4)
