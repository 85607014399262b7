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
# along [110]: four columns of different thickness and tilt, six rows; from the third row on, the crystal is stretched along x. It is
# simulated with Bloch waves (Zuo & Spence 2017) for 100,000 electrons a pattern, and once more for a hundred times as many.

# %%
stretch = np.array([0, 0, 0.003, 0.006, 0.009, 0.012])
columns = [(150.0, (1.0, -2.0)), (230.0, (-3.0, 0.5)), (310.0, (2.0, 3.0)), (400.0, (0.0, -1.0))]  # thickness in Å, tilt in mrad
patterns = {1e5: np.empty((6, 4, 128, 128), np.float32), 1e7: np.empty((6, 4, 128, 128), np.float32)}
for column, (thickness_A, tilt) in enumerate(columns):
    curves = rocking_curves(
        bulk("Si", cubic=True), thicknesses_A=np.array([thickness_A]), zone_axis=(1, 1, 0), tilt_mrad=tilt, most_beams=60, **optics
    )
    for dose, cube in patterns.items():
        conditions = [Nanobeam(thickness_A=thickness_A, e_xx=e, background=0.05, dose=dose) for e in stretch]
        cube[:, column] = nanobeam_patterns(curves, conditions, ky=k, kx=k, seed=column)["intensity"]
scans = {dose: pw.make_cube(cube, scan_step_A=20.0, k_step=0.021, **optics) for dose, cube in patterns.items()}
scan = scans[1e5]
probe = vacuum_probe(**optics, ky=k, kx=k, seed=0, condition=Nanobeam(dose=1e6))

# %% [markdown]
# **Predict, then try.** The crystal is stretched along x by 1 %. Do the disks move apart or together, along which axis, and by
# how many pixels is the one on the right, at 0.74 1/Å and 35 pixels from the middle, displaced?
#
# <details><summary>Answer</summary>
# Together, along x: reciprocal vectors shrink as the crystal grows, g → F⁻ᵀ g. By 1 % of 35 pixels: a third of a pixel; disks nearer to
# the middle by less. A strain of a thousandth is a thirtieth of a pixel.
# </details>
#
# ## Find the disks
#
# Move *Certainty*, drag a lattice vector and let go, walk over the scan with the arrow keys. Look into the disks: the same crystal,
# and every column of the scan paints them differently.

# %%
state = pw.ViewState(probe=(4, 2))
pw.DiskExplorer(scan, probe, state=state)

# %% [markdown]
# **Predict, then try.** A correlation with the evenly lit probe is drawn to the bright side of a disk. Is that an error that a
# hundred times as many electrons would make smaller?

# %%
relaxed = np.zeros((6, 4), bool)
relaxed[:2] = True
maps = {}
for way in ("none", "disks", "lattice"):
    for dose, cube in scans.items():
        maps[way, dose] = pw.strain_map(cube, probe=probe, reference=relaxed, refine=way)
        off = 100 * (maps[way, dose]["e_xx"].values - stretch[:, None])[2:]
        print(f"refine {way:8s} {dose:10,.0f} electrons: e_xx off by {np.sqrt(np.nanmean(off**2)):.3f} % (root mean square)")

# %% [markdown]
# <details><summary>Answer</summary>
# No: without refinement (<code>none</code>) it stays what it is, for every pattern of that thickness and tilt is lit in the same way,
# however many electrons it holds. What helps is to use the <i>edge</i> of each disk alone (<code>disks</code>), or all edges of a
# pattern together (<code>lattice</code>): what is left then is counting noise, which falls with more electrons.
# </details>
#
# ## Maps
#
# Tap a position: the cell, drawn with its deformation exaggerated, the pattern and the explorer above follow.

# %%
strain = maps["lattice", 1e5]
pw.StrainMaps(strain, scan, state=state)

# %% [markdown]
# **Predict, then try.** How many of the true strains should lie within one stated standard deviation?

# %%
off = (strain["e_xx"].values - stretch[:, None])[2:]
within = np.nanmean(np.abs(off) < strain["e_xx_error"].values[2:])
print(f"{within:.0%} of {off.size} lie within one standard deviation")

# %% [markdown]
# <details><summary>Answer</summary>
# 68 % if the errors are Gaussian and honest; with only sixteen positions anything between 45 and 90 % is no surprise (a binomial's
# range of 95 %).
# </details>
#
# ## Exercise
#
# How large is the strain ε<sub>xx</sub> of the *last* row, in percent, averaged over its columns? Read it off the maps: tap its
# positions, or look at the profile.

# %%
strain_percent = ...
check(strain_percent, 100 * float(strain["e_xx"][-1].mean()), within=0.05, unit="%", hint="The last row is at the bottom.")

# %% [markdown]
# ## Read on
#
# * J. M. Zuo, J. C. H. Spence, *Advanced Transmission Electron Microscopy* (2017),
#   [doi:10.1007/978-1-4939-6607-3](https://doi.org/10.1007/978-1-4939-6607-3): Bloch waves, rocking curves, strain.
# * T. C. Pekin et al., *Optimizing disk registration algorithms for nanobeam electron diffraction strain mapping*, Ultramicroscopy
#   176, 170 (2017), [doi:10.1016/j.ultramic.2016.12.021](https://doi.org/10.1016/j.ultramic.2016.12.021).
# * J. Munshi et al., *Disentangling multiple scattering with deep learning: application to strain mapping from electron diffraction
#   patterns*, npj Comput. Mater. 8, 254 (2022),
#   [doi:10.1038/s41524-022-00939-9](https://doi.org/10.1038/s41524-022-00939-9): a network that proposes the disks.
