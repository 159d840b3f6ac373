"""How many trials and patients there are at each node and on each edge of a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bmac_meta.stats.network import NetworkData, comparisons, trials_by_treatment
from bmac_meta.stats.network.graph import membership

JUDGEMENTS = ("low", "some", "high", "none")


def node_table(data: NetworkData, arms: pd.DataFrame) -> pd.DataFrame:
    """Return a row per treatment: trials, and patients (missing where an arm does not tell its number)."""
    n = arms.groupby("treatment")["n"]
    patients = n.sum(min_count=1).where(n.apply(lambda sizes: sizes.notna().all()))
    frame = pd.DataFrame({"treatment": data.treatments, "trials": trials_by_treatment(data)})
    return frame.assign(patients=frame["treatment"].map(patients).astype("Int64"))


def edge_table(data: NetworkData, judged: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per comparison that trials make: how many, and how many of them have which risk of bias.

    `judged` gives the judgement of a trial by its name, one of "low", "some", "high"; the others count as "none".
    """
    pairs = comparisons(data)
    present = membership(data)
    both = present[:, pairs.first] & present[:, pairs.second]
    words = np.array([judged.get(trial, "none") for trial in data.trials])
    counts = {word: both[words == word].sum(axis=0) for word in JUDGEMENTS}
    names = np.array(data.treatments, dtype=object)
    return pd.DataFrame(
        {"treatment_a": names[pairs.first], "treatment_b": names[pairs.second], "trials": pairs.trials, **counts}
    )
