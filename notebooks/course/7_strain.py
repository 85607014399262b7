# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Bragg disks and strain
#
# **You will be able to**
# * say how a deformation of the crystal moves the disks of a nanobeam pattern;
# * explain why finding the centre of a disk is hard in a thick crystal, and what helps;
# * measure a strain of a few thousandths, with an error that can be trusted.

# %%
# %load_ext polwidgets.teaching
import numpy as np
from ase.build import bulk

import polwidgets as pw
from polwidgets.simulate.bloch import rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe
from polwidgets.teaching import check

k = (np.arange(128) - 64) * 0.021
optics = {"voltage_kV": 300.0, "semiangle_mrad": 2.0}

# %% [markdown]
# ## A nearly parallel beam
#
# With a semi-angle of 2 mrad the disks are smaller than their distance, and stand apart (notebook 1). Here is a scan of silicon
# along [110]: four columns of different thickness and tilt, six rows; from the third row on, the crystal is stretched along x.

# %%
stretch = np.array([0, 0, 0.003, 0.006, 0.009, 0.012])
columns = [(150.0, (1.0, -2.0)), (230.0, (-3.0, 0.5)), (310.0, (2.0, 3.0)), (400.0, (0.0, -1.0))]
patterns = np.empty((6, 4, 128, 128), np.float32)
for column, (thickness_A, tilt) in enumerate(columns):
    curves = rocking_curves(
        bulk("Si", cubic=True), thicknesses_A=np.array([thickness_A]), zone_axis=(1, 1, 0), tilt_mrad=tilt, most_beams=60, **optics
    )
    conditions = [Nanobeam(thickness_A=thickness_A, e_xx=e, background=0.05, dose=1e5) for e in stretch]
    patterns[:, column] = nanobeam_patterns(curves, conditions, ky=k, kx=k, seed=column)["intensity"]
scan = pw.make_cube(patterns, scan_step_A=20.0, k_step=0.021, **optics)
probe = vacuum_probe(**optics, ky=k, kx=k, seed=0, condition=Nanobeam(dose=1e6))

# %% [markdown]
# **Predict, then try.** The crystal is stretched along x by 1 %. Do the disks move apart or together, along which axis, and by
# how many pixels is the one at (2.6, 0) 1/Å, 124 pixels from the middle, displaced?
#
# <details><summary>Answer</summary>
# Together, along x: reciprocal vectors shrink as the crystal grows, g → F⁻ᵀ g. By 1 % of 124 pixels: 1.2 pixels; disks nearer to
# the middle by less. A strain of a thousandth is a tenth of a pixel at best, less than the pixels themselves.
# </details>
#
# ## Find the disks
#
# Move *Certainty*, drag a lattice vector and let go, walk over the scan with the arrow keys. Look into the disks: the same crystal,
# and every column of the scan paints them differently.

# %%
state = pw.ViewState(probe=(4, 2))
explorer = pw.DiskExplorer(scan, probe, state=state)
explorer

# %% [markdown]
# **Predict, then try.** A centre of mass, or a correlation with the evenly lit probe, is drawn to the bright side of a disk. Is
# that an error that more electrons would average out?

# %%
relaxed = np.zeros((6, 4), bool)
relaxed[:2] = True
maps = {way: pw.strain_map(scan, probe=probe, reference=relaxed, refine=way) for way in ("none", "disks", "lattice")}
for way, strain in maps.items():
    off = 100 * (strain["e_xx"].values - stretch[:, None])[2:]
    print(f"{way:8s} e_xx off by {np.sqrt(np.nanmean(off**2)):.3f} % (root mean square)")

# %% [markdown]
# <details><summary>Answer</summary>
# No: it is the same in every pattern of the same thickness and tilt, however many electrons it holds. What helps is to use the
# <i>edge</i> of the disk alone (<code>disks</code>), and all edges of a pattern together (<code>lattice</code>).
# </details>
#
# ## Maps
#
# Tap a position: the cell, drawn with its deformation exaggerated, the pattern and the explorer above follow.

# %%
pw.StrainMaps(maps["lattice"], scan, state=state)

# %% [markdown]
# **Predict, then try.** How many of the true strains should lie within one stated standard deviation?

# %%
strain = maps["lattice"]
off = (strain["e_xx"].values - stretch[:, None])[2:]
within = np.nanmean(np.abs(off) < strain["e_xx_error"].values[2:])
print(f"{within:.0%} of {off.size} lie within one standard deviation")

# %% [markdown]
# <details><summary>Answer</summary>
# 68 % if the errors are Gaussian and honest; with sixteen positions anything between 50 and 85 % is no surprise.
# </details>
#
# ## Exercise
#
# How large is the strain of the *last* row, in percent, averaged over its columns? Read it off the maps (tap, or draw a line).

# %%
strain_percent = ...
check(strain_percent, 100 * float(strain["e_xx"][-1].mean()), within=0.05, unit="%", hint="The last row is at the bottom.")

# %% [markdown]
# ## Read on
#
# * T. C. Pekin et al., *Optimizing disk registration algorithms for nanobeam electron diffraction strain mapping*, Ultramicroscopy
#   176, 170 (2017), [doi:10.1016/j.ultramic.2016.12.021](https://doi.org/10.1016/j.ultramic.2016.12.021).
# * J. Munshi et al., *Disentangling multiple scattering with deep learning: application to strain mapping from electron diffraction
#   patterns*, npj Comput. Mater. 8, 254 (2022),
#   [doi:10.1038/s41524-022-00939-9](https://doi.org/10.1038/s41524-022-00939-9): a network that proposes the disks.
