from __future__ import annotations

import json
import threading

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.progress import silent
from polwidgets.scenes.draw import draw_prefab
from polwidgets.simulate.scattering_factors import electron_scattering_factor
from polwidgets.widgets.latest import Latest
from polwidgets.widgets.scene_builder_model import WaveSettings, Wish, build, image_facts, image_of, interaction_rad_per_VA, scene_facts
from polwidgets.widgets.worker import Worker

SMALL = {"diameter_A": 15.0, "box_A": 40.0, "orientation": "001"}


@pytest.fixture(scope="module")
def built():
    return build(Wish(pw.prefabs.build("wulff", **SMALL), 3, WaveSettings(pixels=128)), silent)


@pytest.fixture
def builder():
    made = pw.SceneBuilder("wulff", seed=3, conditions=pw.ImagingConditions(defocus_A=-80.0), **SMALL)
    made.worker.wait(120)
    return made


def shown(picture):
    return picture._source.data["image"][0]


def test_scene_wave_and_image_are_what_the_functions_give(builder):
    scene = pw.prefabs.build("wulff", **SMALL).build(seed=3)
    np.testing.assert_array_equal(builder.scene.positions_A, scene.positions_A)
    assert json.loads(builder.scene.provenance)["seed"] == 3
    wave = pw.exit_wave(scene, sampling_A=40 / 256)
    np.testing.assert_allclose(builder.wave.values, wave.values, atol=1e-6)
    image = pw.hrtem_images(wave, [pw.ImagingConditions(defocus_A=-80.0)], seed=3)[0]
    assert builder.image.shape == (256, 256)
    np.testing.assert_allclose(builder.image.values, image.values, atol=1e-5)
    np.testing.assert_array_equal(shown(builder._image_picture), builder.image.values)


def test_a_slider_of_the_microscope_images_the_same_wave_anew(builder):
    wave = builder.wave
    before = shown(builder._image_picture)
    builder._microscope.controls["defocus_A"].value = 300.0
    assert builder.wave is wave
    assert float(builder.image["defocus_A"]) == 300.0
    assert not np.allclose(shown(builder._image_picture), before)
    expected = pw.hrtem_images(wave, [builder.conditions], seed=3)[0]
    np.testing.assert_allclose(shown(builder._image_picture), expected.values, atol=1e-6)


def test_the_dose_makes_noise_of_that_many_electrons(builder):
    clean = builder.image.values
    builder._microscope.controls["dose_per_A2"].value = 2000.0
    electrons = 2000.0 * (40 / 256) ** 2
    noise = (builder.image.values - clean) * electrons
    assert noise.var() == pytest.approx(clean.mean() * electrons, rel=0.03)
    assert f"{electrons:.3g} electrons a pixel" in builder._image_facts.value


def test_the_potential_is_that_of_the_wave_through_one_slice(built):
    wave = pw.exit_wave(built.scene, sampling_A=40 / 256, slice_thickness_A=np.inf)
    # where the phase has not turned over; the wave's band limit makes the columns a little wider
    phase = np.angle(wave.values).reshape(128, 2, 128, 2).mean((1, 3))
    expected = built.potential.values * 10 * interaction_rad_per_VA(300.0)
    weak = expected < 1.5
    assert np.corrcoef(phase[weak], expected[weak])[0, 1] > 0.97
    # what it holds altogether: 47.878 V A^2 times the scattering factor at zero for every atom (Kirkland)
    at_zero = float(electron_scattering_factor("Au", np.zeros(1))[0])
    assert float(built.potential.mean()) * 10 * 40.0**2 == pytest.approx(47.878 * at_zero * len(built.scene), rel=1e-3)
    assert interaction_rad_per_VA(200.0) == pytest.approx(7.288e-4, rel=1e-3)  # Kirkland, table of sigma
    assert built.potential.shape == (128, 128)
    assert built.binning == 2


def test_an_oblong_box_gives_an_oblong_image():
    made = build(Wish(pw.prefabs.build("grain_boundary", width_A=40.0), 0, WaveSettings(pixels=128)), silent)
    image = image_of(made, pw.ImagingConditions())
    rows, columns = image.shape
    assert rows != columns
    assert max(rows, columns) == 128
    edges = [image.sizes[dim] * float(image[dim][1] - image[dim][0]) for dim in ("y", "x")]
    np.testing.assert_allclose(edges, made.scene.box_A[:2])
    assert "grain 1" in scene_facts(made)
    assert "pixels of" in image_facts(image, pw.ImagingConditions())


def test_what_is_known_already_is_not_computed_again(built):
    assert build(built.wish, silent, before=built) is built
    other = built.wish._replace(settings=WaveSettings(pixels=128, voltage_kV=100.0))
    assert build(other, silent, before=built).scene is built.scene


def test_mask_and_outline_follow_the_object(builder):
    mask = builder.mask("particle")
    np.testing.assert_array_equal(mask, pw.object_mask(builder.scene, "particle", like=builder.image))
    edge = builder._mask_overlay._source.data["image"][0].astype(bool)
    assert edge.any()
    assert not (edge & ~mask.values).any()
    builder._outline.value = "no outline"
    assert not builder._mask_overlay._source.data["image"][0].any()
    with pytest.raises(KeyError, match="no object 'film'"):
        builder.mask("film")


def test_what_cannot_be_built_is_said_and_the_last_scene_stays(builder):
    before = builder.scene
    builder._forms["wulff"].controls["diameter_A"].value = 70.0
    builder.worker.wait(60)
    assert "box_A at least" in builder.worker._trouble.value
    assert builder.scene is before
    builder._forms["wulff"].controls["diameter_A"].value = 20.0
    builder.worker.wait(60)
    assert not builder.worker._trouble.value
    assert len(builder.scene) > len(before)


def test_an_aperture_beyond_the_wave_is_said(builder):
    builder._microscope.controls["aperture_mrad"].value = 80.0
    assert "close the aperture" in builder._trouble.value
    builder._microscope.controls["aperture_mrad"].value = 20.0
    assert not builder._trouble.value


def test_prefabs_change_and_keep_their_parameters(builder):
    builder._kind.value = "icosahedron"
    builder._forms["icosahedron"].controls["box_A"].value = 50.0
    builder.worker.wait(120)
    assert json.loads(builder.scene.provenance)["prefab"] == "icosahedron"
    builder._kind.value = "wulff"
    builder.worker.wait(120)
    assert builder.scene.box_A[0] == 40.0
    assert builder.prefab == pw.prefabs.build("wulff", **SMALL)
    builder._kind.value = "icosahedron"
    builder.worker.wait(120)
    assert builder.scene.box_A[0] == 50.0


def test_random_parameters_come_from_the_prefabs_distributions(builder):
    prefab, seed = draw_prefab("wulff", seed=3)
    builder._draw.clicks += 1
    builder.worker.wait(120)
    assert (builder.prefab, builder.seed) == (prefab, seed)
    np.testing.assert_array_equal(builder.scene.positions_A, prefab.build(seed=seed).positions_A)


def test_reset_goes_back_to_the_beginning(builder):
    before = builder.image.values
    builder._microscope.controls["defocus_A"].value = 500.0
    builder._kind.value = "icosahedron"
    builder._seed.value = 8
    builder._reset.clicks += 1
    builder.worker.wait(120)
    assert builder.prefab == pw.prefabs.build("wulff", **SMALL)
    assert (builder.seed, builder.conditions) == (3, pw.ImagingConditions(defocus_A=-80.0))
    np.testing.assert_allclose(builder.image.values, before, atol=1e-6)


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(TypeError, match="check the spelling"):
        pw.SceneBuilder("wulff", diametre_A=30.0)


def test_the_newest_wish_is_worked_on():
    begun, go_on = threading.Event(), threading.Event()
    worked, answered = [], []

    def work(wish, progress):
        worked.append(wish)
        begun.set()
        go_on.wait(20)
        if wish == "bad":
            raise ValueError("nobody asks any more")
        progress("work", 0.5)
        return wish

    worker = Worker()
    latest = Latest(worker, work, answered.append)
    latest.ask("bad")
    begun.wait(20)
    latest.ask("middle")
    latest.ask("last")
    go_on.set()
    worker.wait(20)
    assert answered == ["last"]
    assert worked == ["bad", "last"]
    assert not worker._trouble.value


def test_cancelled_work_ends():
    begun = threading.Event()

    def work(_, progress):
        begun.set()
        while True:
            progress("work", 0.5)

    worker = Worker()
    Latest(worker, work, pytest.fail).ask("anything")
    begun.wait(20)
    worker.cancel()
    worker.wait(20)
    assert worker._message.value == "cancelled"
    assert not worker._trouble.value
