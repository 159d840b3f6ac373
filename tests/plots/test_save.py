"""Files of figures: the same bytes, whole or not at all, harmless whatever a label says, read aloud."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from bmac_meta.errors import UnknownWordError
from bmac_meta.plots import ink, save
from bmac_meta.plots.forest import Forest, ForestGroup, ForestStudy, forest
from bmac_meta.plots.save import figure_bytes, save_figure

SVG = "{http://www.w3.org/2000/svg}"
EVIL = (
    "<script>alert(1)</script>",
    "]]><x a='\"'>&amp; -->",
    "$x^2$ \\frac{1}{0} $unclosed",
    "two\nlines\tand a tab",
    "null \x00, bell \x07, escape \x1b[31m, \ud800 and \ufffe",
    "=cmd()|' /C calc'!A0",
    "../../etc/passwd",
    "نص عربي and עברית \u202e reversed",
    "中村 2018 (東京)",
    "🦴 bone 👩🏽‍⚕️",
    "{0} %s {title}",
)


def titled(*labels: str, title: str = "Title") -> Forest:
    """Return a forest plot with a row for each label, and the labels everywhere else as well."""
    rows = tuple(ForestStudy(label, 0.1, -0.2, 0.4, 10.0, left=(label,), note=label) for label in labels)
    group = ForestGroup(labels[0], rows, None, labels[-1])
    return Forest(
        title,
        (group,),
        null=0.0,
        left_headings=((labels[0], labels[-1]),),
        axis_label=labels[0],
        favours_low=labels[0],
        favours_high=labels[-1],
        footnotes=labels,
        references=((0.2, labels[0]),),
    )


@pytest.fixture
def small() -> Figure:
    """Return a small figure."""
    return forest(titled("Shapiro 2017"))


class TestBytes:
    @pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
    def test_two_figures_of_one_record_give_the_same_bytes(self, suffix):
        first, second = (figure_bytes(forest(titled("A", "B")), suffix, "T", "D") for _ in range(2))
        assert first == second

    def test_one_figure_written_twice_gives_the_same_bytes(self, small):
        assert figure_bytes(small, "svg", "T", "D") == figure_bytes(small, "svg", "T", "D")

    def test_neither_the_users_settings_nor_the_hash_seed_change_a_byte(self, tmp_path):
        settings = tmp_path / "matplotlibrc"
        settings.write_text(
            "savefig.bbox: tight\nfont.family: serif\nsvg.fonttype: none\nlines.linewidth: 9\n"
            "text.color: red\nfigure.facecolor: green\nsavefig.transparent: True\npath.simplify: False\n"
        )
        digests = {
            run_digest({"PYTHONHASHSEED": "1"}),
            run_digest({"PYTHONHASHSEED": "2", "MATPLOTLIBRC": str(settings), "SOURCE_DATE_EPOCH": "1"}),
        }
        assert len(digests) == 1

    def test_an_svg_carries_no_date_and_no_version(self, small):
        text = figure_bytes(small, "svg", "T", "D").decode()
        assert "<dc:date>" not in text
        assert matplotlib.__version__ not in text

    def test_letters_are_outlines_so_that_no_viewer_needs_the_font(self, small):
        text = figure_bytes(small, "svg", "T", "D").decode()
        assert "<text" not in text
        assert 'id="DejaVuSans-' in text


def run_digest(environment: dict[str, str]) -> str:
    """Write a figure in a new interpreter without pyplot and return the digest of its bytes."""
    program = (
        "import hashlib, sys\n"
        "from bmac_meta.plots.forest import Forest, ForestGroup, ForestStudy, forest\n"
        "from bmac_meta.plots.save import figure_bytes\n"
        "rows = tuple(ForestStudy(f'Study {i}', i / 9, i / 9 - 1, i / 9 + 1, 1.0 + i) for i in range(5))\n"
        "picture = forest(Forest('T', (ForestGroup(studies=rows),), null=0.0))\n"
        "content = figure_bytes(picture, 'svg', 'T', 'D')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "print(hashlib.sha256(content).hexdigest())\n"
    )
    whole = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    done = subprocess.run([sys.executable, "-c", program], env=whole, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestWholeOrNotAtAll:
    def test_every_suffix_gives_its_format(self, small, tmp_path):
        paths = save_figure(small, [tmp_path / "new" / f"a.{suffix}" for suffix in ("svg", "png", "pdf")], "T", "D")
        starts = [path.read_bytes()[:5] for path in paths]
        assert starts == [b"<?xml", b"\x89PNG\r", b"%PDF-"]

    def test_an_unknown_suffix_is_refused_before_anything_is_written(self, small, tmp_path):
        with pytest.raises(UnknownWordError, match="Known: svg, png, pdf"):
            save_figure(small, [tmp_path / "a.svg", tmp_path / "a.sgv"], "T", "D")
        assert list(tmp_path.iterdir()) == []

    def test_a_write_that_fails_leaves_the_old_file_and_no_draft(self, small, tmp_path, monkeypatch):
        path = tmp_path / "a.svg"
        path.write_text("old")

        def fail(*_: object) -> None:
            raise OSError("disk full")

        monkeypatch.setattr(save.os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            save_figure(small, path, "T", "D")
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.svg", "old")]


class TestUntrustedLabels:
    @pytest.mark.parametrize("label", EVIL)
    def test_a_label_never_becomes_markup(self, label):
        root = ElementTree.fromstring(figure_bytes(forest(titled(label, title=label)), "svg", label, label))
        kinds = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert kinds <= {"svg", "title", "desc", "defs", "style", "g", "path", "use", "text"}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert not any(name.startswith("on") for name in attributes)
        links = [value for element in root.iter() for name, value in element.attrib.items() if name.endswith("href")]
        assert all(link.startswith("#") for link in links)

    def test_dollar_signs_are_drawn_as_dollar_signs(self):
        dollar = ink.get_font(ink.font_file()).get_char_index(ord("$"))
        plain, money = (figure_bytes(forest(titled(text)), "svg", "T", "D").decode() for text in ("x2", "$x^2$"))
        assert f'id="DejaVuSans-{dollar:x}"' in money
        assert f'id="DejaVuSans-{dollar:x}"' not in plain

    def test_no_text_is_parsed_as_mathematics(self):
        figure = forest(titled(*EVIL[:3]))
        assert not any(text.get_parse_math() for text in figure.axes[0].texts)

    def test_letters_that_the_font_lacks_stay_text_for_the_viewer(self):
        root = ElementTree.fromstring(figure_bytes(forest(titled("中村 2018")), "svg", "T", "D"))
        assert "中村 2018" in [element.text for element in root.iter(f"{SVG}text")]

    def test_png_says_when_no_font_has_a_letter(self, monkeypatch):
        monkeypatch.setattr(ink, "substitutes", lambda text: ((), "中"))
        figure = forest(Forest("T", (ForestGroup(studies=(ForestStudy("中", 0.1, 0.0, 0.2),)),)))
        with pytest.warns(UserWarning, match="No font on this machine has the letters 中"):
            figure_bytes(figure, "png", "T", "D")


class TestWordsForReaders:
    def test_an_svg_is_an_image_with_a_title_and_a_description(self, small):
        root = ElementTree.fromstring(figure_bytes(small, "svg", "Pain & <function>", "Six trials\nof knees"))
        names = root.attrib["aria-labelledby"].split()
        said = [next(element.text for element in root if element.attrib.get("id") == name) for name in names]
        assert root.attrib["role"] == "img"
        assert said == ["Pain & <function>", "Six trials of knees"]

    def test_two_figures_on_one_page_do_not_share_the_names_of_their_titles(self, small):
        roots = [ElementTree.fromstring(figure_bytes(small, "svg", title, "D")) for title in ("A", "B")]
        assert roots[0].attrib["aria-labelledby"] != roots[1].attrib["aria-labelledby"]

    def test_a_picture_shows_itself_in_a_notebook_with_its_title(self, small):
        assert "<title" in small._repr_svg_()
        assert (
            hashlib.sha256(small._repr_svg_().encode()).digest() == hashlib.sha256(small._repr_svg_().encode()).digest()
        )


class TestGlobalState:
    def test_drawing_and_writing_leave_the_users_settings_alone(self, small):
        before = dict(matplotlib.rcParams)
        figure_bytes(forest(titled("A", "中")), "svg", "T", "D")
        assert dict(matplotlib.rcParams) == before

    def test_a_figure_can_be_drawn_on_one_that_exists(self, small):
        figure = Figure()
        assert ink.draw(small.layout, figure) is figure
        assert tuple(figure.get_size_inches()) == tuple(small.get_size_inches())
