"""The encoders that can be named: found, listed, pulled, verified, exported."""
