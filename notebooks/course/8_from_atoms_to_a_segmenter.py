# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · From atoms to a trained segmenter
#
# **You will be able to**
# * make a labelled image from atoms: scene, exit wave, imaging conditions, counts, mask;
# * say what defocus and dose do to a high-resolution image, and why the mask does not change;
# * judge a network that learnt from simulation alone, and say where not to trust it.

# %%
# %load_ext polwidgets.teaching
import panel as pn

import polwidgets as pw
from polwidgets.teaching import check, picture

# %% [markdown]
# ## Atoms
#
# A gold particle on a film of amorphous carbon. Drag to turn it, colour it by object: every atom knows what it belongs to.

# %%
scene = pw.prefabs.build("nanoparticle_on_substrate", diameter_A=32.0).build(seed=4)
print(f"{len(scene)} atoms in a box of {tuple(round(edge) for edge in scene.box_A)} Å")
pw.SceneView(scene, color_by="object")

# %% [markdown]
# ## One wave, many images
#
# The electrons run through all slices of the scene once; that is the costly part. Every setting of the microscope then only makes
# another image of the same exit wave.
#
# **Predict, then try.** At which defocus will the particle be seen best: at focus, or somewhat beside it?

# %%
wave = pw.exit_wave(scene, voltage_kV=300.0, sampling_A=0.2)
settings = [pw.ImagingConditions(defocus_A=defocus, dose_per_A2=1000.0) for defocus in (-300.0, -80.0, 0.0, 150.0)]
images = pw.hrtem_images(wave, settings, seed=0, binning=2)
pn.Row(*(picture(image, f"defocus {setting.defocus_A:.0f} Å") for image, setting in zip(images, settings, strict=True)))

# %% [markdown]
# <details><summary>Answer</summary>
# Beside it. A thin object changes the phase of the wave, hardly its amplitude, and a perfect lens at focus shows no phase. A little
# defocus, with the spherical aberration, turns phase into contrast; too much delocalises the lattice over the particle's edge.
# </details>
#
# The mask is projected from the atoms, so it is the same for all of them, and exact: no hand could draw it through the noise.

# %%
mask = pw.object_mask(scene, "particle", like=images)
pn.Row(picture(images[1], "image"), picture(mask.astype(float), "mask"))

# %% [markdown]
# With the hand: choose another prefab, move defocus and dose.

# %%
pw.SceneBuilder("nanoparticle_on_substrate", seed=4, diameter_A=32.0)

# %% [markdown]
# ## A network that has never seen an experiment
#
# The shipped network learnt from thousands of such images. **Predict, then try.** It is shown the four images above. On which
# one will it be worst?

# %%
def overlap(found, truth):
    """F1 of two masks: twice what they share, over the sum of both."""
    return 2 * float((found & truth).sum()) / max(1.0, float(found.sum() + truth.sum()))


truth = mask.values > 0
for image, setting in zip(images, settings, strict=True):
    found = pw.segment(image, weights="hrtem", particles="all", min_area=50)
    print(f"defocus {setting.defocus_A:5.0f} Å: F1 {overlap(found['mask'].values > 0, truth):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
# Where little contrast is left, or where the lattice leaks over the edge of the particle. What counts is not how the image looks to
# us but whether such images were among those it learnt from: the same domain gap as in notebook 4.
# </details>
#
# ## Many particles
#
# At lower magnification the lattice is not resolved, and particles are dark because they absorb. Move the threshold; tap a particle.

# %%
field = pw.bright_field_images(1, seed=3)
image = field["image"][0]
pw.SegmentationExplorer(image)

# %% [markdown]
# **Predict, then try.** What do a low and a high threshold do to a size distribution?

# %%
found = pw.segment(image)
for threshold in (0.25, 0.5, 0.9):
    said = pw.particle_statistics(pw.separate_particles(found, threshold=threshold)).attrs
    print(f"threshold {threshold}: {said['count']} particles, median diameter {said['median_diameter']:.1f} {said['unit']}")

# %% [markdown]
# <details><summary>Answer</summary>
# Both bias it: a low threshold swells particles and joins neighbours, a high one loses the faint and small ones. Look at the
# <i>uncertainty</i> in the explorer: sizes are as sure as the outlines.
# </details>
#
# ## Exercise
#
# How many particles does the network find at the threshold 0.5, those that touch the border left out?

# %%
count = ...
truth = pw.particle_statistics(found).sizes["particle"]
check(count, truth, within=0.5, hint="The table of pw.particle_statistics has one row a particle.")

# %% [markdown]
# ## Read on
#
# * L. Rangel DaCosta et al., *A robust synthetic data generation framework for machine learning in high-resolution transmission
#   electron microscopy*, npj Comput. Mater. 10, 165 (2024),
#   [doi:10.1038/s41524-024-01336-0](https://doi.org/10.1038/s41524-024-01336-0): Construction Zone.
# * O. Ronneberger et al., *U-Net* (2015), [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28).
