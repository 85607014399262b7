"""The documentation's site builds without a warning: links inside it lead somewhere, docstrings are understood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).parent.as_posix() for path in tmp_path.rglob("index.html")}
    sources = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix().removesuffix("README").strip("/") or "."
        for path in (ROOT / "docs").rglob("*.md")
    }
    assert pages == sources, "a page is missing from the site"
    assert "map_polarization" in (tmp_path / "api" / "index.html").read_text()
