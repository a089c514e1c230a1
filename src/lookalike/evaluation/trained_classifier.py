"""A trained classifier: calibrated probabilities, thresholds, and a background to judge outliers by.

Shared by `classify` and the protocol `classifiers`. Everything comes from the records given: calibration and
thresholds from patient-disjoint folds of them, so that no record is judged by a classifier that has seen it; with a
tuned encoder from those that it was not tuned on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from lookalike import adapters, calibration, classifiers, metrics, voting
from lookalike.asking.candidates import may_answer, open_rows
from lookalike.calibration import Calibration, Thresholds
from lookalike.classifiers import Examples, Fitted, Settings
from lookalike.classifiers.prompts import Prompts, text_encoder, zero_shot
from lookalike.conformal import HeldOut
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched
from lookalike.evaluation.labelled import Labelled, NobodyVotesError, allowed, every_record, held_labelled
from lookalike.evaluation.splits import Split, split_folds
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.metrics import Floats
from lookalike.plugins import suggestion
from lookalike.progress import tracked
from lookalike.store import BASE
from lookalike.types import Vectors
from lookalike.voting import Among, RowNumbers

ADAPTER: Final = "adapter"
ZERO_SHOT: Final = "zero-shot"
VOTE: Final = "knn"  # it needs no second label: whoever may vote says the one there is

NEAR: Final = 5  # neighbours whose mean cosine tells how far away a picture lies
_FOLDS: Final = 5
_JUDGED: Final = 3000  # records whose out-of-fold logits are used for calibration and thresholds
_BACKGROUND: Final = 1000  # records sampled for the background

Fit: TypeAlias = Callable[[Examples], Fitted]


def classify_methods() -> tuple[str, ...]:
    """Every method: classifiers on vectors, ours and those of plug-ins; an adapter's head; zero-shot."""
    return (*classifiers.methods(), ADAPTER, ZERO_SHOT)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """data: the training records, which may be shown as evidence. thresholds: of each class, None where its
    records are too few to set them. calibrated: how ("temperature and bias", "Platt"), or "" for not at all.
    background: the closeness of the gallery's own records to those of other patients, ascending. left_out: records
    of the query's own patient, which were not used in training. judged: the rows of data that were judged out of fold,
    and held what was found of them; None where nothing is calibrated, or with several labels.
    """

    data: Examples
    fitted: Fitted
    calibration: Calibration
    calibrated: str
    thresholds: tuple[Thresholds | None, ...]
    background: Floats
    left_out: int = 0
    judged: RowNumbers | None = None
    held: HeldOut | None = None

    @property
    def known(self) -> Vectors:
        """The vectors (n, dim) of the training records as the classifier takes them."""
        return self.fitted.pooled(self.data.vectors, self.data.slices)

    def closeness(self, queries: Vectors) -> Floats:
        """The mean cosine (q,) of each query with its nearest records; -inf where there is none."""
        _, cosines = voting.nearest_rows(queries, self.data.vectors, NEAR)
        return voting.mean_cosine(cosines)


def training_examples(
    data: Labelled, multi_label: bool | None = None, without: Collection[str] = (), least: int = 2
) -> Examples:
    """Labelled records as numbers, without those of some patients.

    multi_label: None: if any record has several labels; False leaves those records out. Raises UsageError if
    there are fewer than ``least`` labels to choose from, NobodyVotesError if no record is left.
    """
    several = [len(labels) > 1 for labels in data.labels]
    usable = [i for i, more in enumerate(several) if not (more and multi_label is False)]
    classes = tuple(sorted({label for i in usable for label in data.labels[i]}))
    if len(classes) < least:
        raise UsageError(
            f"there must be at least two labels to choose from, got {len(classes)}; index records with other "
            "labels (lookalike index --labels TABLE.csv)"
        )
    free = may_answer([without], data.patients)[0]
    kept = [i for i in usable if free[i]]
    if not kept:
        raise NobodyVotesError("every labelled record is of the query's own patient; index records of others")
    return _as_numbers(data, kept, classes, any(several) if multi_label is None else multi_label)


def _as_numbers(data: Labelled, kept: Sequence[int], classes: tuple[str, ...], multi_label: bool) -> Examples:
    # By id, a hash of the content: the same records make the same folds, in whatever order they were indexed.
    rows = sorted(kept, key=lambda i: data.ids[i])
    borne = [[name for name in data.labels[i] if name in classes] for i in rows]
    patients = [data.patients[i] for i in rows]
    return Examples(
        vectors=data.vectors[rows],
        members=metrics.membership(borne, classes),
        patients=metrics.numbered(patients),
        ids=np.array([data.ids[i] for i in rows]),
        classes=classes,
        multi_label=multi_label,
        among=_among(patients),
        slices=tuple(data.slices[i] for i in rows) if data.slices else (),
    )


def in_order_of(examples: Examples, data: Labelled) -> Labelled:
    """The records that examples were made of, row by row."""
    place = {identity: row for row, identity in enumerate(data.ids)}
    return data.take(np.array([place[identity] for identity in examples.ids], np.int64))


def with_judges(examples: Examples, encoder: str, records: Labelled) -> Examples:
    """Examples that know which of them may judge (``untouched``). records: the same, row by row."""
    judges, told = untouched(encoder, [*zip(records.ids, records.patients, strict=True)])
    return replace(examples, judges=judges) if told else examples


def _among(patients: Sequence[str]) -> Among:
    """A function of query rows: which of all rows may answer, those of other patients."""
    opened = open_rows(patients)
    return lambda rows: opened([(patients[i],) for i in rows])


# The last classifier for each method and gallery, and the state of the records that it was trained on.
_KEPT: WeakKeyDictionary[Gallery, dict[str, tuple[Any, Trained]]] = WeakKeyDictionary()


def learnt(
    gallery: Gallery,
    method: str,
    space: str | None,
    settings: Settings,
    multi_label: bool | None,
    without: Collection[str],
    where: str | Filter | None = None,
) -> Trained:
    """The classifier trained by a method on the gallery's labelled records that satisfy a filter, without those of some
    patients; kept until the records change. space: of an adapter its own; else where the vectors are compared: in an
    adapted space, which has learnt the labels, nothing can be calibrated, nor where all that vote bear one label.

    Raises UsageError, NobodyVotesError.
    """
    fit = fitting(gallery, method, space, settings)
    criterion = adapters.criterion_of(adapter_of(gallery, space)[1] if method == ADAPTER else None)
    version = gallery.space(BASE).version  # of before the records are read: they may be others already
    data = allowed(gallery, held_labelled(gallery, criterion), where)
    own = frozenset(without).intersection(data.patients)
    moved = BASE if method == ADAPTER or space is None else space
    adapter = gallery.space(adapter_of(gallery, space)[0] if method == ADAPTER else moved).adapter
    state = version, data.ids, data.labels, data.patients
    key = (hash(state), settings, multi_label, own, adapter, where)
    kept = _KEPT.setdefault(gallery, {})
    if method not in kept or kept[method][0] != key:
        least = 1 if method == VOTE else 2
        known = classifiers.limited(method, training_examples(data, multi_label, own, least), settings.seed)
        known = with_judges(known, gallery.spec.name, in_order_of(known, data))
        final = head(_current(gallery, space, known), known) if method == ADAPTER else None
        if moved == BASE and len(known.classes) > 1:
            trained = train_calibrated(fit, known, settings.seed, final)
        else:
            known = replace(known, vectors=gallery.project(known.vectors, moved))
            trained = untrained(fit(known), known, settings.seed)
        kept[method] = key, replace(trained, left_out=sum(patient in own for patient in data.patients))
    return kept[method][1]


def prompted(
    gallery: Gallery,
    prompts: Prompts,
    labels: Sequence[str],
    multi_label: bool | None,
    without: Collection[str],
    seed: int,
) -> Trained:
    """The zero-shot classifier: nothing is trained. Every record, labelled or not, is part of the background.

    labels: to choose from; the gallery's own by default. Raises UsageError.
    """
    encoder = text_encoder(gallery.encoder)
    data = every_record(gallery)
    classes = tuple(dict.fromkeys(labels or sorted({name for row in data.labels for name in row})))
    if multi_label is None:
        multi_label = not labels and any(len(row) > 1 for row in data.labels)
    if len(classes) < (1 if multi_label else 2):
        raise UsageError("zero-shot needs at least two labels to choose from; give them: --label A --label B")
    kept = np.flatnonzero(may_answer([without], data.patients)[0]).tolist()
    known = _as_numbers(data, kept, classes, multi_label)
    fitted = zero_shot(encoder, prompts, classes, multi_label=multi_label)
    return replace(untrained(fitted, known, seed), left_out=len(data.ids) - len(kept))


def fitting(gallery: Gallery, method: str, space: str | None, settings: Settings) -> Fit:
    """The training function of a method; for "adapter" the space's kind of adapter, trained anew.

    Raises UsageError for an unknown method or space.
    """
    if method == ADAPTER:
        kind = adapter_of(gallery, space)[1].kind
        return lambda data: _refitted(gallery, kind, data, settings.seed)
    if method not in classifiers.methods():
        raise UsageError(f"no method is called {method!r}.{suggestion(method, classify_methods())}")
    return lambda data: classifiers.fit_classifier(method, data, settings)


def adapter_of(gallery: Gallery, space: str | None) -> tuple[str, adapters.Adapter]:
    """The adapted space of that name, or the only one there is, and its adapter. Raises UsageError."""
    names = [name for name, row in gallery.store.spaces().items() if row.adapter is not None]
    if space is None and len(names) != 1:
        known = f"name one of {', '.join(sorted(names))}" if names else "train one: lookalike adapt --name S"
        raise UsageError(f"the method 'adapter' needs an adapted space; {known}")
    name = names[0] if space is None else space
    adapter = gallery.adapter(name)
    if adapter is None:
        raise UsageError(f"{BASE!r} is the encoder's own space and has no head; name an adapted space")
    return name, adapter


def _current(gallery: Gallery, space: str | None, data: Examples) -> adapters.Adapter:
    """The trained adapter, if it knows all labels that the gallery has now. Raises UsageError otherwise."""
    name, adapter = adapter_of(gallery, space)
    if set(adapter.classes) != set(data.classes):
        raise UsageError(
            f"the labels to choose from are not those that the space {name!r} was trained on; "
            f"train it again: lookalike adapt --name {name} --replace"
        )
    return adapter


def _refitted(gallery: Gallery, kind: str, data: Examples, seed: int) -> Fitted:
    patients = [str(patient) for patient in data.patients]
    if (data.members == data.members[:1]).all():
        return classifiers.fit_classifier("centroid", data, Settings(seed=seed))
    identity, slices = gallery.spec.identity, data.slices
    adapter = adapters.fit_adapter(
        kind, data.vectors, data.labels, patients, encoder=identity, seed=seed, slices=slices
    )
    return head(adapter, data)


def head(adapter: adapters.Adapter, data: Examples) -> Fitted:
    """An adapter's own head as a classifier. Classes that it has not seen rank below all others."""
    columns = [data.classes.index(name) for name in adapter.classes]

    def logits(queries: Vectors) -> Floats:
        p = np.zeros((len(queries), len(data.classes)))
        p[:, columns] = adapters.predict(adapter, queries)
        return classifiers.logits_of(p, multi_label=data.multi_label)

    return Fitted(logits, attention=adapter.network.attention)


def train_calibrated(fit: Fit, data: Examples, seed: int, final: Fitted | None = None) -> Trained:
    """Train on all of data, and calibrate on folds of it. final: a classifier that is trained already (an adapter)."""
    plain = untrained(final or fit(data), data, seed)
    if (judged := out_of_fold(fit, data, seed)) is None:
        return plain
    rows, logits, folds = judged
    members = data.members[rows]
    calibrated = calibration.calibrate(logits, members, multi_label=data.multi_label)
    p = calibrated.probabilities(logits)
    cuts = tuple(calibration.thresholds(p[:, c], members[:, c]) for c in range(len(data.classes)))
    name = "Platt" if data.multi_label else "temperature and bias"
    known = replace(plain, calibration=calibrated, calibrated=name, thresholds=cuts)
    return known if data.multi_label else replace(known, judged=rows, held=_held(data.take(rows), logits, folds))


def _held(data: Examples, logits: Floats, folds: RowNumbers) -> HeldOut:
    """Each record by a classifier and by a calibration that have not seen its fold."""
    p = np.empty(logits.shape)
    for fold in np.unique(folds):
        rows = folds == fold
        others = calibration.calibrate(logits[~rows], data.members[~rows], multi_label=False)
        p[rows] = others.probabilities(logits[rows])
    return HeldOut(p, data.members.argmax(axis=1), data.patients, folds)


def untrained(fitted: Fitted, data: Examples, seed: int) -> Trained:
    """A classifier whose logits are taken as they are, without thresholds."""
    plain = calibration.uncalibrated(len(data.classes), multi_label=data.multi_label or fitted.independent)
    return Trained(data, fitted, plain, "", (None,) * len(data.classes), background_of(data, seed))


def background_of(data: Examples, seed: int) -> Floats:
    """The closeness of the records to those of other patients, ascending."""
    return np.sort(voting.closeness_within(data.vectors, NEAR, data.judging(_BACKGROUND, seed), data.among))


def out_of_fold(fit: Fit, data: Examples, seed: int) -> tuple[RowNumbers, Floats, RowNumbers] | None:
    """Row numbers, their logits from classifiers that have not seen their patients, and the number of the fold of each.
    None if there are too few records for two folds."""
    judged = data.judging(_JUDGED, seed)
    sample = data.take(judged)
    largest = max(Counter(sample.members.argmax(axis=1).tolist()).values(), default=0)
    folds = min(_FOLDS, len(np.unique(sample.patients)), largest)
    if folds < 2:
        return None
    rows, logits, numbers = [], [], []
    for number, split in enumerate(tracked(splits_of(sample, folds, seed))):
        held_out = judged[split.queries]
        others = data.take(np.flatnonzero(data.among(held_out).all(axis=0)))
        rows.append(held_out)
        logits.append(fit(others).of(data.take(held_out)))
        numbers.append(np.full(len(held_out), number))
    return np.concatenate(rows), np.concatenate(logits), np.concatenate(numbers)


def splits_of(data: Examples, folds: int, seed: int) -> list[Split]:
    """Patient-disjoint folds (`split_folds`) of examples."""
    patients = tuple(str(patient) for patient in data.patients)
    return list(split_folds(Labelled(data.vectors, data.labels, patients, tuple(data.ids)), folds, seed))
