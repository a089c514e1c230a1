"""Remove records everywhere: rows, files, what was made from them, and what names them.

Everything is prepared before the one transaction that removes the rows and notes what is still to be done, and nothing
after it fails: what cannot be done at once is done later, by the next erasure or the next server.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from lookalike.adapters import load_adapter, save_adapter
from lookalike.erasing.sources import remove_copies, sweep_sources
from lookalike.errors import DamagedFileError, LockedError, LookalikeError
from lookalike.gallery import SOURCES, Gallery
from lookalike.store import Store
from lookalike.store.database import FILE
from lookalike.store.edit import empty_log, write_anew
from lookalike.store.erasures import Named, close_erasures, erasures, remove_named
from lookalike.store.pages import lies_between

PATIENCE: Final = 60.0  # seconds that an erasure waits for its turn; a writer gives way much sooner
_LOG_SECONDS: Final = 5.0  # that it waits for those who read an earlier state
Forget: TypeAlias = Callable[[Named], None]


@dataclass(frozen=True, slots=True)
class Removed:
    """records: how many were removed. erased: whether no trace of them is left on the disk; false while another process
    still reads an earlier state: then the last traces, in the write-ahead log, go a moment after it has ended.
    """

    records: int
    erased: bool


def erase(gallery: Gallery, find: Callable[[Store], Named], forget: Forget | None = None) -> Removed:
    """Remove the records that ``find`` names. forget: called at the end with what names them, for caches.

    Raises NotFoundError, LockedError and GalleryError; nothing is removed then.
    """
    with gallery.erasing(PATIENCE):
        named = find(gallery.store)
        named = replace(named, digests=remove_copies(gallery, named.sources, named.digests))
        adapters = _renamed(gallery, named.labels)
        remove_named(gallery.store, named, adapters, gallery.folder / SOURCES)
        erased = _complete(gallery, named)
    if forget is not None:
        forget(named)
    with suppress(LookalikeError):
        for space in gallery.store.spaces():
            gallery.index(space)
    return Removed(len(named.keys), erased)


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
    with suppress(LookalikeError, OSError):
        sweep_sources(gallery)
        number, is_open = erasures(gallery.store)
        if not is_open:
            return True
        with gallery.remaking():
            _remove_derived(gallery)
        if _cleared(gallery, named):
            close_erasures(gallery.store, number)
            return True
    return False


def _cleared(gallery: Gallery, named: Named | None) -> bool:
    """Leave nothing of removed rows in the database's files; whether that could be done."""
    if not empty_log(gallery.store, _LOG_SECONDS):
        return False
    if named is not None and not lies_between(gallery.folder / FILE, named.traces):
        return True
    write_anew(gallery.store)
    return empty_log(gallery.store, _LOG_SECONDS)


def _remove_derived(gallery: Gallery) -> None:
    """Remove maps, indexes and backgrounds, which are made again, adapters that no space has, and what processes that
    were killed left of any of them.
    """
    for made in ("maps", "indexes"):
        shutil.rmtree(gallery.folder / made, ignore_errors=True)
    had = {f"{row.name}.{row.adapter[:16]}" for row in gallery.store.spaces().values() if row.adapter}
    folder = gallery.folder / "adapters"
    for file in () if folder.is_symlink() or not folder.is_dir() else folder.iterdir():
        if file.stem not in had:
            with suppress(OSError):
                file.unlink()


def _renamed(gallery: Gallery, labels: Iterable[str]) -> dict[str, str]:
    """Write the adapters anew whose classes are labels that nobody bears any more, with other names for these classes:
    their SHA-256, by their spaces. "" for a damaged one, which is removed.
    """
    found: dict[str, str] = {}
    folder, gone = gallery.folder / "adapters", set(labels)
    for row in gallery.store.spaces().values() if gone else ():
        if row.adapter is None:
            continue
        try:
            adapter = load_adapter(folder, row.name, row.adapter)
        except DamagedFileError:
            found[row.name] = ""
            continue
        if gone & {*adapter.classes}:
            classes = tuple(_unnamed(number) if name in gone else name for number, name in enumerate(adapter.classes))
            found[row.name] = save_adapter(replace(adapter, classes=classes), folder, row.name)
    return found


def _unnamed(number: int) -> str:
    return f"removed label {number + 1}"
