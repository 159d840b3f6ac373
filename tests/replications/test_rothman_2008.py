"""Rothman, Greenland & Lash 2008, Modern Epidemiology (3rd ed.), ch. 15: stratified analysis.

Tables 15-1 (tolbutamide and death in two age strata of the University Group Diabetes Program) and 15-5 (spermicides
and Down syndrome). The chapter prints two or three digits with 90% intervals; the four-digit numbers are what
metafor prints for the same tables in its published analysis of this chapter.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.sparse import mantel_haenszel
from bmac_meta.stats.sparse_tests import breslow_day, cochran_mantel_haenszel

NAMES = ("events_a", "total_a", "events_b", "total_b")
TOLBUTAMIDE = dict(zip(NAMES, ([8, 22], [106, 98], [5, 16], [120, 85]), strict=True))
# Cases with Down syndrome, exposed of all, against controls.
SPERMICIDE = dict(zip(NAMES, ([3, 1], [12, 4], [104, 5], [1163, 91]), strict=True))
FOURTH = 5e-5


def test_the_chapter_prints_the_mantel_haenszel_measures_of_table_15_1():
    difference, risk, odds = (mantel_haenszel(**TOLBUTAMIDE, measure=m, level=0.9) for m in ("RD", "RR", "OR"))
    np.testing.assert_allclose([difference.estimate, difference.ci_low], [0.035, -0.018], atol=5e-4)
    # The upper limit is printed as 0.088, from an estimate and a standard error of three decimals; it is 0.0874.
    assert np.round(difference.estimate, 3) + 1.645 * np.round(difference.se, 3) == pytest.approx(0.088, abs=5e-4)
    found = np.exp([risk.estimate, risk.ci_low, risk.ci_high])
    np.testing.assert_allclose(found, [1.33, 0.87, 2.03], atol=0.005)
    found = np.exp([odds.estimate, odds.ci_low, odds.ci_high])
    np.testing.assert_allclose(found, [1.40, 0.84, 2.34], atol=0.005)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("RD", (0.0349, -0.0176, 0.0874, 0.0017, 0.9669)),
        ("RR", (0.2818, -0.1442, 0.7078, 0.4472, 0.5037)),
        ("OR", (0.3387, -0.1731, 0.8505, 0.3474, 0.5556)),
    ],
)
def test_table_15_1_agrees_with_metafor(measure, expected):
    result = mantel_haenszel(**TOLBUTAMIDE, measure=measure, level=0.9)
    found = [result.estimate, result.ci_low, result.ci_high, result.q, result.q_p]
    np.testing.assert_allclose(found, expected, atol=FOURTH)


def test_table_15_5_agrees_with_metafor():
    result = mantel_haenszel(**SPERMICIDE, level=0.9)
    found = [result.estimate, result.ci_low, result.ci_high, result.q, result.q_p]
    np.testing.assert_allclose(found, [1.3300, 0.3579, 2.3021, 0.1378, 0.7105], atol=FOURTH)


@pytest.mark.parametrize(
    ("table", "tarone", "mantel_haenszel_test"),
    [(TOLBUTAMIDE, (0.3489, 0.5547), (1.1914, 0.2750)), (SPERMICIDE, (0.1391, 0.7092), (5.8092, 0.0159))],
)
def test_the_tests_agree_with_metafor(table, tarone, mantel_haenszel_test):
    equal, null = breslow_day(**table), cochran_mantel_haenszel(**table)
    np.testing.assert_allclose([equal.statistic, equal.p_value], tarone, atol=FOURTH)
    np.testing.assert_allclose([null.statistic, null.p_value], mantel_haenszel_test, atol=FOURTH)
