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
import panel as pn

import polwidgets as pw
from polwidgets.cube.reduce import mean_pattern
from polwidgets.directions import angular_difference

hv.extension("bokeh", inline=True, logo=False)
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
# The domains shine through, but every second or third position is wrong and the model is sure of none. A pattern of some
# thousand electrons says little by itself; and where the probe stands in the unit cell changes it far more than a displacement
# of ten picometres does, so some positions are worse placed to answer than others.
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
# Where do the two disagree by more than 22.5°? This scan has twelve positions to the unit cell, so we may count it cell by cell
# and add up: bright places fail in most cells, dark ones in few. Counting noise alone would spread the values by the amount in
# the title; what exceeds it is the probe position's doing.

# %%
differs = np.abs(angular_difference(by_pattern["direction_deg"], prediction["direction_deg"])) > 22.5
folded = differs.reshape(4, 12, 6, 12).mean(axis=(0, 2))
by_chance = np.sqrt(differs.mean() * (1 - differs.mean()) / 24)
plane = [hv.Dimension("x", unit="1/12 cell"), hv.Dimension("y", unit="1/12 cell")]
style = {"cmap": "gray", "invert_yaxis": True, "data_aspect": 1, "frame_width": 260, "colorbar": True}
title = f"{differs.mean():.0%} differ; spread {folded.std():.2f}, by chance {by_chance:.2f}"
pn.panel(hv.Image((range(12), range(12), folded), plane, "share that differs").opts(title=title, **style))

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
pn.Row(*(hv.Image((kx, ky, fit.patterns[name].values), plane, name).opts(title=name, **style) for name in ("measured", "model")))

# %% [markdown]
# ## Try
#
# * Tap a wrong position of the first map: which directions share the probability? Are they neighbours or opposite ones?
# * Map with `model="unit_cell_match", context="pattern"`: the same comparison with the simulator, but without the neighbours.
# * Give a wrong thickness, `thickness_range_A=(100, 150)`. What does the map look like, and what do its attributes say?
