"""Cards, tables and pictures of the project's own answers: what a reader in Jupyter sees."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

import pytest

import bmac_meta as bm
from bmac_meta.card import WIDTH, text_width


class Balanced(HTMLParser):
    """Collects the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def knee():
    return bm.load().where(condition="knee_oa")


@pytest.fixture(scope="module")
def pain(knee):
    return knee.compare("HA", "PLACEBO", on="pain", months=6, measured_as="most")


@pytest.fixture(scope="module")
def shown(knee, pain):
    return {
        "evidence": knee,
        "effects": pain,
        "pooled": pain.pool(),
        "one trial": knee.compare("BMAC", "PRP", on="pain", months=12).pool(),
        "leave one out": pain.leave_one_out(),
        "cumulative": pain.cumulative(),
        "subgroups": pain.by("spread_a").pool(),
        "course": knee.course("HA", "PLACEBO", on="pain"),
        "map": knee.map("node", "window"),
        "summary": knee.summary(pairs=[("BMAC", "HA"), ("EXOSOME", "PLACEBO")]),
        "table": bm.tabulate({"a": pain.pool(), "b": pain.pool(tau2="DL", interval="wald")}),
        "network": knee.network(on="pain", months=6),
    }


def test_every_card_is_balanced_html_without_scripts_and_ids(shown):
    for name, result in shown.items():
        page, parser = result._repr_html_(), Balanced()
        parser.feed(page)
        assert not parser.open, name
        assert "<script" not in page, name
        assert " id=" not in page, name


def test_no_card_prints_nan_or_an_ascii_minus_before_a_digit(shown):
    for name, result in shown.items():
        words = repr(result).replace("(", " ").split()
        assert "nan" not in words, name
        assert not [w for w in words if w[0] == "-" and w[1:2].isdigit()], name


def test_lines_of_a_pooled_card_fit_the_width(shown):
    assert max(text_width(line) for line in repr(shown["pooled"]).splitlines()) <= WIDTH + 12


def test_every_result_has_a_tidy_table_with_rows(shown):
    for name, result in shown.items():
        if name not in ("evidence",):
            assert len(result.tidy()), name


def test_the_answer_says_what_the_kernel_computed(pain):
    pooled = pain.pool()
    fit = bm.stats.random_effects(pain.estimates, variance=pain.variances)
    line = pooled.tidy().iloc[0]
    assert (line["estimate"], line["ci_low"], line["pi_high"]) == (fit.estimate, fit.ci_low, fit.pi_high)


def test_looking_twice_gives_the_same_text_and_changes_nothing(pain):
    before = pain.frame.copy()
    assert repr(pain.pool()) == repr(pain.pool())
    assert pain.frame.equals(before)


def test_both_engines_give_one_answer(pain):
    # PyMARE searches REML to its own tolerance, 1e-5 of tau2 at most on these data.
    ours, theirs = pain.pool(), pain.pool(engine="pymare")
    assert theirs.fit.estimate == pytest.approx(ours.fit.estimate, abs=1e-5)
    assert "PyMARE" in repr(theirs) or "pymare" in repr(theirs)


def test_every_picture_of_an_answer_is_the_same_bytes_again(tmp_path, shown):
    for name in ("pooled", "one trial", "leave one out", "subgroups"):
        for run in ("first", "second"):
            shown[name].forest(save=tmp_path / f"{name}.{run}.svg")
        first, second = ((tmp_path / f"{name}.{run}.svg").read_bytes() for run in ("first", "second"))
        assert first == second, name


def test_the_favored_side_is_derived_from_the_instrument(knee):
    low = knee.compare("CORTICOSTEROID", "PLACEBO", on="pain", months=3, measured_as="most")
    assert low.question.sides == ("corticosteroid", "placebo")
    responders = knee.compare("HA", "PLACEBO", on="omeract_oarsi_responder")
    assert responders.question.sides == ("placebo", "HA")


def test_importing_the_package_opens_no_slow_room():
    code = "import sys, bmac_meta; print([m for m in ('pandas', 'scipy', 'matplotlib', 'pymare') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
