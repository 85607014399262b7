"""What fills a volume with atoms."""
