"""Floor 4: what the maps mean."""
