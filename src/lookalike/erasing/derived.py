"""What is made from records: maps, indexes, backgrounds, adapters."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace

from lookalike.adapters import load_adapter, save_adapter
from lookalike.errors import DamagedFileError
from lookalike.gallery import Gallery


def remove_derived(gallery: Gallery) -> None:
    """Remove maps, indexes and backgrounds, which are made again, adapters that no space has, and what processes that
    were killed left of any of them.
    """
    for made in (gallery.folder / "maps", gallery.folder / "indexes"):
        if made.is_dir() and not made.is_symlink():
            with gallery.remaking():
                shutil.rmtree(made)
    had = {f"{row.name}.{row.adapter[:16]}" for row in gallery.store.spaces().values() if row.adapter}
    folder = gallery.folder / "adapters"
    for file in () if folder.is_symlink() or not folder.is_dir() else folder.iterdir():
        if file.stem not in had:
            file.unlink(missing_ok=True)


def rename_classes(gallery: Gallery, labels: Iterable[str]) -> dict[str, str]:
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


def make_indexes(gallery: Gallery) -> None:
    """Make the index of every space again."""
    for space in gallery.store.spaces():
        if not gallery.is_of_another_encoder(space):
            gallery.index(space)


def _unnamed(number: int) -> str:
    return f"removed label {number + 1}"
