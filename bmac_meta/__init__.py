"""The evidence on bone marrow concentrate and other injections: loaded, pooled, drawn.

>>> import bmac_meta as bm
>>> knee = bm.load().where(condition="knee_oa")
>>> knee.compare("HA", "PLACEBO", on="pain", months=6, measured_as="most").pool().k
9
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_DOORS = {
    "Effects": "bmac_meta.effects",
    "Evidence": "bmac_meta.evidence",
    "Network": "bmac_meta.network",
    "Question": "bmac_meta.question",
    "Rules": "bmac_meta.evidence",
    "errors": "",
    "load": "bmac_meta.evidence",
    "stats": "",
    "tabulate": "bmac_meta.results.tabulate",
}
__version__ = "0.1.0"
__all__ = ["Effects", "Evidence", "Network", "Question", "Rules", "errors", "load", "stats", "tabulate"]


def __getattr__(name: str) -> Any:
    """Open a door when it is first used, so that importing the package costs nothing."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_DOORS[name] or f"{__name__}.{name}")
    found: Any | ModuleType = getattr(module, name) if _DOORS[name] else module
    setattr(sys.modules[__name__], name, found)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
