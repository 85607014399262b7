"""Particles of an image: probability, mask, doubt, and numbered instances."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

import polwidgets
from polwidgets.progress import Progress, reporter
from polwidgets.segmentation.instances import separate, touching_border
from polwidgets.segmentation.picture import as_picture, filled, standardise
from polwidgets.segmentation.segmenter import Segmenter, load_segmenter
from polwidgets.segmentation.statistics import hull_area
from polwidgets.segmentation.tiles import class_probability, entropy

Particles = Literal["outlined", "all"]
THRESHOLD: Final = 0.5
MIN_AREA: Final = 100  # of a disk of 5.6 pixels radius; the shipped networks have learnt that smaller specks are the film's
MIN_SOLIDITY: Final = {"outlined": 0.85, "all": 0.0}  # a disk has 1; ragged outlines are the doubt of the network


def segment(
    image: ArrayLike | xr.DataArray | str | Path,
    *,
    weights: str | Path | Segmenter = "bright_field",
    pixel_size: float | None = None,
    unit: str = "nm",
    particles: Particles = "outlined",
    contrast: Literal["dark", "bright"] = "dark",
    zoom: float = 1.0,
    views: int = 8,
    threshold: float = THRESHOLD,
    min_area: int = MIN_AREA,
    min_solidity: float | None = None,
    border: bool = True,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Find the particles of an image of any size.

    Parameters
    ----------
    image : array (y, x) or (y, x, 3), DataArray, or path
        Any depth of grey levels; colours become luminance; see `polwidgets.segmentation.picture.as_picture`.
    weights : str, path or Segmenter
        ``"bright_field"``: particles on a film, the lattice not resolved. ``"hrtem"``: lattice-resolved particles. Or what
        `train_segmenter` made.
    pixel_size : float, optional
        Edge of a pixel in `unit`. Without it, and where the image does not say, sizes are in pixels.
    particles : {"outlined", "all"}
        Those whose own outline is seen, which is what sizes can be taken of; or also those out of focus and those covered
        by others.
    contrast : {"dark", "bright"}
        Of particles against their surroundings; dark in bright field.
    zoom : float
        The network is shown the image enlarged so many times: it knows radii of 8 to 60 pixels. Enlarge where they are
        smaller, and lower `min_area`.
    views : {1, 2, 4, 8}
        Turned and mirrored views that are averaged; one is fastest.
    threshold : float
        Probability above which a pixel belongs to a particle.
    min_area : int
        Pixels; smaller particles are left out.
    min_solidity : float, optional
        Area over that of the convex hull; a particle of less is ragged, so that its outline is not to be trusted, and left
        out. By default 0.85 where outlined particles are asked for, else 0.
    border : bool
        Whether particles cut by the image's edge are kept.

    Returns
    -------
    Dataset on (y, x), coords in the image's unit
        ``image``; ``probability`` of a particle as asked for; ``unresolved``, the probability of one whose outline is not
        seen; ``uncertainty``, the entropy in bits of the probability averaged over views: 1 where it is open; ``mask``;
        ``labels``, 0 for background. Pixels that are not finite have probability 0 and uncertainty 1.
    """
    if contrast not in ("dark", "bright"):
        raise ValueError(f"contrast is {contrast!r}, expected 'dark' or 'bright'")
    if particles not in ("outlined", "all"):
        raise ValueError(f"particles is {particles!r}, expected 'outlined' or 'all'")
    if not 0.05 <= zoom <= 20:
        raise ValueError(f"zoom is {zoom}, expected 0.05 to 20: how many times the image is enlarged for the network")
    picture, report = as_picture(image, pixel_size=pixel_size, unit=unit), reporter(progress)
    segmenter = weights if isinstance(weights, Segmenter) else _loaded(str(weights))
    grey = standardise(filled(picture)) * (1 if contrast == "dark" else -1)
    classes = _zoomed_probability(segmenter, grey.astype(np.float32), zoom, views, report)
    probability = classes[1] if particles == "outlined" else classes[1] + classes[2]
    known = np.isfinite(picture.values)
    doubt = np.where(known, entropy(probability), 1)
    maps = {"probability": np.where(known, probability, 0), "unresolved": np.where(known, classes[2], 0), "uncertainty": doubt}
    names = {"probability": "probability of a particle", "unresolved": "probability of an unresolved particle", "uncertainty": "entropy"}
    units = {"uncertainty": "bit"}
    dataset = xr.Dataset(
        {"image": picture, **{
            name: (("y", "x"), values.astype(np.float32), {"units": units.get(name, "1"), "long_name": names[name]})
            for name, values in maps.items()
        }},
        attrs={
            **picture.attrs, "weights": str(weights) if not isinstance(weights, Segmenter) else "given", "particles": particles,
            "contrast": contrast, "zoom": zoom, "views": views, "version": polwidgets.__version__,
        },
    )  # fmt: skip
    return separate_particles(dataset, threshold=threshold, min_area=min_area, min_solidity=min_solidity, border=border)


def separate_particles(
    segmentation: xr.Dataset,
    *,
    threshold: float = THRESHOLD,
    min_area: int = MIN_AREA,
    min_solidity: float | None = None,
    border: bool = True,
) -> xr.Dataset:
    """The segmentation with mask and labels at another threshold; the network is not asked again.

    Parameters
    ----------
    segmentation : Dataset
        From `segment`.
    threshold, min_area, min_solidity, border
        As there.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold is {threshold}, expected a probability between 0 and 1")
    if min_area < 1:
        raise ValueError(f"min_area is {min_area}, expected at least one pixel")
    if min_solidity is None:
        min_solidity = MIN_SOLIDITY[str(segmentation.attrs.get("particles", "all"))]
    if not 0 <= min_solidity <= 1:
        raise ValueError(f"min_solidity is {min_solidity}, expected a part between 0 and 1")
    labels = separate(segmentation["probability"].values > threshold, min_area=min_area)
    kept = np.ones(int(labels.max()) + 1, bool)
    if min_solidity > 0:
        numbers = np.arange(1, len(kept))
        kept[1:] = np.bincount(labels.ravel())[1:] >= min_solidity * hull_area(labels, numbers)
    if not border:
        kept &= ~touching_border(labels)
    labels = only(labels, kept)
    dims = ("y", "x")
    mask = (dims, (labels > 0).astype(np.uint8), {"flag_values": np.arange(2, dtype=np.uint8), "flag_meanings": "background particle"})
    numbered = (dims, labels, {"long_name": "number of the particle, 0 for background"})
    out = segmentation.assign(mask=mask, labels=numbered)
    return out.assign_attrs(threshold=threshold, min_area=min_area, min_solidity=min_solidity, border=int(border))


def only(labels: NDArray[np.int32], kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The particles whose number is to be kept, counted anew."""
    wanted = kept.copy()
    wanted[0] = False
    return np.asarray(np.where(wanted, np.cumsum(wanted), 0)[labels], np.int32)


def _zoomed_probability(segmenter: Segmenter, grey: NDArray[np.float32], zoom: float, views: int, report: Progress) -> NDArray[np.float32]:
    """(3, y, x) at the image's own size, whatever size the network was shown."""
    if zoom == 1:
        return class_probability(segmenter.network, grey, views=views, progress=report)
    target = [max(round(side * zoom), 1) for side in grey.shape]
    smooth = ndimage.gaussian_filter(grey, 0.5 * max(1 / zoom - 1, 0))
    shown = _resampled(smooth, target)
    classes = class_probability(segmenter.network, shown, views=views, progress=report)
    return np.stack([_resampled(part, list(grey.shape)) for part in classes])


def _resampled(plane: NDArray[np.float32], shape: list[int]) -> NDArray[np.float32]:
    """Linear between pixels' middles."""
    axes = [np.clip((np.arange(n) + 0.5) * side / n - 0.5, 0, side - 1) for n, side in zip(shape, plane.shape, strict=True)]
    return np.asarray(ndimage.map_coordinates(plane, np.meshgrid(*axes, indexing="ij"), order=1, mode="nearest"), np.float32)


@lru_cache(maxsize=4)
def _loaded(weights: str) -> Segmenter:
    return load_segmenter(weights)
