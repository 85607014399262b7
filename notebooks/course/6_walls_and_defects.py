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
specimen = pw.match(scan, thickness_range_A=(180, 260))
pooled = pw.map_polarization(scan, specimen=specimen)

# %% [markdown]
# ## A wall
#
# On the left the polarization points up, on the right down: a 180-degree wall. Tap along it.

# %%
pw.LinkedMaps(pooled, cube=scan, state=state)

# %% [markdown]
# **Predict, then try.** The simulated wall is perfectly sharp, but evidence is pooled over a window of one unit cell (3.97 Å). How
# wide will the transition look?

# %%
upward = np.cos(np.deg2rad(pooled["direction_deg"] - 90)) * pooled["displacement_pm"]
profile = upward.mean("scan_y")
axis = hv.Dimension("scan_x", unit="Å")
line = hv.Curve((profile["scan_x"].values, profile.values), axis, hv.Dimension("upward displacement", unit="pm"))
last, first = profile["scan_x"][profile > 0].max().item(), profile["scan_x"][profile < 0].min().item()
print(f"up to {last:.2f} Å it points up, from {first:.2f} Å on it points down")
pn.panel((line * hv.Scatter(line).opts(size=4)).opts(width=560, height=260))

# %% [markdown]
# <details><summary>Answer</summary>
# One step of the scan, far less than the window: a position beside a wall is given the window that leans to its own side, where the
# evidence speaks louder. So the map draws <i>every</i> wall sharp: it assumes one direction in each window, and does not measure how
# wide the wall is.
# </details>
#
# **Predict, then try.** Does the map know that something is odd there?

# %%
sure = picture(pooled["confidence"], "confidence", cmap="cividis", limits=(0, 1))
pn.Row(sure, picture(pooled["displacement_pm"], "displacement", label="pm", cmap="viridis"))

# %% [markdown]
# <details><summary>Answer</summary>
# Its confidence does not: one everywhere, for it only compares the eight directions with each other. The displacement hints at it: it
# was simulated with 15 pm all over, and right at the wall it is found a picometre smaller. What is needed is a test of the model itself.
# </details>
#
# ## Which cells do not fit?
#
# A cell with a vacancy, a shifted block or a wall fits the model of a perfect crystal worse than counting noise alone explains. The
# threshold is set so that a stated share of *good* cells would be flagged by chance.
#
# **Predict, then try.** Where will the flags be, and how many false ones do you expect in 24 cells at a rate of 5 %?

# %%
defects = pw.defect_map(scan, specimen, pooled, false_alarm_rate=0.05)
numbers = {dim: np.arange(defects.sizes[dim]) for dim in ("cell_row", "cell_column")}
whole = defects.assign_coords(numbers).dropna("cell_row", how="all", subset=["score"])
print(f"{int(whole['defect'].sum())} of {whole['defect'].size} cells are flagged, in columns {np.nonzero(whole['defect'].values)[1]}")
pn.Row(
    picture(whole["score"], "misfit", label="standard deviations of good cells", cmap="magma"),
    picture(whole["defect"].astype(float), "flagged", cmap="gray"),
)

# %% [markdown]
# <details><summary>Answer</summary>
# Along the wall, in the columns 2 and 3 on its two sides; and about one false one by chance: 24 cells times 5 %. A single flagged cell
# far from the wall means little; a row of them means much.
# </details>
#
# With the hand: press *Analyse*, move the rate of false alarms, and tap flagged and good cells: what is left of their patterns?

# %%
pw.DefectExplorer(scan, prediction=pooled, specimen=specimen, state=state)

# %% [markdown]
# ## Look with a simpler eye
#
# The annular dark field shows the heavy columns. **Predict, then try.** Every Nb atom has moved by 4.5 pm, a third of the 15 pm, in the
# direction of the polarization (the oxygen around it moves the other way). Can the jump at the wall be seen?

# %%
dark_field = pw.virtual_image(scan, pw.Annulus(1.1))
picture(dark_field, "annular dark field", label="electrons", width=480)

# %% [markdown]
# <details><summary>Answer</summary>
# Not by eye: from 4.5 pm up to 4.5 pm down are 9 pm, a quarter of a step of this scan (33 pm). Published measurements of this kind fit
# the positions of the columns in images of far more electrons (Jia et al. 2008).
# </details>
#
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
