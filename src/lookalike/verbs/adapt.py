"""adapt: train a small network on what the gallery's records say of themselves, and get a new space from it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import replace as dataclass_replace
from itertools import count
from typing import Any, Final

from lookalike import adapters
from lookalike.adapters import Criterion
from lookalike.asking.patients import count_patients
from lookalike.errors import UsageError
from lookalike.evaluation.inner_folds import InnerFolds, inner_folds
from lookalike.evaluation.labelled import Labelled, chosen_criterion, labelled
from lookalike.evaluation.tables import TableRows, cell, render
from lookalike.gallery import Gallery
from lookalike.job_steps import log_step
from lookalike.learning_curves import curves_followed
from lookalike.locks import Turn
from lookalike.progress import Progress, followed_by
from lookalike.store import BASE
from lookalike.store.erasures import erasures
from lookalike.store.spaces import SPACE_NAME

DEFAULT_KIND: Final = "mlp"
_TRIES: Final = 3  # trainings during which records are removed
TOO_FEW: Final = (
    "Too few patients of two labels to compare the space with base on inner folds, so it is not accepted as default: "
    "search in base."
)


@dataclass(frozen=True, slots=True)
class AdaptResult:
    """space: the new space's name. classes: the labels it was trained on. patients: those that are known.
    training: what the fit reports, and inner_folds. worse: whether the space does worse than base, or no better than
    chance, on folds of its own records. accepted: whether it is surely better there, so that it may be searched by
    default. note: what was found there. field, labels: what it was trained on, the values that were chosen.
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
    accepted: bool = False
    field: str = "label"
    labels: tuple[str, ...] = ()

    def tables(self) -> str:
        """What the kinds reached of which one was chosen, and how well the head names labels; on patients left out."""
        tried, head = self.training.get("tried"), (self.training.get("inner_folds") or {}).get("head")
        parts = [_kinds_table(tried, self.training["chosen"])] if tried else []
        parts += [_head_table(head)] if head else []
        return "\n".join(render(title, rows, "text") for title, rows in parts)


def _kinds_table(tried: Mapping[str, Any], chosen: str) -> tuple[str, TableRows]:
    head = ["kind", "P@5", "beside the best, one error", ""]
    rows = [
        [
            kind,
            cell(score["precision"], score["interval"]),
            cell(score["behind"][0], score["behind"][1:], sign=True),
            "chosen" if kind == chosen else "",
        ]
        for kind, score in tried.items()
    ]
    return "Kinds, on patients left out", [head, *rows]


def _head_table(head: Mapping[str, Any]) -> tuple[str, TableRows]:
    rows = [[name.replace("_", " "), cell(score["value"], score["interval"])] for name, score in head.items()]
    return "The head, on patients left out", [["figure", "macro"], *rows]


def adapt(
    gallery: Gallery,
    name: str,
    *,
    kind: str = DEFAULT_KIND,
    field: str = "label",
    labels: Sequence[str] = (),
    seed: int = 0,
    replace: bool = False,
    progress: Progress | None = None,
) -> AdaptResult:
    """Train an adapter on every labelled record and add the space ``name`` that it projects into.

    Stored vectors are untouched; ``search`` with ``space=name`` works at once, and without a space goes on in base.
    kind: ``mlp`` (torch, the default), ``linear``, ``lda``, ``svm`` (scikit-learn), ``auto`` (the simplest of these
    within one standard error of the best on patients left out; without torch of three), ``slices`` (weighs the slices
    of volumes), ``published`` (the network of the MedImageInsight search tutorial, as reference). field: what makes two
    images alike, the label or any attribute (a DICOM keyword, a column of a table). labels: the values to tell apart,
    all by default; records with others take no part. replace: train a space of that name anew, if there is one.
    progress: called with how many steps of a training run are done, of how many at most.

    Raises UsageError (no labels, one class only, an unknown field or value, a bad name, a space of that name without
    ``replace``), MissingExtraError (mlp without torch).
    """
    if not SPACE_NAME.fullmatch(name) or name == BASE:
        raise UsageError(f"a space's name is made of letters, digits, '-' and '_' and is not {BASE!r}; got {name!r}")
    if name in (taken := gallery.store.spaces()) and not replace:
        free = next(each for number in count(2) if (each := f"{name[:58]}-{number}") not in taken)
        raise UsageError(
            f"there is a space {name!r} already, and another training would replace it; name a new one ({free} is "
            "free), or give --replace"
        )
    started, criterion = time.monotonic(), chosen_criterion(gallery, field, labels)
    with gallery.writing() as turn, followed_by(progress):
        adapter, inner, data = _trained(gallery, name, kind, criterion, seed, turn)
        sha256 = adapters.save_adapter(adapter, gallery.folder / "adapters", name)
        gallery.store.put_space(name, gallery.store.spaces()[BASE].encoder, sha256)
        turn.leave()
        log_step("making its index")
        gallery.index(name)
    return AdaptResult(
        name,
        kind,
        adapter.classes,
        len(data.labels),
        count_patients(data.patients, data.ids).patients,
        adapters.transform(adapter, data.vectors[:1]).shape[1],
        sha256,
        adapter.training,
        time.monotonic() - started,
        inner is not None and inner.worse,
        TOO_FEW if inner is None else inner.sentence(name),
        adapters.is_accepted(adapter.training),
        criterion.field,
        criterion.labels,
    )


def _trained(
    gallery: Gallery, name: str, kind: str, criterion: Criterion, seed: int, turn: Turn
) -> tuple[adapters.Adapter, InnerFolds | None, Labelled]:
    """The adapter, how it does on inner folds, and what it was trained on. Erasures need not wait for it: it is trained
    again if records were removed meanwhile. Where that goes on it is as one that was trained a moment before they were:
    it stays, if it names no class that nobody bears any more.
    """
    attempt = 0
    while True:
        attempt += 1
        erased, data = erasures(gallery.store).number, labelled(gallery, criterion)
        turn.leave()
        log_step("training the adapter", records=len(data.ids))
        adapter = adapters.fit_adapter(
            kind,
            data.vectors,
            data.labels,
            data.patients,
            encoder=gallery.spec.identity,
            seed=seed,
            slices=data.slices,
            curves=curves_followed(),
        )
        log_step("inner folds: is it better than base?")
        inner = inner_folds(name, adapter, data, seed)
        compared = None if inner is None else {**asdict(inner), "worse": inner.worse}
        turn.take()
        if erasures(gallery.store).number == erased or (
            attempt >= _TRIES and _is_borne({*adapter.classes, *criterion.labels}, labelled(gallery, criterion))
        ):
            noted = {"criterion": asdict(criterion), "inner_folds": compared}
            return dataclass_replace(adapter, training={**adapter.training, **noted}), inner, data


def _is_borne(names: set[str], data: Labelled) -> bool:
    """Whether each of some values is borne by a record."""
    return names <= {name for each in data.labels for name in each}
