from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bmac_meta import paths
from bmac_meta.errors import BmacMetaError


def paths_copied_to(package: Path) -> ModuleType:
    """Return the module as it would be in another place."""
    package.mkdir(parents=True, exist_ok=True)
    file = package / "paths.py"
    file.write_text(Path(paths.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("paths_elsewhere", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package_at(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "datapackage.json").write_text("{}", encoding="utf-8")
    return folder


def test_in_a_clone_the_data_stand_beside_the_package():
    root = Path(paths.__file__).resolve().parents[1]
    assert paths.data_folder() == root / "data"


def test_in_an_installed_package_the_data_stand_inside(tmp_path):
    inside = package_at(tmp_path / "site-packages" / "bmac_meta" / "data")
    package_at(tmp_path / "site-packages" / "data")
    assert paths_copied_to(tmp_path / "site-packages" / "bmac_meta").data_folder() == inside


def test_evidence_is_the_projects_own_unless_the_environment_names_a_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(paths.DATA_VARIABLE, raising=False)
    assert paths.evidence_folder() == paths.data_folder()
    monkeypatch.setenv(paths.DATA_VARIABLE, "")
    assert paths.evidence_folder() == paths.data_folder()
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path))
    assert paths.evidence_folder() == tmp_path


def test_a_home_folder_in_the_environment_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(paths.DATA_VARIABLE, "~/review")
    assert paths.evidence_folder() == tmp_path / "review"


def test_a_folder_of_that_name_without_a_descriptor_is_not_it(tmp_path):
    (tmp_path / "bmac_meta" / "data").mkdir(parents=True)
    beside = package_at(tmp_path / "data")
    assert paths_copied_to(tmp_path / "bmac_meta").data_folder() == beside


def test_without_data_the_error_says_where_was_looked_and_what_to_do(tmp_path):
    module = paths_copied_to(tmp_path / "bmac_meta")
    with pytest.raises(BmacMetaError) as caught:
        module.data_folder()
    assert str(tmp_path / "bmac_meta" / "data") in str(caught.value)
    assert str(tmp_path / "data") in str(caught.value)
    assert "Install the package again" in str(caught.value)
