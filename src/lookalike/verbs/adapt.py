"""adapt: train a small network on the gallery's labels, and get a new space from it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lookalike import adapters
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store import BASE
from lookalike.types import Vectors

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEFAULT_KIND: Final = "mlp"


@dataclass(frozen=True, slots=True)
class AdaptResult:
    """space: the new space's name. classes: the labels it was trained on. training: what fit reports."""

    space: str
    kind: str
    classes: tuple[str, ...]
    records: int
    patients: int
    dim: int
    sha256: str
    training: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The labelled records of a gallery: what adapters and evaluations work on.

    vectors: (n, dim) base vectors. labels, patients, ids, sources: of the n records, in key order.
    """

    vectors: Vectors
    labels: tuple[tuple[str, ...], ...]
    patients: tuple[str, ...]
    ids: tuple[str, ...]


def labelled(gallery: Gallery) -> Labelled:
    """Every record that bears a label, by ascending key. Raises UsageError if there is none."""
    stored = pooled_vectors(gallery)
    records = gallery.store.records()
    rows = [i for i, key in enumerate(stored.records) if records[int(key)].labels]
    if not rows:
        raise UsageError("no record of this gallery bears a label; index with --labels TABLE.csv")
    found = [records[int(stored.records[i])] for i in rows]
    return Labelled(
        stored.vectors[rows],
        tuple(r.labels for r in found),
        tuple(r.patient for r in found),
        tuple(r.id for r in found),
    )


def adapt(gallery: Gallery, name: str, *, kind: str = DEFAULT_KIND, seed: int = 0) -> AdaptResult:
    """Train an adapter on every labelled record and declare the space ``name`` made of it.

    Stored vectors are untouched; ``search`` with ``space=name`` works at once. An existing space of that
    name is replaced. kind: ``mlp`` (torch, the default), ``linear`` (scikit-learn), ``published`` (the
    network of the MedImageInsight search tutorial, as reference).

    Raises UsageError (no labels, one class only, a bad name), MissingExtraError (mlp without torch).
    """
    if not _NAME.fullmatch(name) or name == BASE:
        raise UsageError(f"a space's name is made of letters, digits, '-' and '_' and is not {BASE!r}; got {name!r}")
    started = time.monotonic()
    data = labelled(gallery)
    with gallery.writing():
        adapter = adapters.fit(kind, data.vectors, data.labels, data.patients, encoder=gallery.spec.identity, seed=seed)
        sha256 = adapters.save(adapter, gallery.folder / "adapters", name)
        gallery.store.put_space(name, gallery.store.spaces()[BASE].encoder, sha256)
        gallery.index(name)
    dim = adapters.transform(adapter, data.vectors[:1]).shape[1]
    return AdaptResult(
        name,
        kind,
        adapter.classes,
        len(data.labels),
        len(set(data.patients)),
        dim,
        sha256,
        adapter.training,
        time.monotonic() - started,
    )
