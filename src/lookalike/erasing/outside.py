"""What of a gallery lies outside of its folder: in a database server, in an index engine."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from lookalike.errors import EngineError
from lookalike.gallery import Gallery


def beyond(gallery: Gallery) -> str:
    """What keeps removed rows for a while where no client can look or empty it; "" if nothing does."""
    engine = gallery.engine.named
    files = f"the files of the index engine {engine}, until it compacts them and collects its garbage"
    return "; ".join(filter(None, (gallery.store.database.beyond, files if engine else "")))


def left_in_engine(gallery: Gallery, ids: Collection[str]) -> int | None:
    """How many vectors of some records a gallery's index engine still gives; None where it has none, or one that gives
    no answer.
    """
    with suppress(EngineError):
        return gallery.engine.count(ids)
    return None
