"""What programs and grids add to pictures and is no particle: scale bars with their text, specks of dirt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


def draw_scale_bar(image: NDArray[np.uint8], mask: NDArray[np.uint8], *, rng: np.random.Generator) -> None:
    """Write a scale bar with its text into an image, and background into the mask below it; both are changed in place."""
    rows, columns = image.shape
    size = int(np.clip(rows * rng.uniform(0.05, 0.2), 8, 120))
    length, thick = int(columns * rng.uniform(0.15, 1.2)), max(int(size * rng.uniform(0.1, 0.3)), 2)
    ink = Image.new("L", (columns, rows), 0)
    pen = ImageDraw.Draw(ink)
    # a bar longer than the image: of a picture that the image is a part of
    left = int(rng.uniform(*sorted((0, columns - length))))
    top = int(rng.uniform(0, max(rows - 1.6 * size - thick, 1)))
    text = f"{rng.choice([1, 2, 5, 10, 20, 50, 100, 200, 500])} {rng.choice(['nm', 'um', 'A'])}"
    pen.text((left, top), text, fill=255, font=ImageFont.load_default(size))
    pen.rectangle((left, top + int(1.25 * size), left + length, top + int(1.25 * size) + thick), fill=255)
    drawn = np.asarray(ink) > 127
    if rng.random() < 0.2:  # on a plate
        plate = (slice(max(top - 4, 0), min(top + int(1.4 * size) + thick + 4, rows)), slice(max(left - 4, 0), left + length + 4))
        image[plate] = 255
        mask[plate] = 0
        image[drawn] = 0
    else:
        image[drawn] = 0 if rng.random() < 0.5 else 255
    mask[drawn] = 0
