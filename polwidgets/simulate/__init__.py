"""Floor 2: diffraction patterns from atoms."""
