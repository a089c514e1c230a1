"""The evaluation protocols, a module each."""
