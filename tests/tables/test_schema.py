from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from bmac_meta.paths import data_folder
from bmac_meta.tables import read_package
from bmac_meta.tables.schema import Fallback, ForeignKey


@pytest.fixture
def descriptor(tmp_path) -> Path:
    content = {
        "title": "Two tables",
        "version": "1",
        "flags": {"odd": "it is odd"},
        "resources": [
            {
                "name": "parents",
                "path": "parents.csv",
                "title": "Parents",
                "description": "One row each.",
                "bytes": 3,
                "hash": "sha256:00ff",
                "requiredColumns": ["id"],
                "anyOfColumns": [["size", "kind"]],
                "additionalFields": [{"name": "own", "type": "boolean", "description": "Own."}],
                "schema": {
                    "primaryKey": ["id"],
                    "fields": [
                        {
                            "name": "id",
                            "type": "string",
                            "description": "Key.",
                            "constraints": {"required": True},
                        },
                        {
                            "name": "size",
                            "type": "number",
                            "unit": "mm",
                            "description": "Size.",
                            "constraints": {"minimum": 0, "exclusiveMaximum": 9},
                        },
                        {
                            "name": "kind",
                            "type": "string",
                            "description": "Kind.",
                            "constraints": {"enum": ["a", "b"], "unique": True},
                            "categories": [{"value": "a", "label": "the first"}],
                            "fallback": {"value": "a", "whereGiven": "size"},
                        },
                    ],
                },
            },
            {
                "name": "children",
                "path": "children.csv",
                "title": "Children",
                "description": "One row each.",
                "bytes": 3,
                "hash": "sha256:00ff",
                "requiredColumns": [],
                "schema": {
                    "fields": [{"name": "parent", "type": "string", "description": "Parent."}],
                    "foreignKeys": [
                        {"fields": ["parent"], "reference": {"resource": "parents", "fields": ["id"]}},
                        {"fields": ["parent"], "reference": {"fields": ["parent"]}},
                    ],
                    "conditionalKeys": [
                        {
                            "fields": ["parent"],
                            "separator": ";",
                            "except": {"parent": ["none"]},
                            "reference": {"resource": "parents", "fields": ["id"]},
                        }
                    ],
                },
            },
        ],
    }
    path = tmp_path / "datapackage.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_descriptor_is_read_into_records(descriptor):
    package = read_package(descriptor)
    parents, children = package.tables
    assert (package.title, package.version, dict(package.flags)) == ("Two tables", "1", {"odd": "it is odd"})
    assert (parents.file, parents.bytes, parents.sha256) == ("parents.csv", 3, "00ff")
    assert (parents.primary_key, children.primary_key) == (("id",), ())
    assert (parents.required_columns, parents.any_of_columns) == (("id",), (("size", "kind"),))


def test_constraints_words_units_and_fallbacks_are_read(descriptor):
    key, size, kind = read_package(descriptor).table("parents").fields
    assert key.required
    assert (size.unit, size.minimum, size.maximum, size.above, size.below) == ("mm", 0, None, None, 9)
    assert dict(kind.words) == {"a": "the first", "b": "b"}
    assert kind.unique
    assert kind.fallback == Fallback(value="a", where_given="size")
    assert size.fallback is None


def test_foreign_keys_of_all_sorts_are_read(descriptor):
    assert read_package(descriptor).table("children").foreign_keys == (
        ForeignKey(("parent",), "parents", ("id",)),
        ForeignKey(("parent",), "children", ("parent",)),
        ForeignKey(("parent",), "parents", ("id",), separator=";", exempt=frozenset({"none"})),
    )


def test_a_column_that_only_a_persons_own_folder_has_is_found(descriptor):
    parents = read_package(descriptor).table("parents")
    assert parents.field("own").type == "boolean"
    assert parents.field("nothing") is None
    assert [field.name for field in parents.fields] == ["id", "size", "kind"]


def test_records_cannot_be_changed(descriptor):
    package = read_package(descriptor)
    with pytest.raises(FrozenInstanceError):
        package.title = "x"
    with pytest.raises(TypeError):
        package.flags["new"] = "x"


def test_the_projects_own_descriptor_is_read_once():
    assert read_package() is read_package()
    assert len(read_package().tables) == 16
    assert (data_folder() / "datapackage.json").is_file()
