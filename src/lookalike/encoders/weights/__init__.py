"""Weights: finding them on this machine, verifying and reading their files."""
