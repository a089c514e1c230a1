"""Preprocessing from published image processors, and the grid of a network's patches in the picture."""
