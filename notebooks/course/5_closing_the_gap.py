# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5 · Closing the gap
#
# **You will be able to**
# * map polarization in three steps: match the specimen, simulate at the match, pool over the unit cell;
# * say why pooling works although single patterns do not;
# * read a confidence, test whether it is honest, and leave out what is not sure enough.

# %%
# %load_ext polwidgets.teaching
import dataclasses

import holoviews as hv
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.teaching import check

scan = pw.sample("knn_wall")
truth = np.broadcast_to(np.where(np.arange(72) < 36, 90.0, 270.0), scan.shape[:2])
state = pw.ViewState(probe=(20, 20))

# %% [markdown]
# ## Match, then simulate at the match
#
# The first step is the one of notebook 2. What the fit did not look for, it cannot know: read the errors, and the score, which
# tells how much of the patterns the simulation explains.

# %%
specimen = pw.match(scan, thickness_range_A=(180, 260))
print(f"thickness {specimen.thickness_A / 10:.2f} nm, score {specimen.score:.3f}")
print(f"tilt {specimen.tilt_y_mrad:.2f} mrad up, {specimen.tilt_x_mrad:.2f} mrad to the right")

# %% [markdown]
# **Predict, then try.** The same evidence, once pattern by pattern and once pooled over a window of one unit cell. By how much
# will the share of errors fall?

# %%
single = pw.map_polarization(scan, specimen=specimen, context="pattern")
pooled = pw.map_polarization(scan, specimen=specimen, context="unit_cell")
for name, found in (("single patterns", single), ("unit cells", pooled)):
    print(f"{name}: {pw.error_map(found, truth).mean().item():.1%} wrong")

# %%
pw.LinkedMaps(single, cube=scan, state=state)

# %%
pw.LinkedMaps(pooled, cube=scan, state=state)

# %% [markdown]
# <details><summary>Answer</summary>
# From one in eight to none. Every pattern adds its logarithm of probability. The many that can say nothing add
# nothing; the few that stood at a good place in the cell, and know it from the lattice, decide. This needs the place of the
# probe in the cell, which the lattice gives, and a cell in which the polarization does not change.
# </details>
#
# ## Is the confidence honest?
#
# A model that says 80 % should be right in 80 % of such cases: sort the positions of the single patterns by confidence, and count.
# An honest model lies on the dashed line (Guo et al. 2017).

# %%
def reliability(found, bins=8):
    """Mean confidence and share of right answers, in bins of equal numbers of positions."""
    sure = found["confidence"].values.ravel()
    right = 1 - pw.error_map(found, truth).values.ravel()
    parts = np.array_split(np.argsort(sure), bins)
    return [sure[part].mean() for part in parts], [right[part].mean() for part in parts]


plane = [hv.Dimension("confidence", range=(0, 1)), hv.Dimension("share that is right", range=(0, 1))]
ideal = hv.Curve(([0, 1], [0, 1]), *plane).opts(color="gray", line_dash="dashed")
pn.panel((ideal * hv.Scatter(reliability(single), *plane).opts(size=8, color="black")).opts(width=380, height=330, toolbar=None))

# %% [markdown]
# **Predict, then try.** What happens to the errors if the least sure fifth of the positions is left out?

# %%
for name, found in (("single patterns", single), ("unit cells", pooled)):
    kept = found["confidence"] >= found["confidence"].quantile(0.2)
    wrong = pw.error_map(found, truth)
    print(f"{name}: {wrong.mean().item():.1%} wrong, {wrong.where(kept).mean().item():.1%} of the surest four fifths")

# %% [markdown]
# <details><summary>Answer</summary>
# They fall to less than half, for the confidence knows something: doubt sits where the errors are. Abstaining is better than guessing
# (Chow 1970), and a map should always be shown with its doubt: paleness in the maps above.
# </details>
#
# ## More than eight directions
#
# The fit gives the displacement itself, with an error bar.

# %%
pm, error = pooled["displacement_pm"], pooled["displacement_error_pm"]
print(f"median displacement {float(np.median(pm)):.1f} pm, stated error {float(np.median(error)):.1f} pm; simulated with 15 pm")

# %% [markdown]
# ## All of it on one page
#
# In the tab *Models* switch the evidence between *single pattern* and *unit cell*, and map.

# %%
pw.Explorer(scan, prediction=pooled, specimen=specimen, truth=truth, state=state)

# %% [markdown]
# ## Exercise
#
# How wrong may the thickness be? Here is the map of somebody who believes the specimen to be 12 nm thinner than it is. Pooled over
# whole cells the directions survive even that, and the confidence stays one: it knows nothing of the mistake. The length of the
# displacement does not survive: by which percentage is its median less than what you found above with the right thickness?

# %%
thinner = dataclasses.replace(specimen.conditions, thickness_A=specimen.thickness_A - 120)
believed = pw.map_polarization(scan, specimen=dataclasses.replace(specimen, conditions=thinner))
print(f"{pw.error_map(believed, truth).mean().item():.1%} wrong, median confidence {believed['confidence'].median().item():.2f}")
pw.LinkedMaps(believed, cube=scan, state=state)

# %%
less_percent = ...
share = 1 - float(believed["displacement_pm"].median() / pm.median())
check(less_percent, 100 * share, within=3, unit="%", hint="Compare believed['displacement_pm'].median() with pm.median().")

# %% [markdown]
# ## Read on
#
# * C. Guo et al., *On calibration of modern neural networks* (2017), [arXiv:1706.04599](https://arxiv.org/abs/1706.04599).
# * C. K. Chow, *On optimum recognition error and reject tradeoff*, IEEE Trans. Inf. Theory 16, 41 (1970),
#   [doi:10.1109/TIT.1970.1054406](https://doi.org/10.1109/TIT.1970.1054406): when not to answer.
