"""Prefabs: what all keep to, and what each is by geometry or by ase."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

import polwidgets as pw
from polwidgets.directions import direction_to_vector
from polwidgets.scenes.export import save_scene
from polwidgets.scenes.generators.stack import FROM_CUBIC
from polwidgets.scenes.metals import METALS
from polwidgets.scenes.multiply_twinned import decahedron_sites, icosahedron_sites
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.structure import coordination

NEEDS_ASE = {"domain_wall", "vacancies"}
PARTICLES = sorted(set(pw.prefabs) - NEEDS_ASE - {"antiphase", "grain_boundary"})


def build(name: str, *, seed: int = 3, **parameters: object) -> Scene:
    if name in NEEDS_ASE:
        pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    return pw.prefabs.build(name, **parameters).build(seed=seed)


@pytest.mark.parametrize("name", pw.prefabs.names())
def test_every_prefab_is_drawn_labelled_and_keeps_atoms_apart(name: str) -> None:
    if name in NEEDS_ASE:
        pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    known = {field.name for field in dataclasses.fields(pw.prefabs[name])}
    assert set(pw.prefabs[name].drawn) <= known
    for scene in pw.draw_scenes(name, 3, seed=8):
        assert len(scene) > 20
        assert scene.names[scene.objects.max()]
        around = np.where(scene.periodic, scene.box_A, np.array(scene.box_A) + 20)
        nearest = cKDTree(scene.positions_A, boxsize=around).query(scene.positions_A, k=2)[0][:, 1]
        assert nearest.min() > 1.3
    again = [scene.positions_A for scene in pw.draw_scenes(name, 3, seed=8)]
    np.testing.assert_array_equal(again[-1], scene.positions_A)


@pytest.mark.parametrize("name", PARTICLES)
def test_particles_on_carbon_keep_their_distance_and_their_carbon(name: str) -> None:
    setting = {"diameter_A": 22.0, "substrate_A": 12.0, "box_A": 70.0, "orientation": "111"}
    scene = build(name, **setting)
    metal, carbon = (scene.positions_A[scene.of_object(which)] for which in ("particle", "substrate"))
    assert np.linalg.norm((metal[:, None] - carbon[None])[..., :], axis=-1).min() >= 2.0
    assert abs(len(carbon) * 12.011 / 0.602214 / (70 * 70 * 12) - 2.0) < 0.05
    assert metal[:, 2].max() < carbon[:, 2].min()
    assert (scene.grains[scene.of_object("substrate")] == -1).all()
    assert (scene.grains[scene.of_object("particle")] >= 0).all()
    turned = build(name, **setting, substrate_side="entrance")
    metal, carbon = (turned.positions_A[turned.of_object(which)] for which in ("particle", "substrate"))
    assert metal[:, 2].min() > carbon[:, 2].max()


@pytest.mark.parametrize("name", PARTICLES)
def test_particles_have_about_the_volume_of_their_ball(name: str) -> None:
    plain: dict[str, dict[str, object]] = {"rod": {"aspect": 1.0}, "truncated": {"truncation": 0.0}}
    scene = build(name, diameter_A=40.0, **plain.get(name, {}))
    metal = METALS["Au"]
    volume = scene.of_object("particle").sum() * metal.a_A**3 / 4
    stretched = 1.4 * 0.8 if name == "ellipsoid" else 1.0
    assert abs(volume / (np.pi / 6 * 40**3 * stretched) - 1) < {"decahedron": 0.2, "icosahedron": 0.2}.get(name, 0.1)


def test_a_particle_too_wide_for_the_box_is_an_error() -> None:
    with pytest.raises(ValueError, match="make box_A at least"):
        build("sphere", diameter_A=70.0, box_A=60.0)


@pytest.mark.parametrize("zone", ["001", "011", "111", "112"])
def test_the_zone_axis_is_along_the_beam(zone: str) -> None:
    scene = build("sphere", diameter_A=40.0, orientation=zone)
    rows = {"001": 2, "011": np.sqrt(8), "111": np.sqrt(3), "112": np.sqrt(24)}
    # planes across the axis, in edges of the cell: fcc has them 1/2, 1/(2 sqrt 2), 1/sqrt 3, 1/(2 sqrt 6) apart
    heights = np.unique(scene.positions_A[:, 2].round(4)) / METALS["Au"].a_A
    np.testing.assert_allclose(np.diff(heights), 1 / rows[zone], atol=1e-3)


def test_icosahedra_have_mackays_numbers_and_ases_shape() -> None:
    cluster = pytest.importorskip("ase.cluster", reason="the extra 'sim' is not installed")
    for shells in range(1, 6):
        sites = icosahedron_sites(shells)
        assert len(sites.places) == (10 * shells**3 + 15 * shells**2 + 11 * shells + 3) // 3
        assert shells < 3 or len(np.unique(sites.sectors)) == 20  # below, sectors have no atom of their own
        theirs = np.array(cluster.Icosahedron("Au", shells + 1, latticeconstant=4.0).positions)
        ours = np.sort(np.linalg.norm(sites.places, axis=1))
        theirs = np.sort(np.linalg.norm(theirs - theirs.mean(0), axis=1))
        np.testing.assert_allclose(ours / ours[-1], theirs / theirs[-1], atol=1e-6)


@pytest.mark.parametrize(("edge", "length", "notch"), [(3, 5, 0), (4, 6, 1), (5, 6, 2), (2, 3, 1)])
def test_decahedra_are_ases(edge: int, length: int, notch: int) -> None:
    cluster = pytest.importorskip("ase.cluster", reason="the extra 'sim' is not installed")
    sites = decahedron_sites(edge, length, notch)
    # ase counts atoms on the {100} faces along and across, and the depth of the notch
    across, along = edge + 1 - 2 * notch, length - edge
    if across < 1 or along < 1:
        pytest.skip("ase has no such decahedron")
    theirs = cluster.Decahedron("Au", p=across, q=along, r=notch, latticeconstant=4.0)
    assert len(theirs) == len(sites.places)
    axis = sites.places[:, :2].round(6)
    assert len(np.unique(sites.sectors)) == 5
    turn = np.array([[np.cos(0.4 * np.pi), -np.sin(0.4 * np.pi)], [np.sin(0.4 * np.pi), np.cos(0.4 * np.pi)]])
    assert cKDTree(axis).query(axis @ turn.T)[0].max() < 1e-5


def test_decahedral_atoms_in_the_bulk_have_twelve_neighbours() -> None:
    scene = build("decahedron", diameter_A=50.0)
    counts = coordination(scene, METALS["Au"].a_A * 0.85)
    assert counts.max() == 12
    middle = np.linalg.norm(scene.positions_A - scene.positions_A.mean(0), axis=1) < 10
    assert (counts[middle] == 12).all()


@pytest.mark.parametrize("name", ["wulff", "sphere", "twin", "stacking_fault", "core_shell", "truncated"])
def test_the_bulk_of_fcc_particles_has_twelve_neighbours(name: str) -> None:
    scene = build(name, diameter_A=44.0)
    counts = coordination(scene, METALS["Au"].a_A * 0.85)
    middle = np.linalg.norm(scene.positions_A - scene.positions_A.mean(0), axis=1) < 12
    assert (counts[middle] == 12).all()
    assert counts.max() == 12


@pytest.mark.parametrize("element", ["Pt", "Ag"])
def test_a_wulff_particle_has_the_proportions_of_its_energies(element: str) -> None:
    scene = build("wulff", diameter_A=60.0, orientation="001", element=element)
    metal = METALS[element]
    away = scene.positions_A - scene.positions_A.mean(0)
    # orient by the atoms themselves: the rows of neighbours across the beam are along <110>
    near = away[np.argsort(np.linalg.norm(away, axis=1))[1:13]]
    flat = near[abs(near[:, 2]) < 0.1]
    along = flat[0] / np.linalg.norm(flat[0])
    up = np.array([0, 0, 1.0])
    faces = {"100": up, "111": np.sqrt(2 / 3) * along + np.sqrt(1 / 3) * up}
    reach = {face: (away @ normal).max() for face, normal in faces.items()}
    expected = metal.energy_100 / metal.energy_111
    # a face is less than one spacing of its layers inside the shape
    assert reach["100"] / (reach["111"] + metal.a_A / np.sqrt(3)) < expected < (reach["100"] + metal.a_A / 2) / reach["111"]


def test_a_twinned_particle_is_its_mirror_image() -> None:
    scene = build("twin", diameter_A=36.0, orientation="111")
    assert set(scene.grains) == {0, 1}
    boundary = scene.positions_A[scene.phases == 1][:, 2]
    assert np.ptp(boundary) < 1e-6
    mirrored = scene.positions_A * [1, 1, -1] + [0, 0, 2 * boundary[0]]
    assert cKDTree(scene.positions_A).query(mirrored)[0].max() < 1e-6
    offset = build("twin", diameter_A=36.0, orientation="111", offset=0.2)
    assert abs((offset.grains == 1).mean() - 0.5) < 0.1, "both sides are cut from the same half"


@pytest.mark.parametrize(("kind", "layers"), [("intrinsic", 2), ("extrinsic", 2)])
def test_a_stacking_fault_is_two_hexagonal_layers(kind: str, layers: int) -> None:
    scene = build("stacking_fault", kind=kind, orientation="111", diameter_A=40.0)
    heights = np.unique(scene.positions_A[scene.phases == 1][:, 2].round(3))
    assert len(heights) == layers
    spacing = METALS["Au"].a_A / np.sqrt(3)
    np.testing.assert_allclose(np.ptp(heights), spacing * (1 if kind == "intrinsic" else 2), atol=1e-3)


def test_mixed_defects_are_those_asked_for() -> None:
    plain = build("mixed_defects", twins=0, faults=0, vacancies=0.0, foreign=0.0)
    np.testing.assert_array_equal(plain.phases, 0)
    mixed = build("mixed_defects", twins=2, faults=2, vacancies=0.05, foreign=0.1)
    assert (mixed.phases == 1).any()
    assert abs((mixed.numbers == 29).mean() - 0.1) < 0.01
    assert len(mixed) == pytest.approx(0.95 * len(plain), rel=0.03)


def test_core_and_shell_are_phases() -> None:
    scene = build("core_shell", core_share=0.6, diameter_A=50.0)
    assert abs((scene.phases == 0).mean() - 0.6**3) < 0.03
    np.testing.assert_array_equal(scene.numbers == 79, scene.phases == 0)
    away = np.linalg.norm(scene.positions_A - scene.positions_A.mean(0), axis=1)
    assert away[scene.phases == 0].mean() < away[scene.phases == 1].mean()


@pytest.mark.parametrize(("m", "n"), [(2, 1), (3, 1), (4, 1)])
def test_a_grain_boundary_is_symmetric_periodic_and_has_its_angle(m: int, n: int) -> None:
    scene = build("grain_boundary", m=m, n=n, width_A=30.0, grain_A=30.0, thickness_A=12.0)
    assert scene.names == ("grain 1", "grain 2")
    np.testing.assert_array_equal(scene.objects, scene.grains)
    edge = METALS["Au"].a_A
    # every grain is a lattice turned by atan(n / m), one way or the other
    for grain, sign in ((0, 1), (1, -1)):
        angle = sign * np.arctan2(n, m)
        across = scene.positions_A[scene.grains == grain]
        axes = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        halves = across @ axes / (edge / 2)
        halves = halves - halves[0]
        other = (across @ axes.T) / (edge / 2)
        other = other - other[0]
        fits = [np.allclose(candidate, np.rint(candidate), atol=1e-6) for candidate in (halves, other)]
        assert fits.count(True) == 1, "the turn fits one way only"
    # bulk neighbours away from the boundaries, across the periodic right edge too
    counts = coordination(scene, edge * 0.85)
    half = scene.box_A[0] / 2
    depth = abs((scene.positions_A[:, 0] % half) - half / 2)
    inner = (depth < half / 2 - 6) & (abs(scene.positions_A[:, 2] - 6) < 3)
    assert (counts[inner] == 12).all()


@pytest.mark.parametrize("wall", ["across", "upright", "diagonal"])
def test_domains_point_where_they_should(wall: str) -> None:
    scene = build("domain_wall", crystal="pbtio3", first_deg=45.0, second_deg=180.0, wall=wall, width_A=0.0, cells_deep=2)
    reference = build("domain_wall", crystal="pbtio3", first_deg=45.0, second_deg=180.0, wall=wall, width_A=0.0, cells_deep=2, seed=9)
    np.testing.assert_array_equal(scene.positions_A, reference.positions_A)  # nothing is shared in PbTiO3
    assert abs(scene.grains.mean() - 0.5) < 0.05
    part = pw.crystals.build("pbtio3")
    titanium, oxygen = (scene.positions_A[scene.numbers == number] for number in (22, 8))
    around = np.array([*scene.box_A[:2], 1e3])
    tree = cKDTree(oxygen, boxsize=around)
    distances, near = tree.query(titanium, k=6)
    # the four oxygen atoms of the cage that are in the plane of the titanium
    apart = oxygen[near] - titanium[:, None]
    apart -= around * np.rint(apart / around)
    flat = (abs(apart[..., 2]) < 0.5) & (distances < 3)
    cage = np.where(flat[..., None], apart, 0).sum(1) / flat.sum(1, keepdims=True)
    assert (flat.sum(1) == 4).all()
    grains = scene.grains[scene.numbers == 22]
    agree = 0
    for grain, angle in ((0, 45.0), (1, 180.0)):
        expected = part.displacement_A * direction_to_vector(angle)
        agree += (np.abs(-cage[grains == grain][:, :2] - expected).max(1) < 0.02).sum()
    assert agree / len(titanium) > 0.75, "all but the cells on the walls"


def test_a_wide_wall_turns_gradually() -> None:
    sharp, wide = (build("domain_wall", crystal="pbtio3", width_A=width, cells_right=30) for width in (0.0, 12.0))
    moves = (wide.positions_A - sharp.positions_A)[:, 1]
    moves -= wide.box_A[1] * np.rint(moves / wide.box_A[1])
    from_wall = abs(abs(sharp.positions_A[:, 1] / sharp.box_A[1] - 0.5) - 0.25) * sharp.box_A[1]
    assert abs(moves[from_wall < 4]).max() > 0.1
    # far from the wall what is left of tanh
    assert abs(moves[from_wall > 26]).max() < 0.32 * 2 * (1 - np.tanh(26 / 12))


def test_diagonal_walls_need_a_square() -> None:
    with pytest.raises(ValueError, match="square film"):
        build("domain_wall", wall="diagonal", cells_down=8, cells_right=9)


@pytest.mark.parametrize(("site", "number", "count"), [("A", 38, 1), ("B", 22, 1), ("O", 8, 3)])
def test_vacancies_are_on_their_sublattice(site: str, number: int, count: int) -> None:
    cells = 6 * 5 * 4
    size = {"cells_down": 6, "cells_right": 5, "cells_deep": 4}
    scene = build("vacancies", site=site, share=0.25, **size)
    assert (scene.numbers == number).sum() == count * cells - round(0.25 * count * cells)
    assert len(scene) == 5 * cells - round(0.25 * count * cells)
    column = build("vacancies", site=site, share=1.0, where="column", **size)
    assert len(column) == 5 * cells - 4 * count


def test_antiphase_domains_swap_the_sublattice_and_keep_the_lattice() -> None:
    scene = build("antiphase", cells_down=4, cells_right=8, cells_deep=3)
    edge = 0.75 * METALS["Cu"].a_A + 0.25 * METALS["Au"].a_A
    halves = np.rint(scene.positions_A / edge * 2).astype(int)
    np.testing.assert_allclose(halves * edge / 2, scene.positions_A, atol=1e-9)
    gold = scene.numbers == 79
    assert gold.sum() == 4 * 8 * 3
    assert (halves[gold & (scene.grains == 0)] % 2 == 0).all()
    np.testing.assert_array_equal(np.unique(halves[gold & (scene.grains == 1)] % 2, axis=0), [[1, 1, 0]])
    # an atom of gold in the bulk of Cu3Au has copper alone about it
    random = build("antiphase", cells_down=4, cells_right=8, cells_deep=3, degree=0.0)
    assert (random.numbers == 79).sum() == gold.sum()
    assert not np.array_equal(random.numbers, scene.numbers)


def test_files_are_read_back_by_ase(tmp_path: Path) -> None:
    io = pytest.importorskip("ase.io", reason="the extra 'sim' is not installed")
    scene = build("nanoparticle_on_substrate", diameter_A=14.0, box_A=40.0, substrate_A=6.0)
    for suffix in (".xyz", ".cif"):
        path = save_scene(scene, tmp_path / f"scene{suffix}")
        again = io.read(path)
        np.testing.assert_array_equal(np.sort(again.numbers), np.sort(scene.numbers))
        np.testing.assert_allclose(again.cell.lengths(), scene.box_A, atol=1e-3)
        around = np.array(scene.box_A) + 1e-3
        assert cKDTree(again.positions % around, boxsize=around).query(scene.positions_A)[0].max() < 2e-3
    again = io.read(tmp_path / "scene.xyz")
    np.testing.assert_array_equal(again.arrays["objects"], scene.objects)
    np.testing.assert_array_equal(again.arrays["grains"], scene.grains)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.cif", "scene.xyz"]
    with pytest.raises(ValueError, match=r"expected one of .xyz, .cif"):
        save_scene(scene, tmp_path / "scene.pdb")


def test_abtem_makes_a_potential_of_a_scene() -> None:
    abtem = pytest.importorskip("abtem", reason="the extra 'sim' is not installed")
    scene = build("sphere", diameter_A=10.0, box_A=40.0)
    potential = abtem.Potential(scene.to_ase(), sampling=0.4, slice_thickness=4.0).build(lazy=False).project()
    array = np.asarray(potential.array)
    # the potential is where the atoms are: its centre is theirs
    grid = np.stack(np.meshgrid(*(np.arange(size) * 40.0 / size for size in array.shape), indexing="ij"), -1)
    middle = (grid * array[..., None]).sum((0, 1)) / array.sum()
    np.testing.assert_allclose(middle, scene.positions_A[:, :2].mean(0), atol=0.3)


def test_the_frame_of_the_stack_is_right_handed() -> None:
    np.testing.assert_allclose(FROM_CUBIC @ FROM_CUBIC.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(FROM_CUBIC), 1.0)
