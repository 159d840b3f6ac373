"""Direct evidence is the pairwise meta-analysis at the τ² of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.network import direct_evidence, network_from_arms, trial_pairs


def test_each_comparison_is_pooled_as_in_a_pairwise_meta_analysis(draw_arms: Any, as_contrasts: Any) -> None:
    arms = draw_arms(1, trials=20, treatments=4)
    data, pairs = network_from_arms(**arms), as_contrasts(arms)
    direct = direct_evidence(data, 0.15)
    for a, first in enumerate(data.treatments):
        for b, second in enumerate(data.treatments):
            own = [
                (estimate if one == first else -estimate, variance)
                for estimate, variance, one, other in zip(
                    pairs["estimate"],
                    pairs["variance"],
                    pairs["treatment_a"],
                    pairs["treatment_b"],
                    strict=True,
                )
                if {one, other} == {first, second}
            ]
            assert direct.trials[a, b] == len(own)
            if not own:
                assert np.isnan(direct.estimate[a, b])
                continue
            effect, variance = map(list, zip(*own, strict=True))
            pooled = random_effects(effect, variance=variance, tau2=0.15, interval="wald")
            assert direct.estimate[a, b] == pytest.approx(pooled.estimate, rel=1e-12)
            assert direct.se[a, b] == pytest.approx(pooled.se, rel=1e-12)


def test_a_multi_arm_trial_has_all_its_pairs() -> None:
    data = network_from_arms([1.0, 2.0, 4.0], variance=[0.1, 0.2, 0.3], trial=["t"] * 3, treatment="ABC")
    pairs = trial_pairs(data)
    np.testing.assert_allclose(pairs.estimate, [-1.0, -3.0, -2.0])
    np.testing.assert_allclose(pairs.variance, [0.3, 0.4, 0.5])
    assert pairs.first.tolist() == [0, 0, 1]
    assert pairs.second.tolist() == [1, 2, 2]
