"""The ways to score a gallery, a module each."""
