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
from polwidgets.analysis.information import at_dose
from polwidgets.teaching import check, picture

scan = pw.sample("knn_wall")
columns = np.arange(scan.sizes["scan_x"])
truth = np.broadcast_to(np.where(columns < 36, 90.0, 270.0), scan.shape[:2])  # up on the left, down on the right
state = pw.ViewState(probe=(20, 20))

# %% [markdown]
# ## Fifteen picometres
#
# In the ferroelectric (K,Na)NbO₃ every Nb atom sits off the centre of its cage of oxygen, here by 15 pm, and the polarization
# points along. That is four thousandths of a unit cell. What does it do to a pattern?

# %%
small = {"scan_shape": (8, 8), "cells": 1.0, "detector_shape": (48, 48), "k_limit": 2.7, "thickness_A": 218.0}
up, down = (pw.simulate_scan("knn", direction_deg=angle, **small) for angle in (90.0, 270.0))
change = np.sqrt(((up - down) ** 2).sum(("ky", "kx")) / (up**2).sum(("ky", "kx")))
picture(change, "change by reversal, at each place in the cell")

# %% [markdown]
# **Predict, then try.** If a pattern holds 2500 electrons, at which places in the cell could one tell the directions apart?
#
# <details><summary>Answer</summary>
# Where the change is large. But beware: the probe moved by a fraction of a cell changes the pattern by as much, and the
# classifier is not told where the probe stood. Both together make the <i>information map</i> below.
# </details>
#
# ## A classifier of single patterns
#
# It gets the fairest chance: its training patterns are simulated for this very specimen.

# %%
specimen = pw.match(scan, thickness_range_A=(150, 300))
single = pw.map_polarization(scan, specimen=specimen, model="pca_knn", context="pattern")
pw.LinkedMaps(single, cube=scan, state=state)

# %% [markdown]
# Tap some wrong positions. **Predict, then try.** Are the errors scattered at random?

# %%
wrong = pw.error_map(single, truth)
found = pw.error_periodicity(wrong, surrogates=39)
print(f"{found.rate:.0%} are wrong; chance would be 88 %")
print(f"p = {found.p_value:.1g} that the pattern of errors is chance")
print(f"the errors repeat after {np.linalg.norm(found.lattice_A, axis=1).round(2)} Å; the crystal after {specimen.crystal.a_A} Å")

# %% [markdown]
# <details><summary>Answer</summary>
# No: they repeat with the crystal's own lattice. The null hypothesis keeps the error rate and the clustering of the errors,
# so it is the lattice that is significant, not the lumpiness.
# </details>
#
# Fold the errors into one unit cell, and put them beside what the simulator says the *best possible* classifier must get wrong
# at each place: the information map.

# %%
folded = pw.fold_errors(wrong, specimen.unit_cell)
information = pw.information_map(specimen, scan)
style = {"cmap": "magma", "limits": (0.0, 1.0)}
best = information["expected_error"].sel(direction_class=["MU", "MD"]).mean("direction_class")
pn.Row(picture(folded["rate"], "errors of the classifier", **style), picture(best, "errors that nobody can avoid", **style))

# %% [markdown]
# The explorer does all of this with the hand: press *Analyse*, then tap a wrong position and see its place in the cell.

# %%
pw.PeriodicityExplorer(scan, prediction=single, specimen=specimen, truth=truth, state=state)

# %% [markdown]
# **Predict, then try.** What would ten times as many electrons change: the places where the errors sit, or their number?

# %%
for electrons in (500, 2500, 25000):
    expected = at_dose(information, electrons)["expected_error"].mean().item()
    print(f"{electrons:6d} electrons a pattern: the best classifier of lone patterns errs in {expected:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
# Their number falls; the weak places stay the weak places. More dose helps, but a beam-sensitive specimen sets its limit, and
# the next notebooks find a better remedy: neighbours.
# </details>

# %% [markdown]
# ## Exercise
#
# The two maps above say how often this classifier errs (`folded["rate"]`), and how often the best one would (`best`). What
# percentage of its errors could nobody avoid? (The rest is its own: nearest neighbours do not use every electron.)

# %%
unavoidable_percent = ...
truth_percent = 100 * float(best.mean() / folded["rate"].mean())
check(unavoidable_percent, truth_percent, within=5, unit="%", hint="Take the mean of both maps; the share is their ratio.")

# %% [markdown]
# ## Read on
#
# * Y. Saito et al., *Lead-free piezoceramics*, Nature 432, 84 (2004), [doi:10.1038/nature03028](https://doi.org/10.1038/nature03028):
#   why (K,Na)NbO₃.
# * C. L. Jia et al., *Atomic-scale study of electric dipoles near charged and uncharged domain walls in ferroelectric films*,
#   Nat. Mater. 7, 57 (2008), [doi:10.1038/nmat2080](https://doi.org/10.1038/nmat2080): picometres seen in images.
# * M. Martinc et al. (2026), [arXiv:2603.15582](https://arxiv.org/abs/2603.15582): classifiers of single patterns of KNN.
