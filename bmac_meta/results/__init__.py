"""Frozen records that only show themselves."""

from bmac_meta.results.pooled import Pooled
from bmac_meta.results.series import Series
from bmac_meta.results.subgroups import Subgroups

__all__ = ["Pooled", "Series", "Subgroups"]
