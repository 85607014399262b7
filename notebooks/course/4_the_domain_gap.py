# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4 · Models and the domain gap
#
# **You will be able to**
# * explain why a model that is right on simulated patterns fails on measured ones;
# * measure the distance between two sets of patterns, and say what it is made of;
# * recognise a leak: an accuracy that was measured on near-copies of the training patterns.

# %%
# %load_ext polwidgets.teaching
import dataclasses

import holoviews as hv
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.analysis.benchmark.leak import leak_check, leak_scans
from polwidgets.analysis.gap_budget import TrainingConditions
from polwidgets.models.base import models
from polwidgets.progress import silent
from polwidgets.simulate.probe import Probe
from polwidgets.teaching import check

# %%
print("models that are registered:", *sorted(models))
scan = pw.simulate_scan(
    "knn", direction_deg=[135.0, 0.0], thickness_A=350, scan_shape=(24, 48), cells=(2.0, 4.0), detector_shape=(48, 48),
    probe=Probe(tilt_y_mrad=0.8, tilt_x_mrad=-0.6), source_A=0.3, blur=0.03, dose=20000, seed=1,
)  # fmt: skip
truth = np.broadcast_to(np.where(np.arange(48) < 24, 135.0, 0.0), scan.shape[:2])
specimen = pw.match(scan, thickness_range_A=(280, 420))
state = pw.ViewState(probe=(12, 12))

# %% [markdown]
# ## A test that cannot fail
#
# Four specimens that are nearly equal, 20 nm thick; eight scans each, one a direction, over 2 × 2 unit cells. The same
# nearest-neighbour classifier, the same patterns, three ways to set some of them aside for the test:
#
# * *random*: every pattern by itself;
# * *copies together*: patterns of one place in the cell stay together, in training or in test;
# * *specimen*: one specimen is not seen in training at all.
#
# **Predict, then try.** Which gives the highest accuracy, and which one is true for your next specimen?

# %%
patterns = leak_scans(positions=16, seed=0, progress=silent)
for how in ("random", "copies together", "specimen"):
    accuracy = leak_check("pca_knn", {}, patterns, how, seed=0, progress=silent)
    print(f"{how:16s} {accuracy:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
# The random split shows the highest number and means the least: in a periodic scan every test pattern has a twin in training.
# Only the last split asks what the next specimen will ask. (Chance is 12.5 %.)
# </details>
#
# ## From simulation to a measured scan
#
# **Predict, then try.** The classifier of the published recipe learns noise-free patterns of an untilted, 20 nm thick crystal.
# Our scan is 35 nm thick, tilted by 1 mrad, and its patterns hold 20,000 electrons. How often will it be right?

# %%
study = pw.train_model("pca_knn", recipe="study", positions=24, pixels=32, seed=0)
by_study = pw.map_polarization(scan, model=study, context="pattern", specimen=specimen)
at_match = pw.map_polarization(scan, model="pca_knn", context="pattern", specimen=specimen)
for name, found in (("study's recipe", by_study), ("trained at the match", at_match)):
    print(f"{name}: right at {1 - pw.error_map(found, truth).mean().item():.0%} of the positions")

# %%
pw.LinkedMaps(by_study, cube=scan, state=state)

# %% [markdown]
# <details><summary>Answer</summary>
# About as often as chance, and the map looks sure of itself in places. Trained on patterns that were simulated for this very
# specimen, the same classifier is several times better, though far from good: single patterns have their limits (notebook 3).
# </details>
#
# ## What is the gap made of?
#
# Set one nuisance after the other to its matched value, and see by how much the training patterns come nearer to the measured
# ones. Here for three of them; a part is averaged over all orders of switching, so that the parts add up (Shapley's value).

# %%
matched = TrainingConditions.matched(specimen)
training = dataclasses.replace(matched, thickness_A=200.0, tilt_y_mrad=0.0, tilt_x_mrad=0.0, dose=0.0)
budget = pw.gap_budget(scan, specimen, truth, training=training, positions=8)
bars = hv.Bars((budget["nuisance"].values, budget["distance_part"].values), "nuisance", "part of the distance")
steps = hv.Curve((budget["closed"].values, budget["distance"].values), "closed", "distance left")
pn.Row(*(pn.panel(plot.opts(width=330, height=260)) for plot in (bars, steps)))

# %% [markdown]
# With the hand: press *Analyse*, then the switches.

# %%
pw.DomainGapExplorer(scan, prediction=at_match, specimen=specimen, state=state)

# %% [markdown]
# ## Blur the gap away?
#
# The other remedy is *augmentation*: make the training patterns worse on purpose, so that the model learns not to look at what
# differs. Move the sliders and look at one pattern before and after; choose presets.

# %%
panel = pw.PerturbationPanel(scan, state=state)
panel

# %% [markdown]
# **Predict, then try.** Which gap can augmentation close, and which one not: counting noise, detector blur, thickness?
#
# <details><summary>Answer</summary>
# Noise and blur: they act on a finished pattern, so any pattern can be given them. Thickness not: no operation on a 20 nm
# pattern makes a 35 nm pattern of it. It has to be simulated: for many thicknesses, or for the right one.
# </details>
#
# ## Exercise
#
# Which percentage of the gap between `training` and the scan closes when all three nuisances are matched? Read it off
# `budget["distance"]`, which starts with none and ends with all of them.

# %%
closed_percent = ...
left = budget["distance"].values
check(closed_percent, 100 * (1 - left[-1] / left[0]), within=3, unit="%", hint="First minus last, over first.")

# %% [markdown]
# ## Read on
#
# * S. Ben-David et al., *A theory of learning from different domains*, Mach. Learn. 79, 151 (2010),
#   [doi:10.1007/s10994-009-5152-4](https://doi.org/10.1007/s10994-009-5152-4): why the distance bounds the loss.
# * M. Martinc et al. (2026), [arXiv:2603.15582](https://arxiv.org/abs/2603.15582): the recipe that is tested here.
# * The project's own benchmark, in the documentation, has the full table of models, recipes and scans.
