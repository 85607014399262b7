"""File formats, one reader a file; each registers itself."""
