from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bmac_meta.card import WIDTH, Card, Grid, Line, Shown, as_html, as_text, pad, text_width

HOSTILE = '<script>alert("x")</script>'


class Tags(HTMLParser):
    """Collects the tags of a page and whether they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags_of(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.fixture
def card() -> Card:
    return Card(
        "BMAC vs HA · pain · 12 months",
        "random effects · 6 trials · 512 patients",
        (
            Line("SMD", "−0.41", "95% CI −0.78 to −0.04", "favours BMAC"),
            Line("a new trial", "", "95% PI −1.22 to 0.40", "includes no effect"),
            Line("method", aside="REML · floored Knapp–Hartung, t(5)"),
        ),
        (Grid(("study", "SMD"), (("A", "−0.50"), ("Long name", "1.00")), "two trials"),),
        ("two trials share one control arm: its covariance is kept",),
    )


def test_the_card_of_the_house_is_written_as_it_is_drawn_there(card):
    assert as_text(card).splitlines() == [
        "BMAC vs HA · pain · 12 months                       random effects · 6 trials · 512 patients",
        "─" * 92,
        "SMD             −0.41     95% CI −0.78 to −0.04        favours BMAC",
        "a new trial               95% PI −1.22 to 0.40         includes no effect",
        "method          REML · floored Knapp–Hartung, t(5)",
        "",
        "two trials",
        "study        SMD",
        "────────────────",
        "A          −0.50",
        "Long name   1.00",
        "note            two trials share one control arm: its covariance is kept",
    ]


def test_a_heading_that_is_too_long_takes_two_lines():
    first, second, rule = as_text(Card("t" * 60, "a" * 40)).splitlines()
    assert (first, second, rule) == ("t" * 60, "a" * 40, "─" * WIDTH)


def test_long_words_are_wrapped_behind_their_label():
    lines = as_text(Card("x", notes=("word " * 40,))).splitlines()[2:]
    assert lines[0].startswith("note            word")
    assert all(line.startswith(" " * 16 + "word") for line in lines[1:])
    assert max(map(len, lines)) <= WIDTH


def test_a_long_remark_is_wrapped_behind_its_interval():
    text = as_text(Card("x", lines=(Line("SMCR", "−1.79", "95% CI −2.37 to −1.20", "standardized mean change, " * 3),)))
    lines = text.splitlines()[2:]
    assert len(lines) == 3
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith(" " * 55 + "standardized") for line in lines[1:])


def test_columns_stay_straight_with_letters_of_two_widths():
    text = as_text(Card("x", grids=(Grid(("study", "n"), (("膝关节", "12"), ("abc", "3"))),)))
    assert {text_width(line) for line in text.splitlines()[-2:]} == {10}


def test_what_steers_a_terminal_or_breaks_a_line_is_taken_out():
    text = as_text(Card("a\nb\x1b[31m", "c\td", (Line("l", aside="x\r\ny"),)))
    assert "\x1b" not in text
    assert text.splitlines()[0].startswith("a b�[31m")
    assert "x y" in text


def test_nothing_in_html_is_obeyed_whatever_the_part():
    card = Card(
        HOSTILE,
        HOSTILE,
        (Line(HOSTILE, HOSTILE, HOSTILE, HOSTILE), Line(HOSTILE, aside=HOSTILE)),
        (Grid((HOSTILE, HOSTILE), ((HOSTILE, HOSTILE),), HOSTILE),),
        (HOSTILE,),
    )
    page = as_html(card)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 14
    assert tags_of(page).seen == {"div", "span", "b", "table", "tr", "td", "th"}


def test_html_has_no_ids_no_scripts_and_the_colours_of_the_notebook(card):
    page = as_html(card)
    found = tags_of(page)
    assert found.attributes == {"class", "style", "colspan"}
    assert "var(--jp-content-font-color1" in page
    assert "http" not in page


def test_html_holds_every_part_of_the_text(card):
    page = as_html(card)
    for part in (
        "BMAC vs HA",
        "512 patients",
        "−0.41",
        "favours BMAC",
        "two trials",
        "Long name",
        "covariance is kept",
    ):
        assert part in page


def test_a_grid_of_many_columns_keeps_them_all():
    headings = tuple(f"c{i}" for i in range(150))
    assert as_html(Card("x", grids=(Grid(headings, (headings,)),))).count("c149") == 2


def test_what_has_no_card_says_so():
    with pytest.raises(TypeError, match="Shown has no card of its own"):
        Shown().card()


def test_padding_leaves_a_space_at_least():
    assert pad("long", 3) == "long "
    assert pad("膝", 4) == "膝  "
    assert pad("x", 0) == "x"
