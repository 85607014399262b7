# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why single patterns fail, and what helps
#
# Ten minutes, mostly with the hand. The scan is the one of the first notebook: two domains of (K,Na)NbO₃, polarization up on
# the left, down on the right, and the flaws of an experiment. Here the truth is known, so every model can be caught.

# %%
import numpy as np

import polwidgets as pw

scan = pw.sample("knn_wall")
truth = np.broadcast_to(np.where(np.arange(scan.sizes["scan_x"]) < scan.sizes["scan_x"] / 2, 90.0, 270.0), scan.shape[:2])
state = pw.ViewState(probe=(24, 36))

# %% [markdown]
# ## One thickness is not another
#
# Drag **Thickness**: the simulated pattern changes under your finger, far more than a reversal of the polarization would
# change it. A model that was trained at one thickness has learnt another specimen. *Fit* finds this one's thickness, tilt and
# source from the data; the cell below does the same.

# %%
specimen = pw.match(scan, thickness_range_A=(100, 400))
print(f"thickness {specimen.thickness_A / 10:.1f} nm, mistilt {specimen.tilt_y_mrad:.1f} and {specimen.tilt_x_mrad:.1f} mrad")

# %%
pw.SpecimenMatcher(scan, state=state, specimen=specimen)

# %% [markdown]
# ## Every pattern by itself
#
# Now the fairest chance for a classifier of single patterns: trained on patterns simulated at this very specimen. Tap on the
# map: the pattern there and the eight probabilities follow.

# %%
single = pw.map_polarization(scan, specimen=specimen, model="pca_knn", context="pattern")
explorer = pw.Explorer(scan, prediction=single, specimen=specimen, truth=truth, state=state)
explorer

# %% [markdown]
# In the tab *Models* switch the evidence from *single pattern* to *unit cell* and map again: the speckle snaps into two clean
# domains. Why?

# %% [markdown]
# ## They fail where there is nothing to see
#
# The errors are no noise. *Analyse*: their power spectrum has the peaks of the crystal's own lattice, and folded into one unit
# cell they fall where the **information map** says that even the best classifier must guess. Tap on a wrong position, and its
# place in the cell is marked.

# %%
why = pw.PeriodicityExplorer(scan, prediction=single, specimen=specimen, truth=truth, state=state)
why

# %%
error = pw.error_map(single, truth)
found = pw.error_periodicity(error, surrogates=39)
folded = pw.fold_errors(error, specimen.unit_cell)
print(f"{found.rate:.0%} wrong; p = {found.p_value:.1g}; lattice vectors of {np.linalg.norm(found.lattice_A, axis=1).round(2)} Å")
print(f"by place in the cell from {folded['rate'].min().item():.0%} to {folded['rate'].max().item():.0%} wrong")

# %% [markdown]
# ## Neighbours know
#
# Eight bad witnesses and a good one make a good jury: pooled over one unit cell, the same patterns agree.

# %%
pooled = pw.map_polarization(scan, specimen=specimen)
print(f"wrong: {found.rate:.0%} by single patterns, {pw.error_map(pooled, truth).mean().item():.1%} by unit cells")
explorer.prediction = pooled

# %% [markdown]
# ## What the gap is made of
#
# A training set of one thickness, without tilt, source size and noise, is far from these patterns. *Analyse* switches each
# nuisance in turn: how much of the distance, and of the lost accuracy, is it to blame for? Then press the switches yourself.

# %%
pw.DomainGapExplorer(scan, prediction=pooled, specimen=specimen, state=state)

# %% [markdown]
# ## What detectors do
#
# And if the patterns of the training set are made worse on purpose? Choose a preset, move a slider; what you choose here is
# what `explorer` trains with, for both share one state.

# %%
pw.PerturbationPanel(scan, state=state)

# %% [markdown]
# ## Keep it
#
# `explorer.save` writes state and map, `pw.Explorer.restore` brings them back.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    explorer.save(Path(folder) / "session.json")
    print(sorted(path.name for path in Path(folder).iterdir()))
