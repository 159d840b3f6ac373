"""Frozen records that only show themselves."""

from bmac_meta.results.bayes import Bayesian
from bmac_meta.results.dependent import Correlated, Multilevel, Robust
from bmac_meta.results.doubts import Doubts
from bmac_meta.results.influence import Gosh, Influence
from bmac_meta.results.multivariate import Multivariate
from bmac_meta.results.p_values import Albatross, CombinedP
from bmac_meta.results.pooled import Pooled
from bmac_meta.results.regression import Predicted, Regression
from bmac_meta.results.series import Series
from bmac_meta.results.sparse import Sparse
from bmac_meta.results.subgroups import Subgroups

__all__ = [
    "Albatross",
    "Bayesian",
    "CombinedP",
    "Correlated",
    "Doubts",
    "Gosh",
    "Influence",
    "Multilevel",
    "Multivariate",
    "Pooled",
    "Predicted",
    "Regression",
    "Robust",
    "Series",
    "Sparse",
    "Subgroups",
]
