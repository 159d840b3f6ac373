"""The studies at hand: what the papers say, narrowed to a question."""

from bmac_meta.evidence.evidence import Evidence, load
from bmac_meta.evidence.rules import Rules

__all__ = ["Evidence", "Rules", "load"]
