# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6 · Walls and defects
#
# **You will be able to**
# * find a domain wall in a map, and say how sharp it can be seen;
# * tell a defect from noise with a stated rate of false alarms;
# * say what the map shows where its model does not hold.

# %%
# %load_ext polwidgets.teaching
import holoviews as hv
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.directions import angular_difference
from polwidgets.teaching import check, picture

scan = pw.sample("knn_wall")
state = pw.ViewState(probe=(20, 36))
specimen = pw.match(scan, thickness_range_A=(150, 300))
pooled = pw.map_polarization(scan, specimen=specimen)

# %% [markdown]
# ## A wall
#
# On the left the polarization points up, on the right down: a 180-degree wall. Tap along it.

# %%
pw.LinkedMaps(pooled, cube=scan, state=state)

# %% [markdown]
# **Predict, then try.** How wide will the transition look, given that evidence is pooled over one unit cell (3.97 Å), and that
# the simulated wall is perfectly sharp?

# %%
upward = np.cos(np.deg2rad(pooled["direction_deg"] - 90)) * pooled["displacement_pm"]
profile = upward.mean("scan_y")
axis = hv.Dimension("scan_x", unit="Å")
line = hv.Curve((profile["scan_x"].values, profile.values), axis, hv.Dimension("upward displacement", unit="pm"))
spread = hv.Area((profile["scan_x"].values, *(profile + sign * upward.std("scan_y") for sign in (-1, 1))), axis, ["low", "high"])
pn.panel((spread.opts(alpha=0.3) * line).opts(width=520, height=260))

# %% [markdown]
# <details><summary>Answer</summary>
# About one unit cell: in the middle of the wall the window holds as many patterns of either side. A wall that really is
# wider than a cell shows wider; a narrower one does not show narrower.
# </details>
#
# In the window that straddles the wall, neither direction fits. Does the map know?

# %%
sure = picture(pooled["confidence"], "confidence", cmap="cividis", limits=(0, 1))
pn.Row(sure, picture(pooled["displacement_pm"], "displacement, pm", cmap="viridis"))

# %% [markdown]
# ## Which cells do not fit?
#
# A cell with a vacancy, a shifted block or a wall fits the model of a perfect crystal worse than noise alone explains. The
# threshold is set so that a stated share of *good* cells would be flagged by chance.
#
# **Predict, then try.** Where will the flags be, and how many false ones do you expect in 24 cells at a rate of 5 %?

# %%
defects = pw.defect_map(scan, specimen, pooled, false_alarm_rate=0.05)
cells = defects["score"].assign_coords(cell_row=np.arange(defects.sizes["cell_row"]), cell_column=np.arange(defects.sizes["cell_column"]))
print(f"{int(defects['defect'].sum())} of {int(np.isfinite(defects['score']).sum())} cells are flagged")
picture(cells, "score, in standard deviations of good cells", cmap="magma")

# %% [markdown]
# <details><summary>Answer</summary>
# Along the wall; and about one false one by chance: 24 cells times 5 %. A single flagged cell far from the wall means little;
# a row of them means much.
# </details>

# %%
pw.DefectExplorer(scan, prediction=pooled, specimen=specimen, state=state)

# %% [markdown]
# ## Look with a simpler eye
#
# The annular dark field shows the heavy columns. Do they jump at the wall?

# %%
dark_field = pw.virtual_image(scan, pw.Annulus(1.1))
picture(dark_field, "annular dark field")

# %% [markdown]
# ## Exercise
#
# By how many degrees does the polarization turn from the left half to the right half of the map? (A whole turn is nothing: give
# a number between 0 and 180.)

# %%
turned_deg = ...
halves = np.split(np.exp(1j * np.deg2rad(pooled["direction_deg"].values)), 2, axis=1)
left, right = (float(np.rad2deg(np.angle(half.mean()))) for half in halves)
check(turned_deg, abs(float(angular_difference(left, right))), within=5, unit="°", hint="Read the two hues off the wheel.")

# %% [markdown]
# ## Read on
#
# * C. L. Jia et al., *Atomic-scale study of electric dipoles near charged and uncharged domain walls in ferroelectric films*,
#   Nat. Mater. 7, 57 (2008), [doi:10.1038/nmat2080](https://doi.org/10.1038/nmat2080).
# * M. Dawber, K. M. Rabe, J. F. Scott, *Physics of thin-film ferroelectric oxides*, Rev. Mod. Phys. 77, 1083 (2005),
#   [doi:10.1103/RevModPhys.77.1083](https://doi.org/10.1103/RevModPhys.77.1083).
