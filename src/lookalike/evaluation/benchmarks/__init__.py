"""Benchmarks: encoders compared on collections, index kinds compared over sizes."""
