"""The specimen matcher as its user drives it, in both hosts."""

from __future__ import annotations

from playwright.sync_api import expect


def matcher(scene):
    """The matcher's patterns, once its crystal is simulated."""
    node = scene.page.locator(".pw-matcher")
    node.scroll_into_view_if_needed()
    patterns = {name: node.locator(f'canvas[aria-label^="{name}"]') for name in ("Measured", "Simulated", "Difference")}
    patterns["Simulated"].wait_for(timeout=60_000)
    expect(node.locator(".pw-figure")).to_contain_text("misfit", timeout=30_000)
    scene.page.wait_for_timeout(300)
    return node, patterns


def test_a_slider_changes_the_simulated_pattern_alone(scene):
    node, patterns = matcher(scene)
    before = {name: scene.pixels(canvas) for name, canvas in patterns.items()}
    figure = node.locator(".pw-figure").inner_text()
    node.get_by_label("Thickness", exact=True).focus()
    thickness = scene.state()["thickness_A"]
    for _ in range(3):
        scene.page.keyboard.press("PageUp")
    scene.wait_for(lambda state: state["thickness_A"] != thickness)
    expect(node.locator(".pw-figure")).not_to_have_text(figure)
    scene.page.wait_for_timeout(300)
    changed = {name: scene.pixels(canvas) != before[name] for name, canvas in patterns.items()}
    assert changed == {"Measured": False, "Simulated": True, "Difference": True}


def test_the_misfit_curve_sets_the_thickness(scene):
    node, _ = matcher(scene)
    curve = node.locator('canvas[aria-label^="Misfit against thickness"]')
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    scene.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    state = scene.wait_for(lambda state: 60 < state["thickness_A"] < 110)
    curve.focus()
    scene.page.keyboard.press("ArrowLeft")
    scene.wait_for(lambda now: now["thickness_A"] == state["thickness_A"] - 1)


def test_a_fit_that_cannot_be_made_is_told_in_the_widget(scene):
    node, _ = matcher(scene)
    node.get_by_role("button", name="Fit", exact=True).click()
    expect(node.locator(".pw-message")).to_contain_text("Error", timeout=60_000)
    expect(node.get_by_role("button", name="Fit", exact=True)).to_be_enabled()
