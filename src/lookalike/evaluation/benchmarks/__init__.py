"""Encoders and index kinds, compared on collections and over sizes."""
