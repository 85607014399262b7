# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · Thickness and tilt
#
# **You will be able to**
# * explain why a pattern depends on thickness although the structure does not;
# * tell a tilted specimen from a polar one, or say why it is hard;
# * measure a thickness by comparing with simulation, and say how well that is known to work.

# %%
# %load_ext polwidgets.teaching
import holoviews as hv
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.simulate.probe import Probe
from polwidgets.teaching import check, picture

scan = pw.sample("knn_wall")
small = {"scan_shape": (6, 6), "cells": 1.0, "detector_shape": (48, 48), "k_limit": 2.7}

# %% [markdown]
# ## Drag the thickness
#
# Electrons scatter again and again on their way down: what left the beam comes back to it, and leaves again. *Drag Thickness.*
# Then drag the tilt, and try to get back what you had by changing the thickness.

# %%
pw.SpecimenMatcher(scan)

# %% [markdown]
# **Predict, then try.** Where the probe stands fixed, which changes the pattern more: reversing the polarization, or four more
# nanometres of thickness?

# %%
up = pw.simulate_scan("knn", direction_deg=90.0, thickness_A=200, **small)
down = pw.simulate_scan("knn", direction_deg=270.0, thickness_A=200, **small)
thicker = {nm: pw.simulate_scan("knn", direction_deg=90.0, thickness_A=200 + 10 * nm, **small) for nm in (2, 4)}


def differ(one, other):
    """Relative difference of two sets of patterns."""
    return float(np.sqrt(((one - other) ** 2).sum() / (one**2).sum()))


print(f"polarization reversed: {differ(up, down):.0%}")
for nm, patterns in thicker.items():
    print(f"{nm} nm thicker: {differ(up, patterns):.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
# They are of the same size, a quarter of the pattern: in a single pattern, a thickness that is a few nanometres wrong hides what we
# are looking for. So the thickness has to be measured first.
# </details>
#
# ## The position-averaged pattern
#
# Averaged over whole unit cells, a pattern no longer knows where the probe stood (LeBeau et al. 2010). Thickness stays written in
# it: in the fine structure of the disk, here from half to full brightness.

# %%
series = {nm: pw.simulate_scan("knn", thickness_A=10 * nm, **small).mean(("scan_y", "scan_x")) for nm in (10, 20, 30, 40)}
style = {"cmap": "magma", "limits": (0.5, 1.0), "width": 150}
pn.Row(*(picture(pattern / pattern.max(), f"{nm} nm", **style) for nm, pattern in series.items()))

# %% [markdown]
# **Predict, then try.** How would you tell a mistilt of 2 mrad from these averages?

# %%
tilted = pw.simulate_scan("knn", direction_deg=90.0, thickness_A=200, probe=Probe(tilt_y_mrad=2.0), **small)
averages = {name: patterns.mean(("scan_y", "scan_x")) for name, patterns in (("up", up), ("down", down), ("tilted", tilted))}
print(f"2 mrad changes the average by {differ(averages['up'], averages['tilted']):.1%}", end=", ")
print(f"reversal by {differ(averages['up'], averages['down']):.1%}")
percent = {name: 100 * (averages[name] - averages["up"]) / averages["up"].max() for name in ("tilted", "down")}
style = {"label": "% of the brightest", "cmap": "coolwarm", "limits": (-15, 15)}
pn.Row(picture(percent["tilted"], "up and tilted, less up", **style), picture(percent["down"], "down, less up", **style))

# %% [markdown]
# <details><summary>Answer</summary>
# The edge of the disk stays, the fine structure inside moves: its upper and lower half become different. Reversing the
# polarization does the same kind of thing, and less of it than 2 mrad do: compare the two pictures, which share their scale. That
# is why tilt must be fitted, not assumed to be zero.
# </details>

# %% [markdown]
# ## Fit instead of dragging
#
# `pw.match` compares the scan with the simulator and fits thickness, mistilt, source size and blur at once. The scan is simulated
# too, with counting noise, so the truth is known.

# %%
fit = pw.match(scan, thickness_range_A=(180, 260))
truth = scan.attrs
print(f"fitted {fit.thickness_A / 10:.2f} nm, simulated with {truth['thickness_A'] / 10:.2f} nm")
print(f"mistilt {fit.tilt_y_mrad:.2f} and {fit.tilt_x_mrad:.2f} mrad, simulated with {truth['tilt_y_mrad']} and {truth['tilt_x_mrad']}")

# %% [markdown]
# ## Does it work on a real specimen?
#
# Five position-averaged patterns of SrTiO₃ were published with the thickness that their authors determined (Xu & LeBeau 2018).
# They cannot be shipped with this course; this is what `pw.match` finds in them, with scale, centre and rotation unknown:
#
# | labelled, nm | found, nm |
# | --- | --- |
# | 50 to 51 | 50.7 |
# | 55 to 57 | 57.4 |
# | 71 to 73 | 74.6 |
# | 88 to 90 | 90.4 |
# | 107 to 109 | 107.8 |
#
# On average 1.1 nm off the middle of the interval (`tests/benchmarks/thickness.py`).

# %%
labelled, found = np.array([50.5, 56, 72, 89, 108]), np.array([50.7, 57.4, 74.6, 90.4, 107.8])
nm = [hv.Dimension("labelled", unit="nm"), hv.Dimension("found", unit="nm")]
ideal = hv.Curve(([45, 112], [45, 112]), *nm).opts(color="gray", line_dash="dashed")
pn.panel((ideal * hv.Scatter((labelled, found), *nm).opts(size=8, color="black")).opts(width=380, height=320))

# %% [markdown]
# ## Exercise
#
# Here is the average pattern of a specimen of unknown thickness, between 12 and 30 nm. Compare it with simulated averages as above,
# or let `pw.match(unknown, thickness_range_A=(120, 300)).thickness_A` do it, in a cell of its own. How thick is it?

# %%
secret_A = float(np.random.default_rng().uniform(120, 300))
unknown = pw.simulate_scan("knn", thickness_A=secret_A, **small).mean(("scan_y", "scan_x"), keep_attrs=True)
picture(unknown / unknown.max(), "how thick?", cmap="magma", limits=(0.5, 1.0))

# %%
thickness_nm = ...  # nm, not Å
check(thickness_nm, secret_A / 10, within=1.0, unit="nm", hint="Compare the rings and the fine structure near the disk's edge.")

# %% [markdown]
# ## Read on
#
# * J. M. LeBeau et al., *Position averaged convergent beam electron diffraction: theory and applications*, Ultramicroscopy 110,
#   118 (2010), [doi:10.1016/j.ultramic.2009.10.001](https://doi.org/10.1016/j.ultramic.2009.10.001).
# * W. Xu, J. M. LeBeau, *A deep convolutional neural network to analyze position averaged convergent beam electron diffraction
#   patterns*, Ultramicroscopy 188, 59 (2018), [doi:10.1016/j.ultramic.2018.03.004](https://doi.org/10.1016/j.ultramic.2018.03.004).
# * E. J. Kirkland, *Advanced Computing in Electron Microscopy* (2020),
#   [doi:10.1007/978-3-030-33260-0](https://doi.org/10.1007/978-3-030-33260-0): multiple scattering, slice by slice.
