"""A network from anybody's table: contrasts or arms by the names of their columns, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bmac_meta.entry import bare_effects
from bmac_meta.errors import DataError, Fault, InputError, check_word, unknown_word
from bmac_meta.network.arms import COUNT_MEASURES, arm_measure, columns_of, trial_of_arms
from bmac_meta.network.faults import arm_faults, name_faults, names_in, number_faults, numbers_of, pair_faults
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.network import (
    NetworkData,
    TrialContrasts,
    network_from_arms,
    network_from_contrasts,
    network_from_covariances,
)

PAIR_ROLES = ("treatment_a", "treatment_b", "estimate", "se", "variance", "ci_low", "ci_high", "n_a", "n_b")
ARM_ROLES = ("treatment", "mean", "sd", "n", "se", "variance", "events", "total")
SPREADS = ("se", "variance", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True)
class Entered:
    """What a table gave: the network (None without a usable trial), its arms, its trials, and what was not used."""

    data: NetworkData | None
    arms: pd.DataFrame
    trials: pd.DataFrame
    left_out: pd.DataFrame


def enter(
    frame: pd.DataFrame, study: str, measure: str, level: float, logged: bool, columns: Mapping[str, str]
) -> Entered:
    """Return the network of a table of contrasts or of arms."""
    _check_frame(frame)
    check_word("measure of a network", measure, [code for code, one in MEASURES.items() if one.arms != 1])
    known = dict.fromkeys((*PAIR_ROLES, *ARM_ROLES))
    for role in columns:
        if role not in known:
            raise unknown_word("role of a column", role, known)
    for role, column in {"study": study, **columns}.items():
        if column not in frame.columns:
            raise unknown_word(f"column (asked for as {role})", column, map(str, frame.columns))
    if {"treatment_a", "treatment_b"} <= set(columns) and "treatment" not in columns:
        return _enter_pairs(frame, study, measure, level, logged, columns)
    if "treatment" in columns and not {"treatment_a", "treatment_b"} & set(columns):
        return _enter_arms(frame, study, measure, columns)
    raise InputError(
        "Name the columns of contrasts (treatment_a=, treatment_b=, estimate= with se=, variance= or ci_low= and "
        "ci_high=), or those of arms (treatment= with mean=, sd=, n=, or with events=, total=)."
    )


def _check_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        what = "an empty table" if isinstance(frame, pd.DataFrame) else type(frame).__name__
        raise InputError(
            f"A network is made from a pandas DataFrame with a row per contrast or per arm, not from {what}."
        )


def _only(columns: Mapping[str, str], roles: tuple[str, ...]) -> dict[str, str]:
    return {role: columns[role] for role in roles if role in columns}


def _enter_pairs(
    frame: pd.DataFrame, study: str, measure: str, level: float, logged: bool, columns: Mapping[str, str]
) -> Entered:
    if "estimate" not in columns:
        raise InputError("Contrasts need estimate=, the column of their effects (treatment_a minus treatment_b).")
    ends, sizes = _only(columns, ("treatment_a", "treatment_b")), _only(columns, ("n_a", "n_b"))
    spreads = {role: columns.get(role) for role in SPREADS}
    faults = [*name_faults(frame, {"study": study, **ends}), *number_faults(frame, sizes)]
    trial, first, second = (names_in(frame, name) for name in (study, *ends.values()))
    faults += pair_faults(trial, first, second, ends["treatment_a"])
    made = _gathered(faults, frame, columns["estimate"], spreads, study, measure, level, logged)
    pairs = {"trial": trial, "treatment_a": first, "treatment_b": second}
    data = network_from_contrasts(made["estimate"], variance=made["se"] ** 2, **pairs)
    n = numbers_of(frame, sizes)
    blank = np.full(len(frame), np.nan)
    sides = zip((first, second), (n.get("n_a", blank), n.get("n_b", blank)), strict=True)
    arms = pd.concat([pd.DataFrame({"study": trial, "treatment": name, "n": size}) for name, size in sides])
    arms = arms.groupby(["study", "treatment"], sort=False, as_index=False)["n"].first()
    return Entered(data, arms, _trials(frame, study, trial, columns), _nothing_left())


def _gathered(
    faults: list[Fault],
    frame: pd.DataFrame,
    estimate: str,
    spreads: Mapping[str, str | None],
    study: str,
    measure: str,
    level: float,
    logged: bool,
) -> pd.DataFrame:
    """Return estimates with standard errors; raise one error with the faults of the numbers and those at hand."""
    try:
        made = bare_effects(frame, estimate, spreads, study, measure, level, logged)
    except DataError as error:
        told = {(fault.row, fault.column) for fault in error.faults}
        faults = [*error.faults, *(fault for fault in faults if (fault.row, fault.column) not in told)]
    if faults:
        raise DataError(faults)
    return made


def _enter_arms(frame: pd.DataFrame, study: str, measure: str, columns: Mapping[str, str]) -> Entered:
    given = _only(columns, ARM_ROLES[1:])
    ready = set(given) in ({"mean", "se"}, {"mean", "variance"}, {"mean", "se", "n"}, {"mean", "variance", "n"})
    if not ready:
        wanted = columns_of(arm_measure(measure))
        if set(given) != set(wanted):
            told = ", ".join(f"{role}=" for role in wanted)
            raise InputError(f"Arms by {measure} need {told}; given: {', '.join(given) or 'none of them'}.")
    elif measure not in ("MD", "GEN"):
        raise InputError(f"Means with their standard errors give measure MD or GEN, not {measure}; give sd= and n=.")
    names = {"study": study, "treatment": columns["treatment"]}
    trial, treatment = (names_in(frame, name) for name in names.values())
    faults = [
        *name_faults(frame, names),
        *number_faults(frame, given),
        *arm_faults(trial, treatment, columns["treatment"]),
    ]
    if faults:
        raise DataError(faults)
    numbers = numbers_of(frame, given)
    size = numbers.get("n", numbers.get("total", np.full(len(frame), np.nan)))
    arms = pd.DataFrame(
        {"study": trial, "treatment": treatment, "n": size, **{k: v for k, v in numbers.items() if k != "n"}}
    )
    trials = _trials(frame, study, trial, columns)
    if ready:
        variance = numbers["se"] ** 2 if "se" in numbers else numbers["variance"]
        data = network_from_arms(numbers["mean"], variance=variance, trial=trial, treatment=treatment)
        return Entered(data, arms, trials, _nothing_left())
    return _from_raw(arms.reset_index(drop=True), trials, measure)


def _from_raw(arms: pd.DataFrame, trials: pd.DataFrame, measure: str) -> Entered:
    made: dict[str, TrialContrasts | None] = {}
    source = arms.assign(total=arms["n"]) if measure in COUNT_MEASURES else arms
    values = {name: source[name].to_numpy(float) for name in columns_of(measure)}
    names = arms["treatment"].to_numpy(object)
    for trial, rows in arms.groupby("study", sort=False).indices.items():
        columns = {name: column[rows] for name, column in values.items()}
        made[trial] = trial_of_arms(trial, [str(name) for name in names[rows]], measure, columns)
    kept = [trial for trial in made.values() if trial is not None]
    gone = [name for name, trial in made.items() if trial is None]
    left_out = pd.DataFrame({"study": gone, "row": "", "reason": "the measure does not exist for these counts"})
    here = arms["study"].isin([trial.trial for trial in kept])
    data = network_from_covariances(kept) if kept else None
    return Entered(
        data, arms[here].reset_index(drop=True), trials[~trials["study"].isin(gone)].reset_index(drop=True), left_out
    )


def _trials(frame: pd.DataFrame, study: str, trial: pd.Series, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per trial with the columns that say one thing of it."""
    rest = frame.drop(columns=[study, *dict.fromkeys(columns.values())], errors="ignore")
    rest = rest.drop(columns=["study"], errors="ignore")
    groups = rest.groupby(trial.to_numpy(), sort=False)
    single = [name for name in rest.columns if (groups[name].nunique(dropna=False) == 1).all()]
    found = groups[single].first() if single else pd.DataFrame(index=pd.Index(dict.fromkeys(trial)))
    return found.rename_axis("study").reset_index()


def _nothing_left() -> pd.DataFrame:
    return pd.DataFrame({"study": [], "row": [], "reason": []}, dtype=object)
