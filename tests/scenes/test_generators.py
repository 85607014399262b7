"""Generators: counts are density times volume, lattices are ase's, disorder has shells and no long-range order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

import polwidgets as pw
from polwidgets.scenes.generators.amorphous import Amorphous, amorphous_carbon, hard_sphere_glass
from polwidgets.scenes.generators.base import Empty
from polwidgets.scenes.generators.crystal import (
    CrystalGenerator,
    crystal,
    crystal_from_ase,
    crystal_from_cif,
    crystal_from_part,
    crystal_from_spacegroup,
    cubic,
)
from polwidgets.scenes.generators.packing import Shells, pack
from polwidgets.scenes.generators.stack import FROM_CUBIC, CloseStack
from polwidgets.scenes.matter import Matter, make_matter
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.structure import coordination, radial_distribution
from polwidgets.scenes.transforms import linear, rotate
from polwidgets.scenes.volumes.shapes import Box, Everywhere, sphere

ODD_BOX = Box((-3.1, 2.0, 0.4), (26.9, 33.0, 19.4))


def as_scene(atoms: Matter, box: tuple[float, float, float], periodic: tuple[bool, bool, bool] = (True, True, True)) -> Scene:
    fields = {field.name: getattr(atoms, field.name) for field in dataclasses.fields(atoms)}
    return Scene(**fields, box_A=box, periodic=periodic, objects=np.zeros(len(atoms), np.int64), names=("all",))


@pytest.mark.parametrize(("structure", "atoms", "neighbours", "distance"), [
    ("sc", 1, 6, 1.0), ("bcc", 2, 8, np.sqrt(3) / 2), ("fcc", 4, 12, np.sqrt(0.5)), ("diamond", 8, 4, np.sqrt(3) / 4),
])  # fmt: skip
def test_cubic_structures_have_their_neighbours(structure: str, atoms: int, neighbours: int, distance: float) -> None:
    found = cubic(29, structure, 4.0).fill(Box((0, 0, 0), (15.9, 19.9, 23.9)))
    assert len(found) == atoms * 4 * 5 * 6
    counts = coordination(as_scene(found, (16.0, 20.0, 24.0)), 4.0 * distance * 1.05)
    assert (counts == neighbours).all()
    with pytest.raises(ValueError, match="sc, bcc, fcc, diamond"):
        cubic(29, "hcp", 4.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_crystal_fills_with_its_density(seed: int) -> None:
    turned = cubic(79, "fcc", 4.08).moved(rotate((1, seed, 2), 20.0 + 30 * seed, about_A=(3, 1, 2)))
    volume = sphere(14.0, (5.0, -4.0, 60.0))
    expected = turned.density_per_A3 * 4 / 3 * np.pi * 14**3
    assert abs(len(turned.fill(volume)) - expected) < 0.02 * expected
    # all of them: those of a larger volume that lie inside
    larger = turned.fill(sphere(20.0, (5.0, -4.0, 60.0)))
    assert volume.contains(larger.positions_A).sum() == len(turned.fill(volume))


def test_cells_come_from_spacegroup_ase_and_cif(tmp_path: Path) -> None:
    ase_build = pytest.importorskip("ase.build", reason="the extra 'sim' is not installed")
    rutile = crystal_from_spacegroup(["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], 136, [4.594, 4.594, 2.959, 90, 90, 90])
    assert sorted(rutile.motif.numbers.tolist()) == [8, 8, 8, 8, 22, 22]
    block = rutile.fill(Box((0.001, 0.001, 0.001), (4.594 * 4, 4.594 * 3, 2.959 * 5)))
    assert len(block) == 6 * 60
    hexagonal = ase_build.bulk("Mg", "hcp", a=3.21, c=5.21)
    supercell = crystal_from_ase(hexagonal).fill(sphere(12.0))
    counts = coordination(supercell, 3.4)
    assert (counts[np.linalg.norm(supercell.positions_A, axis=1) < 8] == 12).all()
    path = tmp_path / "rock salt.cif"
    ase_build.bulk("NaCl", "rocksalt", a=5.64, cubic=True).write(path)
    salt = crystal_from_cif(path)
    assert salt.motif.phase_names == ("rock salt",)
    np.testing.assert_allclose(salt.density_per_A3, 8 / 5.64**3)
    counts = coordination(salt.fill(sphere(11.0)), 3.0)
    assert counts.max() == 6


def test_wrong_crystals_say_what_is_wrong(tmp_path: Path) -> None:
    ase = pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    (tmp_path / "letter.cif").write_text("Dear Sir or Madam\n")
    with pytest.raises(ValueError, match=r"letter.cif is no CIF"):
        crystal_from_cif(tmp_path / "letter.cif")
    (tmp_path / "cut.cif").write_text("data_cut\n_cell_length_a 4.0\nloop_\n_atom_site_label\n_atom_site_fract_x\nAu1 0.0\n")
    with pytest.raises(ValueError, match=r"cut.cif is no CIF"):
        crystal_from_cif(tmp_path / "cut.cif")
    with pytest.raises(FileNotFoundError):
        crystal_from_cif(tmp_path / "nowhere.cif")
    (tmp_path / "alloy.cif").write_text(
        "data_alloy\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
        "_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_occupancy\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nAu1 Au 0.5 0 0 0\nCu1 Cu 0.5 0 0 0\n"
    )
    with pytest.raises(ValueError, match="partly occupied"):
        crystal_from_cif(tmp_path / "alloy.cif")
    with pytest.raises(ValueError, match="no crystal of space group 999"):
        crystal_from_spacegroup(["Au"], [(0, 0, 0)], 999, [4, 4, 4, 90, 90, 90])
    with pytest.raises(ValueError, match="encloses no volume"):
        crystal(np.zeros((3, 3)), [79], [[0, 0, 0]])
    with pytest.raises(ValueError, match="expected three edges"):
        crystal_from_ase(ase.Atoms("Au"))
    with pytest.raises(ValueError, match="holds no atoms"):
        CrystalGenerator(np.eye(3), make_matter(np.zeros(0, int), np.zeros((0, 3)), phase="x"))


def test_a_registered_perovskite_fills_space() -> None:
    pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    part = pw.crystals.build("srtio3")
    block = crystal_from_part(part).fill(Box((-0.01,) * 3, tuple(3 * part.cell_A[0] - 0.02 for _ in range(3))))
    assert np.bincount(block.numbers)[[8, 22, 38]].tolist() == [81, 27, 27]
    np.testing.assert_allclose(block.debye_waller_A2[block.numbers == 38], 0.62)


def test_volumes_without_end_or_content_are_errors() -> None:
    with pytest.raises(ValueError, match="no end"):
        cubic(79, "fcc", 4.0).fill(Everywhere())
    with pytest.raises(ValueError, match="is empty"):
        cubic(79, "fcc", 4.0).fill(sphere(2.0) & sphere(2.0, (9.0, 0, 0)))
    assert len(Empty().fill(sphere(3.0))) == 0


@pytest.mark.parametrize("density", [1.7, 2.0, 2.4])
def test_carbon_has_its_density_its_distances_and_no_seam(density: float) -> None:
    edges = (41.0, 33.0, 27.0)
    block = amorphous_carbon(density, periodic=(True, True, True)).fill(Box((0, 0, 0), edges), seed=4)
    assert abs(len(block) * 12.011 / 0.602214 / np.prod(edges) - density) < 0.01
    tree = cKDTree(block.positions_A % edges, boxsize=edges)
    assert tree.query(block.positions_A % edges, k=2)[0][:, 1].min() >= 1.35
    assert (block.grains == -1).all()


@pytest.fixture(scope="module")
def carbon() -> Scene:
    edges = (60.0, 56.0, 50.0)
    return as_scene(amorphous_carbon(2.0, periodic=(True, True, True)).fill(Box((0, 0, 0), edges), seed=9), edges)


def test_carbon_is_a_network_without_long_range_order(carbon: Scene) -> None:
    g = radial_distribution(carbon, cutoff_A=20.0, bins=200)
    near = g.sel(r=slice(1.0, 3.5))
    # shells of amorphous carbon: 1.4 to 1.5 and 2.45 to 2.55 angstrom, hardly an atom between (doi:10.1103/PhysRevLett.65.1905)
    assert 1.40 <= float(near.sel(r=slice(1.0, 2.0)).idxmax()) <= 1.55
    assert 2.40 <= float(near.sel(r=slice(2.2, 3.5)).idxmax()) <= 2.60
    assert float(near.sel(r=slice(2.0, 2.2)).mean()) < 0.2
    assert 2.3 < coordination(carbon, 1.95).mean() < 3.6
    far = g.sel(r=slice(8.0, None))
    assert abs(far - 1).max() < 0.03, "a glass knows nothing of its neighbours eight angstrom away"
    # and no plane of the cells that the points were dealt into: a lattice would scatter like all atoms at once
    count = len(carbon)
    edges = np.array(carbon.box_A)
    for orders in np.ndindex(4, 4, 4):
        cells = np.round(edges * (count / edges.prod()) ** (1 / 3)).astype(int)
        wave = 2 * np.pi * np.array(orders) * cells / edges
        if any(orders):
            intensity = abs(np.exp(1j * carbon.positions_A @ wave).sum()) ** 2 / count
            assert intensity < 15, orders  # of order 1 in a glass (exponential: 15 is one in a million), `count` in a lattice


def test_disorder_at_the_edges_of_what_is_possible() -> None:
    box = np.array([31.0, 27.0, 35.0])
    dense = pack(box, int(0.5 * box.prod() / (np.pi / 6 * 2.5**3)), Shells(2.5, 2.5, 2.5), seed=1)
    assert cKDTree(dense, boxsize=box).query(dense, k=2)[0][:, 1].min() >= 2.5
    with pytest.raises(ValueError, match=r"lower the density or the minimum distance"):
        hard_sphere_glass(6, 0.2, 2.0).fill(ODD_BOX)
    with pytest.raises(ValueError, match="too small to repeat"):
        amorphous_carbon(2.0, periodic=(True, True, True)).fill(Box((0, 0, 0), (4.0, 30.0, 30.0)))
    with pytest.raises(ValueError, match="more than 0"):
        hard_sphere_glass(6, 0.0, 1.0)
    with pytest.raises(ValueError, match="one each"):
        Amorphous((6, 8), 0.1, Shells(1, 1, 1), shares=(1.0,))
    with pytest.raises(ValueError, match="minimum <= bond"):
        Shells(2.0, 1.0, 3.0)
    thin = amorphous_carbon(2.0, periodic=(True, True, False)).fill(Box((0, 0, 5.0), (40.0, 30.0, 8.0)), seed=2)
    assert abs(len(thin) - 0.10028 * 3600) < 60  # cut from a thicker block, so with chance
    glass = Amorphous((14, 8), 0.066, Shells(1.5, 1.6, 2.6), shares=(1.0, 2.0)).fill(ODD_BOX, seed=1)
    assert abs((glass.numbers == 8).mean() - 2 / 3) < 0.05


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (amorphous_carbon().fill(ODD_BOX, seed=seed).positions_A for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[:100], other[:100])
    assert ODD_BOX.contains(first).all()


STACK = Box((-14.0, -14.0, -14.0), (14.0, 14.0, 14.0))


def inner(atoms: Matter) -> np.ndarray:
    return np.asarray((abs(atoms.positions_A) < 10).all(1))


def test_a_stack_without_faults_is_the_fcc_crystal() -> None:
    stack = CloseStack(79, 4.078, np.array([1]), 0, "fcc Au").fill(STACK)
    lattice = cubic(79, "fcc", 4.078).moved(linear(FROM_CUBIC)).fill(STACK)
    assert len(stack) == len(lattice)
    assert cKDTree(lattice.positions_A).query(stack.positions_A)[0].max() < 1e-9
    assert (stack.phases == 0).all()


@pytest.mark.parametrize(
    ("steps", "hexagonal"), [([1, -1], [0]), ([1, -1, 1], [0, 1]), ([1, -1, -1, 1], [0, 2]), ([-1, 1, -1, 1], [0, 1, 2])]
)
def test_faults_lie_where_steps_change(steps: list[int], hexagonal: list[int]) -> None:
    atoms = CloseStack(29, 3.6, np.array(steps), -1, "fcc").fill(STACK)
    layers = np.rint(atoms.positions_A[:, 2] / (3.6 / np.sqrt(3))).astype(int)
    assert set(layers[atoms.phases == 1]) == set(hexagonal)
    assert (coordination(atoms, 3.6 * 0.85)[inner(atoms)] == 12).all()
    # an hcp layer has its neighbours' layers right above one another
    tree = cKDTree(atoms.positions_A)
    for layer in (-2, 0, 3):
        here = np.flatnonzero((layers == layer) & inner(atoms))
        shift = np.array([0, 0, 3.6 / np.sqrt(3)])
        up, down = (tree.query_ball_point(atoms.positions_A[here] + aside, 3.6 * 0.45) for aside in (shift, -shift))
        flat = [
            np.sort((atoms.positions_A[a] - [*atoms.positions_A[i][:2], 0])[:, :2], axis=0).round(6).tolist()
            == np.sort((atoms.positions_A[b] - [*atoms.positions_A[i][:2], 0])[:, :2], axis=0).round(6).tolist()
            for i, a, b in zip(here, up, down, strict=True)
        ]
        assert all(same == (layer in hexagonal) for same in flat)


def test_a_twin_is_its_own_mirror_image() -> None:
    atoms = CloseStack(79, 4.078, np.array([1, -1]), -1, "fcc Au").fill(STACK)
    mirrored = atoms.positions_A * [1, 1, -1]
    assert cKDTree(atoms.positions_A).query(mirrored)[0].max() < 1e-9
    with pytest.raises(ValueError, match=r"each \+1"):
        CloseStack(79, 4.0, np.array([1, 0]), 0, "x")
