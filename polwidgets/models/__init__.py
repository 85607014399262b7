"""Floor 3: estimators that read the polarization from patterns."""
