"""The interval of one study's share of patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.stats.batch import as_level
from bmac_meta.stats.columns import COUNT, SIZE, read_columns
from bmac_meta.stats.measures_binary import refuse_more_events_than_patients


def wilson_interval(
    *, events: ArrayLike, total: ArrayLike, level: float = 0.95, mask: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the limits of Wilson's score interval of a share, as statsmodels computes them; one shape each.

    The interval stays within 0 and 1 and has a width at no events and at nothing but events. Inputs broadcast,
    with `mask` too; where it is False the limits are NaN. Raises `InputError` for missing or negative counts,
    events above the total, and totals below 1. Wilson 1927,
    doi:10.1080/01621459.1927.10502953; the example is of Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, Table I.

    >>> low, high = wilson_interval(events=81, total=263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    # statsmodels takes half a second to import, and only shares need it.
    from statsmodels.stats.proportion import proportion_confint

    events, total, present = read_columns({"events": (events, COUNT), "total": (total, SIZE)}, mask)
    refuse_more_events_than_patients(events, total)
    low, high = proportion_confint(events, total, alpha=1 - as_level(level), method="wilson")
    # Rounding may leave a limit on the wrong side of an observed share of 0 or 1.
    low, high = np.minimum(low, events / total), np.maximum(high, events / total)
    return np.where(present, low, np.nan)[()], np.where(present, high, np.nan)[()]
