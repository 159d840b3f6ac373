"""Whatever the files hold, a folder is read or refused with faults: nothing else ever happens."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables import read_tables

ARMS = "study_id,arm_id,intervention,n_randomised\ns,a,BMAC,40\ns,b,HA,42\n"
OUTCOMES = (
    "row_id,study_id,arm_id,outcome,scale_min,scale_max,timepoint_months,value_kind,n,mean,dispersion,"
    "dispersion_kind,ci_low,ci_high,events,total,higher_is_better,duplicate_of,flag,label\n"
    "r1,s,a,vas_pain,0,100,6,final,38,30.5,20,sd,,,,,false,,,\n"
    "r2,s,b,vas_pain,0,100,6,final,39,41,21,sd,35,47,,,false,,,x\n"
    "r3,s,b,adverse_events,,,6,final,,,,,,,3,42,false,,paired_design,\n"
)
CONTRASTS = "study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,ci_low,ci_high\ns,a,b,vas_pain,6,MD,1,0,2\n"
SIGNS = ["", " ", ",", ";", '"', "\n", "\r", "\0", "\ufeff", "é", "\u202e", "x" * 300]
NUMBERS = ["NR", "1e400", "-1", "0", "12,5", "nan", "=cmd()", "−1", "<0.001"]
WORDS = ["a", "b", "s", "r1", "vas_pain", "HA", "final", "sd", "true"]
NASTY = st.sampled_from([*SIGNS, *NUMBERS, *WORDS])


def read_or_refuse(**files: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        for table, content in files.items():
            (Path(name) / f"{table}.csv").write_bytes(content)
        faults, message = faults_and_message(name)
    assert message.encode("utf-8")
    assert all(fault.remedy.endswith((".", "?")) for fault in faults)


def faults_and_message(folder: str) -> tuple[tuple[Fault, ...], str]:
    try:
        tables = read_tables(folder)
    except DataError as error:
        return error.faults, str(error)
    return (), " ".join(tables.notes)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(content):
    read_or_refuse(arms=ARMS.encode(), outcomes=content)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_below_a_header(content):
    read_or_refuse(arms=ARMS.encode(), outcomes=OUTCOMES.splitlines(keepends=True)[0].encode() + content)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=string.printable + ',";\n\0é−', max_size=300))
def test_random_text_as_arms(content):
    read_or_refuse(arms=content.encode("utf-8"), outcomes=OUTCOMES.encode(), contrasts=CONTRASTS.encode())


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["arms", "outcomes", "contrasts"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), NASTY), min_size=1, max_size=4),
)
def test_valid_files_with_pieces_replaced(table, edits):
    files = {"arms": ARMS, "outcomes": OUTCOMES, "contrasts": CONTRASTS}
    for place, length, piece in edits:
        text = files[table]
        start = int(place * len(text))
        files[table] = text[:start] + piece + text[start + length :]
    read_or_refuse(**{name: text.encode("utf-8") for name, text in files.items()})


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(9)), st.integers(1, 9))
def test_contrasts_with_any_of_their_columns_in_any_order(order, kept):
    rows = [line.split(",") for line in CONTRASTS.replace("s,a,b", "s,BMAC,HA").splitlines()]
    text = "\n".join(",".join(row[place] for place in order[:kept]) for row in rows) + "\n"
    read_or_refuse(contrasts=text.encode("utf-8"))
