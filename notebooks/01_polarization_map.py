# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a scan to a polarization map one can trust
#
# A 4D-STEM scan holds a diffraction pattern for every probe position. Here the specimen is ferroelectric
# (K,Na)NbO₃ seen along [001]: in every unit cell the Nb atom sits some ten picometres off the centre of its oxygen cage, and
# *that way the polarization points*. We want to know which way, everywhere, and how sure we may be.

# %%
import holoviews as hv
import numpy as np

import polwidgets as pw
from polwidgets.cube.reduce import mean_pattern
from polwidgets.directions import angular_difference

scan = pw.sample("knn_wall")
scan

# %% [markdown]
# ## Look
#
# Drag on the scan, or use the arrow keys, and the pattern follows. Drag the orange virtual detector on the pattern, or its
# edges, and its image follows; *annular dark field* shows the heavy columns. Watch how much the pattern changes as the probe
# walks through **one** unit cell, and how little it changes from one cell to the next.

# %%
browser = pw.CubeBrowser(scan)
browser

# %% [markdown]
# ## Ask every pattern by itself
#
# The usual recipe: simulate patterns of known polarization, learn to tell eight directions apart, then ask about every measured
# pattern alone. To give it the best start it can have, we first fit thickness, mistilt and blur from the scan itself, and then
# simulate the training patterns for this very specimen.

# %%
specimen = pw.match(scan, crystal="knn", thickness_range_A=(100, 500))
print(f"{specimen.thickness_A:.0f} Å thick, tilted by {specimen.tilt_y_mrad:.1f} mrad up and {specimen.tilt_x_mrad:.1f} mrad to the right")

# %% [markdown]
# Hue is direction, paleness is doubt. Tap a map to see the pattern there and the eight probabilities.

# %%
by_pattern = pw.map_polarization(scan, crystal="knn", model="pca_knn", context="pattern", specimen=specimen)
pw.LinkedMaps(by_pattern, cube=scan, state=browser.state)

# %% [markdown]
# The map is speckled, and the speckle repeats with the unit cell. The polarization cannot: the *question* does. Where the probe
# stands in the unit cell changes the pattern far more than a displacement of ten picometres, thickness and mistilt do as well,
# and at some probe positions the pattern hardly depends on the polarization at all.
#
# ## Ask the unit cell
#
# The patterns around a position, each at its own place in the unit cell, are evidence about the same displacement. Pooled and
# compared with the simulator at the fitted conditions, the well-placed probe positions answer for the others. The cell slides
# with the position, so walls stay sharp; and the comparison also gives the displacement, in picometres.

# %%
prediction = pw.map_polarization(scan, crystal="knn", model="unit_cell_match", context="unit_cell", specimen=specimen)
pw.LinkedMaps(prediction, cube=scan, state=browser.state)

# %% [markdown]
# Where do the two disagree? Bright positions below differ by more than 22.5°. Compare the spacing of the bright spots with
# that of the atomic columns in the virtual image above.

# %%
differs = np.abs(angular_difference(by_pattern["direction_deg"], prediction["direction_deg"])) > 22.5
y, x = (scan[dim].values / 10 for dim in ("scan_y", "scan_x"))
plane = [hv.Dimension("x", unit="nm"), hv.Dimension("y", unit="nm")]
style = {"cmap": "gray", "invert_yaxis": True, "data_aspect": 1, "frame_width": 260}
hv.Image((x, y, differs.astype(float)), plane, "differs").opts(title=f"{differs.mean():.0%} of all positions differ", **style)

# %% [markdown]
# ## How thick is it?
#
# Both maps rest on the fitted specimen. Thickness alone can be had from a single position-averaged pattern: averaged over
# whole unit cells, the pattern no longer knows where the probe stood, but multiple scattering has written the thickness into it.

# %%
pattern = mean_pattern(scan)
fit = pw.match(pattern, crystal="knn", thickness_range_A=(100, 500))
print(f"from the average pattern: {fit.thickness_A:.0f} Å; from the whole scan: {specimen.thickness_A:.0f} Å")

# %%
ky, kx = (fit.patterns[dim].values for dim in ("ky", "kx"))
style = {"cmap": "magma", "invert_yaxis": True, "data_aspect": 1, "frame_width": 260}
plane = [hv.Dimension("kx", unit="1/Å"), hv.Dimension("ky", unit="1/Å")]
hv.Layout([hv.Image((kx, ky, fit.patterns[name].values), plane, name).opts(title=name, **style) for name in ("measured", "model")])

# %% [markdown]
# ## Try
#
# * Tap a speckle of the first map: which directions share the probability? Are they opposite ones?
# * Map with `model="unit_cell_match", context="pattern"`: the same comparison with the simulator, but without the neighbours.
# * Give a wrong thickness, `thickness_range_A=(100, 150)`. What does the map look like, and what do its attributes say?
