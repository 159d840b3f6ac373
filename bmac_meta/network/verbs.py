"""The verbs on a network: pool, components, trends, additive models, funnels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import one_of, one_share, several
from bmac_meta.errors import DisconnectedNetwork, InputError, NotEnoughTrials, PoolingRefused, told
from bmac_meta.numbers import fine_decimals
from bmac_meta.results.network import Additive, NetworkFunnel, NetworkPooled, NetworkTrend, Terms
from bmac_meta.results.network.terms import treatment_named
from bmac_meta.stats.network import (
    FunnelRegression,
    NetworkData,
    adjusted_funnel,
    fit_additive,
    fit_network,
    fit_network_regression,
    funnel_regression,
    trial_pairs,
    trials_by_treatment,
)
from bmac_meta.stats.network import components as components_of

if TYPE_CHECKING:
    from bmac_meta.network.network import Network

REFERENCE = "PLACEBO"
FEWEST_TRIALS = 10


def pool(
    network: Network,
    against: str | None = None,
    tau2: str | float = "REML",
    *,
    model: str = "random",
    distribution: str = "z",
    level: float = 0.95,
) -> NetworkPooled:
    """Estimate every comparison from all trials at once, and show each treatment against one.

    `against` names the reference: PLACEBO where it is there, else the treatment of most trials, unless another is
    named; it changes what is shown, never the numbers. `tau2` is "REML", "DL", "ML", "PM" or a number,
    `model="common"` assumes no heterogeneity, `distribution` is "z" or "t". Raises `DisconnectedNetwork` with the
    parts and the way out, `PoolingRefused` where these trials must not be pooled, `UnknownWordError` for a reference
    that is not there.
    """
    data = ready(network)
    reference = reference_of(network, against)
    require_one_part(network)
    fit = fit_network(data, tau2, model=model, distribution=distribution, level=level)
    return NetworkPooled(terms_of(network, level), fit, reference, network.arms, network.left_out, network.notes)


def terms_of(network: Network, level: float = 0.95) -> Terms:
    """Return how the numbers and names of a network are written."""
    return Terms(network.question, network.names, level, _decimals(network))


def _decimals(network: Network) -> int:
    """Return the digits of the measure, or more where the standard errors of a difference are below them."""
    digits = network.measure.decimals
    if network.data is None or network.measure.is_ratio:
        return digits
    typical = float(np.median(trial_pairs(network.data).variance)) ** 0.5
    return fine_decimals(typical, max(digits, min(3, math.ceil(-math.log10(typical) + 0.5))))


def ready(network: Network) -> NetworkData:
    """Return the trials of a network; raise where there is none, or where they must not be pooled."""
    if network.data is None:
        raise NotEnoughTrials(f"{network.question.title}: no trial compares two treatments. {_reasons(network)}")
    if network.refusals:
        raise PoolingRefused(f"{network.question.title} was not pooled: " + " ".join(network.refusals))
    return network.data


def _reasons(network: Network, most: int = 12) -> str:
    groups = network.left_out.groupby("reason")["study"].nunique().sort_values(ascending=False).head(most)
    told = "; ".join(f"{reason} ({count})" for reason, count in groups.items())
    return f"Left out, with the number of trials: {told}." if told else "Ask for another outcome or time."


def reference_of(network: Network, word: str | None) -> str:
    """Return the treatment that a word means, or the default reference of a network."""
    data = ready(network)
    if word is not None:
        return treatment_named(word, data.treatments, network.names)
    if REFERENCE in data.treatments:
        return REFERENCE
    return data.treatments[int(np.argmax(trials_by_treatment(data)))]


def require_one_part(network: Network) -> None:
    """Raise `DisconnectedNetwork` with the parts of a network and the way out, unless it is connected."""
    parts = components_of(ready(network))
    if len(parts) == 1:
        return
    told = "; ".join(f"({i}) {', '.join(part)}" for i, part in enumerate(parts, 1))
    first = parts[0][0] if REFERENCE not in {name for part in parts for name in part} else REFERENCE
    raise DisconnectedNetwork(
        f"{network.question.title}: the network falls into {len(parts)} parts that no chain of trials links: {told}. "
        f'Pool one part: network.components()[0].pool(), or network.part_with("{first}").pool(); or join treatments '
        "into one node."
    )


def additive(
    network: Network,
    inactive: str | None = None,
    tau2: str | float = "REML",
    *,
    components: Mapping[str, Iterable[str]] | None = None,
    separator: str = "+",
    distribution: str = "z",
    level: float = 0.95,
) -> Additive:
    """Estimate what each component adds, when the effect of a combination is the sum of the effects of its parts.

    The components are read from the treatments' names at `separator`, or given by `components`. `inactive` names the
    treatment that has none: PLACEBO where it is there. The network need not be connected. Raises `InputError` for
    components that are missing, `DesignError` where no trial compares different sets of them.
    """
    data = ready(network)
    none = reference_named(network, inactive)
    if not isinstance(separator, str) or not separator:
        raise InputError(f"separator is {told(separator)}; it must be a text, such as '+'.")
    if components is not None and not _says_components(components):
        raise InputError(f"components is {told(components)}; it must be a list of components for each treatment.")
    parts = components or {name: [part.strip() for part in name.split(separator)] for name in data.treatments}
    own = {name: tuple(part for part in found if part and part != none) for name, found in parts.items()}
    fit = fit_additive(data, own, tau2, distribution=distribution, level=level)
    terms = replace(terms_of(network, level), names=_part_names(network.names, separator))
    return Additive(terms, fit, none, len(data.trials), network.notes)


def _says_components(components: object) -> bool:
    return isinstance(components, Mapping) and all(
        isinstance(found, Iterable) and all(isinstance(part, str) for part in found) for found in components.values()
    )


def _part_names(names: Mapping[str, str], separator: str) -> dict[str, str]:
    """Return the spoken names of treatments and of their components."""
    pairs = ((code.split(separator), name.split(separator)) for code, name in names.items())
    parts = {
        a.strip(): b.strip()
        for codes, words in pairs
        if len(codes) == len(words)
        for a, b in zip(codes, words, strict=True)
    }
    return {**parts, **names}


def reference_named(network: Network, inactive: str | None) -> str | None:
    """Return the treatment without components: the one that is named, or PLACEBO where it is there."""
    if inactive is not None:
        return treatment_named(inactive, ready(network).treatments, network.names)
    return REFERENCE if REFERENCE in ready(network).treatments else None


def regress(
    network: Network,
    column: str,
    against: str | None = None,
    tau2: str | float = "REML",
    *,
    at: float | str | None = None,
    exploratory: bool = False,
    distribution: str = "z",
    level: float = 0.95,
) -> NetworkTrend:
    """Let a property of the trials change the effect of every treatment against one by a common coefficient.

    `column` is one of `network.trials`: numbers, or two words (a subgroup analysis: the coefficient is the second in
    alphabetical order minus the first). Effects are shown `at` a value, the mean unless one is named. Trials without a
    value are left out by name. Fewer than 10 trials need `exploratory=True`. Raises `DesignError` where the trials
    cannot tell the coefficient.
    """
    ready(network)
    values, levels, missing = covariate(network, column)
    used = network.without(*missing) if missing else network
    if used.data is None:
        raise NotEnoughTrials(f"No trial is left: {column} is not reported by any.")
    count = len(used.data.trials)
    if count < FEWEST_TRIALS and not exploratory:
        raise NotEnoughTrials(
            f"A coefficient takes {FEWEST_TRIALS} trials; {count} report {column}. Ask with exploratory=True."
        )
    reference = reference_of(used, against)
    require_one_part(used)
    where = levels.index(at) if levels and at in levels else at
    fit = fit_network_regression(used.data, values, reference, tau2, at=where, distribution=distribution, level=level)
    gone = pd.DataFrame({"study": missing, "row": "", "reason": f"{column} is not reported"})
    return NetworkTrend(
        terms_of(network, level), fit, column, levels, count, gone, count < FEWEST_TRIALS, network.notes
    )


def covariate(network: Network, column: str) -> tuple[dict[str, float], tuple[str, str] | None, tuple[str, ...]]:
    """Return the values of a property by trial, its two words where it is a word, and the trials without a value."""
    one_of(column, [name for name in network.trials if name != "study"], "column of the trials")
    cells = network.trials.set_index("study")[column]
    missing = tuple(cells.index[cells.isna()])
    known = cells.dropna()
    numbers = pd.to_numeric(known, errors="coerce")
    if known.map(lambda cell: not isinstance(cell, str | bool)).all() and numbers.notna().all():
        return numbers.astype(float).to_dict(), None, missing
    words = sorted(known.astype(str).unique())
    if len(words) != 2:
        raise InputError(
            f"{column} has {len(words)} words ({', '.join(words[:8])}); a coefficient needs numbers or two words."
        )
    return {str(k): float(words.index(str(v))) for k, v in known.items()}, (words[0], words[1]), missing


def funnel(network: Network, order: Iterable[str], *, level: float = 0.95) -> NetworkFunnel:
    """Return the comparison-adjusted funnel, with its test from 10 trials on.

    `order` lists all treatments such that small trials are expected to favour the earlier one, as in from the newest
    to placebo; there is no default, since the picture means nothing without a reason for the order.
    """
    data, level = ready(network), one_share("level", level)
    require_one_part(network)
    names = [treatment_named(word, data.treatments, network.names) for word in several("order", order)]
    found = adjusted_funnel(data, names)
    ends = zip(found.trial, found.first, found.second, strict=True)
    rows = tuple((data.trials[t], data.treatments[a], data.treatments[b]) for t, a, b in ends)
    test, reason = _tested(found, level)
    return NetworkFunnel(terms_of(network, level), found, rows, test, reason)


def _tested(found: Any, level: float) -> tuple[FunnelRegression | None, str]:
    try:
        return funnel_regression(found, level), ""
    except (NotEnoughTrials, InputError) as refusal:
        return None, str(refusal)
