"""A minimal valid folder, and ways to break one thing of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from bmac_meta.errors import DataError, Fault
from bmac_meta.paths import DATA_VARIABLE
from bmac_meta.tables import read_tables

STUDIES = """\
study_id,label,year,doi,design,n_randomised
smith2019,Smith 2019,2019,10.1000/abc,rct,82
jones2021,Jones 2021,2021,,rct,60
"""
ARMS = """\
study_id,arm_id,intervention,n_randomised,female_n,kl3_n
smith2019,bmac,BMAC,40,20,9
smith2019,ha,HA,42,21,
jones2021,prp,PRP,30,,
jones2021,ha,HA,30,,
"""
OUTCOMES = """\
row_id,study_id,arm_id,outcome,scale_min,scale_max,timepoint_months,value_kind,n,mean,dispersion,\
dispersion_kind,ci_low,ci_high,median,q1,q3,min,max,events,total,subgroup_variable,subgroup_level,\
duplicate_of,flag
a,smith2019,bmac,vas_pain,0,100,12,final,38,30.5,20,sd,,,,,,,,,,,,,
b,smith2019,ha,vas_pain,0,100,12,final,39,40,21,sd,34,46,38,25,55,5,95,,,,,,
c,smith2019,bmac,adverse_events,,,12,final,,,,,,,,,,,,3,40,,,,
d,smith2019,bmac,vas_pain,0,100,12,change,38,-35,18,sd,,,,,,,,,,,,,
e,smith2019,ha,vas_pain,0,100,12,final,40,41,22,sd,,,,,,,,,,,,b,conflict_sources
"""
CONTRASTS = """\
row_id,study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,ci_low,ci_high,ci_level,se,p_value,\
paired,subgroup_variable,subgroup_level,flag
x,smith2019,bmac,ha,vas_pain,12,MD,-9.5,-19,0,95,,0.049,false,,,
y,jones2021,prp,ha,adverse_events,6,RR,0.8,0.3,2.1,95,,,false,,,
z,jones2021,prp,baseline,vas_pain,6,MD,-20,-26,-14,95,,,true,,,
"""
FILES = {"studies": STUDIES, "arms": ARMS, "outcomes": OUTCOMES, "contrasts": CONTRASTS}


def _with_cell(text: str, row: int, column: str, cell: str) -> str:
    records = list(csv.reader(io.StringIO(text)))
    records[row - 1][records[0].index(column)] = cell
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(records)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _no_other_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's own data be what is read without a folder."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the minimal folder with some files replaced, added or (None) left out."""

    def write(**tables: str | bytes | None) -> Path:
        for name, content in {**FILES, **tables}.items():
            if content is not None:
                data = content if isinstance(content, bytes) else content.encode("utf-8")
                (tmp_path / f"{name}.csv").write_bytes(data)
        return tmp_path

    return write


@pytest.fixture
def faults_of(folder: Callable[..., Path]) -> Callable[..., list[Fault]]:
    """Return a function that gives the faults of the minimal folder with some files replaced."""

    def read(**tables: str | bytes | None) -> list[Fault]:
        with pytest.raises(DataError) as caught:
            read_tables(folder(**tables))
        return list(caught.value.faults)

    return read


@pytest.fixture
def faults_with(faults_of: Callable[..., list[Fault]]) -> Callable[..., list[Fault]]:
    """Return a function that gives the faults of the minimal folder with single cells replaced."""

    def read(table: str, *cells: tuple[int, str, str]) -> list[Fault]:
        text = FILES[table]
        for row, column, cell in cells:
            text = _with_cell(text, row, column, cell)
        return faults_of(**{table: text})

    return read


@pytest.fixture
def files() -> dict[str, str]:
    """Return the texts of the minimal folder."""
    return dict(FILES)
