"""Floor 2: 4D-STEM scans as labelled arrays: schema, files, calibration, reductions, the unit cell."""
