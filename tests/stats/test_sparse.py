"""Mantel–Haenszel, Peto and their tests, against exact fractions, statsmodels and the package's own kernel."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf
from statsmodels.stats.contingency_tables import StratifiedTable

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.inference import common_effect
from bmac_meta.stats.measures_binary import peto_odds_ratio, risk_difference
from bmac_meta.stats.sparse import mantel_haenszel, peto
from bmac_meta.stats.sparse_tests import breslow_day, cochran_mantel_haenszel

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"
CASES = ("axfors2021", "bcg", "damico2009", "egger2001", "hine1989", "linde2005", "nissen2007", "quan2000")
NAMES = ("events_a", "total_a", "events_b", "total_b")


def tables(case: str) -> dict[str, list[int]]:
    inputs = json.loads((REFERENCE / f"{case}_OR.json").read_text())["inputs"]
    rows = zip(inputs["ai"], inputs["n1i"], inputs["ci"], inputs["n2i"], strict=True)
    columns = zip(*(row for row in rows if None not in row), strict=True)
    return {name: list(column) for name, column in zip(NAMES, columns, strict=True)}


def fractions(case: str) -> list[tuple[Fraction, ...]]:
    return [tuple(map(Fraction, row)) for row in zip(*(tables(case)[name] for name in NAMES), strict=True)]


def exact_odds_ratio(case: str) -> tuple[mpf, mpf]:
    """Robins, Breslow & Greenland's formula in exact fractions; only the logarithm is rounded."""
    r = s = pr = mixed = qs = Fraction(0)
    for a, n1, c, n2 in fractions(case):
        b, d, n = n1 - a, n2 - c, n1 + n2
        p, q = (a + d) / n, (b + c) / n
        r, s = r + a * d / n, s + b * c / n
        pr, qs, mixed = pr + p * a * d / n, qs + q * b * c / n, mixed + p * b * c / n + q * a * d / n
    return mp.log(mpf_of(r / s)), mpf_of(pr / (2 * r * r) + mixed / (2 * r * s) + qs / (2 * s * s))


def exact_risk_ratio(case: str) -> tuple[mpf, mpf]:
    r = s = top = Fraction(0)
    for a, n1, c, n2 in fractions(case):
        n = n1 + n2
        r, s = r + a * n2 / n, s + c * n1 / n
        top += (n1 * n2 * (a + c) - a * c * n) / n**2
    return mp.log(mpf_of(r / s)), mpf_of(top / (r * s))


def exact_risk_difference(case: str, variance: str) -> tuple[mpf, mpf]:
    rows = fractions(case)
    weight = sum(n1 * n2 / (n1 + n2) for _, n1, _, n2 in rows)
    estimate = sum((a * n2 - c * n1) / (n1 + n2) for a, n1, c, n2 in rows) / weight
    if variance == "sato":
        p = sum((n1**2 * c - n2**2 * a + n1 * n2 * (n2 - n1) / 2) / (n1 + n2) ** 2 for a, n1, c, n2 in rows)
        q = sum((a * (n2 - c) + c * (n1 - a)) / (2 * (n1 + n2)) for a, n1, c, n2 in rows)
        return mpf_of(estimate), mpf_of((estimate * p + q) / weight**2)
    top = sum((a * (n1 - a) * n2**3 + c * (n2 - c) * n1**3) / (n1 * n2 * (n1 + n2) ** 2) for a, n1, c, n2 in rows)
    return mpf_of(estimate), mpf_of(top / weight**2)


def mpf_of(value: Fraction) -> mpf:
    return mpf(value.numerator) / value.denominator


def assert_equal(result: object, estimate: mpf, variance: mpf) -> None:
    # Sums of up to 40 positive terms: a few units in the last place.
    assert result.estimate == pytest.approx(float(estimate), rel=1e-13, abs=1e-15)
    assert result.se == pytest.approx(float(mp.sqrt(variance)), rel=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_the_odds_ratio_is_the_exact_one_of_robins_breslow_and_greenland(case):
    assert_equal(mantel_haenszel(**tables(case)), *exact_odds_ratio(case))


@pytest.mark.parametrize("case", CASES)
def test_the_risk_ratio_is_the_exact_one_of_greenland_and_robins(case):
    assert_equal(mantel_haenszel(**tables(case), measure="RR"), *exact_risk_ratio(case))


@pytest.mark.parametrize("variance", ["sato", "greenland-robins"])
@pytest.mark.parametrize("case", CASES)
def test_the_risk_difference_has_the_exact_variance_asked_for(case, variance):
    result = mantel_haenszel(**tables(case), measure="RD", rd_variance=variance)
    assert_equal(result, *exact_risk_difference(case, variance))


@pytest.mark.parametrize("case", CASES)
def test_statsmodels_agrees_on_the_odds_ratio_and_its_tests(case):
    rows = zip(*(tables(case)[name] for name in NAMES), strict=True)
    useful = [(a, n, c, m) for a, n, c, m in rows if 0 < a + c < n + m]
    stack = np.array([[[a, n - a], [c, m - c]] for a, n, c, m in useful], float).transpose(1, 2, 0)
    table = StratifiedTable(stack)
    kept = {name: list(column) for name, column in zip(NAMES, zip(*useful, strict=True), strict=True)}
    pooled, null, equal = mantel_haenszel(**kept), cochran_mantel_haenszel(**kept), breslow_day(**kept)
    assert pooled.estimate == pytest.approx(table.logodds_pooled, rel=1e-12)
    assert pooled.se == pytest.approx(table.logodds_pooled_se, rel=1e-12)
    assert null.statistic == pytest.approx(table.test_null_odds(correction=False).statistic, rel=1e-11)
    # statsmodels solves the quadratic by the textbook formula, which loses digits for large tables.
    assert equal.statistic == pytest.approx(table.test_equal_odds(adjust=True).statistic, rel=1e-7)
    assert equal.p_value == pytest.approx(table.test_equal_odds(adjust=True).pvalue, rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_peto_is_the_common_effect_of_petos_odds_ratios(case):
    own = peto_odds_ratio(**tables(case))
    expected = common_effect(own.estimate[own.included], variance=own.variance[own.included])
    result = peto(**tables(case))
    for name in ("estimate", "se", "ci_low", "ci_high", "p_value", "q", "q_p"):
        assert getattr(result, name) == pytest.approx(getattr(expected, name), rel=1e-10), name
    assert result.k_informative == own.included.sum()
    assert result.q_df == own.included.sum() - 1


def test_tables_without_events_count_in_a_difference_but_not_in_a_ratio():
    arms = {"events_a": [3, 0], "total_a": [20, 15], "events_b": [5, 0], "total_b": [22, 30]}
    assert [mantel_haenszel(**arms, measure=m).k_informative for m in ("OR", "RR", "RD")] == [1, 1, 2]


def test_nothing_is_added_to_tables_with_an_empty_cell():
    arms = {"events_a": [0, 4], "total_a": [10, 20], "events_b": [3, 2], "total_b": [10, 20]}
    # R = 0·7/20 + 4·18/40 = 1.8; S = 10·3/20 + 16·2/40 = 2.3.
    assert mantel_haenszel(**arms).estimate == pytest.approx(np.log(1.8 / 2.3), rel=1e-14)


def test_a_ratio_without_events_in_one_arm_does_not_exist():
    result = mantel_haenszel(events_a=[3, 2], total_a=[9, 9], events_b=[0, 0], total_b=[9, 9], measure="RR")
    assert np.isnan([result.estimate, result.se, result.ci_low, result.p_value]).all()


def test_a_difference_without_any_event_has_no_standard_error():
    result = mantel_haenszel(events_a=[0], total_a=[9], events_b=[0], total_b=[9], measure="RD")
    assert result.estimate == 0
    assert np.isnan([result.se, result.ci_low, result.ci_high, result.statistic]).all()


def test_tests_without_a_useful_table_have_no_degree_of_freedom():
    arms = {"events_a": [0, 9], "total_a": [9, 9], "events_b": [0, 8], "total_b": [9, 8]}
    for test in (breslow_day(**arms), cochran_mantel_haenszel(**arms)):
        assert test.df == 0
        assert np.isnan([test.statistic, test.p_value]).all()


def test_q_of_risk_differences_uses_the_trials_own_estimates():
    arms = tables("axfors2021")
    own, pooled = risk_difference(**arms), mantel_haenszel(**arms, measure="RD")
    expected = float(np.sum((own.estimate - pooled.estimate) ** 2 / own.variance))
    assert pooled.q == pytest.approx(expected, rel=1e-12)
    assert pooled.q_df == own.included.sum() - 1


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_a_masked_batch_gives_what_each_row_gives_alone(measure):
    arms = tables("damico2009")
    stack = {name: np.tile(np.array(column, float), (3, 1)) for name, column in arms.items()}
    mask = np.ones_like(stack["events_a"], dtype=bool)
    mask[1, ::2], mask[2, 3:] = False, False
    stack["events_a"][1, ::2] = np.nan
    batch = mantel_haenszel(**stack, measure=measure, mask=mask)
    for row, present in enumerate(mask):
        alone = mantel_haenszel(**{name: np.array(column)[present] for name, column in arms.items()}, measure=measure)
        for name in ("estimate", "se", "ci_low", "p_value", "k", "k_informative", "q", "q_df", "q_p"):
            assert getattr(batch, name)[row] == pytest.approx(getattr(alone, name), rel=1e-13), name


def test_more_events_than_patients_are_refused():
    with pytest.raises(InputError, match="more events than patients"):
        mantel_haenszel(events_a=[11], total_a=[10], events_b=[1], total_b=[10])


def test_missing_counts_are_refused():
    with pytest.raises(InputError, match="events_b"):
        peto(events_a=[1], total_a=[10], events_b=[np.nan], total_b=[10])


def test_a_single_table_given_as_plain_numbers_is_refused():
    with pytest.raises(InputError, match=r"shape \(\)"):
        mantel_haenszel(events_a=1, total_a=10, events_b=2, total_b=10)


def test_an_unknown_measure_lists_the_known_ones():
    with pytest.raises(UnknownWordError, match="OR, RR, RD"):
        mantel_haenszel(**tables("bcg"), measure="HR")


def test_an_impossible_level_is_refused():
    with pytest.raises(InputError, match="level"):
        mantel_haenszel(**tables("bcg"), level=95)
