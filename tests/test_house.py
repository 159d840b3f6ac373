"""The house as it was drawn: rooms on floors, imports pointing down, one door for each dependency."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bmac_meta as bm

ROOT = Path(bm.__file__).resolve().parent

# From the ground up. A room imports from floors below it, and knows nothing of its neighbors on the same floor.
FLOORS = (
    {"errors"},
    {"arguments", "copies"},
    {"card", "formula", "narrowing", "numbers", "paths", "question", "vocabulary"},
    {"cautions", "design", "plausibility", "stats", "tables"},
    {"plots"},
    {"report", "results"},
    {"entry", "synthesis"},
    {"effects", "network"},
    {"evidence"},
    {"__init__", "jobs"},
    {"cli"},
)

# Where a dependency comes in: files or folders of the package.
DOORS = {
    "csv": {"tables/read.py", "tables/write.py"},
    "formulaic": {"design.py"},
    "matplotlib": {"plots/", "results/", "network/picture.py"},
    "multiprocessing": {"jobs/processes.py"},
    "pymare": {"stats/pymare_engine.py"},
    "seaborn": {"plots/"},
    "statsmodels": {"stats/wilson.py"},
    "tqdm": {"jobs/figures.py"},
}

FRONT_DOOR = ["Effects", "Evidence", "Network", "Question", "Rules", "errors", "load", "stats", "tabulate"]


@dataclass(frozen=True)
class Module:
    """Is one module: its path in the package, its tree, and the names of the modules that it imports when it runs."""

    path: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def room(self) -> str:
        return Path(self.path).parts[0].removesuffix(".py")


@cache
def modules() -> tuple[Module, ...]:
    return tuple(module_at(path) for path in sorted(ROOT.rglob("*.py")))


def module_at(path: Path) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen = {node for block in ast.walk(tree) if is_for_types(block) for one in block.body for node in ast.walk(one)}
    nodes = [node for node in ast.walk(tree) if node not in seen]
    names = frozenset(name for node in nodes for name in imported_by(node))
    return Module(path.relative_to(ROOT).as_posix(), tree, names)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported_by(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a statement imports; what is taken from a package may be a module of its own."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        parts = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (part if part in known() else str(node.module) for part in parts)


@cache
def known() -> frozenset[str]:
    return frozenset(dotted(path.relative_to(ROOT).as_posix()) for path in ROOT.rglob("*.py"))


def dotted(path: str) -> str:
    words = path.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")
    return f"bmac_meta.{words}".rstrip(".")


def own_imports(module: Module) -> set[str]:
    return {name for name in module.imports & known() if name != dotted(module.path)}


def floor_of(room: str) -> int:
    floors = [floor for floor, rooms in enumerate(FLOORS) if room in rooms]
    assert floors, f"{room} has no floor in FLOORS"
    return floors[0]


def room_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_no_room_imports_from_its_own_floor_or_from_one_above():
    wrong = {
        f"{module.path} imports {name}"
        for module in modules()
        for name in own_imports(module)
        if room_of(name) != module.room and floor_of(room_of(name)) >= floor_of(module.room)
    }
    assert wrong == set()


def test_no_module_imports_itself_in_a_circle():
    left = {dotted(module.path): own_imports(module) for module in modules()}
    while apart := {
        name for name in left if not left[name] & left.keys() or not any(name in left[one] for one in left)
    }:
        left = {name: targets for name, targets in left.items() if name not in apart}
    assert {name: sorted(targets & left.keys()) for name, targets in left.items()} == {}


def test_every_dependency_comes_in_by_its_own_door():
    wrong = {
        f"{module.path} imports {name}"
        for module in modules()
        for name in {full.partition(".")[0] for full in module.imports}
        if name in DOORS and not module.path.startswith(tuple(DOORS[name]))
    }
    assert wrong == set()


def test_the_statistics_know_no_study_no_table_and_no_picture():
    wrong = {"pandas", "matplotlib", "seaborn"}
    tops = {name.partition(".")[0] for module in modules() if module.room == "stats" for name in module.imports}
    assert tops & wrong == set()


def test_the_front_door_is_this_list():
    assert bm.__all__ == FRONT_DOOR
    assert bm.__dir__() == [*FRONT_DOOR, "__version__"]
    assert all(getattr(bm, name) is not None for name in FRONT_DOOR)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'numpy', 'pandas', 'scipy', 'matplotlib', 'statsmodels', 'pymare', 'formulaic'}"
    code = f"import sys, bmac_meta; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    assert done.stdout.strip() == "[]"


def functions() -> list[tuple[str, ast.FunctionDef]]:
    """Return every function with its module and its name."""
    return [
        (f"{module.path}: {node.name}", node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef)
    ]


def public_functions() -> list[tuple[str, ast.FunctionDef]]:
    """Return the functions of modules and of public classes that a user may call."""
    owners = [(module.path, module.tree) for module in modules()]
    owners += [(path, node) for path, tree in owners for node in tree.body if is_public(node, ast.ClassDef)]
    return [
        (f"{path}: {node.name}", node)
        for path, owner in owners
        for node in owner.body
        if is_public(node, ast.FunctionDef)
    ]


def is_public(node: ast.AST, kind: type) -> bool:
    return isinstance(node, kind) and not node.name.startswith("_")


def body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_functions_and_modules_stay_small():
    bodies = sorted(body_lines(function) for _, function in functions())
    assert statistics.median(bodies) <= 8
    assert bodies[int(0.9 * len(bodies))] <= 30
    lengths = [len((ROOT / module.path).read_text(encoding="utf-8").splitlines()) for module in modules()]
    assert statistics.median(lengths) <= 150
    assert sum(length > 300 for length in lengths) / len(lengths) < 0.1


def test_every_module_says_what_it_is():
    silent = [module.path for module in modules() if module.tree.body and not ast.get_docstring(module.tree)]
    assert silent == []


def test_every_public_function_of_more_than_three_lines_has_a_docstring():
    silent = [
        name for name, function in public_functions() if not ast.get_docstring(function) and body_lines(function) > 3
    ]
    assert silent == []


def test_every_parameter_and_every_result_is_annotated():
    bare = [
        name
        for name, function in functions()
        if function.returns is None or any(argument.annotation is None for argument in arguments(function))
    ]
    assert bare == []


def arguments(function: ast.FunctionDef) -> list[ast.arg]:
    found = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [one for one in found if one.arg not in ("self", "cls")]
