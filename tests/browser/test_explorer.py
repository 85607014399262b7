"""The explorer's story, driven in both hosts: tap the map, choose a perturbation, look where the model fails, reset."""

from __future__ import annotations

from pathlib import Path

import hosts
import pytest

HERE = Path(__file__).parent
SHAPE = (20, 28)

# Bokeh's views form a tree; a figure is found by its title
FRAME = """(title) => {
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    const found = [...Bokeh.index].flatMap(walk).find((view) => view.frame && view.model.title?.text.startsWith(title));
    if (!found) return null;
    found.el.scrollIntoView({block: "center"});
    const canvas = found.canvas_view.el.getBoundingClientRect();
    const box = found.frame.bbox;
    return {x: canvas.left + box.left, y: canvas.top + box.top, width: box.width, height: box.height};
}"""


@pytest.fixture(scope="module", params=["jupyter", "panel"])
def shown(request, chromium, scene_type, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"explorer_{request.param}")
    text = (HERE / "explorer_scene.py").read_text()
    if request.param == "jupyter":
        hosts.write_notebook(folder / "explorer.ipynb", [f"{text}\nexplorer"])
        server = hosts.jupyter(folder)
    else:
        (folder / "explorer.py").write_text(f"{text}\nimport panel as pn\npn.panel(explorer).servable()\n")
        server = hosts.panel(folder / "explorer.py")
    with server as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        if request.param == "jupyter":
            hosts.run_notebook(page, address, "explorer.ipynb")
        else:
            page.goto(address)
        hosts.wait_for_cube_browser(page)
        yield scene


def frame(scene, title):
    scene.page.wait_for_function(f"(title) => ({FRAME})(title) !== null", arg=title, timeout=30_000)
    return scene.page.evaluate(FRAME, title)


def pixels(scene, title):
    return scene.page.screenshot(clip=frame(scene, title))


def wait_for_change(scene, title, before):
    for _ in range(200):
        if pixels(scene, title) != before:
            return
        scene.page.wait_for_timeout(50)
    raise AssertionError(f"{title} stayed as it was")


def test_the_story(shown):
    # a tap on the map moves the probe, and pattern and probabilities with it
    bars, pattern = pixels(shown, "probability"), shown.pixels(shown.canvas("Diffraction pattern"))
    box = frame(shown, "synthetic")
    shown.page.mouse.click(box["x"] + 6.5 / SHAPE[1] * box["width"], box["y"] + 17.5 / SHAPE[0] * box["height"])
    shown.wait_for(lambda state: state["probe"] == [17, 6])
    wait_for_change(shown, "probability", bars)
    assert shown.pixels(shown.canvas("Diffraction pattern")) != pattern
    shown.page.get_by_text("position (17, 6)").first.wait_for()

    # a preset of perturbations is previewed and kept in the state; its sliders redraw the preview
    shown.page.get_by_text("Augment", exact=True).click()
    after = pixels(shown, "after")
    shown.page.get_by_label("preset").select_option("low_dose")
    shown.wait_for(lambda state: len(state["perturbations"]) == 1)
    wait_for_change(shown, "after", after)
    after = pixels(shown, "after")
    shown.page.get_by_text("Draw anew", exact=True).click()
    shown.wait_for(lambda state: state["seed"] == 1)
    wait_for_change(shown, "after", after)

    # the models draw their parameters, the errors say what they miss
    shown.page.get_by_text("Models", exact=True).click()
    shown.page.get_by_label("model", exact=True).select_option("pca knn")
    shown.wait_for(lambda state: "pca_knn" in state["model"])
    shown.page.get_by_text("neighbours:").wait_for()
    shown.page.get_by_text("Why it fails", exact=True).click()
    shown.page.get_by_text("Analyse", exact=True).wait_for()

    shown.page.locator(".bk-btn", has_text="Reset").first.click()
    shown.wait_for(lambda state: state["probe"] == [10, 14] and state["seed"] == 0)
    assert not shown.complaints
