"""Remove records everywhere: rows, files, what was made from them, and what names them.

All is prepared before the one transaction that removes the rows and notes what is still to be done. Nothing after it
fails: what cannot be done at once is done later, by the next erasure or the next server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from lookalike.erasing.derived import make_indexes, remove_derived, rename_classes
from lookalike.erasing.outside import beyond
from lookalike.erasing.sources import remove_copies, sweep_sources
from lookalike.errors import LockedError, LookalikeError, NotFoundError
from lookalike.gallery import SOURCES, Gallery
from lookalike.store import Store
from lookalike.store.erasures import Erasures, close_erasures, erasures, remove_named
from lookalike.store.named import Named, Removal, named_in_turn
from lookalike.store.traces import clear_traces

if TYPE_CHECKING:
    from sqlalchemy import Connection

PATIENCE: Final = 60.0  # seconds that an erasure waits for its turn; a writer gives way much sooner
Forget: TypeAlias = Callable[[Named], None]
Tell: TypeAlias = Callable[[int, Named], None]


@dataclass(frozen=True, slots=True)
class Removed:
    """records: how many were removed. erased: whether no trace of them is left on the disk; false while another process
    reads an earlier state: the last traces, in the write-ahead log, go a moment after it has ended. beyond: what a
    PostgreSQL or an index engine keeps all the same, which no client can look into or empty.
    """

    records: int
    erased: bool
    beyond: str = ""


def erase(
    gallery: Gallery,
    find: Callable[[Store], Named],
    forget: Forget | None = None,
    *,
    also: Callable[[Connection], None] | None = None,
    tell: Tell | None = None,
) -> Removed:
    """Remove the records that ``find`` names. forget: called at the end with what names them, for caches. also: done in
    the transaction in which they go. tell: called as soon as they are gone with the erasure's number and what names
    them, for who is reading.

    Raises NotFoundError, LockedError and GalleryError; nothing is removed then.
    """
    with gallery.erasing(PATIENCE):
        named = find(gallery.store)
        named = replace(named, digests=remove_copies(gallery, named.sources, named.digests))
        adapters = rename_classes(gallery, named)
        number = remove_named(gallery.store, named, adapters, gallery.folder / SOURCES, also)
        _works(lambda: tell(number, named) if tell is not None else None)
        erased = _complete(gallery, named)
    _works(lambda: forget(named) if forget is not None else None)
    _works(lambda: make_indexes(gallery))
    return Removed(len(named.keys), erased, beyond(gallery))


def erase_each(
    gallery: Gallery, removals: Sequence[Removal], forget: Forget | None = None, tell: Tell | None = None
) -> list[Removed | LookalikeError]:
    """Do several removals in one erasure: of each its own number of records, or why nothing of it was removed, as if
    they had come one after the other. forget, tell: as of ``erase``.

    Raises GalleryError; nothing is removed then.
    """
    told: list[int | NotFoundError] = []

    def find(store: Store) -> Named:
        named, told[:] = named_in_turn(store, removals)
        if not named.keys:
            raise next(each for each in told if isinstance(each, NotFoundError))
        return named

    try:
        removed = erase(gallery, find, forget, tell=tell)
    except LockedError as error:  # all have waited for as long
        return [error] * len(removals)
    except NotFoundError:
        return [each for each in told if isinstance(each, NotFoundError)]
    return [each if isinstance(each, NotFoundError) else replace(removed, records=each) for each in told]


def is_erasing(gallery: Gallery) -> bool:
    """Whether an erasure is under way, or was interrupted."""
    return erasures(gallery.store).open


def tidy(gallery: Gallery, patience: float) -> bool:
    """Complete an erasure that was interrupted, and sweep ``sources/``. False: it is to be done again later, somebody
    writes or reads an earlier state. Raises GalleryError.
    """
    try:
        with gallery.erasing(patience):
            return _complete(gallery, None)
    except LockedError:
        return False


def _complete(gallery: Gallery, named: Named | None) -> bool:
    """Remove what is left outside of the tables after rows were removed; whether nothing is left. named: what is gone;
    None where that is no longer known.
    """
    done = _works(lambda: sweep_sources(gallery))
    noted = Erasures(0, True)
    with suppress(LookalikeError):
        noted = erasures(gallery.store)
    if noted.open:
        done = _works(lambda: remove_derived(gallery)) and done
        done = (
            _works(lambda: clear_traces(gallery.store, gallery.folder, None if named is None else named.traces))
            and done
        )
        done = done and _works(lambda: close_erasures(gallery.store, noted.number))
    return done


def _works(step: Callable[[], None]) -> bool:
    """Whether a step does not fail. After the rows are gone nothing may: what was removed is removed."""
    with suppress(Exception):
        step()
        return True
    return False
