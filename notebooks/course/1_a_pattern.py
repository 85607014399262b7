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
scan

# %% [markdown]
# A convergent electron beam stops at every position of a grid (`scan_y`, `scan_x`), and a camera records where the electrons
# went (`ky`, `kx`): four dimensions. The specimen of this simulated scan is (K,Na)NbO₃, 22 nm thick, and each pattern holds
# some 2500 electrons.
#
# Drag the probe over the scan and watch the pattern. Then drag the orange virtual detector: the scan image is the number of
# electrons that it catches.

# %%
browser = pw.CubeBrowser(scan)
browser

# %% [markdown]
# ## The disk is the aperture
#
# The bright disk is the picture of the condenser aperture. Its radius in wave numbers is the semi-angle over the wavelength,
# $k = \alpha / \lambda$, and the wavelength follows from the voltage.

# %%
wavelength = wavelength_A(scan.attrs["voltage_kV"])
radius = scan.attrs["semiangle_mrad"] / 1000 / wavelength
print(f"wavelength {wavelength:.4f} Å, disk radius {radius:.3f} 1/Å")
mean = pw.mean_pattern(scan)
turn = np.linspace(0, 2 * np.pi, 200)
edge = hv.Path([(radius * np.cos(turn), radius * np.sin(turn))]).opts(color="orange")
pn.Row(picture(np.sqrt(mean), "mean pattern, square root", cmap="magma"), pn.panel(edge.opts(data_aspect=1, frame_width=240)))

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
# *differences* of phase, so only where copies overlap. Let us measure how much a pattern changes when the probe moves.
#
# **Predict, then try.** After how many positions does the pattern come back? One unit cell is twelve positions wide.

# %%
side = scan[:12, :36].values.astype(float)  # one side of the wall
start = side[:, :12]
change = [np.sqrt(((side[:, n : n + 12] - start) ** 2).sum() / (start**2).sum()) for n in range(25)]
step = float(scan.scan_x[1] - scan.scan_x[0])
curve = hv.Curve((step * np.arange(25), change), hv.Dimension("moved", unit="Å"), "relative change")
pn.panel(curve.opts(width=500, height=240, tools=["hover"]))

# %% [markdown]
# <details><summary>Answer</summary>
# After twelve positions, one lattice parameter. It does not come back to zero: two patterns of a few thousand electrons differ
# by counting noise even where the probe stands equally, and that is the floor of the curve.
# </details>
#
# The same with a beam of 2 mrad, without counting noise:

# %%
narrow = pw.simulate_scan("knn", semiangle_mrad=2, k_step=0.03, scan_shape=(2, 12), cells=1.0, detector_shape=(48, 48))
wide = pw.simulate_scan("knn", semiangle_mrad=24, scan_shape=(2, 12), cells=1.0, detector_shape=(48, 48))
for name, line in (("2 mrad", narrow), ("24 mrad", wide)):
    spread = np.sqrt(((line - line.mean(("scan_y", "scan_x"))) ** 2).sum() / (line**2).sum())
    print(f"{name}: within a cell the pattern varies by {float(spread):.1%}")

# %%
pn.Row(*(picture(np.sqrt(line[0, 3]), name, cmap="magma") for name, line in (("2 mrad", narrow), ("24 mrad", wide))))

# %% [markdown]
# ## Where do the electrons go on average?
#
# The centre of mass of a pattern is the mean sideways momentum. In a thin object it is proportional to the electric field
# that the probe saw; the attraction of the columns shows as arrows that point at them.
#
# **Predict, then try.** Where in the cell must the centre of mass vanish by symmetry?

# %%
com = pw.center_of_mass(scan[:24, :24])
away = com - com.mean()
pn.Row(*(picture(away[name], name, cmap="coolwarm", limits=(-0.06, 0.06)) for name in ("com_kx", "com_ky")))

# %% [markdown]
# <details><summary>Answer</summary>
# On every point with a mirror on both sides: on the columns and half-way between them. A polar crystal has lost one of these
# mirrors, and the tilt of the specimen another: that is a first trace of the polarization, and of how easily it is faked.
# </details>

# %% [markdown]
# ## Exercise
#
# Measure the lattice parameter from the annular dark-field image below: in the browser above choose *annular dark field* and
# read the positions of two columns that lie several cells apart, or count in the picture. How far are neighbouring columns apart?

# %%
dark_field = pw.virtual_image(scan, pw.Annulus(1.2 * radius))
picture(dark_field, "annular dark field")

# %%
lattice_parameter = ...  # Å
power = np.abs(np.fft.rfft(dark_field.mean("scan_y") - dark_field.mean(), 64 * 72)) ** 2
truth = 64 * 72 * step / power.argmax()
check(lattice_parameter, truth, within=0.15, unit="Å", hint="Count over several cells, then divide by their number.")

# %% [markdown]
# ## Read on
#
# * C. Ophus, *Four-dimensional scanning transmission electron microscopy*, Microsc. Microanal. 25, 563 (2019),
#   [doi:10.1017/S1431927619000497](https://doi.org/10.1017/S1431927619000497): the review.
# * K. Müller et al., *Atomic electric fields revealed by a quantum mechanical approach to electron picodiffraction*,
#   Nat. Commun. 5, 5653 (2014), [doi:10.1038/ncomms6653](https://doi.org/10.1038/ncomms6653): the centre of mass.
