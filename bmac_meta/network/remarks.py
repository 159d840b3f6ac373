"""What a reader of a network has to know, and what forbids pooling it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bmac_meta.cautions import notes_on, refusals_of
from bmac_meta.question import Question
from bmac_meta.stats.measures import MEASURES


def remarks_on(trials: pd.DataFrame, question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return notes on some trials, and the reasons why they must not be pooled (none where they may).

    Both are made from what is known of the trials that are there, so that they stay true of a part of a network.
    """
    if trials.empty:
        return (), ()
    compared = replace(question, comparator=question.comparator or "another")
    scored = "mean_a" in MEASURES[question.measure].columns
    return (*(_kind(trials) if scored else ()), *notes_on(trials, compared)), refusals_of(trials, compared)


def _kind(trials: pd.DataFrame) -> tuple[str, ...]:
    """Say which kind of score the trials give, where it is one."""
    if "measured_as" not in trials:
        return ()
    kinds = set(trials["measured_as"].dropna()) - {"not stated"}
    return (f"{kinds.pop()} scores only",) if len(kinds) == 1 else ()
