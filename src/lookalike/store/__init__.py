"""Records, labels, vectors, spaces and refused files in one SQL database."""

from lookalike.store.store import (
    BASE,
    Batch,
    NewRecord,
    Relabel,
    SpaceRow,
    Store,
    StoredVectors,
    record_id,
)

__all__ = ["BASE", "Batch", "NewRecord", "Relabel", "SpaceRow", "Store", "StoredVectors", "record_id"]
