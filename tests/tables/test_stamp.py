from __future__ import annotations

import hashlib
import shutil

import pytest

from bmac_meta.paths import data_folder
from bmac_meta.tables import changed_files, read_package, stamp_package


@pytest.fixture
def package_folder(tmp_path):
    return shutil.copytree(data_folder(), tmp_path / "data")


def test_an_untouched_package_has_no_changed_file(package_folder):
    assert changed_files(package_folder) == ()


def test_stamping_an_untouched_package_changes_no_byte(package_folder):
    before = (package_folder / "datapackage.json").read_bytes()
    assert stamp_package(package_folder) == ()
    assert (package_folder / "datapackage.json").read_bytes() == before


def test_a_changed_number_is_seen_and_stamped(package_folder):
    table = package_folder / "mcid.csv"
    table.write_bytes(table.read_bytes().replace(b"19.9", b"19.8"))
    assert changed_files(package_folder) == ("mcid.csv",)
    assert stamp_package(package_folder) == ("mcid.csv",)
    assert changed_files(package_folder) == ()
    stamped = read_package(package_folder / "datapackage.json").table("mcid")
    assert stamped.sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    assert read_package().table("mcid").sha256 != stamped.sha256
