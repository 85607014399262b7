"""The maths of the widgets, tested where it runs: `node --test`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.*js")), ids=lambda path: path.name)
def test_javascript(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("JS tests need Node 20 or newer, and there is no `node` on PATH")
    done = subprocess.run([node, "--test", str(path)], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
