"""Figures as files: whole or not at all, the same bytes every time, with words for screen readers."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

from matplotlib.figure import Figure

from bmac_meta.errors import check_word
from bmac_meta.plots.style import house_style
from bmac_meta.plots.text import clean

FORMATS = ("svg", "png", "pdf")
PNG_DPI = 300
_LETTER = re.compile(r'(<use xlink:href="#[^"]*") transform="translate\(([-\d.]+) 0\)"/>')
_NO_METADATA = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


def save_figure(
    figure: Figure, path: str | Path | Iterable[str | Path], title: str, description: str
) -> tuple[Path, ...]:
    """Write a figure to one file or several, each in the format that its suffix names: .svg, .png or .pdf.

    A file appears whole or not at all: it is written beside its place and then moved there. The same figure
    gives the same bytes again. The title and the description become `<title>` and `<desc>` of an SVG, where
    screen readers find them, and the title the title of a PDF or PNG. Folders that are missing are made.

    Raises:
        UnknownWordError: if a suffix names no known format.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    formats = [check_word("picture format", one.suffix.lstrip(".").lower(), FORMATS) for one in paths]
    for place, suffix in zip(paths, formats, strict=True):
        write_atomically(place, figure_bytes(figure, suffix, title, description))
    return tuple(paths)


def figure_bytes(figure: Figure, suffix: str, title: str, description: str) -> bytes:
    """Return a figure as the content of a file of the format "svg", "png" or "pdf"."""
    if suffix == "svg":
        return svg_text(figure, title, description).encode("utf-8")
    return _rendered(figure, suffix, {**_NO_METADATA[suffix], "Title": clean(title)})


def svg_text(figure: Figure, title: str, description: str) -> str:
    """Return a figure as SVG with a title and a description for screen readers."""
    drawn = _rendered(figure, "svg", _NO_METADATA["svg"]).decode("utf-8")
    return _with_words(_compact(drawn), title, description)


def _rendered(figure: Figure, suffix: str, metadata: dict[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=suffix, dpi=PNG_DPI, metadata=metadata)
    return buffer.getvalue()


def _compact(svg: str) -> str:
    """Leave out what no viewer needs: the document type, indentation, and digits of letter positions."""
    svg = re.sub(r"<!DOCTYPE[^>]*>\s*", "", svg, count=1)
    svg = re.sub(r"^ +", "", svg, flags=re.MULTILINE)
    return _LETTER.sub(lambda found: f'{found[1]} x="{float(found[2]):.2f}"/>', svg)


def _with_words(svg: str, title: str, description: str) -> str:
    title, description = escape(clean(title)), escape(clean(description))
    name = "figure-" + hashlib.sha256(f"{title}\n{description}".encode()).hexdigest()[:8]
    role = f' role="img" aria-labelledby="{name}-title {name}-desc">'
    words = f'\n<title id="{name}-title">{title}</title>\n<desc id="{name}-desc">{description}</desc>'
    head, attributes, rest = re.split(r"(?<=<svg)([^>]*)>", svg, maxsplit=1)
    return f"{head}{attributes}{role}{words}{rest}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it holds either what it held before or the whole content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
