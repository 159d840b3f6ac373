"""Arrays in, small frozen records out: every number of a meta-analysis, for one or a batch."""

from bmac_meta.stats import network
from bmac_meta.stats.asymmetry import (
    FunnelRegression,
    PetPeese,
    egger_mixed_effects,
    egger_test,
    harbord_test,
    pet_peese,
    peters_test,
    size_standard_error,
)
from bmac_meta.stats.bayes import BayesianPool, bayesian_pool
from bmac_meta.stats.coefficient_tests import CoefficientTest, coefficient_test
from bmac_meta.stats.combine import CombinedArm, CombinedCounts, combine_arms, combine_events
from bmac_meta.stats.convert import (
    log_odds_ratio_from_smd,
    points_from_smd,
    rescale_score,
    rescale_spread,
    smd_from_log_odds_ratio,
)
from bmac_meta.stats.dependence import (
    autoregressive,
    cluster_codes,
    compound_symmetry,
    correlated_covariance,
    shared_control_covariance,
    shared_control_smd_covariance,
)
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.excess_significance import ExcessSignificance, excess_significance
from bmac_meta.stats.fail_safe import FailSafeNumber, fail_safe_number
from bmac_meta.stats.fourfold import ChiSquaredTest
from bmac_meta.stats.gls import DependentEffects, generalized_least_squares
from bmac_meta.stats.hedges import hedges_correction
from bmac_meta.stats.henmi_copas import HenmiCopas, henmi_copas
from bmac_meta.stats.heterogeneity import (
    Heterogeneity,
    Tau2Interval,
    heterogeneity,
    profile_likelihood_interval,
    q_profile,
)
from bmac_meta.stats.inference import (
    INTERVALS,
    MODELS,
    PREDICTIONS,
    RandomEffects,
    common_effect,
    prediction_interval,
    probability_beyond,
    random_effects,
)
from bmac_meta.stats.influence import Baujat, Influence, Radial, baujat, influence, radial
from bmac_meta.stats.measures import MEASURES, Measure, measure_named
from bmac_meta.stats.measures_binary import arcsine_difference, odds_ratio, peto_odds_ratio, risk_difference, risk_ratio
from bmac_meta.stats.measures_change import mean_change, standardized_mean_change, standardized_mean_change_by_change_sd
from bmac_meta.stats.measures_continuous import mean_difference, percent_of_maximum_difference, ratio_of_means
from bmac_meta.stats.measures_single import (
    arcsine_back_transform,
    correlation,
    freeman_tukey_back_transform,
    generic_effect,
    logit_back_transform,
    proportion,
    raw_mean,
)
from bmac_meta.stats.measures_standardized import (
    standardized_mean_difference,
    standardized_mean_difference_heteroscedastic,
)
from bmac_meta.stats.multi_arm import Contrasts, contrasts_with_control
from bmac_meta.stats.multilevel import ThreeLevel, VarianceIntervals, three_level, variance_intervals
from bmac_meta.stats.multivariate import MultivariateEffects, covariance_blocks, multivariate_effects
from bmac_meta.stats.p_values import Albatross, albatross, contour_size, p_from_z, z_from_p
from bmac_meta.stats.paired import effective_sample_size, paired_mean_difference, paired_standardized_mean_difference
from bmac_meta.stats.paired_binary import paired_odds_ratio, paired_risk_difference, paired_risk_ratio
from bmac_meta.stats.panel import PanelRow, SmallKPanel, small_k_panel
from bmac_meta.stats.permutation import PermutationTest, permutation_test
from bmac_meta.stats.priors import HalfCauchy, HalfNormal, LogNormalVariance, LogTVariance, rhodes_2015, turner_2015
from bmac_meta.stats.pymare_engine import (
    ClusterRobust,
    CombinedP,
    cluster_robust,
    combine_p_values,
    permute_with_pymare,
    pool_with_pymare,
)
from bmac_meta.stats.rank_test import RankTest, begg_test
from bmac_meta.stats.regression import MetaRegression, Prediction, meta_regression, predict
from bmac_meta.stats.resampling import Cumulative, Gosh, cumulative, gosh, leave_one_out
from bmac_meta.stats.shared_control import (
    shared_control_covariance_as,
    shared_control_covariance_md,
    shared_control_covariance_or,
    shared_control_covariance_rd,
    shared_control_covariance_rom,
    shared_control_covariance_rr,
    shared_control_covariance_smd,
)
from bmac_meta.stats.shrinkage import ShrunkenEffects, shrunken_effects
from bmac_meta.stats.skewness import SkewnessTest, skewness_from_quartiles
from bmac_meta.stats.sparse import SparseEffect, mantel_haenszel, peto
from bmac_meta.stats.sparse_tests import breslow_day, cochran_mantel_haenszel
from bmac_meta.stats.spread import (
    change_sd,
    correlation_from_sds,
    pooled_sd,
    sd_from_ci,
    sd_from_difference_se,
    sd_from_se,
    se_from_ci,
    se_from_p,
    se_from_ratio_ci,
    se_from_t,
)
from bmac_meta.stats.spread_quantiles import (
    mean_from_five_numbers,
    mean_from_quartiles,
    mean_from_range,
    sd_from_five_numbers,
    sd_from_iqr,
    sd_from_quartiles,
    sd_from_range,
)
from bmac_meta.stats.step_selection import StepSelection, step_selection
from bmac_meta.stats.subgroups import Subgroups, subgroups
from bmac_meta.stats.tau2 import TAU2_METHODS, Tau2, estimate_tau2
from bmac_meta.stats.trim_and_fill import TrimAndFill, trim_and_fill
from bmac_meta.stats.wilson import wilson_interval
from bmac_meta.stats.worst_case import SelectionRatioEstimate, WorstCase, selection_ratio_estimate, worst_case

__all__ = [
    "INTERVALS",
    "MEASURES",
    "MODELS",
    "PREDICTIONS",
    "TAU2_METHODS",
    "Albatross",
    "Baujat",
    "BayesianPool",
    "ChiSquaredTest",
    "ClusterRobust",
    "CoefficientTest",
    "CombinedArm",
    "CombinedCounts",
    "CombinedP",
    "Contrasts",
    "Cumulative",
    "DependentEffects",
    "EffectSizes",
    "ExcessSignificance",
    "FailSafeNumber",
    "FunnelRegression",
    "Gosh",
    "HalfCauchy",
    "HalfNormal",
    "HenmiCopas",
    "Heterogeneity",
    "Influence",
    "LogNormalVariance",
    "LogTVariance",
    "Measure",
    "MetaRegression",
    "MultivariateEffects",
    "PanelRow",
    "PermutationTest",
    "PetPeese",
    "Prediction",
    "Radial",
    "RandomEffects",
    "RankTest",
    "SelectionRatioEstimate",
    "ShrunkenEffects",
    "SkewnessTest",
    "SmallKPanel",
    "SparseEffect",
    "StepSelection",
    "Subgroups",
    "Tau2",
    "Tau2Interval",
    "ThreeLevel",
    "TrimAndFill",
    "VarianceIntervals",
    "WorstCase",
    "albatross",
    "arcsine_back_transform",
    "arcsine_difference",
    "autoregressive",
    "baujat",
    "bayesian_pool",
    "begg_test",
    "breslow_day",
    "change_sd",
    "cluster_codes",
    "cluster_robust",
    "cochran_mantel_haenszel",
    "coefficient_test",
    "combine_arms",
    "combine_events",
    "combine_p_values",
    "common_effect",
    "compound_symmetry",
    "contour_size",
    "contrasts_with_control",
    "correlated_covariance",
    "correlation",
    "correlation_from_sds",
    "covariance_blocks",
    "cumulative",
    "effective_sample_size",
    "egger_mixed_effects",
    "egger_test",
    "estimate_tau2",
    "excess_significance",
    "fail_safe_number",
    "freeman_tukey_back_transform",
    "generalized_least_squares",
    "generic_effect",
    "gosh",
    "harbord_test",
    "hedges_correction",
    "henmi_copas",
    "heterogeneity",
    "influence",
    "leave_one_out",
    "log_odds_ratio_from_smd",
    "logit_back_transform",
    "mantel_haenszel",
    "mean_change",
    "mean_difference",
    "mean_from_five_numbers",
    "mean_from_quartiles",
    "mean_from_range",
    "measure_named",
    "meta_regression",
    "multivariate_effects",
    "network",
    "odds_ratio",
    "p_from_z",
    "paired_mean_difference",
    "paired_odds_ratio",
    "paired_risk_difference",
    "paired_risk_ratio",
    "paired_standardized_mean_difference",
    "percent_of_maximum_difference",
    "permutation_test",
    "permute_with_pymare",
    "pet_peese",
    "peters_test",
    "peto",
    "peto_odds_ratio",
    "points_from_smd",
    "pool_with_pymare",
    "pooled_sd",
    "predict",
    "prediction_interval",
    "probability_beyond",
    "profile_likelihood_interval",
    "proportion",
    "q_profile",
    "radial",
    "random_effects",
    "ratio_of_means",
    "raw_mean",
    "rescale_score",
    "rescale_spread",
    "rhodes_2015",
    "risk_difference",
    "risk_ratio",
    "sd_from_ci",
    "sd_from_difference_se",
    "sd_from_five_numbers",
    "sd_from_iqr",
    "sd_from_quartiles",
    "sd_from_range",
    "sd_from_se",
    "se_from_ci",
    "se_from_p",
    "se_from_ratio_ci",
    "se_from_t",
    "selection_ratio_estimate",
    "shared_control_covariance",
    "shared_control_covariance_as",
    "shared_control_covariance_md",
    "shared_control_covariance_or",
    "shared_control_covariance_rd",
    "shared_control_covariance_rom",
    "shared_control_covariance_rr",
    "shared_control_covariance_smd",
    "shared_control_smd_covariance",
    "shrunken_effects",
    "size_standard_error",
    "skewness_from_quartiles",
    "small_k_panel",
    "smd_from_log_odds_ratio",
    "standardized_mean_change",
    "standardized_mean_change_by_change_sd",
    "standardized_mean_difference",
    "standardized_mean_difference_heteroscedastic",
    "step_selection",
    "subgroups",
    "three_level",
    "trim_and_fill",
    "turner_2015",
    "variance_intervals",
    "wilson_interval",
    "worst_case",
    "z_from_p",
]
