"""What every notebook of the course promises, read from its text."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest

COURSE = sorted((Path(__file__).parents[2] / "notebooks" / "course").glob("[0-9]*.py"))
MOST_CELLS, MOST_LINES = 12, 15


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_it_is_short_asks_and_checks(path: Path) -> None:
    cells = jupytext.read(path).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert len(code) <= MOST_CELLS
    assert max(len(source.splitlines()) for source in code) <= MOST_LINES
    assert code[0].startswith("%load_ext polwidgets.teaching")
    assert "You will be able to" in text
    assert 2 <= text.count("**Predict, then try.**") <= 4
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "## Exercise" in text
    assert sum("= ...\n" in source.replace("...  #", "...\n#") for source in code) == 1, "one answer that the student fills in"
    assert sum(bool(re.search(r"^(check|choose)\(", source, re.MULTILINE)) for source in code) == 1
    assert "## Read on" in text
    assert re.search(r"doi\.org/10\.\d{4}", text)
