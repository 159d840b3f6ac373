"""From the arms of a trial to its contrasts with their full covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import check_word
from bmac_meta.stats.multi_arm import contrasts_with_control
from bmac_meta.stats.network import TrialContrasts

MEAN_MEASURES = ("MD", "SMD", "POMP", "ROM")
COUNT_MEASURES = ("OR", "RR", "RD", "AS")
ARM_MEASURES = (*MEAN_MEASURES, *COUNT_MEASURES)


def arm_measure(code: str) -> str:
    """Return the code of a measure that arms give; raise `UnknownWordError` with the known ones for another."""
    return check_word("effect measure of a network of arms", code, ARM_MEASURES)


def columns_of(measure: str) -> tuple[str, ...]:
    """Return what each arm has to tell for a measure."""
    return ("events", "total") if measure in COUNT_MEASURES else ("mean", "sd", "n")


def trial_of_arms(
    trial: str, treatments: Sequence[str], measure: str, columns: Mapping[str, ArrayLike]
) -> TrialContrasts | None:
    """Return a trial's effects against its first arm with their covariance; None where the measure does not exist.

    `columns` are those of `columns_of`, one entry per arm; POMP takes `scale_min` and `scale_max` as well. The shared
    arm's variance is the covariance of two differences, and for SMD the formula of Gleser & Olkin 2009 with the
    standard deviation pooled over all arms. A ratio does not exist where nobody or everybody has an event.

    >>> three = {"mean": [1.0, 0.4, 0.1], "sd": [1.0, 1.0, 1.0], "n": [10, 5, 10]}
    >>> trial_of_arms("T", "ABC", "MD", three).covariance.round(9).tolist()
    [[0.3, 0.1], [0.1, 0.2]]
    """
    code, arms = measure, {name: np.asarray(columns[name], float) for name in columns_of(measure)}
    if measure == "POMP":
        share = 100.0 / (float(columns["scale_max"]) - float(columns["scale_min"]))
        code, arms = "MD", arms | {"mean": share * arms["mean"], "sd": share * arms["sd"]}
    made = contrasts_with_control(code, **arms)
    if not np.isfinite(made.estimate).all() or not np.isfinite(made.covariance).all():
        return None
    return TrialContrasts(trial, tuple(treatments), made.estimate, made.covariance)
