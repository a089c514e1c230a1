"""adapt: train a small network on the gallery's labels, and get a new space from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import replace as dataclass_replace
from typing import Any, Final

from lookalike import adapters
from lookalike.asking.patients import count_patients
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import MeasuredSpace
from lookalike.evaluation.inner_folds import InnerFolds, inner_folds
from lookalike.evaluation.labelled import Labelled, labelled
from lookalike.gallery import Gallery
from lookalike.locks import Turn
from lookalike.progress import Progress, followed_by
from lookalike.store import BASE
from lookalike.store.erasures import erasures
from lookalike.store.spaces import SPACE_NAME

DEFAULT_KIND: Final = "mlp"
TOO_FEW: Final = "Too few patients of two labels to compare the space with base on inner folds."


@dataclass(frozen=True, slots=True)
class AdaptResult:
    """space: the new space's name. classes: the labels it was trained on. patients: those that are known.
    training: what the fit reports, and inner_folds. worse: whether the space does worse than base, or no better than
    chance, on folds of its own records, so that it should not be searched by default. note: what was found there.
    """

    space: str
    kind: str
    classes: tuple[str, ...]
    records: int
    patients: int
    dim: int
    sha256: str
    training: Mapping[str, Any]
    seconds: float
    worse: bool = False
    note: str = ""


def adapt(
    gallery: Gallery,
    name: str,
    *,
    kind: str = DEFAULT_KIND,
    seed: int = 0,
    replace: bool = False,
    progress: Progress | None = None,
) -> AdaptResult:
    """Train an adapter on every labelled record and add the space ``name`` that it projects into.

    Stored vectors are untouched; ``search`` with ``space=name`` works at once. kind: ``mlp`` (torch, the default),
    ``linear`` (scikit-learn), ``published`` (the network of the MedImageInsight search tutorial, as reference).
    replace: train a space of that name anew, if there is one. progress: called with how many steps of a training run
    are done, of how many at most.

    Raises UsageError (no labels, one class only, a bad name, a space of that name without ``replace``),
    MissingExtraError (mlp without torch).
    """
    if not SPACE_NAME.fullmatch(name) or name == BASE:
        raise UsageError(f"a space's name is made of letters, digits, '-' and '_' and is not {BASE!r}; got {name!r}")
    if name in gallery.store.spaces() and not replace:
        raise UsageError(
            f"there is a space {name!r} already, and another training would replace it; name a new one, or give "
            "--replace"
        )
    started = time.monotonic()
    with gallery.writing() as turn, followed_by(progress):
        adapter, inner, data = _trained(gallery, name, kind, seed, turn)
        sha256 = adapters.save_adapter(adapter, gallery.folder / "adapters", name)
        gallery.store.put_space(name, gallery.store.spaces()[BASE].encoder, sha256)
        turn.leave()
        gallery.index(name)
    dim = adapters.transform(adapter, data.vectors[:1]).shape[1]
    return AdaptResult(
        name,
        kind,
        adapter.classes,
        len(data.labels),
        count_patients(data.patients, data.ids).patients,
        dim,
        sha256,
        adapter.training,
        time.monotonic() - started,
        inner is not None and inner.worse,
        TOO_FEW if inner is None else inner.sentence(name),
    )


def _trained(
    gallery: Gallery, name: str, kind: str, seed: int, turn: Turn
) -> tuple[adapters.Adapter, InnerFolds | None, Labelled]:
    """The adapter, how it does on inner folds, and what it was trained on. Erasures need not wait for it: it is trained
    again if a record that it has learnt from was removed meanwhile.
    """
    while True:
        erased, data = erasures(gallery.store).number, labelled(gallery)
        turn.leave()
        adapter = adapters.fit_adapter(
            kind, data.vectors, data.labels, data.patients, encoder=gallery.spec.identity, seed=seed, slices=data.slices
        )
        inner = inner_folds(MeasuredSpace(name, gallery.spec, adapter), data, seed)
        compared = None if inner is None else {**asdict(inner), "worse": inner.worse}
        turn.take()
        if erasures(gallery.store).number == erased:
            return dataclass_replace(adapter, training={**adapter.training, "inner_folds": compared}), inner, data
