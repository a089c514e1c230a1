"""Files that callers send, to ask with or to index."""
