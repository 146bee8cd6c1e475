"""The rooms of ``docs/architecture.md`` are those of the code, and imports go one way.

Also: the nouns are kept apart, and public names are those of `__all__`.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import nmf_accel
from nmf_accel.options import Options, declared
from nmf_accel.solvers import SOLVERS
from nmf_accel.stopping import STOPS

ROOT = Path(nmf_accel.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
TREES = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def rooms():
    """The table of the page: what each room may import, in the order of the page."""
    section = PAGE.read_text().partition("\n## Rooms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| .* \| (.*) \|$", section, re.MULTILINE)
    return {room: re.findall(r"`([^`]+)`", imports) for room, imports in rows}


ROOMS = rooms()


def room_of(path):
    """The room of a file, or of a module as a path."""
    parts = path.with_suffix("").parts
    return max(
        (room for room in ROOMS if parts[: room.count("/") + 1] == tuple(room.split("/"))),
        key=len,
        default="/".join(parts),
    )


def imports(path, tree):
    """The modules of the library that a file imports, wherever in it, as paths."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not any(name.partition(".")[0] == "nmf_accel" for name in names), path
        if isinstance(node, ast.ImportFrom):
            assert node.level or (node.module or "").partition(".")[0] != "nmf_accel", path
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            module = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
            for alias in node.names:
                inside = (ROOT / module / alias.name).with_suffix(".py").exists()
                inside = inside or (ROOT / module / alias.name).is_dir()
                yield (
                    module / alias.name if inside else module if module.parts else Path("__init__")
                )


def test_the_table_names_every_room():
    found = {room_of(path) for path in TREES}
    assert found == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_the_table_says(room):
    found = {
        room_of(module)
        for path, tree in TREES.items()
        if room_of(path) == room
        for module in imports(path, tree)
    } - {room}
    assert found == set(ROOMS[room])


def test_imports_go_one_way():
    order = list(ROOMS)
    for room, imported in ROOMS.items():
        for other in imported:
            assert order.index(other) < order.index(room), f"{room} imports {other} below it"


def constants(tree):
    """Strings of the code that are no docstrings."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    }


def test_the_core_knows_no_solver_and_no_stop_by_name():
    for path, tree in TREES.items():
        if room_of(path) == "core":
            assert not constants(tree) & {*SOLVERS, *STOPS, "auto"}, path


def test_only_matrices_and_backends_ask_for_the_kind_of_a_matrix():
    kinds = {"Dense", "Sparse", "Folded", "Shared", "Matrix"}
    for path, tree in TREES.items():
        asked = {
            name.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
            for name in ast.walk(node)
            if isinstance(name, ast.Name) and name.id in kinds
        }
        assert not asked or path.parts[0] in ("matrices", "backends"), f"{path}: {asked}"


def test_files_and_functions_are_short():
    """About 300 lines a file, 40 of code a function; a docstring may be long."""
    for path, tree in TREES.items():
        assert len((ROOT / path).read_text().splitlines()) <= 330, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                doc = ast.get_docstring(node, clean=False)
                lines = node.end_lineno - node.body[0].lineno + 1
                lines -= len(doc.splitlines()) if doc else 0
                assert lines <= 50, f"{path}: {node.name} has {lines} lines"


FACES = [path for path in TREES if path.name == "__init__.py"]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_public_names_are_those_of_all(face):
    module = importlib.import_module(".".join(("nmf_accel", *face.parent.parts)))
    bound = {
        alias.asname or alias.name
        for node in TREES[face].body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    bound |= {
        node.name for node in TREES[face].body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    public = getattr(module, "__all__", [])
    assert set(public) == {name for name in bound if name == "__version__" or name[0] != "_"}
    for name in public:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, f"{name} says nothing of itself"


def test_no_module_is_hidden_by_a_name_of_its_package():
    for face in FACES:
        module = importlib.import_module(".".join(("nmf_accel", *face.parent.parts)))
        inside = {p.stem for p in (ROOT / face.parent).glob("*.py")} | {
            p.name for p in (ROOT / face.parent).iterdir() if (p / "__init__.py").exists()
        }
        for name in inside - {"__init__"}:
            found = getattr(module, name, None)
            assert found is None or type(found).__name__ == "module", f"{face}: {name}"


def test_every_option_says_what_it_is():
    for name, option in declared(Options).items():
        assert option.help, name
        assert option.must or option.tables, name
