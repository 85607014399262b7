from __future__ import annotations

import shutil
import subprocess

import pytest

import polwidgets as pw
from polwidgets.widgets.cube_browser import ESM, CubeBrowserPane


def test_the_module_needs_nothing_else(tmp_path):
    assert "import {" not in ESM
    assert "http" not in ESM
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs `node`")
    path = tmp_path / "browser.mjs"
    path.write_text(ESM)
    code = f"import widget, {{ Preview, clamp }} from '{path}'; if (typeof widget.render !== 'function' || clamp(5, 0, 3) !== 3) throw 1"
    subprocess.run([node, "--input-type=module", "-e", code], check=True, timeout=60)


def test_both_hosts_share_the_model(scan):
    browser = pw.CubeBrowser(scan)
    pane = browser.__panel__()
    assert isinstance(pane, CubeBrowserPane)
    browser.state.probe = (4, 5)
    assert browser.view["probe"] == pane.view["probe"] == [4, 5]
    pane.view = {**pane.view, "probe": [6, 7]}
    assert browser.state.probe == (6, 7)
    assert browser.view["probe"] == [6, 7]


def test_a_request_is_answered_where_it_came_from(scan):
    browser = pw.CubeBrowser(scan)
    browser.request = {"id": "a:1", "kind": "pattern", "probe": [0, 0], "region": []}
    assert browser.reply["id"] == "a:1"
    pane = browser.__panel__()
    pane.request = {"id": "b:1", "kind": "chunk", "index": 0, "cube": 0}
    assert pane.reply["id"] == "b:1"
    assert len(pane.reply["data"]) > 0
