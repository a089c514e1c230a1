"""Deleting deletes: the files that a gallery keeps itself, and removing every trace of a record."""

from lookalike.erasing.erase import Forget, Removed, erase, is_erasing, tidy
from lookalike.erasing.sources import bringing, digest_of, digest_of_series
from lookalike.store.erasures import Named

__all__ = ["Forget", "Named", "Removed", "bringing", "digest_of", "digest_of_series", "erase", "is_erasing", "tidy"]
