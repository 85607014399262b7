"""A tap on a map, in both hosts, with the cube browser on the same state."""

from __future__ import annotations

from playwright.sync_api import expect

SHAPE = (20, 28)


def test_tap_shows_the_pattern_and_the_probabilities(scene):
    behind = ("Pattern", "Probabilities")
    before = {title: _pixels(scene, title) for title in behind}
    browser_before = scene.pixels(scene.canvas("Diffraction pattern"))
    for row, column in ((3, 5), (17, 6)):
        left, top, width, height = _frame(scene, "Polarization direction")
        scene.page.mouse.click(left + (column + 0.5) / SHAPE[1] * width, top + (row + 0.5) / SHAPE[0] * height)
        scene.wait_for(lambda state, where=[row, column]: state["probe"] == where)
    readout = scene.page.locator("[role=status]", has_text="confidence")
    expect(readout).to_contain_text("position (17, 6)")
    expect(readout).to_contain_text("LM, 180°")
    for title in behind:
        _wait_for_change(scene, title, before[title])
    assert scene.pixels(scene.canvas("Diffraction pattern")) != browser_before


def test_maps_zoom_together(scene):
    scene.page.evaluate(f"""() => {{
        {_FIND}
        const figure = find("Confidence");
        const {{x_range}} = figure.model;
        x_range.setv({{start: 0.2, end: 0.6}});
    }}""")
    end = "() => { " + _FIND + " return find('Polarization direction').model.x_range.end }"
    assert scene.page.evaluate(end) == 0.6


def _frame(scene, title):
    """Left, top, width, height of a figure's frame in page coordinates, scrolled into view."""
    return scene.page.evaluate(
        "(title) => { "
        + _FIND
        + """
        const figure = find(title);
        figure.el.scrollIntoView({block: "center"});
        const canvas = figure.canvas_view.el.getBoundingClientRect();
        const box = figure.frame.bbox;
        return [canvas.left + box.left, canvas.top + box.top, box.width, box.height];
        }""",
        title,
    )


def _pixels(scene, title):
    left, top, width, height = _frame(scene, title)
    return scene.page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})


def _wait_for_change(scene, title, before):
    for _ in range(100):
        if _pixels(scene, title) != before:
            return
        scene.page.wait_for_timeout(50)
    raise AssertionError(f"{title} stayed as it was")


# Bokeh's views form a tree; a figure is found by its title
_FIND = """
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    const find = (title) => [...Bokeh.index].flatMap(walk).find((view) => view.frame && view.model.title?.text === title);
"""
