"""A network pooled: every treatment against one, and the ways to look at the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import yes_or_no
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import read_only, tables_as_copies
from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun, format_interval, format_percent
from bmac_meta.results.network.consistency import Consistency
from bmac_meta.results.network.contribution import Contribution
from bmac_meta.results.network.heat import Heat
from bmac_meta.results.network.league import League
from bmac_meta.results.network.left_out import WithoutEach, without_each
from bmac_meta.results.network.ranks import Ranks
from bmac_meta.results.network.terms import Terms, model_words, q_words, treatment_named
from bmac_meta.stats.network import (
    DirectEvidence,
    NetworkFit,
    QDecomposition,
    contributions,
    decompose_q,
    direct_evidence,
    net_heat,
    node_split,
    p_scores,
    trials_by_treatment,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIR_COLUMNS = ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high", "p_value")
SHOWN_COLUMNS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class NetworkPooled(Shown):
    """Every comparison of a network, estimated from all its trials at once, and shown against `reference`.

    `fit` holds the numbers on the scale of pooling (logarithms for ratios); its matrices are row minus column. `arms`
    has a row per arm of a trial, `left_out` what was not used and why.
    """

    terms: Terms
    fit: NetworkFit
    reference: str
    arms: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def treatments(self) -> tuple[str, ...]:
        """The treatments, the best first where it is known which direction is good."""
        return tuple(self.fit.treatments[i] for i in self.order)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The positions of the treatments in the matrices, the best first."""
        small = self.terms.small_values
        if small is None:
            return tuple(range(len(self.fit.treatments)))
        return tuple(np.argsort(-p_scores(self.fit, small), kind="stable").tolist())

    @cached_property
    def direct(self) -> DirectEvidence:
        """What the trials that compare two treatments say of them, at the network's tau2."""
        return direct_evidence(self.fit.data, self.fit.working_tau2)

    @cached_property
    def share_direct(self) -> np.ndarray:
        """The share of direct evidence (n, n) in each network estimate; 0 where no trial compares the two."""
        return read_only(np.minimum(np.nan_to_num((self.fit.se / self.direct.se) ** 2, nan=0.0), 1.0))

    @cached_property
    def designs(self) -> QDecomposition:
        """Heterogeneity within designs and inconsistency between them."""
        return decompose_q(self.fit.data)

    @cached_property
    def patients(self) -> Mapping[str, int | None]:
        """The patients of each treatment; None where an arm does not tell its number."""
        groups = self.arms.groupby("treatment")["n"]
        known, sums = groups.apply(lambda n: bool(n.notna().all())), groups.sum()
        return {name: int(sums[name]) if known.get(name, False) else None for name in sums.index}

    def position(self, treatment: str) -> int:
        """Return the position of a treatment in the matrices; raise `UnknownWordError` for one that is not there."""
        return self.fit.treatments.index(treatment_named(treatment, self.fit.treatments, self.terms.names))

    def against(self, reference: str) -> NetworkPooled:
        """Show the same network against another treatment; nothing is computed anew."""
        return replace(self, reference=self.fit.treatments[self.position(reference)])

    def tidy(self) -> pd.DataFrame:
        """Return a row per treatment, against the reference, on the scale of pooling and as shown."""
        column = self.position(self.reference)
        return self._table([(row, column) for row in self.order if row != column])

    def comparisons(self) -> pd.DataFrame:
        """Return a row per pair of treatments, the better one first where a direction is known."""
        order = self.order
        return self._table([(a, b) for place, a in enumerate(order) for b in order[place + 1 :]])

    def _table(self, pairs: list[tuple[int, int]]) -> pd.DataFrame:
        first, second = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        names = np.array(self.fit.treatments, dtype=object)
        numbers = {name: getattr(self.fit, name)[first, second] for name in PAIR_COLUMNS}
        shown = {f"{name}_shown": self.terms.measure.shown(numbers[name]) for name in SHOWN_COLUMNS}
        evidence = {"trials": self.direct.trials[first, second], "share_direct": self.share_direct[first, second]}
        return pd.DataFrame({"treatment": names[first], "comparator": names[second]} | numbers | shown | evidence)

    def sentence(self, treatment: str, comparator: str) -> str:
        """Return one comparison in a sentence made from its numbers."""
        a, b, terms, fit = self.position(treatment), self.position(comparator), self.terms, self.fit
        if a == b:
            raise InputError(f"{treatment} was compared with itself; name two different treatments.")
        question = terms.pair(fit.treatments[a], fit.treatments[b])
        ci = f"{terms.percent} CI {terms.interval(fit.ci_low[a, b], fit.ci_high[a, b])}"
        effect = f"{terms.code} {terms.number(fit.estimate[a, b])}, {ci}"
        share, trials = self.share_direct[a, b], int(self.direct.trials[a, b])
        rests = (
            f"{format_percent(share, 0)} of it from {count_noun(trials, 'trial')} of the two"
            if trials
            else "by indirect evidence alone"
        )
        return f"{question.title}: {effect}, {rests}."

    def card(self) -> Card:
        """Return every treatment against the reference as a card, with what is known of heterogeneity."""
        fit, total = self.fit, sum(n or 0 for n in self.patients.values())
        aside = [f"{fit.model} effect{'s' * (fit.model == 'random')}", count_noun(len(fit.data.trials), "trial")]
        aside += [count_noun(len(fit.treatments), "treatment")]
        aside += [count_noun(total, "patient")] if None not in self.patients.values() and total else []
        lines = (self._reference_line(), self._tau_line(), self._designs_line(), Line("method", aside=model_words(fit)))
        gone = self.left_out["study"].nunique()
        left = (
            (Line("left out", aside=f"rows of {count_noun(gone, 'trial')}, each with its reason: see .left_out"),)
            if gone
            else ()
        )
        return Card(self.terms.question.title, " · ".join(aside), (*lines, *left), (self._grid(),), self.notes)

    def _reference_line(self) -> Line:
        words = (f"each treatment against {self.terms.name(self.reference)}", self.terms.direction)
        return Line("effects", aside="; ".join(word for word in words if word))

    def _tau_line(self) -> Line:
        fit, terms = self.fit, self.terms
        q = q_words(fit.q)
        if fit.model == "common":
            return Line("between trials", aside=f"τ is taken to be 0 by the common-effect model; {q}")
        if math.isnan(fit.tau2):
            return Line("between trials", aside="τ cannot be estimated: the trials leave no degree of freedom")
        low, high = (math.sqrt(limit) for limit in fit.tau2_ci)
        ci = f"{terms.percent} CI {format_interval(low, high, max(2, terms.decimals))}"
        return Line("between trials", f"τ = {terms.spread(fit.tau2)}", ci, f"I² = {fit.i2:.0f}%, {q}")

    def _designs_line(self) -> Line:
        parts = self.designs
        if not parts.between.df:
            return Line(
                "consistency",
                aside=f"{q_words(parts.within, 'Q within designs')}; no loop of designs, nothing to compare",
            )
        words = (q_words(parts.within, "Q within designs"), q_words(parts.between, "between designs"))
        random = q_words(parts.between_random, "design-by-treatment test with random effects: Q")
        return Line("consistency", aside="; ".join((*words, random)))

    def _grid(self) -> Grid:
        counts = trials_by_treatment(self.fit.data)
        column = self.position(self.reference)
        rows = tuple(self._row(row, column, int(counts[row])) for row in self.order)
        level = self.terms.percent
        headings = ("treatment", "trials", "patients", self.terms.code, f"{level} CI", f"{level} PI", "direct")
        return Grid(headings, rows, "direct: share of evidence from trials that compare the two")

    def _row(self, row: int, column: int, trials: int) -> tuple[str, ...]:
        fit, terms, name = self.fit, self.terms, self.fit.treatments[row]
        patients = self.patients.get(name)
        first = (terms.name(name), f"{trials:,}", "" if patients is None else f"{patients:,}")
        if row == column:
            return (*first, "reference", "", "", "")
        ci = terms.interval(fit.ci_low[row, column], fit.ci_high[row, column])
        pi = terms.interval(fit.pi_low[row, column], fit.pi_high[row, column])
        share = format_percent(self.share_direct[row, column], 0)
        return (*first, terms.number(fit.estimate[row, column]), ci, pi, share)

    def league(self) -> League:
        """Return the league table: network estimates below the diagonal, direct ones above."""
        return League(self.terms, self.fit, self.direct, self.order, self.notes)

    def ranks(self, small_values: str | None = None) -> Ranks:
        """Return the ranking, with the intervals and the share of direct evidence that it rests on.

        `small_values` says whether small effects are "desirable" or "undesirable" where the question does not. Raises
        `InputError` when neither does.
        """
        small = self.terms.small_values if small_values is None else small_values
        if small is None:
            raise InputError('Nobody said which direction is good; ask with small_values="desirable" or "undesirable".')
        scores = p_scores(self.fit, small)
        order = tuple(np.argsort(-scores, kind="stable").tolist())
        shares = self.share_direct[:, self.position(self.reference)]
        return Ranks(self.terms, self.fit, self.reference, order, scores, shares, small, self.notes)

    def consistency(self, method: str = "back-calculation", *, refit: bool = False) -> Consistency:
        """Return direct, indirect and network evidence of every comparison, and whether they agree.

        `method` is "back-calculation", "side-split" (with `refit` its own tau2 for each split) or "design-split".
        """
        split = node_split(self.fit, method, refit=refit)
        return Consistency(self.terms, split, self.designs, self.order, self.fit.df, self.notes)

    def contribution(self, method: str = "random-walk") -> Contribution:
        """Return how much each comparison and each trial contributes; `method` "random-walk" or "hat-matrix"."""
        return Contribution(
            self.terms, contributions(self.fit, method), self.fit.data.trials, self.reference, self.order
        )

    def net_heat(self, *, random: bool = False) -> Heat:
        """Return which design drives the inconsistency, under a common effect unless `random` is asked for."""
        used = self.fit.working_tau2 if yes_or_no("random", random) else 0.0
        return Heat(self.terms, net_heat(self.fit.data, used))

    def leave_one_out(self, treatment: str, comparator: str, *, by: str = "trial") -> WithoutEach:
        """Return one comparison without each trial, or each direct comparison (`by="comparison"`), in turn."""
        pair = (self.position(treatment), self.position(comparator))
        if pair[0] == pair[1]:
            raise InputError(f"{treatment} was compared with itself; name two different treatments.")
        return without_each(self.terms, self.fit, pair, by, self.order, self.notes)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw each treatment against the reference; `save` also writes the figure with its table."""
        from bmac_meta.results.network import forests  # matplotlib is slow to import

        return forests.forest_against(self, save, **options)
