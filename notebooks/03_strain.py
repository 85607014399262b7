# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Strain from Bragg disks
#
# Ten minutes, mostly with the hand. A thin silicon crystal is scanned with a nearly parallel beam, so that every pattern is a
# field of small disks. Where the lattice is stretched, they move together by a few hundredths of a pixel. Inside, dynamical
# diffraction paints them light and dark, differently at every thickness and tilt: that is what makes finding them hard.
#
# The scan is simulated, so the strain is known, and every answer can be checked.

# %%
import numpy as np
import xarray as xr
from ase.build import bulk

import polwidgets as pw
from polwidgets.simulate.bloch import rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

rng = np.random.default_rng(1)
k = (np.arange(128) - 64) * 0.021
optics = {"voltage_kV": 300.0, "semiangle_mrad": 2.0}
rows, columns = 8, 12

# %% [markdown]
# The crystal thickens from left to right and is bent a little. The upper rows are relaxed; below them is a layer that is
# stretched along x, the more the deeper.

# %%
stretch = 0.004 * np.clip(np.arange(rows) - 2, 0, 3)[:, None] * np.ones(columns)
patterns = np.empty((rows, columns, len(k), len(k)), np.float32)
thickness_A = np.linspace(150, 400, columns)
for column in range(columns):
    tilt = (rng.uniform(-4, 4), rng.uniform(-4, 4))
    curves = rocking_curves(
        bulk("Si", cubic=True), thicknesses_A=thickness_A[[column]], zone_axis=(1, 1, 0), tilt_mrad=tilt, most_beams=60, **optics
    )
    conditions = [
        Nanobeam(thickness_A=thickness_A[column], e_xx=stretch[row, column], e_yy=-0.3 * stretch[row, column], background=0.05, dose=1e5)
        for row in range(rows)
    ]
    patterns[:, column] = nanobeam_patterns(curves, conditions, ky=k, kx=k, seed=column)["intensity"]
scan = pw.make_cube(patterns, scan_step_A=20.0, k_step=0.021, **optics)
probe = vacuum_probe(**optics, ky=k, kx=k, seed=0, condition=Nanobeam(dose=1e6))
print(f"{rows} x {columns} patterns of {len(k)} x {len(k)}, {scan.nbytes / 1e6:.0f} MB")

# %% [markdown]
# ## Find the disks
#
# Move **Certainty**: weak disks appear and vanish under your finger. White circles are proposed; when you let go, every disk is
# measured by its edge (blue: on the lattice, orange: beside it). Drag the tip of *a\** or *b\** to another disk and let go: the
# lattice is fitted again from there. Switch the background to the *correlation map*. Walk over the scan with the arrow keys.

# %%
state = pw.ViewState(probe=(5, 6))
disks = pw.DiskExplorer(scan, probe, state=state)
disks

# %% [markdown]
# The same in a table, for one row of the scan: `disks.detector` is what the controls say.

# %%
table = pw.find_disks(scan.isel(scan_y=slice(5, 6)), probe=probe, detector=disks.detector)
table.to_dataframe().head()

# %% [markdown]
# ## Map the strain
#
# One lattice is fitted to all disks of a pattern at once, and compared with the relaxed region. Every number comes with its
# standard deviation, and where a pattern says nothing, the map is empty and says why.

# %%
relaxed = np.zeros(scan.shape[:2], bool)
relaxed[:2] = True
strain = pw.strain_map(scan, probe=probe, detector=disks.detector, reference=relaxed)
pw.StrainMaps(strain, scan, state=state)

# %% [markdown]
# Tap on the maps: the cell, the pattern and the disk explorer above follow. Turn the **x axis**: the same strain, told along
# other directions. Press *Line* and drag from the relaxed region into the layer.
#
# ## Are the errors honest?
#
# Here the truth is known. About two thirds of all positions should lie within one stated standard deviation.

# %%
def compare(found: xr.Dataset, name: str) -> None:
    off = np.stack([found["e_xx"] - stretch, found["e_yy"] + 0.3 * stretch])[:, 2:]
    stated = np.stack([found["e_xx_error"], found["e_yy_error"]])[:, 2:]
    within = np.nanmean(np.abs(off) < stated)
    print(f"{name:22} error {100 * np.sqrt(np.nanmean(off**2)):.3f} %, {within:.0%} within one sigma, {np.isnan(off).mean():.0%} missing")


compare(strain, "one lattice")

# %% [markdown]
# ## Which way is better?
#
# Correlation alone takes the place where the pattern looks most like the probe, and is drawn to the bright side of every disk.
# Fitting the edge disk by disk removes most of that; one lattice through all disks at once also hears the weak ones.

# %%
for refine in ("none", "disks", "lattice"):
    compare(pw.strain_map(scan, probe=probe, reference=relaxed, refine=refine), {"none": "correlation alone"}.get(refine, refine))

# %% [markdown]
# A network trained on simulated crystals may propose the disks instead (`detector="fcunet"`): it knows how disks look inside.
# It is slower; where it helps is in weak patterns and strong background.

# %%
from polwidgets.disks.base import disk_detectors
from polwidgets.disks.fcunet import SHIPPED

part = scan.isel(scan_y=slice(1, None, 3), scan_x=slice(None, None, 4))
for name in disk_detectors:
    if name == "fcunet" and not SHIPPED.is_file():
        print("this copy has no weights of the network; pw.train_disk_network makes some")
        continue
    found = pw.find_disks(part, probe=probe, detector=name)
    print(f"{name:10} {found.sizes['disk'] / (part.shape[0] * part.shape[1]):.1f} disks a pattern")

# %% [markdown]
# ## Keep it
#
# `strain.to_zarr("strain.zarr")`; then `polwidgets app scan.zarr strain.zarr` shows both without a notebook, and
# `pw.save_point_lists` writes the disks for py4DSTEM.
