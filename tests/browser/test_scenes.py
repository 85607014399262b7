"""Scene builder and segmentation explorer as their user drives them, in both hosts: pixels change, and Python knows."""

from __future__ import annotations

from pathlib import Path

import hosts
import pytest

HERE = Path(__file__).parent
SHAPE = (90, 130)
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
    folder = tmp_path_factory.mktemp(f"scenes_{request.param}")
    text = (HERE / "scenes_scene.py").read_text()
    if request.param == "jupyter":
        hosts.write_notebook(folder / "scenes.ipynb", [f"{text}\nbuilder", "explorer"])
        server = hosts.jupyter(folder)
    else:
        (folder / "scenes.py").write_text(f"{text}\nimport panel as pn\npn.Column(builder, explorer).servable()\n")
        server = hosts.panel(folder / "scenes.py")
    with server as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        if request.param == "jupyter":
            hosts.run_notebook(page, address, "scenes.ipynb")
        else:
            page.goto(address, timeout=120_000)
        page.wait_for_selector(".pw-scene canvas", timeout=120_000)
        if request.param == "jupyter":
            page.wait_for_function(hosts.ALL_RAN)
            # what a page says before the kernel knows its comm is lost, and Panel holds back the next words for 5 s
            page.wait_for_timeout(6000)
        scene.wait_for(lambda state: state["drawn"] and "particles" in state, 60)
        yield scene


def frame(scene, title):
    scene.page.wait_for_function(f"(title) => ({FRAME})(title) !== null", arg=title, timeout=60_000)
    return scene.page.evaluate(FRAME, title)


def pixels(scene, title):
    return scene.page.screenshot(clip=frame(scene, title))


def wait_for_change(scene, title, before):
    for _ in range(200):
        if pixels(scene, title) != before:
            return
        scene.page.wait_for_timeout(50)
    raise AssertionError(f"{title} stayed as it was")


def handle(scene, low, high):
    """The handle of the slider with these ends that is in sight."""
    return scene.page.locator(f'.noUi-handle[aria-valuemin="{low}"][aria-valuemax="{high}"]').locator("visible=true").last


def test_a_scene_is_imaged_under_the_finger_and_built_anew(shown):
    image = pixels(shown, "image, defocus")
    defocus = handle(shown, "-2000.0", "2000.0")
    defocus.focus()
    for _ in range(4):
        shown.page.keyboard.press("ArrowRight")
    state = shown.wait_for(lambda state: state["defocus_A"] == -40)
    wait_for_change(shown, "image, defocus -4", image)

    potential = pixels(shown, "projected potential")
    diameter = handle(shown, "8.0", "75.0")
    diameter.focus()
    for _ in range(3):
        shown.page.keyboard.press("ArrowRight")
    shown.wait_for(lambda now: now["atoms"] > state["atoms"], 30)
    wait_for_change(shown, "projected potential", potential)

    # an aperture that the wave's sampling does not hold is said beside the image
    aperture = handle(shown, "1.0", "80.0")
    aperture.focus()
    shown.page.keyboard.press("End")
    shown.page.get_by_text("close the aperture").wait_for()
    shown.page.get_by_text("Reset", exact=True).first.click()
    shown.wait_for(lambda now: now["defocus_A"] == -60 and now["atoms"] == state["atoms"] and not now["trouble"], 30)
    assert not shown.complaints


def test_particles_are_chosen_cut_and_counted(shown):
    frame(shown, "image, 90 x 130")
    assert shown.state()["particles"] == 3
    image, doubt = pixels(shown, "image, 90 x 130"), pixels(shown, "uncertainty")
    box = frame(shown, "image, 90 x 130")
    shown.page.mouse.click(box["x"] + 90.5 / SHAPE[1] * box["width"], box["y"] + 60.5 / SHAPE[0] * box["height"])
    chosen = shown.wait_for(lambda state: state["chosen"] > 0)["chosen"]
    shown.page.get_by_text(f"particle {chosen} at").wait_for()
    wait_for_change(shown, "image, 90 x 130", image)

    image = pixels(shown, "image, 90 x 130")
    smallest = handle(shown, "0.0", "16.3")
    smallest.focus()
    for _ in range(24):
        shown.page.keyboard.press("ArrowRight")
    shown.wait_for(lambda state: state["particles"] == 2)
    wait_for_change(shown, "image, 90 x 130", image)
    shown.page.get_by_label("shown").last.select_option("probability")
    shown.page.wait_for_function(f"() => ({FRAME})('probability') !== null")
    assert pixels(shown, "probability") != doubt
    shown.page.get_by_text("2 particles").first.wait_for()
    assert not shown.complaints
