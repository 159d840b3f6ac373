"""Frozen records that only show themselves; what they hand out can be changed without changing them."""

from bmac_meta.copies import tables_as_copies
from bmac_meta.results.bayes import Bayesian
from bmac_meta.results.dependent import Correlated, Multilevel, Robust
from bmac_meta.results.doubts import Doubts
from bmac_meta.results.heterogeneity import Heterogeneity
from bmac_meta.results.influence import Influence, RegressionInfluence
from bmac_meta.results.multivariate import Multivariate
from bmac_meta.results.p_values import Albatross, CombinedP
from bmac_meta.results.points import Points
from bmac_meta.results.pooled import Pooled
from bmac_meta.results.regression import Predicted, Regression
from bmac_meta.results.selection import Selection
from bmac_meta.results.series import Series
from bmac_meta.results.shrunken import Shrunken
from bmac_meta.results.sparse import Sparse
from bmac_meta.results.subgroups import Subgroups
from bmac_meta.results.subsets import Gosh

__all__ = [
    "Albatross",
    "Bayesian",
    "CombinedP",
    "Correlated",
    "Doubts",
    "Gosh",
    "Heterogeneity",
    "Influence",
    "Multilevel",
    "Multivariate",
    "Points",
    "Pooled",
    "Predicted",
    "Regression",
    "RegressionInfluence",
    "Robust",
    "Selection",
    "Series",
    "Shrunken",
    "Sparse",
    "Subgroups",
]

# Verbs give results what effects hand out, which are copies already.
for _name in __all__:
    tables_as_copies(globals()[_name], alone=True)
