"""The verb for a Bayesian answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmac_meta import stats
from bmac_meta.errors import InputError
from bmac_meta.results.bayes import Bayesian
from bmac_meta.stats.priors import HeterogeneityPrior
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects


def bayes(
    effects: Effects,
    prior: HeterogeneityPrior | None = None,
    threshold: float | None = None,
    *,
    mean_prior: tuple[float, float] | None = None,
    interval: str = "equal-tailed",
    level: float = 0.95,
) -> Bayesian:
    """Pool the effects by the normal–normal model with a prior on τ; no sampling, the same digits every time.

    `prior` is one of `bm.stats` (HalfNormal, HalfCauchy, turner_2015 for log odds ratios, rhodes_2015 for
    standardized mean differences …); by default half-normal(0.5), in standard deviations for differences in points
    (then the trials must tell their sizes).
    `threshold` (on the scale of pooling) is what the effect should be beyond, on the better side; by default no
    effect. `mean_prior` is mean and SD of a normal prior of the mean effect, flat by default. `interval` is
    "equal-tailed" or "shortest". Raises as `pool` does, and `NotEnoughTrials` for one trial under a prior with heavy
    tails.
    """
    pooled = pool(effects)
    chosen = pooled.tau_prior if prior is None else prior
    if chosen is None:
        raise InputError(
            f"No prior on τ was given. The default is half-normal(0.5 standard deviations), and the standard deviation "
            f"of these effects ({effects.measure.label}) is not known, as not every trial tells its size: "
            "give a prior in the unit of the effects, such as bm.stats.HalfNormal(10), or the sizes as n_a and n_b "
            "(n for one arm)."
        )
    fit = stats.bayesian_pool(
        effects.estimates,
        variance=effects.variances,
        prior=chosen,
        mu_prior=mean_prior,
        interval=interval,
        threshold=0.0 if threshold is None else threshold,
        level=level,
    )
    below = effects.question.lower_is_better
    below = bool(fit.median < fit.threshold) if below is None else below
    return Bayesian(effects.question, fit, effects.frame, effects.left_out, below, mean_prior, effects.notes)
