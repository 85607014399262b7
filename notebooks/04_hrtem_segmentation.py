# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From atoms to a segmenter
#
# A network that finds nanoparticles in electron micrographs needs thousands of images in which somebody has drawn every
# outline. Here nobody draws: atoms are placed, an electron wave is sent through them, a microscope makes images of it, and the
# outline is known because the atoms are. This notebook walks that way once, with few images; the commands at its end walk it
# with many.

# %%
import tempfile
from pathlib import Path

import numpy as np

import polwidgets as pw

# %% [markdown]
# ## Atoms
#
# A prefab is a family of scenes with a few parameters; `pw.prefabs.names()` lists them. Every atom knows what it belongs to.

# %%
prefab = pw.prefabs.build("nanoparticle_on_substrate", diameter_A=32.0, orientation="011", substrate_A=12.0, box_A=64.0)
scene = prefab.build(seed=4)
print(f"{len(scene)} atoms in a box of {np.round(scene.box_A, 1)} angstrom")
for name in scene.names:
    print(f"{scene.of_object(name).sum():6} {name}")

# %% [markdown]
# ## Through the microscope
#
# The wave behind the scene is computed once. An image under other conditions then costs some ten milliseconds: move **defocus**
# and see columns of atoms turn from dark to bright; raise **dose** until you can see the particle's edge in the noise. Choose
# another prefab, drag its diameter, press *Draw at random*.

# %%
builder = pw.SceneBuilder("nanoparticle_on_substrate", seed=4, diameter_A=32.0, orientation="011", substrate_A=12.0, box_A=64.0)
builder

# %% [markdown]
# The same in three lines. `builder.scene`, `builder.wave` and `builder.image` are what the widget shows.

# %%
wave = pw.exit_wave(scene, voltage_kV=300.0, sampling_A=0.125)
conditions = [
    pw.ImagingConditions(defocus_A=defocus, dose_per_A2=dose) for defocus, dose in ((-60, 0), (-60, 800), (-200, 800), (100, 800))
]
images = pw.hrtem_images(wave, conditions, seed=0, binning=2)
mask = pw.object_mask(scene, "particle", like=images)
inside = mask.values
for image, condition in zip(images.values, conditions, strict=True):
    on, beside = image[inside].std(), image[~inside].std()
    print(f"defocus {condition.defocus_A:5} Å, dose {condition.dose_per_A2:4}: spread {on:.2f} on the particle, {beside:.2f} beside it")

# %% [markdown]
# ## A set of labelled images
#
# A recipe says what is drawn from which distribution: shapes, sizes, substrates, defocus, aberrations, dose. Image number seven
# is the same whoever makes it, because it depends on the seed and on nothing else. Four images of two structures, here:

# %%
folder = Path(tempfile.mkdtemp())
dataset = pw.make_dataset("au_on_carbon", folder / "few.zarr", n=4, seed=7, changes={"image.conditions_a_scene": 2})
dataset

# %% [markdown]
# ## Find the particles
#
# The shipped network has seen nothing but simulations like these, of other structures. How sure it is is part of the answer:
# `uncertainty` is one bit where the network could as well toss a coin.

# %%
for sample in range(dataset.sizes["sample"]):
    grey, truth = dataset["image"].values[sample], dataset["mask"].values[sample] == 1
    found = pw.segment(grey, weights="hrtem", pixel_size=float(dataset["pixel_A"][sample]) / 10, views=2)
    hit = (found["mask"].values > 0) & truth
    overlap = 2 * hit.sum() / ((found["mask"].values > 0).sum() + truth.sum())
    table = pw.particle_statistics(found, border=True)
    print(f"image {sample}: F1 {overlap:.2f}, {table.attrs['count']} particle(s), diameter {table.attrs['mean_diameter']:.2f} nm")

# %% [markdown]
# Move the **threshold**: the network has spoken once, what follows works on its stored probability. Tap a particle for its
# statistics. Look where the doubt is: at outlines, mostly, and where the carbon is darkest.

# %%
explorer = pw.SegmentationExplorer(found)
explorer

# %% [markdown]
# ## One number with its error
#
# The diameter is that of a disk as large as the particle's projection. How far is it from the truth, which here is known?

# %%
true_diameter = np.sqrt(4 * truth.sum() / np.pi) * float(dataset["pixel_A"][-1]) / 10
largest = float(table["equivalent_diameter"].max()) if table.attrs["count"] else float("nan")
print(f"found {largest:.2f} nm, true {true_diameter:.2f} nm")

# %% [markdown]
# ## Your own
#
# `explorer = pw.SegmentationExplorer("my_image.tif", weights="bright_field")` opens a file; *Export* writes table and masks. In a
# terminal, with as many images as you have patience for:
#
#     polwidgets dataset hrtem --recipe au_on_carbon --n 1000 -o train.zarr
#     polwidgets train-segmenter train.zarr -o mine.safetensors
#     polwidgets segment my_image.tif --weights mine.safetensors -o out
#
# Try: `--set conditions.defocus_A=-60` makes a set with one defocus. How well does a network trained on that see others?
