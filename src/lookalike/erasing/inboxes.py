"""What of a patient waits in the inboxes that a gallery receives into (``receiving``), and what these remember."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError
from lookalike.gallery import INBOX, Gallery
from lookalike.readers.events import Finished
from lookalike.receiving.folder import KNOWN, objects_in, remove_objects
from lookalike.receiving.known import KnownObjects
from lookalike.store.facts import put_fact
from lookalike.store.named import Named
from lookalike.types import Item

_FACT: Final = "inboxes"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Objects that have not been indexed. studies: pseudonyms of those that they are of."""

    files: tuple[Path, ...] = ()
    studies: frozenset[str] = frozenset()


def note_inbox(gallery: Gallery, folder: Path) -> None:
    """Note that a gallery receives into a folder, so that erasing looks there too."""
    known = _noted(gallery)
    if folder != gallery.folder / INBOX and str(folder) not in known:
        with gallery.store.begin(write=True) as connection:
            put_fact(connection, _FACT, json.dumps([*known, str(folder)]))


def waiting_of(gallery: Gallery, group: str) -> Waiting:
    """What waits of a patient, by the group; what cannot be read is nobody's, and goes when it is indexed."""
    files, studies = list[Path](), set[str]()
    for folder in _inboxes(gallery):
        for event in _who(gallery, [*objects_in(folder)]):
            named = event.named
            whose = gallery.store.patient_group(named.patient) if named is not None else ""
            if named is not None and whose == group:
                files.append(Path(event.source))
                studies.add(gallery.store.study_group(named.identity.study_instance_uid))
    return Waiting(tuple(files), frozenset(studies - {""}))


def forget_in_inboxes(gallery: Gallery, waiting: Waiting, named: Named) -> None:
    """Remove what waits, and what was noted of objects that were indexed as records which are gone."""
    remove_objects(waiting.files)
    items = {each for source in named.sources for each in (source, source.rpartition("/")[0])}
    for folder in _inboxes(gallery):
        if (folder / KNOWN).exists():
            with suppress(GalleryError):  # after the records are gone nothing fails: what is left is found and told
                KnownObjects(folder).forget(items)


def _who(gallery: Gallery, files: list[Path]) -> Iterator[Finished]:
    """Who each file is, by its header alone."""
    items = [Item(str(file), (str(file),)) for file in files]
    for event in gallery.readers.read(items, known=lambda _sha256: True, name=lambda _sha256: True):
        if isinstance(event, Finished):
            yield event


def _inboxes(gallery: Gallery) -> list[Path]:
    found = [gallery.folder / INBOX, *map(Path, _noted(gallery))]
    return [folder for folder in found if folder.is_dir() and not folder.is_symlink()]


def _noted(gallery: Gallery) -> list[str]:
    return list(map(str, json.loads(gallery.store.noted(_FACT) or "[]")))
