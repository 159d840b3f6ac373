"""Results of a network: frozen records that only show themselves."""

from __future__ import annotations

from bmac_meta.results.network.additive import Additive
from bmac_meta.results.network.consistency import Consistency
from bmac_meta.results.network.contribution import Contribution
from bmac_meta.results.network.funnel import NetworkFunnel
from bmac_meta.results.network.heat import Heat
from bmac_meta.results.network.league import League
from bmac_meta.results.network.left_out import WithoutEach
from bmac_meta.results.network.pooled import NetworkPooled
from bmac_meta.results.network.ranks import Ranks
from bmac_meta.results.network.regression import NetworkTrend
from bmac_meta.results.network.terms import Terms

__all__ = [
    "Additive",
    "Consistency",
    "Contribution",
    "Heat",
    "League",
    "NetworkFunnel",
    "NetworkPooled",
    "NetworkTrend",
    "Ranks",
    "Terms",
    "WithoutEach",
]
