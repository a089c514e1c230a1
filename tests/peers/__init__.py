"""Peers that tests start: real programs, and small servers with bad manners."""
