"""Records, labels, vectors, spaces and refused files in one SQL database."""

from lookalike.store.batch import BASE, Batch, NewRecord, Relabel, record_id
from lookalike.store.store import SpaceRow, Store, StoredVectors

__all__ = ["BASE", "Batch", "NewRecord", "Relabel", "SpaceRow", "Store", "StoredVectors", "record_id"]
