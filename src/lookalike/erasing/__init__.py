"""Deleting deletes: the files that a gallery keeps itself, and removing every trace of a record."""

from lookalike.erasing.erase import PATIENCE, Forget, Removed, Tell, erase, erase_each, is_erasing, tidy
from lookalike.erasing.folder import digest_of, digest_of_series
from lookalike.erasing.gone import GoneRecords
from lookalike.erasing.inboxes import note_inbox
from lookalike.erasing.sources import bringing, damaged_copies
from lookalike.store.named import Named, Removal

__all__ = [
    "PATIENCE",
    "Forget",
    "GoneRecords",
    "Named",
    "Removal",
    "Removed",
    "Tell",
    "bringing",
    "damaged_copies",
    "digest_of",
    "digest_of_series",
    "erase",
    "erase_each",
    "is_erasing",
    "note_inbox",
    "tidy",
]
