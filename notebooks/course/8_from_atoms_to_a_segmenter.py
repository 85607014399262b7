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
# another image of the same exit wave (Kirkland 2020). The lens has no spherical aberration here, and positive defocus is overfocus.
#
# **Predict, then try.** At which defocus will the particle be seen best: at focus, or somewhat beside it?

# %%
wave = pw.exit_wave(scene, voltage_kV=300.0, sampling_A=0.2)
settings = [pw.ImagingConditions(defocus_A=defocus, dose_per_A2=1000.0) for defocus in (-300.0, -80.0, 0.0, 150.0)]
images = pw.hrtem_images(wave, settings, seed=0, binning=2)
mask = pw.object_mask(scene, "particle", like=images)
for image, setting in zip(images, settings, strict=True):
    print(f"defocus {setting.defocus_A:5.0f} Å: contrast of the particle {float(image.where(mask > 0).std()):.2f}")
pn.Row(*(picture(image, f"{setting.defocus_A:.0f} Å", width=150) for image, setting in zip(images, settings, strict=True)))

# %% [markdown]
# <details><summary>Answer</summary>
# Beside it. A thin object changes the phase of the wave, hardly its amplitude, and a perfect lens at focus shows no phase. (Gold is
# heavy enough to show a little.) Defocus turns phase into contrast; too much of it, as at −300 Å, carries the lattice fringes over the
# particle's edge.
# </details>
#
# The mask is projected from the atoms, so it is the same for all of them, and exact: no hand could draw it through the noise.

# %%
pn.Row(picture(images[1], "image", label="over the incident intensity"), picture(mask.astype(float), "mask"))

# %% [markdown]
# With the hand: choose another prefab, move defocus and dose.

# %%
pw.SceneBuilder("nanoparticle_on_substrate", seed=4, diameter_A=32.0)

# %% [markdown]
# ## A network that has never seen an experiment
#
# The shipped network learnt from such images alone, of many scenes, defoci and doses. **Predict, then try.** It is shown the four
# images above. On which one will it be worst?

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
# At −300 Å, where the fringes lie beside the particle. The other three it segments equally well, although their contrast differs by
# more than a factor of two: such images were among those it learnt from. Images that were not are a domain gap, as in notebook 4.
# </details>
#
# ## Many particles
#
# At lower magnification the lattice is not resolved, and particles are dark because they scatter electrons out of the objective
# aperture (Reimer & Kohl 2008). This image is drawn, not computed from atoms. Move the threshold; tap a particle.

# %%
field = pw.bright_field_images(1, seed=3)
image = field["image"][0]
pw.SegmentationExplorer(image)

# %% [markdown]
# **Predict, then try.** What do a low and a high threshold do to a size distribution?

# %%
found = pw.segment(image)
print(f"drawn with a mean diameter of {2 * field['radius_px'][0].item():.1f} pixel")
for threshold in (0.25, 0.5, 0.9):
    said = pw.particle_statistics(pw.separate_particles(found, threshold=threshold)).attrs
    print(f"threshold {threshold}: {said['count']} particles, median diameter {said['median_diameter']:.1f} {said['unit']}")

# %% [markdown]
# <details><summary>Answer</summary>
# Both bias it: a low threshold swells the particles and takes specks of noise for more of them, a high one shrinks the particles and
# loses the faint ones. Look at the <i>uncertainty</i> in the explorer: sizes are as sure as the outlines.
# </details>
#
# ## Exercise
#
# How many particles does the network find at the threshold 0.5, those that touch the border left out?

# %%
count = ...
truth = pw.particle_statistics(found).sizes["particle"]
check(count, truth, within=0.5, hint="Clear the box 'count particles cut by the edge' in the explorer, or read on in the cell above.")

# %% [markdown]
# ## Read on
#
# * L. Rangel DaCosta et al., *A robust synthetic data generation framework for machine learning in high-resolution transmission
#   electron microscopy*, npj Comput. Mater. 10, 165 (2024),
#   [doi:10.1038/s41524-024-01336-0](https://doi.org/10.1038/s41524-024-01336-0): Construction Zone.
# * E. J. Kirkland, *Advanced Computing in Electron Microscopy* (2020),
#   [doi:10.1007/978-3-030-33260-0](https://doi.org/10.1007/978-3-030-33260-0): exit waves and their images.
# * L. Reimer, H. Kohl, *Transmission Electron Microscopy* (2008),
#   [doi:10.1007/978-0-387-40093-8](https://doi.org/10.1007/978-0-387-40093-8): contrast of particles and lattices.
# * O. Ronneberger et al., *U-Net* (2015), [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28).
