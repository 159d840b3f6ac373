from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.metadata import version

import pytest

from bmac_meta.errors import InputError
from bmac_meta.jobs.inputs import data_digests, library_versions, package_digest
from bmac_meta.paths import data_folder


def test_every_table_of_the_project_is_hashed():
    digests = data_digests(data_folder())
    names = {path.name for path in data_folder().glob("*.csv")} | {"datapackage.json"}
    assert digests.keys() == names
    content = (data_folder() / "arms.csv").read_bytes()
    assert digests["arms.csv"] == hashlib.sha256(content).hexdigest()


def test_a_folder_of_ones_own_depends_on_the_tables_that_the_project_lends_it(tmp_path):
    (tmp_path / "contrasts.csv").write_text("row_id\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    mine, own = data_digests(tmp_path), data_digests(data_folder())
    assert {name for name in own if mine[name] != own[name]} == {"contrasts.csv"}
    assert mine.keys() == own.keys()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere, which is no folder"):
        data_digests(tmp_path / "nowhere")


def test_the_digest_of_the_code_follows_names_and_contents_of_python_files_only(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    (tmp_path / "room" / "b.py").write_text("2", encoding="utf-8")
    digests = [package_digest(tmp_path)]
    (tmp_path / "c.txt").write_text("3", encoding="utf-8")
    digests.append(package_digest(tmp_path))
    (tmp_path / "a.py").write_text("4", encoding="utf-8")
    digests.append(package_digest(tmp_path))
    shutil.move(tmp_path / "a.py", tmp_path / "d.py")
    digests.append(package_digest(tmp_path))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_versions_are_those_of_the_libraries_and_python_by_major_and_minor():
    versions = library_versions()
    assert versions["numpy"] == version("numpy")
    assert versions["python"] == ".".join(map(str, sys.version_info[:2]))
