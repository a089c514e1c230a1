"""Labelled collections: folders with a table, public collections as their authors publish them, synthetic ones."""
