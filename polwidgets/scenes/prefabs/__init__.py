"""Families of scenes, one a file."""
