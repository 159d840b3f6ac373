"""The trials of one question as a graph of treatments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.arguments import one_of
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import CachedTable, tables_as_copies
from bmac_meta.network import verbs
from bmac_meta.network.counts import JUDGEMENTS, edge_table, node_table
from bmac_meta.network.entry import enter
from bmac_meta.network.remarks import remarks_on
from bmac_meta.numbers import count_noun
from bmac_meta.question import Question
from bmac_meta.results.network.terms import treatment_named
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.stats.network import NetworkData, subnetwork, without_trials
from bmac_meta.stats.network import components as components_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARM_COLUMNS = ("study", "treatment", "n")
LEFT_OUT = ("study", "row", "reason")
STEPS = ("study", "step", "arm", "what", "address")
REASONS_SHOWN = 6


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class Network(Shown):
    """The trials of one question as a graph: treatments are the nodes, trials the edges.

    `data` holds the trials with the full covariance of each (None where there is no trial), `arms` a row per arm with
    `study`, `treatment` and `n`, `trials` a row per trial with what is known of it, `names` the spoken names of the
    treatments. `left_out` lists what was not used and why, `steps` how each trial was made, `refusals` why these
    trials must not be pooled (empty when they may).
    """

    data: NetworkData | None
    question: Question = field(default_factory=partial(Question, "Network"))
    arms: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=ARM_COLUMNS))
    trials: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=("study",)))
    names: Mapping[str, str] = field(default_factory=dict)
    left_out: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=LEFT_OUT))
    steps: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=STEPS))
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        study: str = "study",
        measure: str = "GEN",
        level: float = 0.95,
        logged: bool = True,
        lower_is_better: bool | None = None,
        question: Question | None = None,
        **columns: str,
    ) -> Network:
        """Take a network from any table with a row per contrast or a row per arm; columns are named by their role.

        Contrasts: `treatment_a`, `treatment_b`, `estimate` (a minus b) and `se`, `variance`, or `ci_low` with `ci_high`
        (at `level`); optionally `n_a`, `n_b`. Ratios enter as logarithms, or with `logged=False` as such. A trial with
        m arms brings all m(m − 1)/2 contrasts. Arms: `treatment` with `mean`, `sd`, `n` (measures MD, SMD, ROM), or
        `mean` with `se` or `variance` (MD, GEN), or `events`, `total` (OR, RR, RD, AS). Rows come in any order; other
        columns that say one thing of a trial stay for `regress`. Raises `DataError` with every fault.

        >>> rows = {"study": ["one", "two"], "a": ["A", "B"], "b": ["C", "C"], "d": [0.75, 0.25], "s": [0.3, 0.4]}
        >>> columns = {"treatment_a": "a", "treatment_b": "b", "estimate": "d", "se": "s"}
        >>> net = Network.from_frame(pd.DataFrame(rows), **columns)
        >>> net.pool(against="B").sentence("A", "B")
        'A vs B: Effect 0.50, 95% CI −0.48 to 1.48, by indirect evidence alone.'
        """
        made = enter(frame, study, measure, level, logged, columns)
        asked = question or Question("Network", lower_is_better=lower_is_better)
        asked = replace(asked, measure=measure)
        notes, refusals = remarks_on(made.trials, asked)
        words = {"left_out": made.left_out, "notes": notes, "refusals": refusals}
        return cls(made.data, asked, made.arms, made.trials, **words)

    def __len__(self) -> int:
        return 0 if self.data is None else len(self.data.trials)

    @property
    def measure(self) -> Measure:
        """The effect measure."""
        return MEASURES[self.question.measure]

    @property
    def treatments(self) -> tuple[str, ...]:
        """The treatments, in the order of every matrix."""
        return () if self.data is None else self.data.treatments

    @property
    def studies(self) -> tuple[str, ...]:
        """The labels of the trials."""
        return () if self.data is None else self.data.trials

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The treatments of each part that trials link, the largest part first."""
        return () if self.data is None else components_of(self.data)

    @CachedTable
    def nodes(self) -> pd.DataFrame:
        """A row per treatment: trials and patients."""
        if self.data is None:
            return pd.DataFrame(columns=["treatment", "trials", "patients"])
        return node_table(self.data, self.arms)

    @CachedTable
    def edges(self) -> pd.DataFrame:
        """A row per comparison that trials make: trials, and how many of them have which risk of bias."""
        if self.data is None:
            return pd.DataFrame(columns=["treatment_a", "treatment_b", "trials", *JUDGEMENTS])
        known = "risk_of_bias" in self.trials
        judged = dict(zip(self.trials["study"], self.trials["risk_of_bias"], strict=True)) if known else {}
        return edge_table(self.data, {study: word for study, word in judged.items() if isinstance(word, str)})

    @cached_property
    def multi_arm(self) -> tuple[str, ...]:
        """The trials with three arms or more."""
        arms = self.arms.groupby("study")["treatment"].nunique()
        return tuple(study for study in self.studies if arms.get(study, 2) > 2)

    def components(self) -> tuple[Network, ...]:
        """Return the parts that no chain of trials links, each as a network, the largest first."""
        return tuple(self.only(*part) for part in self.parts) if len(self.parts) > 1 else (self,) * len(self.parts)

    def part_with(self, treatment: str) -> Network:
        """Return the part that holds a treatment; raises `UnknownWordError` for one that is not there."""
        wanted = treatment_named(treatment, self.treatments, self.names)
        return next(part for part in self.components() if wanted in part.treatments)

    def only(self, *treatments: str) -> Network:
        """Keep some treatments: other arms are taken out, and trials with fewer than two arms left."""
        data = subnetwork(
            verbs.ready(replace(self, refusals=())),
            [treatment_named(t, self.treatments, self.names) for t in treatments],
        )
        return self._with(data, "has fewer than two arms among the treatments that were kept")

    def without(self, *studies: str) -> Network:
        """Leave trials out by their label; raises `UnknownWordError` for one that is not there."""
        for study in studies:
            one_of(study, self.studies, "trial of this network")
        if set(studies) >= set(self.studies):
            return self._with(None, "left out by name")
        return self._with(without_trials(verbs.ready(replace(self, refusals=())), studies), "left out by name")

    def _with(self, data: NetworkData | None, reason: str) -> Network:
        kept = () if data is None else data.trials
        gone = pd.DataFrame(
            {"study": [study for study in self.studies if study not in kept], "row": "", "reason": reason}
        )
        arms = self.arms[self.arms["study"].isin(kept)]
        arms = arms[arms["treatment"].isin(() if data is None else data.treatments)]
        left = pd.concat([self.left_out, gone], ignore_index=True) if len(gone) else self.left_out
        trials = self.trials[self.trials["study"].isin(kept)].reset_index(drop=True)
        notes, refusals = remarks_on(trials, self.question)
        words = {"left_out": left, "notes": notes, "refusals": refusals}
        return replace(self, data=data, arms=arms.reset_index(drop=True), trials=trials, **words)

    def history(self, study: str | None = None) -> pd.DataFrame:
        """Return each step from the printed number to the trial's effects, with its address; of one study if named."""
        if study is None:
            return self.steps
        one_of(study, self.studies, "trial of this network")
        return self.steps[self.steps["study"] == study].reset_index(drop=True)

    def tidy(self) -> pd.DataFrame:
        """Return the arms of the network, one row each."""
        return self.arms

    def card(self) -> Card:
        """Return the network as a card: nodes, edges, whether it is connected, what was left out and why."""
        total = self.nodes["patients"]
        aside = [count_noun(len(self), "trial"), count_noun(len(self.treatments), "treatment")]
        aside += [count_noun(int(total.sum()), "patient")] if len(self) and total.notna().all() else []
        lines = (Line("measure", self.measure.code, aside=self.measure.label), *self._lines())
        notes = tuple(f"not pooled: {reason}" for reason in self.refusals) + self.notes
        return Card(self.question.title, " · ".join(aside), lines, self._grids() if len(self) else (), notes)

    def _lines(self) -> tuple[Line, ...]:
        lines = [Line("linked", aside=self._linked())] if len(self) else []
        if self.multi_arm:
            lines.append(Line("multi-arm", aside=", ".join(self.multi_arm)))
        if len(self.left_out):
            counts = self.left_out.groupby("reason")["study"].nunique().sort_values(ascending=False, kind="stable")
            told = "; ".join(f"{reason} ({count})" for reason, count in counts.head(REASONS_SHOWN).items())
            more = f"; and {len(counts) - REASONS_SHOWN} further reasons" if len(counts) > REASONS_SHOWN else ""
            lines.append(Line("left out", aside=f"trials by reason: {told}{more}; see .left_out"))
        return tuple(lines)

    def _linked(self) -> str:
        if len(self.parts) == 1:
            return f"all {count_noun(len(self.treatments), 'treatment')} are connected"
        told = "; ".join(f"({i}) {', '.join(map(self._name, part))}" for i, part in enumerate(self.parts, 1))
        return f"{len(self.parts)} parts that no chain of trials links: {told}"

    def _grids(self) -> tuple[Grid, ...]:
        nodes = self.nodes.sort_values(["trials", "treatment"], ascending=[False, True], kind="stable")
        rows = tuple(
            (self._name(n.treatment), f"{n.trials:,}", "" if n.patients is pd.NA else f"{n.patients:,}")
            for n in nodes.itertuples()
        )
        edges = self.edges.sort_values("trials", ascending=False, kind="stable")
        pairs = tuple((self.versus(e.treatment_a, e.treatment_b), f"{e.trials:,}") for e in edges.itertuples())
        return Grid(("treatment", "trials", "patients"), rows), Grid(("direct comparison", "trials"), pairs)

    def versus(self, first: str, second: str) -> str:
        """Return a comparison in words, with placebo last."""
        ends = sorted((first, second), key=lambda name: name == verbs.REFERENCE)
        return " vs ".join(map(self._name, ends))

    def _name(self, treatment: str) -> str:
        return self.names.get(treatment, treatment)

    def graph(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the network: nodes by patients, edges by trials, colored by risk of bias where it is known.

        `save` also writes the figure with its table.
        """
        from bmac_meta.network import picture  # matplotlib is slow to import

        return picture.graph_of(self, save, **options)

    pool = verbs.pool
    additive = verbs.additive
    regress = verbs.regress
    funnel = verbs.funnel
