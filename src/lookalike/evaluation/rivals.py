"""What a space is compared with: another space of its gallery, or a gallery of the same records by another encoder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.experiment import MeasuredSpace, Rival, measured_space
from lookalike.evaluation.labelled import Labelled, every_record
from lookalike.evaluation.paired import Matched
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import BASE
from lookalike.text import one_line


def rival_of(
    gallery: Gallery, space: MeasuredSpace, data: Labelled, against: str | os.PathLike[str]
) -> tuple[Rival, Labelled, Matched | None]:
    """The rival of a space by a space's name or a gallery's folder, and the records of the data that both have: of
    another gallery those with the same id, which is a hash of the picture. Of that gallery it is the space of the same
    name, or the encoder's own.

    Raises UsageError (the space itself, no record in both), GalleryError (neither a space nor a gallery).
    """
    name = os.fspath(against)
    if name in gallery.store.spaces():
        if name == space.name:
            raise UsageError(f"the space {name!r} is not compared with itself; name another space, or another gallery")
        return Rival(name, measured_space(gallery, name), data.vectors, data.slices), data, None
    with open_gallery(name) as other:
        return _of_gallery(other, space, data)


def _of_gallery(other: Gallery, space: MeasuredSpace, data: Labelled) -> tuple[Rival, Labelled, Matched]:
    there = every_record(other)
    place = {identity: row for row, identity in enumerate(there.ids)}
    rows = np.array([i for i, identity in enumerate(data.ids) if identity in place], np.int64)
    if not len(rows):
        raise UsageError(
            f"no labelled record of this gallery is in {one_line(other.folder.name)} too: records are matched by the "
            "hash of their picture; index the same files into both galleries"
        )
    shared = data.take(rows)
    at = np.array([place[identity] for identity in shared.ids], np.int64)
    theirs, own = there.take(at), space.name if space.name in other.store.spaces() else BASE
    differ = sum(set(a) != set(b) for a, b in zip(shared.labels, theirs.labels, strict=True))
    matched = Matched(len(rows), len(data.ids) - len(rows), len(there.ids) - len(rows), differ)
    return Rival(_name(other, space, own), measured_space(other, own), theirs.vectors, theirs.slices), shared, matched


def _name(other: Gallery, space: MeasuredSpace, own: str) -> str:
    """The gallery's folder, the encoder if it is another one, the space if it is adapted."""
    encoder = () if other.spec.name == space.spec.name else (other.spec.name,)
    more = (*encoder, *(() if own == BASE else (own,)))
    folder = one_line(Path(other.folder).name)
    return f"{folder} ({', '.join(more)})" if more else f"gallery {folder}"
