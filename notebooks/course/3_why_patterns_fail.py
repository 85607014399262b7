# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3 · Polarization, and why single patterns fail periodically
#
# **You will be able to**
# * say what polarization is in a perovskite, and what it changes in a pattern;
# * read a map of directions with its confidence;
# * show that a classifier's errors repeat with the crystal, and explain why they must.

# %%
# %load_ext polwidgets.teaching
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.analysis.folding import folded_correlation
from polwidgets.analysis.information import at_dose, at_error_rate
from polwidgets.simulate.probe import Probe
from polwidgets.teaching import check, picture

scan = pw.simulate_scan(
    "knn", direction_deg=[90.0, 270.0], thickness_A=220, scan_shape=(48, 72), cells=(4.0, 6.0), detector_shape=(48, 48),
    probe=Probe(tilt_y_mrad=0.8, tilt_x_mrad=-0.6), source_A=0.3, blur=0.03, background=0.05, dose=20000, seed=1,
)  # fmt: skip
truth = np.broadcast_to(np.where(np.arange(72) < 36, 90.0, 270.0), scan.shape[:2])  # up on the left, down on the right

# %% [markdown]
# ## Fifteen picometres
#
# In the ferroelectric (K,Na)NbO₃ every Nb atom sits off the centre of its cage of oxygen, here by 15 pm, and the polarization
# points along. That is four hundredths of a unit cell. What does it do to a pattern? Nb is in the middle of the cell, K and Na are
# at its corners, and oxygen in the middle of its edges (and upon Nb).
#
# **Predict, then try.** Where in the cell must the probe stand for up and down to differ most?

# %%
small = {"scan_shape": (8, 8), "cells": 1.0, "detector_shape": (48, 48), "k_limit": 2.7, "thickness_A": 218.0}
up, down = (pw.simulate_scan("knn", direction_deg=angle, **small) for angle in (90.0, 270.0))
change = np.sqrt(((up - down) ** 2).sum(("ky", "kx")) / (up**2).sum(("ky", "kx")))
picture(change, "relative change of the pattern by reversal", cmap="magma")

# %% [markdown]
# <details><summary>Answer</summary>
# Beside the oxygen columns in the middle of the edges, which move most. But beware: the probe moved by a fraction of a cell changes
# the pattern by as much (notebook 1), and a classifier is not told where the probe stood. Both together make the <i>information
# map</i> below.
# </details>
#
# ## A classifier of single patterns
#
# Nearest neighbours of principal components, as published (Martinc et al. 2026), with the fairest chance: the training patterns are
# simulated for this very specimen.

# %%
state = pw.ViewState(probe=(20, 20))
specimen = pw.match(scan, thickness_range_A=(180, 260))
single = pw.map_polarization(scan, specimen=specimen, model="pca_knn", context="pattern")
pw.LinkedMaps(single, cube=scan, state=state)

# %% [markdown]
# Up is right on the left half, down on the right half: tap some wrong positions. **Predict, then try.** Are the errors scattered at
# random?

# %%
wrong = pw.error_map(single, truth)
found = pw.error_periodicity(wrong, unit_cell=specimen.unit_cell, surrogates=39)
print(f"{found.rate:.0%} are wrong; chance would be 88 %")
print(f"p = {found.p_value:.1g} that errors without a lattice would repeat as clearly")
print(f"the errors repeat after {np.linalg.norm(found.lattice_A, axis=1).round(2)} Å; the crystal after {specimen.crystal.a_A} Å")

# %% [markdown]
# <details><summary>Answer</summary>
# No: they repeat with the crystal's own lattice. The p-value compares with maps of the same error rate and the same clusters, so it is
# the lattice that is significant, not the lumpiness.
# </details>
#
# Fold the errors into one unit cell, and put them beside what the simulator says of the *best possible* classifier of lone patterns:
# the information map. The best one needs fewer electrons; it is shown at the dose at which it errs as often.

# %%
folded = pw.fold_errors(wrong, specimen.unit_cell)
information = pw.information_map(specimen, scan)
best = at_error_rate(information, found.rate)["expected_error"].sel(direction_class=["MU", "MD"]).mean("direction_class")
expected = pw.expected_error(at_error_rate(information, found.rate), wrong, specimen.unit_cell, truth)
print(f"their correlation: {folded_correlation(folded, pw.fold_errors(expected, specimen.unit_cell)):.2f}")
style = {"cmap": "magma", "limits": (0.0, 1.0), "label": "share of errors"}
pn.Row(picture(folded["rate"], "this classifier", **style), picture(best, "the best classifier, fewer electrons", **style))

# %% [markdown]
# The two are related but not the same: some failings are the physics', others the classifier's own. Nearest to the Nb column even the
# best one is lost.
#
# The explorer does all of this with the hand: press *Analyse*, then tap a wrong position and see its place in the cell.

# %%
pw.PeriodicityExplorer(scan, prediction=single, specimen=specimen, truth=truth, state=state)

# %% [markdown]
# **Predict, then try.** What would ten times as many electrons change: the places where the errors sit, or their number?

# %%
for electrons in (200, 2000, 20000):
    share = at_dose(information, electrons)["expected_error"].mean().item()
    print(f"{electrons:6d} electrons a pattern: the best classifier of lone patterns errs in {share:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
# Their number falls; the weak places stay the weak places. More dose helps, but a beam-sensitive specimen sets its limit, and
# the next notebooks find a better remedy: neighbours.
# </details>

# %% [markdown]
# ## Exercise
#
# Our scan has 20,000 electrons a pattern, and this classifier errs in half of them. With how many electrons would the best one err as
# often? Try other numbers in the cell above until it does.

# %%
electrons_needed = ...
truth_electrons = at_error_rate(information, found.rate).attrs["dose"]
check(electrons_needed, truth_electrons, within=80, unit="electrons", hint="At that dose the best classifier errs in 49 %.")

# %% [markdown]
# ## Read on
#
# * Y. Saito et al., *Lead-free piezoceramics*, Nature 432, 84 (2004), [doi:10.1038/nature03028](https://doi.org/10.1038/nature03028):
#   why (K,Na)NbO₃.
# * C. L. Jia et al., *Atomic-scale study of electric dipoles near charged and uncharged domain walls in ferroelectric films*,
#   Nat. Mater. 7, 57 (2008), [doi:10.1038/nmat2080](https://doi.org/10.1038/nmat2080): picometres seen in images.
# * M. Martinc et al. (2026), [arXiv:2603.15582](https://arxiv.org/abs/2603.15582): classifiers of single patterns of KNN.
