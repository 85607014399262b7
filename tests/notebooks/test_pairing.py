"""Every notebook exists twice: as text, which is edited, and without outputs for those who open it."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted({str(path.relative_to(NOTEBOOKS).with_suffix("")) for path in NOTEBOOKS.rglob("[0-9]*") if path.suffix in (".py", ".ipynb")})


@pytest.mark.parametrize("name", NAMES)
def test_text_and_notebook_say_the_same(name: str) -> None:
    text = jupytext.read(NOTEBOOKS / f"{name}.py")
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cells = [[(cell.cell_type, cell.source) for cell in either.cells] for either in (text, notebook)]
    assert cells[0] == cells[1], f"they differ; run `jupytext --to ipynb notebooks/{name}.py`"
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_without_outputs(name: str) -> None:
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs, "outputs are kept out of the repository: clear them"
            assert cell.execution_count is None
