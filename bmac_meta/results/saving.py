"""A picture with the table that it is a picture of beside it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError, told
from bmac_meta.plots.save import save_figure
from bmac_meta.tables import write_csv

DIGITS = 10


def save_picture(figure: Figure, save: str | Path | None, title: str, description: str, table: pd.DataFrame) -> Figure:
    """Return the figure; where `save` names a file (.svg, .png or .pdf), write it with its table as CSV beside it.

    Floats in the table are written with ten significant digits, which every machine computes alike.
    """
    if save is not None:
        if not isinstance(save, str | PathLike) or "\0" in str(save):
            raise InputError(f"save is {told(save)}; it must be the name of a file, such as 'answer.svg'.")
        path = Path(save)
        save_figure(figure, path, title, description)
        write_csv(table, path.with_suffix(".csv"), digits=DIGITS)
    return figure
