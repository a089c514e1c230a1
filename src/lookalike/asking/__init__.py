"""Queries, the candidates that may answer them, and how candidates are ranked."""
