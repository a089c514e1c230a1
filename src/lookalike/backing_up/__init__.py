"""Backups of a gallery: made while it is used, verified to the byte, restored beside it or elsewhere."""
