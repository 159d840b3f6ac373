"""Miller 1978, The inverse of the Freeman-Tukey double arcsine transformation (American Statistician 32:138,
doi:10.1080/00031305.1978.10479283)."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.measures_single import freeman_tukey_back_transform, proportion

EVENTS, SIZES = np.array([3, 6, 10, 1]), np.array([11, 17, 21, 6])


def test_the_transforms_of_the_four_samples():
    # P. 138; Miller's transform is twice the one here, his variance four times.
    effect = proportion(events=EVENTS, total=SIZES, transform="freeman-tukey")
    np.testing.assert_allclose(2 * effect.estimate, [1.1391, 1.2888, 1.5253, 0.9515], atol=5e-5)
    np.testing.assert_allclose(4 * effect.variance, [0.0870, 0.0571, 0.0465, 0.1538], atol=5e-5)


def test_the_mean_transform_goes_back_with_the_harmonic_mean_of_the_sizes():
    effect = proportion(events=EVENTS, total=SIZES, transform="freeman-tukey")
    harmonic = SIZES.size / np.sum(1 / SIZES)
    plain = effect.estimate.mean()
    weighted = np.sum(effect.estimate / effect.variance) / np.sum(1 / effect.variance)
    assert 2 * plain == pytest.approx(1.2262, abs=5e-5)
    assert 2 * weighted == pytest.approx(1.3093, abs=5e-5)
    assert float(freeman_tukey_back_transform(plain, n=harmonic)) == pytest.approx(0.3164, abs=5e-5)
    assert float(freeman_tukey_back_transform(weighted, n=harmonic)) == pytest.approx(0.3595, abs=5e-5)
