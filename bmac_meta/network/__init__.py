"""The arms of one question as a graph, and what can be done with it."""

from __future__ import annotations

from bmac_meta.network.network import Network

__all__ = ["Network"]
