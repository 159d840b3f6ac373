"""The data that the project ships: their schema, their completeness, and that they are what they were."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from bmac_meta.paths import data_folder
from bmac_meta.tables import changed_files, read_package, read_tables

FOLDER = data_folder()
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DESCRIPTOR = json.loads((FOLDER / "datapackage.json").read_text(encoding="utf-8"))
TABLES = read_tables(FOLDER)
PACKAGE = read_package()
SCHEMAS = pytest.mark.parametrize("schema", PACKAGE.tables, ids=lambda schema: schema.name)
RESOURCES = pytest.mark.parametrize("resource", DESCRIPTOR["resources"], ids=lambda item: item["name"])

# The counts of the extraction that these tables were taken from, as its own README states them.
ROWS = {
    "studies": 375,
    "arms": 664,
    "outcomes": 2934,
    "contrasts": 298,
    "associations": 7,
    "risk_of_bias": 182,
    "reviews": 100,
    "published_pools": 487,
    "published_inputs": 520,
    "instruments": 282,
    "mcid": 34,
    "interventions": 65,
    "claims": 132,
    "cited_sources": 25,
    "pages": 5,
    "missing": 246,
}


def test_the_data_pass_every_check_and_nothing_was_assumed():
    assert TABLES.notes == ()
    assert len(TABLES.hashes) == 16


def test_no_file_differs_from_its_stamp():
    assert changed_files(FOLDER) == ()


def test_each_table_has_the_rows_of_the_extraction():
    assert {name: len(getattr(TABLES, name)) for name in ROWS} == ROWS


def test_the_readme_states_the_rows_and_keys_of_each_table():
    stated = dict(re.findall(r"^\| `(\w+)\.csv` \| (\d+) \|", README, re.MULTILINE))
    assert {name: int(rows) for name, rows in stated.items()} == ROWS
    for schema in PACKAGE.tables:
        key = ", ".join(schema.primary_key) or "–"
        assert f"| `{schema.file}` | {ROWS[schema.name]} | {key} |" in README


def test_cohorts_and_states_of_studies_are_those_of_the_extraction():
    assert TABLES.studies["cohort_id"].nunique() == 359
    states = TABLES.studies["data_status"].value_counts().to_dict()
    assert states == {"numbers": 176, "characteristics_only": 109, "none": 49, "events_only": 41}


def test_preferred_and_usable_rows_are_those_of_the_extraction():
    preferred = TABLES.outcomes[TABLES.outcomes["duplicate_of"].isna()]
    given = preferred.notna()
    spread = given["n"] & (given["dispersion"] | given["ci_low"])
    complete = (given["mean"] & spread) | (given["median"] & given["q1"]) | (given["events"] & given["total"])
    placed = given["timepoint_months"] & given["higher_is_better"] & ~given["subgroup_variable"]
    assert len(preferred) == 2896
    assert (complete & placed).sum() == 2166


def test_kinds_of_pools_are_those_of_the_extraction():
    assert set(TABLES.published_pools["kind"]) == {"effect", "sucra", "p_only", "proportion", "other"}


@pytest.mark.parametrize(
    "table",
    ["outcomes", "contrasts", "associations", "published_pools", "published_inputs", "risk_of_bias"],
)
def test_every_row_of_numbers_has_its_address(table):
    frame = getattr(TABLES, table)
    assert frame["source_url"].notna().all()
    if table != "risk_of_bias":
        assert frame["source_locator"].notna().all()


def test_only_what_is_known_from_a_title_has_no_address():
    arms = TABLES.arms[TABLES.arms["source_url"].isna()]
    assert set(arms["study_id"]) == {"estrada2020", "pabinger2024", "pintore2023"}
    assert len(arms) == 6
    assert TABLES.studies["source_urls"].isna().sum() == 18


def test_three_contrasts_are_derived_and_nothing_else_is():
    derived = TABLES.contrasts["flag"].fillna("").str.contains("derived_from_p")
    assert sorted(TABLES.contrasts.loc[derived, "study_id"]) == ["boffa2022", "boffa2022", "park2021"]


def test_eight_rows_go_against_the_direction_of_their_instrument():
    known = TABLES.instruments.set_index("outcome")["higher_is_better"]
    rows = TABLES.outcomes
    against = rows["higher_is_better"] != rows["outcome"].map(known)
    assert sorted(set(rows.loc[against.fillna(False), "study_id"])) == ["dallari2016", "kuebler2022"]
    assert against.fillna(False).sum() == 8


def test_files_are_utf8_with_line_feeds_and_no_mark():
    for schema in PACKAGE.tables:
        data = (FOLDER / schema.file).read_bytes()
        assert data.decode("utf-8").endswith("\n")
        assert b"\r" not in data
        assert not data.startswith(b"\xef\xbb\xbf")


@SCHEMAS
def test_every_column_has_a_field_in_its_order(schema):
    with (FOLDER / schema.file).open(encoding="utf-8", newline="") as stream:
        header = next(csv.reader(stream))
    assert header == [field.name for field in schema.fields]


@SCHEMAS
def test_every_field_is_described_and_every_word_explained(schema):
    for field in schema.fields:
        assert field.description.endswith(".")
        assert field.type in {"string", "number", "integer", "boolean"}
        assert all(field.words.values())
    assert schema.title
    assert schema.description.endswith(".")


@SCHEMAS
def test_keys_name_columns_that_exist(schema):
    names = {field.name for field in schema.fields}
    assert names.issuperset(schema.primary_key)
    assert names.issuperset(schema.required_columns)
    assert all(names.issuperset(group) for group in schema.any_of_columns)
    for key in schema.foreign_keys:
        assert names.issuperset(key.fields)
        assert {field.name for field in PACKAGE.table(key.table).fields}.issuperset(key.target)
    for field in schema.fields:
        if field.fallback:
            assert names.issuperset({field.fallback.copy_of, field.fallback.where_given} - {None})


@RESOURCES
def test_resources_follow_the_standard(resource):
    assert resource["path"] == f"{resource['name']}.csv"
    assert (resource["type"], resource["format"], resource["encoding"]) == ("table", "csv", "utf-8")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", resource["hash"])
    assert resource["schema"]["missingValues"] == [""]
    assert [item["name"] for item in resource["licenses"]] == ["CC-BY-4.0"]
    for field in resource["schema"]["fields"]:
        assert set(field.get("constraints", {})) <= {
            *("required", "unique", "enum", "pattern"),
            *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        }
        labels = [category["value"] for category in field.get("categories", ())]
        assert labels == field.get("constraints", {}).get("enum", [])


def test_the_package_states_its_licence_and_sources():
    assert DESCRIPTOR["licenses"][0]["name"] == "CC-BY-4.0"
    titles = " ".join(source["title"] for source in DESCRIPTOR["sources"])
    for name in ("ClinicalTrials.gov", "hyalarthritis", "CD013342", "CD005328", "Palombella"):
        assert name in titles
        assert name in README
    assert "Creative Commons Attribution 4.0 International Public License" in (FOLDER / "LICENSE").read_text(
        encoding="utf-8"
    )


def test_every_flag_in_use_is_explained_and_the_readme_counts_them():
    used = set()
    for table in ("outcomes", "contrasts", "published_pools"):
        for cell in getattr(TABLES, table)["flag"].dropna():
            used.update(cell.split(";"))
    assert used <= PACKAGE.flags.keys()
    assert f"All {len(PACKAGE.flags)} codes" in README


def example(name: str) -> list[str]:
    """Return the example files of that name in the README."""
    return re.findall(rf"`{name}\.csv`\n\n```csv\n(.*?)```", README, re.DOTALL)


def test_the_examples_of_the_readme_can_be_read(tmp_path):
    for files in (("arms", "outcomes"), ("contrasts",)):
        folder = tmp_path / files[0]
        folder.mkdir()
        for name in files:
            (text,) = example(name)
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        tables = read_tables(folder)
        (last,) = example(files[-1])
        assert len(getattr(tables, files[-1])) == len(list(csv.reader(io.StringIO(last)))) - 1


def test_the_readme_names_every_fallback():
    for schema in PACKAGE.tables:
        for field in schema.fields:
            if field.fallback:
                assert f"`{field.name}`" in README
