"""What is made from records: maps, indexes, backgrounds, adapters, cohorts that wait to be fetched."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lookalike.adapters import Adapter, criterion_of, load_adapter, save_adapter
from lookalike.errors import DamagedFileError
from lookalike.gallery import EXPORTS, Gallery
from lookalike.store.named import Named

_GOING: Final = f".{EXPORTS}-"


def remove_derived(gallery: Gallery) -> None:
    """Remove maps and backgrounds, which are made again, exported cohorts, of which any may hold what is gone, what
    indexes hold of that, adapters that no space has, and what processes that were killed left of any of them. An index
    engine is brought in step. Raises EngineError where it does not answer.
    """
    if _is_own(maps := gallery.folder / "maps"):
        shutil.rmtree(maps)
    _remove_exports(gallery.folder)
    if _is_own(gallery.folder / "indexes"):
        gallery.erase_in_indexes()
    if gallery.engine.address:
        gallery.check_engine()  # which takes what is gone out of it
    had = {f"{row.name}.{row.adapter[:16]}" for row in gallery.store.spaces().values() if row.adapter}
    folder = gallery.folder / "adapters"
    for file in folder.iterdir() if _is_own(folder) else ():
        if file.stem not in had:
            file.unlink(missing_ok=True)


def _remove_exports(folder: Path) -> None:
    """Another name first: a job that packs one now finds its folder gone, and begins again."""
    if _is_own(exports := folder / EXPORTS):
        exports.rename(folder / f"{_GOING}{secrets.token_hex(4)}")
    for going in folder.glob(f"{_GOING}*"):
        shutil.rmtree(going)


def _is_own(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink()


def rename_classes(gallery: Gallery, named: Named) -> dict[str, str]:
    """Write the adapters anew whose classes are labels, or values of another field, that nobody bears any more, with
    other names for these classes: their SHA-256, by their spaces. "" for a damaged one, which is removed.
    """
    found: dict[str, str] = {}
    folder = gallery.folder / "adapters"
    for row in gallery.store.spaces().values() if named.labels or named.values else ():
        if row.adapter is None:
            continue
        try:
            adapter = load_adapter(folder, row.name, row.adapter)
        except DamagedFileError:
            found[row.name] = ""
            continue
        gone = named.labels if criterion_of(adapter).field == "label" else named.values
        if gone & {*adapter.classes}:
            found[row.name] = save_adapter(_renamed(adapter, gone), folder, row.name)
    return found


def make_indexes(gallery: Gallery) -> None:
    """Make the index of every space again."""
    for space in gallery.store.spaces():
        if not gallery.is_of_another_encoder(space):
            gallery.index(space)


def _renamed(adapter: Adapter, gone: frozenset[str]) -> Adapter:
    names = {name: _unnamed(number) if name in gone else name for number, name in enumerate(adapter.classes)}
    criterion = criterion_of(adapter)
    noted = {"field": criterion.field, "labels": [names.get(name, name) for name in criterion.labels]}
    training: dict[str, Any] = {**adapter.training, "criterion": noted}
    return replace(adapter, classes=tuple(names.values()), training=training)


def _unnamed(number: int) -> str:
    return f"removed label {number + 1}"
