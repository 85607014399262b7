"""The app behind a JupyterHub or Binder: jupyter-server-proxy below a base_url."""

from __future__ import annotations

from importlib.metadata import entry_points

import hosts


def test_the_app_draws_and_answers_behind_a_base_url(chromium, scene_type, tmp_path):
    assert "polwidgets" in entry_points(group="jupyter_serverproxy_servers").names, "install anew: the entry point is missing"
    with hosts.jupyter(tmp_path, base_url="/user/somebody/") as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, tmp_path)
        page.goto(f"{address}/polwidgets/", timeout=180_000)
        hosts.wait_for_cube_browser(page)
        scan = scene.canvas("Scan image")
        scene.drag(scene.at(scan, 3, 4, (48, 72)), scene.at(scan, 17, 6, (48, 72)))
        page.get_by_text("probe position (17, 6)").wait_for()
        hosts.wait_for_cube_browser(page)  # the exact pattern there came from Python
        assert page.url.startswith(f"{address}/polwidgets")
        assert not scene.complaints
