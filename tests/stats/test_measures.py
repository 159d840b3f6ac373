"""The register of effect measures."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures import MEASURES, measure_named

VALUES = {
    "mean_a": 5.0,
    "sd_a": 2.0,
    "n_a": 30,
    "mean_b": 6.0,
    "sd_b": 2.5,
    "n_b": 28,
    "events_a": 4,
    "total_a": 30,
    "events_b": 6,
    "total_b": 28,
    "events": 4,
    "total": 30,
    "mean": 5.0,
    "sd": 2.0,
    "n": 30,
    "r": 0.5,
    "scale_min": 0,
    "scale_max": 10,
    "mean_baseline": 5.0,
    "sd_baseline": 2.0,
    "mean_final": 4.0,
    "sd_final": 2.5,
    "estimate": 0.3,
    "variance": 0.04,
}


@pytest.mark.parametrize("code", MEASURES)
def test_each_measure_is_computed_from_its_columns_and_answers_with_its_code(code):
    measure = MEASURES[code]
    effect = measure.compute(**{name: VALUES[name] for name in measure.columns})
    assert effect.measure == measure.code == code
    assert bool(effect.included)
    assert np.isfinite(effect.estimate)
    assert effect.variance > 0


@pytest.mark.parametrize("code", MEASURES)
def test_no_column_of_a_measure_is_superfluous(code):
    measure = MEASURES[code]
    for absent in measure.columns:
        with pytest.raises((TypeError, InputError)):
            measure.compute(**{name: VALUES[name] for name in measure.columns if name != absent})


@pytest.mark.parametrize("code", MEASURES)
def test_ratios_are_shown_as_exponentials_with_1_for_no_effect(code):
    measure = MEASURES[code]
    assert measure.is_ratio == (code in ("ROM", "RR", "OR", "PETO"))
    if measure.is_ratio:
        assert measure.null_shown == 1
        assert float(measure.shown(np.log(2))) == pytest.approx(2)
    elif measure.null is not None:
        assert measure.null_shown == measure.null == 0


@pytest.mark.parametrize("code", ["PR", "PLO", "PAS", "PFT", "COR", "ZCOR"])
def test_what_is_shown_of_a_single_proportion_or_correlation_is_the_raw_one(code):
    measure = MEASURES[code]
    effect = measure.compute(**{name: VALUES[name] for name in measure.columns})
    raw = 0.5 if "COR" in code else 4 / 30
    n = {"n": 30} if measure.needs_n else {}
    assert float(measure.shown(effect.estimate, **n)) == pytest.approx(raw, rel=1e-12)


def test_a_single_mean_or_proportion_has_no_value_of_no_effect():
    assert {code for code, measure in MEASURES.items() if measure.null is None} == {
        "MN",
        "PR",
        "PLO",
        "PAS",
        "PFT",
    }


def test_the_double_arcsine_asks_for_n_and_others_refuse_it():
    with pytest.raises(InputError, match="needs n"):
        MEASURES["PFT"].shown(0.5)
    with pytest.raises(InputError, match="has no use for n"):
        MEASURES["RR"].shown(0.5, n=20)


def test_an_unknown_code_is_answered_with_the_nearest():
    with pytest.raises(UnknownWordError, match="did you mean 'SMD'"):
        measure_named("SMDX")
