"""The house: imports point down, and the core knows neither plots nor Jupyter. Read from the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "polwidgets"
FLOOR = {
    "__init__": 0, "registry": 1, "directions": 1, "electron": 1, "progress": 1, "deformation": 1,
    "cube": 2, "crystal": 2, "simulate": 2, "perturb": 2, "scenes": 2,
    "disks": 3, "match": 3, "training": 3, "models": 3, "datasets": 3, "segmentation": 3,
    "analysis": 4, "workflow": 4,
    "widgets": 5,
    "app": 6, "cli": 6, "teaching": 6, "__main__": 6,
}  # fmt: skip
BESIDE = {
    ("deformation", "directions"),
    ("simulate", "crystal"),
    ("scenes", "crystal"),  # domains of a perovskite
    ("simulate", "cube"),  # a simulated scan is a cube
    ("simulate", "scenes"),
    ("perturb", "cube"),
    ("training", "match"),
    ("disks", "training"),  # the network's loop and file
    ("models", "match"),
    ("segmentation", "training"),
    ("models", "training"),
    ("workflow", "analysis"),
    ("__main__", "cli"),
    ("cli", "app"),
}
CORE = 4
NOT_IN_THE_CORE = {"matplotlib", "panel", "holoviews", "ipywidgets", "bokeh", "anywidget", "IPython"}
LAZY = {"abtem", "ase", "rsciio", "tifffile", "matplotlib"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The package or module right below `polwidgets` that the file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Absolute names of imported modules; relative imports as they are written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            # `from polwidgets import cube` imports the room itself
            yield from ((f"{name}.{alias.name}" if name == "polwidgets" else name, node.lineno) for alias in node.names)


def while_importing(tree: ast.Module) -> ast.Module:
    """The tree without functions and type-checking blocks: what runs when the module is imported."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None: ...

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None: ...

        def visit_If(self, node: ast.If) -> ast.AST:
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                return ast.Pass()
            return self.generic_visit(node)

    return Strip().visit(tree)  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    assert here in FLOOR, f"{path.name} stands on no floor; give it one in tests/test_layers.py and CONTRIBUTING.md"
    for name, line in imported(ast.parse(path.read_text())):
        assert not name.startswith("."), f"{path}:{line} imports relatively"
        if not name.startswith("polwidgets."):
            continue
        there = name.split(".")[1]
        if there not in FLOOR:  # `from polwidgets import __version__`
            continue
        allowed = there == here or FLOOR[there] < FLOOR[here] or (here, there) in BESIDE
        assert allowed, f"{path}:{line} on floor {FLOOR[here]} imports {name} on floor {FLOOR[there]}"


@pytest.mark.parametrize("path", [p for p in FILES if FLOOR.get(room(p), 0) <= CORE], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_draws_nothing(path: Path) -> None:
    for name, line in imported(ast.parse(path.read_text())):
        assert name.split(".")[0] not in NOT_IN_THE_CORE, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_optional_programs_are_imported_when_used(path: Path) -> None:
    for name, line in imported(while_importing(ast.parse(path.read_text()))):
        assert name.split(".")[0] not in LAZY, f"{path}:{line} imports {name} with the module; import it in the function that needs it"


def test_every_room_has_files() -> None:
    assert {room(path) for path in FILES} <= set(FLOOR)
    assert len(FILES) > 20
