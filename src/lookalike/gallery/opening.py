"""Open a gallery folder, or make one; what was made for nothing is removed again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from lookalike.configuration.resolve import setting_value
from lookalike.errors import GalleryError, LookalikeError, UsageError
from lookalike.gallery.gallery import Gallery
from lookalike.indexes.milvus.address import EMBEDDED, engine_address
from lookalike.indexes.spaces import AUTO
from lookalike.locks import LOCKS
from lookalike.store import BASE, Store
from lookalike.store.database import FILE
from lookalike.store.databases import database_of
from lookalike.store.place import STORE_FILE, checked_url, is_elsewhere, named_place, put_elsewhere
from lookalike.text import absolute, one_line
from lookalike.types import VolumeRecipe


def open_gallery(
    folder: str | os.PathLike[str],
    *,
    create: bool = False,
    encoder: str | None = None,
    volumes: VolumeRecipe | None = None,
    index: str = AUTO,
    linked: bool | None = None,
    engine: str | None = None,
    store: str | None = None,
) -> Gallery:
    """Open a gallery folder. create: create it if it does not exist; encoder: of a new gallery; volumes: how a new
    gallery slices volumes; index: the index kind of a new gallery, "auto" chooses by size. linked: whether a new
    gallery keeps who its records are in a PACS, encrypted (``Gallery.linked``); of another one what it must be, None:
    either. engine: the index engine that answers from now on (milvus://host:port), or "embedded" for none; None: the
    one that the gallery names, and for a new one what the configuration says. store: the address of the PostgreSQL that
    a new gallery's records are in (postgresql://USER@HOST/DATABASE), None: where the setting ``store.url`` says, else
    in its folder; of another gallery what it must be.

    Raises GalleryError if ``create`` is false and there is no gallery or one that is still being made, UsageError for a
    gallery of the other kind, MissingExtraError for a linked one where nothing can be encrypted, and for a PostgreSQL
    without its driver.
    """
    path = absolute(folder) if create else gallery_folder(folder)
    if is_gallery(path):
        _check_store(path, store)
        return Gallery(path, encoder, volumes, index, linked, engine=engine, create=create)
    url = store or setting_value("store.url")
    if url:
        checked_url(url)
    made = _make_folder(path)
    try:
        if url:
            put_elsewhere(path, url)
        return Gallery(path, encoder, volumes, index, linked, engine=engine, create=True)
    except BaseException:
        if not _is_declared(path):  # by another process, which fills it
            _unmake(path, made)
        raise


def _is_declared(path: Path) -> bool:
    """Whether a gallery's encoder is named, which is the last step of making one."""
    with suppress(LookalikeError), closing(Store(path)) as store:
        return BASE in store.spaces()
    return False


def check_addresses(store: str, engine: str) -> None:
    """Raise UsageError where the configured store or engine of new galleries is none; "" for either is the gallery's
    own. Neither is asked.
    """
    if store:
        checked_url(store)
    if engine not in ("", EMBEDDED):
        engine_address(engine)


def _check_store(path: Path, store: str | None) -> None:
    """Raises UsageError where a gallery's records are elsewhere than is asked for."""
    place = named_place(path)
    if store is not None and checked_url(store) != (place.url if place is not None else None):
        where = "in its folder" if place is None else f"in {one_line(place.url)}"
        raise UsageError(
            f"this gallery's records are {where}; leave --store out, or: lookalike gallery migrate --store"
        )


def gallery_folder(folder: str | os.PathLike[str]) -> Path:
    """The absolute path of a gallery. Raises GalleryError if there is none."""
    path = absolute(folder)
    if not is_gallery(path):
        raise GalleryError(f"no gallery at {path}; make one: lookalike index FOLDER --gallery {path.name}")
    return path


@contextmanager
def gallery_to_fill(
    folder: str | os.PathLike[str],
    *,
    encoder: str | None = None,
    volumes: VolumeRecipe | None = None,
    index: str = AUTO,
    linked: bool | None = None,
    engine: str | None = None,
    store: str | None = None,
) -> Iterator[Gallery]:
    """As ``open_gallery`` with ``create``, closed at the end. A new gallery into which an error let nothing come is
    removed again: nobody should find a gallery where none was made.
    """
    path = absolute(folder)
    fresh, made = not is_gallery(path), _missing(path)
    given: dict[str, Any] = {"encoder": encoder, "volumes": volumes, "index": index, "linked": linked}
    with open_gallery(folder, create=True, engine=engine, store=store, **given) as gallery:
        try:
            yield gallery
        except BaseException:
            if fresh:
                _remove_unfilled(gallery, made)
            raise


def is_gallery(path: Path) -> bool:
    """Whether a folder holds a gallery, or says where its records are."""
    return is_elsewhere(path) or os.path.exists(path / FILE)  # noqa: PTH110 - False for any impossible name


def _missing(path: Path) -> list[Path]:
    """The folders that are to be made for a path, the innermost first."""
    return [folder for folder in (path, *path.parents) if not os.path.exists(folder)]  # noqa: PTH110 - as above


def _remove_unfilled(gallery: Gallery, made: Sequence[Path]) -> None:
    """Remove a new gallery that holds nothing, unless another process is filling it."""
    with suppress(GalleryError), gallery.writing():
        if not gallery.store.count() and not gallery.store.refused():
            gallery.close()
            _unmake(gallery.folder, made)


def _unmake(path: Path, made: Sequence[Path]) -> None:
    """Remove a gallery that was made a moment ago, and the folders that were made for it."""
    with suppress(LookalikeError):
        database_of(path).remove_new()
    with suppress(OSError):
        for each in map(path.joinpath, (STORE_FILE, *LOCKS)):
            each.unlink(missing_ok=True)
        shutil.rmtree(path / "indexes", ignore_errors=True)
        for folder in made:
            folder.rmdir()


def _make_folder(path: Path) -> list[Path]:
    """Make the folder of a gallery; returns which folders were not there."""
    missing = _missing(path)
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise GalleryError(f"{path} is there already and is no gallery; name a new or an empty folder")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(
            f"no gallery can be made at {path} ({error.strerror}); name a folder that you may write to"
        ) from None
    return missing
