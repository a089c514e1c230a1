"""Uploads: files that clients send, to query with or to index."""
