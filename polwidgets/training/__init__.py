"""Floor 3: how networks learn, and what from."""
