"""Network meta-analysis: arrays in, frozen records out.

Trials enter by `network_from_arms`, `network_from_contrasts` or `network_from_covariances` as a
`NetworkData`; `fit_network` fits it, and the other functions take the network or the fit.
"""

from __future__ import annotations

from bmac_meta.stats.network.additive import AdditiveFit, fit_additive, parse_components
from bmac_meta.stats.network.asymmetry import (
    AdjustedFunnel,
    FunnelRegression,
    adjusted_funnel,
    funnel_regression,
)
from bmac_meta.stats.network.contribution import CONTRIBUTION_METHODS, Contributions, contributions
from bmac_meta.stats.network.data import NetworkData, TrialBlock, TrialContrasts
from bmac_meta.stats.network.direct import DirectEvidence, TrialPairs, direct_evidence, trial_pairs
from bmac_meta.stats.network.entry import (
    join_networks,
    network_from_arms,
    network_from_contrasts,
    network_from_covariances,
)
from bmac_meta.stats.network.fit import ChiSquared, EffectsAgainst, NetworkFit, effects_against, fit_network
from bmac_meta.stats.network.graph import (
    Comparisons,
    comparison_counts,
    comparisons,
    components,
    require_connected,
    subnetwork,
    trials_by_treatment,
    without_trials,
)
from bmac_meta.stats.network.heterogeneity import NETWORK_TAU2_METHODS
from bmac_meta.stats.network.inconsistency import NetHeat, QDecomposition, decompose_q, net_heat
from bmac_meta.stats.network.leave_out import LeftOut, leave_one_comparison_out, leave_one_trial_out
from bmac_meta.stats.network.ranking import RankProbabilities, p_scores, rank_probabilities, superiority
from bmac_meta.stats.network.regression import NetworkRegression, fit_network_regression
from bmac_meta.stats.network.split import SPLIT_METHODS, NodeSplit, node_split

__all__ = [
    "CONTRIBUTION_METHODS",
    "NETWORK_TAU2_METHODS",
    "SPLIT_METHODS",
    "AdditiveFit",
    "AdjustedFunnel",
    "ChiSquared",
    "Comparisons",
    "Contributions",
    "DirectEvidence",
    "EffectsAgainst",
    "FunnelRegression",
    "LeftOut",
    "NetHeat",
    "NetworkData",
    "NetworkFit",
    "NetworkRegression",
    "NodeSplit",
    "QDecomposition",
    "RankProbabilities",
    "TrialBlock",
    "TrialContrasts",
    "TrialPairs",
    "adjusted_funnel",
    "comparison_counts",
    "comparisons",
    "components",
    "contributions",
    "decompose_q",
    "direct_evidence",
    "effects_against",
    "fit_additive",
    "fit_network",
    "fit_network_regression",
    "funnel_regression",
    "join_networks",
    "leave_one_comparison_out",
    "leave_one_trial_out",
    "net_heat",
    "network_from_arms",
    "network_from_contrasts",
    "network_from_covariances",
    "node_split",
    "p_scores",
    "parse_components",
    "rank_probabilities",
    "require_connected",
    "subnetwork",
    "superiority",
    "trial_pairs",
    "trials_by_treatment",
    "without_trials",
]
