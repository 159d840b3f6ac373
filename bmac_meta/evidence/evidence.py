"""The studies at hand: narrowed, and asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from bmac_meta.arguments import one_of, several
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import CachedTable
from bmac_meta.effects import Effects
from bmac_meta.errors import unknown_word
from bmac_meta.evidence.asking import ask_comparison
from bmac_meta.evidence.netting import ask_network
from bmac_meta.evidence.overview import counts_by, course_of
from bmac_meta.evidence.published import published_effects
from bmac_meta.evidence.rows import by_key, contrast_rows, facts, outcome_rows
from bmac_meta.evidence.survey import survey
from bmac_meta.evidence.within import ask_change, ask_proportion
from bmac_meta.narrowing import asked_for, matching
from bmac_meta.network import Network
from bmac_meta.numbers import count_noun
from bmac_meta.results.courses import TimeCourse
from bmac_meta.results.maps import EvidenceCounts
from bmac_meta.results.summary import Summary
from bmac_meta.tables import Tables, read_tables

STUDY_COLUMNS = (
    "year",
    "design",
    "condition",
    "blinding",
    "country",
    "funding",
    "kl_grades",
    "n_randomised",
    "registration",
)
ARM_COLUMNS = (
    "prp_class",
    "ha_product",
    "ha_molecular_weight",
    "n_injections",
    "harvest_site",
    "age_mean",
    "female_pct",
    "bmi_mean",
)


def load(folder: str | os.PathLike[str] | None = None, *, from_spreadsheet: bool = False) -> Evidence:
    """Load a folder of extracted studies; without a folder, the project's own data.

    A folder needs `arms.csv` with `outcomes.csv`, or `contrasts.csv`, in the schema of `data/README.md`.
    `from_spreadsheet` accepts what spreadsheet programs leave in exports. Raises `DataError` with every fault of
    every file.

    >>> len(load().studies)
    375
    """
    return Evidence(read_tables(folder, from_spreadsheet=from_spreadsheet))


@dataclass(frozen=True, repr=False, eq=False)
class Evidence(Shown):
    """The studies at hand. `where` and `without` narrow; `compare`, `change` and `proportion` ask.

    `tables` is everything that was read, `kept` the study ids that are left (None: all), `arms_kept` the pairs of
    study and arm that are left (None: all), `said` how it was narrowed, in words.
    """

    tables: Tables
    kept: frozenset[str] | None = None
    arms_kept: frozenset[tuple[str, str]] | None = None
    said: tuple[str, ...] = ()

    @CachedTable
    def studies(self) -> pd.DataFrame:
        """The studies that are left, one row each."""
        studies = self.tables.studies
        return studies if self.kept is None else studies[studies["study_id"].isin(self.kept)]

    @CachedTable
    def arms(self) -> pd.DataFrame:
        """The arms of the studies that are left, with the network node that each joins."""
        arms = self.tables.arms[self.tables.arms["study_id"].isin(self.studies["study_id"])]
        if self.arms_kept is not None:
            pairs = zip(arms["study_id"], arms["arm_id"], strict=True)
            arms = arms[[pair in self.arms_kept for pair in pairs]]
        return arms.assign(node=arms["intervention"].map(self.nodes))

    @cached_property
    def nodes(self) -> Mapping[str, str]:
        """The node that each intervention joins; an intervention that is not listed is its own node."""
        listed = self.tables.interventions.set_index("intervention")["network_node"]
        own = {word: word for word in self.tables.arms["intervention"].dropna().unique()}
        return own | {a: (b if isinstance(b, str) else a) for a, b in listed.items()}

    @CachedTable
    def outcomes(self) -> pd.DataFrame:
        """The outcome rows of the arms that are left, with node, domain, rank, direction and scale."""
        return self._of_arms(outcome_rows(self.tables, self.nodes), ("arm_id",))

    @CachedTable
    def contrasts(self) -> pd.DataFrame:
        """The printed contrasts of the studies that are left, with the nodes of both sides."""
        return self._of_arms(contrast_rows(self.tables, self.nodes), ("arm_a", "arm_b"))

    @cached_property
    def rows_of_outcome(self) -> Mapping[str, list[dict[str, Any]]]:
        """The outcome rows as plain records, by outcome."""
        return by_key(self.outcomes, "outcome")

    @cached_property
    def contrasts_of_outcome(self) -> Mapping[str, list[dict[str, Any]]]:
        """The printed contrasts as plain records, by outcome."""
        return by_key(self.contrasts, "outcome")

    @cached_property
    def interventions(self) -> Mapping[str, set[str]]:
        """The interventions of the arms of each study."""
        known = self.arms.dropna(subset=["intervention"])
        return {study: {row["intervention"] for row in rows} for study, rows in by_key(known, "study_id").items()}

    @cached_property
    def study_facts(self) -> Mapping[str, dict[str, Any]]:
        """What is known of each study."""
        return facts(self.studies, ("study_id",), STUDY_COLUMNS)

    @cached_property
    def arm_facts(self) -> Mapping[tuple[str, str], dict[str, Any]]:
        """What is known of each arm, by study and arm."""
        return facts(self.arms, ("study_id", "arm_id"), ARM_COLUMNS)

    @cached_property
    def cohorts(self) -> Mapping[str, str]:
        """The cohort that each study reports on."""
        return dict(
            zip(
                self.studies["study_id"],
                self.studies["cohort_id"].fillna(self.studies["study_id"]),
                strict=True,
            )
        )

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """One distinct label per study: its own, with the id where two studies share one."""
        label, ids = self.studies["label"], self.studies["study_id"]
        words = label.where(~label.duplicated(keep=False), label + " (" + ids + ")").fillna(ids)
        return dict(zip(ids, words, strict=True))

    def _of_arms(self, rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
        rows = rows[rows["study_id"].isin(self.studies["study_id"])]
        for column in columns if self.arms_kept is not None else ():
            rows = rows[[pair in self.arms_kept for pair in zip(rows["study_id"], rows[column], strict=True)]]
        return rows

    def where(self, **conditions: Any) -> Evidence:
        """Keep the studies (or arms) in which each named column has one of the given values.

        Columns of `studies.csv` and `arms.csv` are known. A value is a word, a number, a list of them, or a
        function of a cell. By a column of arms, arms with another value go and arms without a value stay. Raises
        `UnknownWordError` for a column or a value that is not there.

        >>> len(load().where(condition="knee_oa", design="rct").studies) < len(load().where(design="rct").studies)
        True
        """
        narrowed = self
        for column, wanted in conditions.items():
            narrowed = narrowed._where(column, wanted)
        return narrowed

    def _where(self, column: str, wanted: Any) -> Evidence:
        known = [*self.tables.studies.columns, *self.tables.arms.columns]
        if column not in known:
            raise unknown_word("column of studies.csv or arms.csv", column, dict.fromkeys(known))
        said = (*self.said, f"{column}: {asked_for(wanted)}")
        if column in self.tables.studies.columns:
            keep = self.studies[matching(self.studies[column], wanted, "these studies")]
            return replace(self, kept=frozenset(keep["study_id"]), said=said)
        arms = self.arms
        stay = matching(arms[column], wanted, "these arms") | arms[column].isna()
        pairs = frozenset(zip(arms["study_id"][stay], arms["arm_id"][stay], strict=True))
        return replace(self, arms_kept=pairs, said=said)

    def without(self, *studies: str) -> Evidence:
        """Leave studies out by `study_id` or label; raises `UnknownWordError` for one that is not there.

        >>> len(load().without("fmhr2024").studies)
        374
        """
        labels = dict(zip(self.studies["label"], self.studies["study_id"], strict=True))
        ids = set(self.studies["study_id"])
        for study in studies:
            one_of(study, dict.fromkeys([*sorted(ids), *labels]), "study")
        gone = {study if study in ids else labels[study] for study in studies}
        said = (*self.said, f"without {', '.join(sorted(gone))}")
        return replace(self, kept=frozenset(ids - gone), said=said)

    def compare(
        self,
        treatment: str,
        comparator: str,
        *,
        on: str,
        months: float | tuple[float, float] | None = None,
        measure: str | None = None,
        **rules: Any,
    ) -> Effects:
        """Return the effect of each trial that compares two treatments.

        `treatment`, `comparator` are network nodes, `on` an outcome domain ("pain"), an instrument ("womac_pain")
        or an event ("adverse_events"). `months=12` takes the visits over 6 to 12 months, nearest to 12; `(5, 7)` a
        window of your own; None the last visit. `measure` is a code of `bm.stats.MEASURES`; without one RR for
        events, SMD for a domain, MD for one instrument. Further keywords are `Rules`. Raises `UnknownWordError`
        for a name that is not there.
        """
        return ask_comparison(self, (treatment, comparator), on, months, measure, rules)

    def change(
        self,
        treatment: str,
        *,
        on: str,
        months: float | tuple[float, float] | None = None,
        measure: str | None = None,
        **rules: Any,
    ) -> Effects:
        """Return the change from baseline within the arms of one treatment: no comparison, so no treatment effect.

        MC for one instrument, SMCR (in baseline SDs) for a domain, unless `measure` says otherwise. All designs count
        unless `designs` says otherwise.
        """
        return ask_change(self, treatment, on, months, measure, rules)

    def proportion(
        self,
        treatment: str,
        *,
        of: str,
        months: float | tuple[float, float] | None = None,
        measure: str = "PAS",
        **rules: Any,
    ) -> Effects:
        """Return the share of patients with an event in the arms of one treatment, by the arcsine transform."""
        return ask_proportion(self, treatment, of, months, measure, rules)

    def network(
        self,
        *,
        on: str,
        months: float | tuple[float, float] | None = None,
        measure: str | None = None,
        nodes: Any = None,
        **rules: Any,
    ) -> Network:
        """Return the network of all treatments that trials compare on one outcome, each trial once with all its arms.

        `on`, `months`, `measure` and the rules are those of `compare`; one kind of score unless `measured_as=None`.
        `nodes` joins treatments (`{"AD_MSC": "MSC", "BM_MSC": "MSC"}`) or splits them ("split_prp" by leucocytes,
        "split_ha" by molecular weight). Raises `UnknownWordError` for a name that is not there.
        """
        return ask_network(self, on, months, measure, nodes, rules)

    def summary(
        self,
        *,
        on: Iterable[str] = ("pain", "function"),
        months: Iterable[Any] = (3, 6, 12),
        pairs: Iterable[tuple[str, str]] | None = None,
        measure: str | None = None,
        measured_as: str | None = "most",
        **rules: Any,
    ) -> Summary:
        """Pool every question that the data at hand can answer: one row each, none chosen by hand.

        Without `pairs` every two treatments that any study compares are asked about, and those without a usable
        trial are passed over; named pairs are all listed. The other keywords are those of `compare`.
        """
        keywords = {"measure": measure, "measured_as": measured_as, **rules}
        return survey(self, on, months, pairs, keywords)

    def course(
        self,
        treatment: str,
        comparator: str,
        *,
        on: str,
        months: Iterable[float] = (3, 6, 12, 24),
        measure: str | None = None,
        measured_as: str | None = "most",
        **rules: Any,
    ) -> TimeCourse:
        """Pool one comparison in each window of time; the windows are those of the given months."""
        keywords = {"measured_as": measured_as, **rules}
        return course_of(self, (treatment, comparator), on, several("months", months), measure, keywords)

    def published(self, pool: str, *, measure: str | None = None) -> Effects:
        """Return the effects of the trials behind a pool that a review printed, by its `row_id` in published_pools.csv.

        >>> pain = load().published("juni2015.p_5a088e5b")
        >>> len(pain) == int(load().tables.published_pools.set_index("row_id").loc["juni2015.p_5a088e5b", "k"])
        True
        """
        return published_effects(self, pool, measure)

    def map(self, rows: str = "node", columns: str = "condition", *, most: int = 20) -> EvidenceCounts:
        """Count studies and patients by two columns of studies, arms or outcomes; the `most` frequent rows are kept."""
        return counts_by(self, rows, columns, most)

    def card(self) -> Card:
        """Return what is at hand as a card: studies, patients, treatments."""
        people = self.studies[self.studies["species"].isin(("human", "not_stated")) | self.studies["species"].isna()]
        patients = int(people.groupby(people["study_id"].map(self.cohorts))["n_randomised"].max().sum())
        counts = self.arms.groupby("node")["study_id"].nunique().sort_values(ascending=False, kind="stable")
        rows = tuple((str(node), f"{number:,}") for node, number in counts.head(12).items())
        lines = (
            Line("studies", f"{len(self.studies):,}", count_noun(len(self.arms), "arm")),
            Line("randomised", f"{patients:,}", "patients, where the number is printed; a cohort counts once"),
            Line("rows", f"{len(self.outcomes):,}", f"{len(self.contrasts):,} printed contrasts"),
            *(Line("narrowed", aside=words) for words in self.said),
        )
        rest = len(counts) - len(rows)
        caption = "treatments by number of studies" + (f" (the first 12 of {len(counts)})" if rest > 0 else "")
        return Card(
            "Evidence",
            count_noun(len(self.studies), "study", "studies"),
            lines,
            (Grid(("treatment", "studies"), rows, caption),),
        )
