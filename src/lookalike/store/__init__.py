"""Records, labels, vectors, spaces and refused files in one SQL database."""

from lookalike.store.batch import Batch, NewRecord, Relabel, record_id
from lookalike.store.spaces import SpaceRow
from lookalike.store.store import Store
from lookalike.store.vectors import StoredVectors
from lookalike.types import BASE

__all__ = ["BASE", "Batch", "NewRecord", "Relabel", "SpaceRow", "Store", "StoredVectors", "record_id"]
