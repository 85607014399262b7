"""Bragg disks: the probe they are copies of, finding them, measuring them, and the lattice they lie on."""
