"""Particles in images: a small U-Net trained on simulation alone, instances, and their statistics."""
