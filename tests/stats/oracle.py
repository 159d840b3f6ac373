"""Random-effects meta-analysis in 50 digits, from the definitions, sharing no code with the package.

Run as a script it writes `tests/reference/oracle.json`. The inputs are the effects and variances of the
conformance cases, taken as the exact values of their doubles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mpmath import mp, mpf

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
DIGITS = 50
METHODS = ("DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "DL2", "CA2", "PMM")
INTERVALS = ("knapp-hartung-floored", "knapp-hartung", "wald", "t")
CASES = (
    "bcg_RR",
    "normand1999_MD",
    "hackshaw1998",
    "egger2001_OR",
    "begg1989",
    "li2007_OR",
    "nissen2007_OR",
    "cohen1981_ZCOR",
    "molloy2014_ZCOR",
    "furukawa2003_SMD",
    "hine1989_RD",
    "pritz1997_PLO",
    "berkey1998_PD",
    "graves2010_RD",
)
REGRESSIONS = (
    "bcg_OR",
    "bcg_RD",
    "bcg_RR",
    "berkey1998_AL",
    "berkey1998_PD",
    "damico2009_OR",
    "damico2009_RD",
    "damico2009_RR",
    "egger2001_OR",
    "egger2001_RD",
    "egger2001_RR",
    "hackshaw1998",
    "li2007_OR",
    "li2007_RD",
    "li2007_RR",
    "molloy2014_ZCOR",
)
REGRESSION_METHODS = ("DL", "HE", "ML", "REML", "PM")
Vector = Sequence[mpf]


@dataclass(frozen=True)
class Data:
    """Holds effects, variances and design rows of one meta-analysis, as exact numbers."""

    y: Vector
    v: Vector
    x: Sequence[Vector]

    @property
    def free(self) -> int:
        """Return the residual degrees of freedom."""
        return len(self.y) - len(self.x[0])


@dataclass(frozen=True)
class Fitted:
    """Holds one weighted least squares fit: weights, coefficients, inverse normal matrix and residuals."""

    w: Vector
    beta: Vector
    inverse: mp.matrix
    r: Vector

    def q(self) -> mpf:
        """Return the weighted residual sum of squares."""
        return mp.fsum(w * r * r for w, r in zip(self.w, self.r, strict=True))


def numbers(values: Sequence[float]) -> list[mpf]:
    """Return doubles as exact high-precision numbers."""
    return [mpf(float(value)) for value in values]


def mean_only(y: Sequence[float], v: Sequence[float]) -> Data:
    """Return a meta-analysis with an intercept only."""
    return Data(numbers(y), numbers(v), [[mpf(1)]] * len(y))


def moment_matrix(data: Data, w: Vector) -> mp.matrix:
    """Return XᵀWX."""
    size = range(len(data.x[0]))
    return mp.matrix(
        [[mp.fsum(wi * row[a] * row[b] for wi, row in zip(w, data.x, strict=True)) for b in size] for a in size]
    )


def least_squares(data: Data, w: Vector) -> Fitted:
    """Return the weighted least squares fit."""
    inverse = moment_matrix(data, w) ** -1
    size = range(len(data.x[0]))
    right = [mp.fsum(wi * row[a] * y for wi, row, y in zip(w, data.x, data.y, strict=True)) for a in size]
    beta = [mp.fsum(inverse[a, b] * right[b] for b in size) for a in size]
    r = [y - mp.fdot(row, beta) for y, row in zip(data.y, data.x, strict=True)]
    return Fitted(w, beta, inverse, r)


def fit_at(data: Data, tau2: mpf) -> Fitted:
    """Return the fit with weights 1/(v + tau2)."""
    return least_squares(data, [1 / (v + tau2) for v in data.v])


def trace_product(left: mp.matrix, right: mp.matrix) -> mpf:
    """Return the trace of a product of two square matrices."""
    return mp.fsum(left[a, b] * right[b, a] for a in range(left.rows) for b in range(left.rows))


def trace_p(data: Data, fit: Fitted) -> mpf:
    """Return tr P = Σw − tr((XᵀWX)⁻¹ XᵀW²X)."""
    return mp.fsum(fit.w) - trace_product(fit.inverse, moment_matrix(data, [w * w for w in fit.w]))


def log_likelihood(data: Data, tau2: mpf, restricted: bool) -> mpf:
    """Return the full or restricted log-likelihood, the latter with ½ log|XᵀX|."""
    fit = fit_at(data, tau2)
    twice = fit.q() - mp.fsum(mp.log(w) for w in fit.w)
    if restricted:
        plain = mp.det(moment_matrix(data, [mpf(1)] * len(data.y)))
        twice += -mp.log(mp.det(fit.inverse)) - mp.log(plain)
    return -(twice + (data.free if restricted else len(data.y)) * mp.log(2 * mp.pi)) / 2


def score(data: Data, tau2: mpf, restricted: bool) -> mpf:
    """Return twice the derivative of the log-likelihood."""
    fit = fit_at(data, tau2)
    pull = mp.fsum((w * r) ** 2 for w, r in zip(fit.w, fit.r, strict=True))
    return pull - (trace_p(data, fit) if restricted else mp.fsum(fit.w))


def sign_changes(function: Callable[[mpf], mpf], nodes: Vector) -> list[mpf]:
    """Return the roots of a function between neighbouring nodes of different sign."""
    values = [function(node) for node in nodes]
    return [
        bisect(function, a, b)
        for a, b, fa, fb in zip(nodes, nodes[1:], values, values[1:], strict=False)
        if (fa > 0) != (fb > 0)
    ]


def bisect(function: Callable[[mpf], mpf], a: mpf, b: mpf) -> mpf:
    """Return the root in a bracket, to 40 digits."""
    return mp.findroot(function, (a, b), solver="anderson", tol=mpf(10) ** -80, verify=False, maxsteps=200)


def nodes_for(data: Data, count: int = 240) -> list[mpf]:
    """Return a grid over tau2 from 0, dense on a logarithmic scale, to beyond any root."""
    low = min(data.v) * mpf(10) ** -4
    spread = mp.fsum(r * r for r in least_squares(data, [mpf(1)] * len(data.y)).r)
    high = (spread + max(data.v)) * 1000
    return [mpf(0)] + [low * (high / low) ** (mpf(i) / count) for i in range(count + 1)]


def likelihood_tau2(data: Data, restricted: bool) -> mpf:
    """Return the maximizer of the likelihood: the best of 0 and all stationary points on a dense grid."""
    roots = sign_changes(lambda t: score(data, t, restricted), nodes_for(data))
    return max([mpf(0), *roots], key=lambda t: log_likelihood(data, t, restricted))


def q_root(data: Data, target: mpf) -> mpf:
    """Return the tau2 at which Q with weights 1/(v + tau2) equals the target, or 0 if it is below it at 0."""
    if fit_at(data, mpf(0)).q() <= target:
        return mpf(0)
    return sign_changes(lambda t: fit_at(data, t).q() - target, nodes_for(data))[0]


def moments_with(data: Data, weighting: mpf) -> mpf:
    """Return the method-of-moments tau2 with weights 1/(v + weighting), solved from E(Q), truncated at 0."""
    fit = fit_at(data, weighting)
    scaled = [w * w * v for w, v in zip(fit.w, data.v, strict=True)]
    expected = mp.fsum(w * v for w, v in zip(fit.w, data.v, strict=True))
    expected -= trace_product(fit.inverse, moment_matrix(data, scaled))
    return max(mpf(0), (fit.q() - expected) / trace_p(data, fit))


def hedges(data: Data) -> mpf:
    """Return the unweighted method-of-moments tau2, truncated at 0."""
    fit = least_squares(data, [mpf(1)] * len(data.y))
    expected = mp.fsum(data.v) - trace_product(fit.inverse, moment_matrix(data, data.v))
    return max(mpf(0), (fit.q() - expected) / data.free)


def hunter_schmidt(data: Data) -> mpf:
    """Return (Q − k) / Σw, truncated at 0."""
    fit = fit_at(data, mpf(0))
    return max(mpf(0), (fit.q() - len(data.y)) / mp.fsum(fit.w))


def sidik_jonkman(data: Data) -> mpf:
    """Return Sidik and Jonkman's tau2 with the plain variance of the effects (divisor k) as its start."""
    mean = mp.fsum(data.y) / len(data.y)
    start = mp.fsum((y - mean) ** 2 for y in data.y) / len(data.y)
    return start * fit_at(data, start).q() / data.free


def empirical_bayes(data: Data) -> mpf:
    """Return Morris' tau2: the root of Σ w (k/(k − p) r² − v − tau2)."""
    k = len(data.y)

    def excess(tau2: mpf) -> mpf:
        fit = fit_at(data, tau2)
        terms = zip(fit.w, fit.r, data.v, strict=True)
        return mp.fsum(w * (mpf(k) / data.free * r * r - v - tau2) for w, r, v in terms)

    return mpf(0) if excess(mpf(0)) <= 0 else sign_changes(excess, nodes_for(data))[0]


ESTIMATORS: dict[str, Callable[[Data], mpf]] = {
    "DL": lambda data: moments_with(data, mpf(0)),
    "HE": hedges,
    "HS": hunter_schmidt,
    "SJ": sidik_jonkman,
    "ML": lambda data: likelihood_tau2(data, False),
    "REML": lambda data: likelihood_tau2(data, True),
    "EB": empirical_bayes,
    "PM": lambda data: q_root(data, mpf(data.free)),
    "DL2": lambda data: moments_with(data, moments_with(data, mpf(0))),
    "CA2": lambda data: moments_with(data, hedges(data)),
    "PMM": lambda data: q_root(data, chi2_quantile(data.free, "0.5")),
}


def t_tail(df: int | None, t: mpf) -> mpf:
    """Return the two-sided p-value of t, or of z when `df` is None."""
    if df is None:
        return mp.erfc(abs(t) / mp.sqrt(2))
    return mp.betainc(mpf(df) / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True)


@cache
def t_quantile(df: int | None, level: str = "0.95") -> mpf:
    """Return the two-sided critical value of t, or of z when `df` is None."""
    goal = 1 - mpf(level)
    return mp.findroot(lambda t: mp.log(t_tail(df, t) / goal), (mpf(1), mpf(40)), solver="anderson", maxsteps=500)


def chi2_tail(df: int, q: mpf) -> mpf:
    """Return the upper tail of chi-squared."""
    return mp.gammainc(mpf(df) / 2, q / 2, mp.inf, regularized=True)


@cache
def chi2_quantile(df: int, tail: str) -> mpf:
    """Return the value that chi-squared exceeds with probability `tail`."""
    bracket = (mpf(10) ** -12, mpf(10 * df + 100))
    goal = mpf(tail)
    return mp.findroot(lambda q: chi2_tail(df, q) - goal, bracket, solver="anderson", maxsteps=500)


def f_tail(top: int, bottom: int, f: mpf) -> mpf:
    """Return the upper tail of F."""
    return mp.betainc(mpf(bottom) / 2, mpf(top) / 2, 0, bottom / (bottom + top * f), regularized=True)


def inference(data: Data, tau2: mpf, interval: str) -> dict[str, float]:
    """Return the pooled mean's interval and prediction interval, for an intercept-only model."""
    fit = fit_at(data, tau2)
    scale = fit.q() / data.free if interval.startswith("knapp") else mpf(1)
    scale = max(scale, mpf(1)) if interval.endswith("floored") else scale
    df = None if interval == "wald" else data.free
    se, mean, critical = mp.sqrt(scale * fit.inverse[0, 0]), fit.beta[0], t_quantile(df)
    wide = critical * mp.sqrt(tau2 + se * se)
    fields = {
        "se": se,
        "statistic": mean / se,
        "p_value": t_tail(df, mean / se),
        "ci_low": mean - critical * se,
        "ci_high": mean + critical * se,
        "pi_low": mean - wide,
        "pi_high": mean + wide,
    }
    return {name: float(value) for name, value in fields.items()}


def pooled(data: Data, tau2: mpf, restricted: bool) -> dict[str, object]:
    """Return everything about the pooled mean at one tau2."""
    typical = data.free / trace_p(data, fit_at(data, mpf(0)))
    return {
        "tau2": float(tau2),
        "estimate": float(fit_at(data, tau2).beta[0]),
        "log_likelihood": float(log_likelihood(data, tau2, restricted)),
        "i2": float(100 * tau2 / (tau2 + typical)),
        "h2": float(1 + tau2 / typical),
        "intervals": {name: inference(data, tau2, name) for name in INTERVALS},
    }


def profile_limits(data: Data, best: mpf) -> list[float]:
    """Return the smallest and largest tau2 with a restricted likelihood within the 95% cut of the maximum."""
    cut = log_likelihood(data, best, True) - chi2_quantile(1, "0.05") / 2
    nodes = sorted([*nodes_for(data), best])
    roots = sign_changes(lambda t: log_likelihood(data, t, True) - cut, nodes)
    low = mpf(0) if log_likelihood(data, mpf(0), True) >= cut else roots[0]
    return [float(low), float(roots[-1])]


def answer(data: Data) -> dict[str, object]:
    """Return the oracle's answer for one meta-analysis by every estimator and interval."""
    q, tau2 = fit_at(data, mpf(0)).q(), {name: ESTIMATORS[name](data) for name in METHODS}
    return {
        "k": len(data.y),
        "q": float(q),
        "q_p": float(chi2_tail(data.free, q)),
        "q_profile": [float(q_root(data, chi2_quantile(data.free, tail))) for tail in ("0.025", "0.975")],
        "profile_likelihood": profile_limits(data, tau2["REML"]),
        "fits": {name: pooled(data, value, name == "REML") for name, value in tau2.items()},
        "common": pooled(data, mpf(0), False),
    }


def regression(data: Data, method: str) -> dict[str, object]:
    """Return the oracle's Wald meta-regression, with the omnibus test of all but the first coefficient."""
    tau2 = ESTIMATORS[method](data)
    fit, size = fit_at(data, tau2), len(data.x[0])
    tested = mp.matrix([[fit.inverse[a, b] for b in range(1, size)] for a in range(1, size)])
    effect = mp.matrix(fit.beta[1:])
    residual, without = (
        fit_at(data, mpf(0)).q(),
        ESTIMATORS[method](Data(data.y, data.v, [[mpf(1)]] * len(data.y))),
    )
    return {
        "tau2": float(tau2),
        "coefficients": [float(beta) for beta in fit.beta],
        "se": [float(mp.sqrt(fit.inverse[a, a])) for a in range(size)],
        "q_residual": float(residual),
        "q_p": float(chi2_tail(data.free, residual)),
        "omnibus": float((effect.T * tested**-1 * effect)[0] / (size - 1)),
        "factor": float(fit.q() / data.free),
        "r2": float(100 * max(mpf(0), 1 - tau2 / without)) if without > 0 else 0.0,
        "log_likelihood": float(log_likelihood(data, tau2, method == "REML")),
    }


def read(case: str) -> dict[str, object]:
    """Return one conformance case."""
    return json.loads((REFERENCE / "pairwise" / f"{case}.json").read_text(encoding="utf-8"))


def effects_of(case: str) -> Data:
    """Return the effects of a conformance case that enter its fits."""
    raw = read(case)
    rows = [i for i, used in enumerate(raw["included"]) if used]
    return mean_only([raw["yi"][i] for i in rows], [raw["vi"][i] for i in rows])


def regression_of(case: str) -> Data:
    """Return the effects and the design of a conformance case's meta-regression."""
    raw = read(case)
    rows = [i for i, used in enumerate(raw["metareg"]["included"]) if used]
    names = raw["metareg"]["terms"][1:]
    x = [[mpf(1), *numbers([raw["mods"][name][i] for name in names])] for i in rows]
    return Data(numbers([raw["yi"][i] for i in rows]), numbers([raw["vi"][i] for i in rows]), x)


def everything() -> dict[str, object]:
    """Return the oracle's answers for all cases."""
    return {
        "digits": DIGITS,
        "cases": {case: answer(effects_of(case)) for case in CASES},
        "regressions": {
            case: {name: regression(regression_of(case), name) for name in REGRESSION_METHODS} for case in REGRESSIONS
        },
    }


if __name__ == "__main__":
    mp.dps = DIGITS
    text = json.dumps(everything(), indent=1)
    (REFERENCE / "oracle.json").write_text(text + "\n", encoding="utf-8")
