from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bmac_meta as bm
from bmac_meta.jobs.inputs import PACKAGES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def bounds(lines: list[str]) -> dict[str, str]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): str(one.specifier) for one in requirements}


DEPENDENCIES = bounds(PROJECT["project"]["dependencies"])
ENVIRONMENT = yaml.safe_load(text_of("environment.yml"))["dependencies"]
LOCK = dict(line.split("==") for line in text_of("requirements.lock").splitlines() if not line.startswith("#"))


def imported(folder: str) -> set[str]:
    """Return the top names of everything that the Python files of a folder import."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.partition(".")[0] for name in plain | named}
    return tops - sys.stdlib_module_names - {"bmac_meta", "tests"}


def test_the_version_is_the_same_everywhere():
    version = PROJECT["project"]["version"]
    assert bm.__version__ == version
    assert yaml.safe_load(text_of("CITATION.cff"))["version"] == version
    assert f"## {version}" in text_of("CHANGELOG.md")


def test_everything_that_the_package_imports_is_a_dependency():
    assert imported("bmac_meta") <= DEPENDENCIES.keys()


def test_everything_that_tests_and_checks_import_is_named_as_well():
    named = DEPENDENCIES | bounds(EXTRAS["test"]) | bounds(EXTRAS["notebooks"])
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    found = (imported("tests") | imported(".ci")) - local
    assert {canonicalize_name({"yaml": "pyyaml"}.get(name, name)) for name in found} <= named.keys()


def test_the_manifest_records_the_version_of_every_dependency_that_makes_numbers_or_pictures():
    assert {canonicalize_name(name) for name in PACKAGES} == DEPENDENCIES.keys() - {"tqdm"}


def test_the_environment_has_the_bounds_of_the_project_and_the_project_itself():
    plain = [line for line in ENVIRONMENT if isinstance(line, str)]
    (with_pip,) = [line["pip"] for line in ENVIRONMENT if isinstance(line, dict)]
    assert "-e ." in with_pip
    found = bounds(plain) | bounds([line for line in with_pip if not line.startswith("-")])
    python = {"python": PROJECT["project"]["requires-python"], "pip": ""}
    assert found == DEPENDENCIES | bounds(EXTRAS["notebooks"]) | python


def test_the_environment_brings_jupyterlab_from_conda_forge():
    assert yaml.safe_load(text_of("environment.yml"))["channels"] == ["conda-forge"]
    assert any(str(line).startswith("jupyterlab") for line in ENVIRONMENT)


def test_the_lock_satisfies_every_bound_of_the_project():
    needed = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    locked = {canonicalize_name(name): version for name, version in LOCK.items()}
    for requirement in map(Requirement, [*needed, *EXTRAS["notebooks"], *EXTRAS["test"], "editables"]):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_lock_holds_sorted_names_with_versions_and_nothing_else():
    lines = [line for line in text_of("requirements.lock").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert lines == sorted(lines, key=lambda line: line.split("==")[0].casefold())


@pytest.mark.parametrize("name", ["requirements.lock", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"])
def test_no_package_index_is_named(name):
    assert re.search(r"index.url|find.links|https?://", text_of(name)) is None


def test_the_two_commands_of_the_readme_are_targets_and_the_second_is_what_ci_runs_first():
    commands = re.findall(r"^(make \w+) ", text_of("README.md"), flags=re.MULTILINE)
    assert commands == ["make figures", "make test"]
    targets = re.findall(r"^(\w+): \$\(READY\)$", text_of("Makefile"), flags=re.MULTILINE)
    assert {"figures", "test"} <= set(targets)
    lines = [line for line in text_of(".ci/run").splitlines() if not line.startswith(("#", "set", "cd"))]
    assert lines[0] == "make test"


def test_the_readme_shows_the_card_that_its_cell_gives():
    cell, card = re.search(r"```python\n(import.*?)```\n\n```\n(.*?)```", text_of("README.md"), re.DOTALL).groups()
    *lines, question = cell.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    assert repr(eval(question, names)) == card.rstrip("\n")


def test_what_the_readme_names_is_there():
    text = text_of("README.md")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert int(re.search(r"what (\d+) studies print", text)[1]) == len(bm.load().studies)


def test_licences_are_there_for_code_and_for_data():
    assert "BSD 3-Clause" in text_of("LICENSE")
    assert "Attribution 4.0 International" in text_of("data/LICENSE")
    assert all((ROOT / name).is_file() for name in PROJECT["project"]["license-files"])
