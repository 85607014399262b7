"""Regions of space."""
