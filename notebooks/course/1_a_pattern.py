# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · What a 4D-STEM pattern is
#
# **You will be able to**
# * say what the four dimensions of a 4D-STEM scan are, and read positions and angles off it;
# * tell from voltage and semi-angle how large the bright disk is, and whether disks overlap;
# * explain why the pattern changes inside a unit cell, and repeats from cell to cell;
# * measure a lattice parameter from a virtual image.

# %%
# %load_ext polwidgets.teaching
import holoviews as hv
import numpy as np
import panel as pn

import polwidgets as pw
from polwidgets.electron import wavelength_A
from polwidgets.teaching import check, picture

scan = pw.sample("knn_wall")
for dim, size in scan.sizes.items():
    step = float(scan[dim][1] - scan[dim][0])
    print(f"{dim:6s} {size} steps of {step:.3f} {scan[dim].units.replace('angstrom', 'Å')}")

# %% [markdown]
# A convergent electron beam stops at every position of a grid (`scan_y`, `scan_x`), and a camera records where the electrons
# went (`ky`, `kx`): four dimensions. The specimen of this simulated scan is (K,Na)NbO₃, 22 nm thick, and each pattern holds
# some 2500 electrons.
#
# Drag the probe over the scan and watch the pattern. Then drag the orange virtual detector: the scan image is the number of
# electrons that it catches.

# %%
pw.CubeBrowser(scan)

# %% [markdown]
# ## The disk is the aperture
#
# The bright disk is the picture of the condenser aperture. Its radius in wave numbers is the semi-angle over the wavelength,
# $k = \alpha / \lambda$, and the wavelength follows from the voltage. The orange circle is drawn with this radius, not fitted.

# %%
wavelength = wavelength_A(scan.attrs["voltage_kV"])
radius = scan.attrs["semiangle_mrad"] / 1000 / wavelength
print(f"wavelength {wavelength:.4f} Å, disk radius {radius:.3f} 1/Å")
mean = pw.mean_pattern(scan)
turn = np.linspace(0, 2 * np.pi, 200)
edge = hv.Path([(radius * np.cos(turn), radius * np.sin(turn))]).opts(color="orange", line_width=2)
pn.panel(picture(mean, "mean pattern", label="electrons per pixel", cmap="magma").object * edge)

# %% [markdown]
# **Predict, then try.** A crystal with lattice parameter $a$ = 3.97 Å sends copies of the disk to the points of a lattice with
# spacing $1/a$ = 0.25 1/Å. Do the copies overlap at this semi-angle? And at 2 mrad?
#
# <details><summary>Answer</summary>
# At 24 mrad the radius is 0.96 1/Å, four lattice spacings: every point inside the bright disk lies in dozens of overlapping
# copies. At 2 mrad the radius is 0.08 1/Å, less than half the spacing: the disks stand apart.
# </details>

# %% [markdown]
# ## Where disks overlap, the pattern knows where the probe stood
#
# Moving the probe by $r$ turns the phase of the copy around the lattice point $g$ by $2\pi g \cdot r$. Intensities see only
# *differences* of phase, so only where copies overlap. Let us simulate how much a pattern changes when the probe moves, with a
# wide and with a narrow beam, and look at the same in our scan.
#
# **Predict, then try.** After how many ångström does the pattern come back? What does the narrow beam see?

# %%
small = {"scan_shape": (12, 24), "cells": (1.0, 2.0), "detector_shape": (48, 48), "thickness_A": 218.0}
lines = {
    "24 mrad": pw.simulate_scan("knn", direction_deg=90.0, **small),
    "2 mrad": pw.simulate_scan("knn", direction_deg=90.0, semiangle_mrad=2, k_step=0.03, **small),
    "our scan": scan[:12, :24].astype(float),
}
curves = []
for name, line in lines.items():
    away = [((line[:, n : n + 12].values - line[:, :12].values) ** 2).sum() for n in range(13)]
    change = np.sqrt(away / (line[:, :12].values ** 2).sum())
    curves.append(hv.Curve((3.97 / 12 * np.arange(13), change), hv.Dimension("moved", unit="Å"), "relative change", label=name))
pn.panel(hv.Overlay(curves).opts(width=560, height=280, legend_position="right"))

# %% [markdown]
# <details><summary>Answer</summary>
# After one lattice parameter, 3.97 Å. The narrow beam's disks do not overlap, so its pattern never changes. Our scan does not come
# back to zero: two patterns of 2500 electrons differ by counting noise even where the probe stands equally.
# </details>

# %%
pn.Row(*(picture(np.sqrt(lines[name][0, 3]), f"{name}, square root", cmap="magma") for name in ("2 mrad", "24 mrad")))

# %% [markdown]
# ## Where do the electrons go on average?
#
# The centre of mass of a pattern is the mean sideways momentum of the electrons. In a thin object it is proportional to the
# electric field that the probe saw (Müller et al. 2014): electrons are drawn towards the columns. Red is to the right, blue to the
# left; the heaviest column, Nb, is in the middle of the cell.
#
# **Predict, then try.** On which lines must the picture be white by symmetry? What will be different at ten times the thickness?

# %%
cell = {"direction_deg": 90.0, "scan_shape": (16, 16), "cells": 1.0, "detector_shape": (48, 48)}
com = {nm: pw.center_of_mass(pw.simulate_scan("knn", thickness_A=10 * nm, **cell))["com_kx"] for nm in (2, 22)}
style = {"label": "1/Å", "cmap": "coolwarm", "limits": (-0.4, 0.4)}
pn.Row(*(picture(sideways, f"centre of mass along x, {nm} nm", **style) for nm, sideways in com.items()))

# %% [markdown]
# <details><summary>Answer</summary>
# On the vertical lines through the columns and half-way between them: there left and right are mirror images. (Up and down are not:
# the crystal is polarized upwards. A tilted specimen has lost its mirrors too, so tilt can pass for polarization.) In the thin
# crystal electrons go to the columns from both sides; in the thick one they have crossed them many times, and little of that is left.
# </details>

# %% [markdown]
# ## Exercise
#
# Measure the lattice parameter from the annular dark-field image below, in which the columns are bright: rest the pointer on two of
# them that lie several cells apart, and read their positions. How far are neighbouring columns apart?

# %%
dark_field = pw.virtual_image(scan, pw.Annulus(1.2 * radius))
picture(dark_field, "annular dark field", label="electrons", width=480)

# %%
lattice_parameter = ...  # Å
power = np.abs(np.fft.rfft(dark_field.mean("scan_y") - dark_field.mean(), 64 * 72)) ** 2
truth = 64 * 72 * float(scan.scan_x[1] - scan.scan_x[0]) / power.argmax()
check(lattice_parameter, truth, within=0.15, unit="Å", hint="Count over several cells, then divide by their number.")

# %% [markdown]
# ## Read on
#
# * C. Ophus, *Four-dimensional scanning transmission electron microscopy*, Microsc. Microanal. 25, 563 (2019),
#   [doi:10.1017/S1431927619000497](https://doi.org/10.1017/S1431927619000497): the review.
# * K. Müller et al., *Atomic electric fields revealed by a quantum mechanical approach to electron picodiffraction*,
#   Nat. Commun. 5, 5653 (2014), [doi:10.1038/ncomms6653](https://doi.org/10.1038/ncomms6653): the centre of mass.
