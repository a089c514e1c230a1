"""Learned aggregation of slices against the mean of the slices and MaxSim, on patient-disjoint folds of real volumes.

Everything that is learnt is trained anew on each fold's other patients, its own validation within them. mean, maxsim:
in the encoder's own space. mlp: the default adapter on the means. slices: the adapter that weighs slices by attention.
attention: the encoder's vectors pooled by that attention, without its head. Then the same with the labels exchanged
between patients at random, which must leave chance.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import folder, wanted
from benchmarks.report import Figure
from lookalike import adapters, metrics, ranking
from lookalike.adapters.adapter import base_vectors
from lookalike.asking.candidates import may_answer
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.labelled import Labelled, labelled
from lookalike.evaluation.measures import CHANCE, PLAIN, PerQuery, RankedQueries, shared_label
from lookalike.evaluation.scores import Scoring, gain_of, scores_of
from lookalike.evaluation.splits import in_folds
from lookalike.evaluation.tables import cell
from lookalike.gallery import open_gallery
from lookalike.metrics import Floats
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.types import VolumeRecipe
from lookalike.verbs.index import index

SEED: Final = 0
FOLDS: Final = 5
KS: Final = (1, 5)
NAMES: Final = tuple(f"P@{k}" for k in KS)
WAYS: Final = ("mean", "maxsim", "mlp", "slices", "attention")
AGAINST: Final = (("attention", "mean"), ("slices", "mean"), ("slices", "maxsim"), ("slices", "mlp"))
ADRENAL: Final = 400  # volumes of AdrenalMNIST3D that are compared; it names no patients
SLACK: Final = 0.1  # above chance with permuted labels: what an interval of some dozens of queries allows


class Measured(NamedTuple):
    """per_query: of each way (q, ks). chance: of each query (q,)."""

    per_query: dict[str, PerQuery]
    chance: Floats
    askers: Askers
    steps: list[int]


class Collection(NamedTuple):
    """labelled: (its folder, an empty one) -> what is compared, by name."""

    name: str
    folder: str
    labelled: Callable[[Path, Path], Iterator[tuple[str, Labelled]]]


def run(data: Path | None, collections: Sequence[str] = ()) -> Iterator[Figure]:
    """Macro P@1 and P@5 of every way, the gains with their intervals, and the labels permuted, each as soon as it is
    measured. collections: names, all of them by default.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for each in wanted(collections, COLLECTIONS):
            for name, volumes in each.labelled(folder(each.folder, data), Path(scratch, each.name)):
                yield from _figures(name, _measured(volumes))
                yield _permuted(name, volumes)


def _hearts(source: Path, into: Path) -> Iterator[tuple[str, Labelled]]:
    with open_gallery(into, create=True) as gallery:
        stacks = [path for path in sorted(source.iterdir()) if path.name.startswith("sc-")]
        index(gallery, stacks, labels=source / "labels.csv", label_columns=["class"])
        yield "heart-mr-sunnybrook", _common(labelled(gallery))


def _organs_and_regions(source: Path, into: Path) -> Iterator[tuple[str, Labelled]]:
    with open_gallery(into, create=True) as gallery:
        index(gallery, [source], labels=source / "volumes.csv", label_columns=["organ"])
        records = {record.id: record for record in gallery.store.records().values()}
        known = labelled(gallery)
        regions = tuple((str(records[identity].attributes["body_region"]),) for identity in known.ids)
        yield "volumes, organ", _common(known)
        yield "volumes, body region", _common(replace(known, labels=regions))


def _adrenals(source: Path, into: Path) -> Iterator[tuple[str, Labelled]]:
    everything = open_dataset(str(source / "adrenalmnist3d_64.npz"))
    some = np.sort(np.random.default_rng(SEED).permutation(len(everything.pictures))[:ADRENAL])
    dataset = replace(everything, pictures=tuple(everything.pictures[i] for i in some))
    with open_gallery(into, create=True, volumes=VolumeRecipe(slices="even:16")) as gallery:
        index(gallery, [dataset])
        yield "AdrenalMNIST3D", _common(labelled(gallery))


COLLECTIONS: Final = (
    Collection("heart-mr-sunnybrook", "heart-mr-sunnybrook", _hearts),
    Collection("volumes", "volumes", _organs_and_regions),
    Collection("AdrenalMNIST3D", "medmnist", _adrenals),
)


def _common(data: Labelled) -> Labelled:
    """The volumes without labels that fewer patients than folds bear."""
    patients: dict[str, set[str]] = {}
    for labels, patient in zip(data.labels, data.patients, strict=True):
        patients.setdefault(labels[0], set()).add(patient)
    rows = [i for i, labels in enumerate(data.labels) if len(labels) == 1 and len(patients[labels[0]]) >= FOLDS]
    return data.take(np.array(rows))


def _measured(data: Labelled) -> Measured:
    classes = tuple(sorted({labels[0] for labels in data.labels}))
    parts: dict[str, list[PerQuery]] = {way: [] for way in (*WAYS, CHANCE)}
    order, steps = [], []
    for split in in_folds(data, FOLDS, SEED).parts:
        queries, among = data.take(split.queries), data.take(split.gallery)
        asking, members = (metrics.membership(side.labels, classes) for side in (queries, among))
        open_ = may_answer([(patient,) for patient in queries.patients], among.patients)
        fitted = {
            kind: adapters.fit_adapter(
                kind, among.vectors, among.labels, among.patients, encoder={}, seed=SEED, slices=among.slices
            )
            for kind in ("mlp", "slices")
        }
        steps.append(int(fitted["slices"].training["attention_steps"]))
        for way, similar in _similar(queries, among, fitted).items():
            nearest = np.argsort(-np.where(open_, similar, -np.inf), axis=1, kind="stable")[:, : KS[-1]]
            nearest = np.where(np.take_along_axis(open_, nearest, axis=1), nearest, -1)
            scores = shared_label(RankedQueries(asking, members, open_, nearest), KS)
            parts[way].append(scores[PLAIN])
        parts[CHANCE].append(scores[CHANCE])
        order.append(split.queries)
    rows = np.concatenate(order)
    labels = metrics.membership([data.labels[i] for i in rows], classes)
    askers = Askers(labels, classes, np.array([data.patients[i] for i in rows]), ())
    found = {way: np.concatenate(values) for way, values in parts.items()}
    return Measured(found, found.pop(CHANCE), askers, steps)


def _similar(
    queries: Labelled, among: Labelled, fitted: dict[str, adapters.Adapter]
) -> dict[str, NDArray[np.floating[Any]]]:
    """The similarity (q, n) of queries and volumes, by each way."""
    starts = np.cumsum([0, *(len(each) for each in among.slices[:-1])])
    documents = np.concatenate(among.slices)
    found: dict[str, NDArray[np.floating[Any]]] = {"mean": queries.vectors @ among.vectors.T}
    found["maxsim"] = np.stack([ranking.maxsim_many(each, documents, starts) for each in queries.slices])
    for kind, adapter in fitted.items():
        ours, theirs = (adapters.transform(adapter, side.vectors, side.slices) for side in (queries, among))
        found[kind] = ours @ theirs.T
    ours, theirs = (base_vectors(fitted["slices"], side.vectors, side.slices) for side in (queries, among))
    return {**found, "attention": ours @ theirs.T}


def _figures(name: str, found: Measured) -> Iterator[Figure]:
    scoring = Scoring(KS, 2000, SEED)
    chance = float(metrics.macro(found.chance, found.askers.labels))
    for way in WAYS:
        scores = scores_of(found.per_query[way], NAMES, found.askers, scoring)
        told = "   ".join(f"macro {each} {cell(scores.macro[each], scores.macro_intervals[each])}" for each in NAMES)
        yield Figure(f"{name}, {way}", scores.macro["P@1"] or 0.0, unit="macro P@1", notes=(told,))
    gains = []
    for better, than in AGAINST:
        gain = gain_of(found.per_query[better] - found.per_query[than], NAMES, found.askers, scoring)
        told = "   ".join(f"{each} {cell(gain[each][0], gain[each][1:], sign=True)}" for each in NAMES)
        gains.append(f"{better} - {than}: {told}")
    people = len(set(found.askers.patients.tolist()))
    about = f"{len(found.chance)} volumes of {people} patients, chance {chance:.3f}, attention steps {found.steps}"
    yield Figure(f"{name}, learned against mean", _gain(found, "slices", "mean"), unit="P@1", notes=(about, *gains))


def _gain(found: Measured, better: str, than: str) -> float:
    difference = found.per_query[better] - found.per_query[than]
    return float(metrics.macro(difference, found.askers.labels)[0])


def _permuted(name: str, data: Labelled) -> Figure:
    """Macro P@5 of the learned aggregation above chance, the labels exchanged between patients."""
    patients = metrics.numbered(data.patients)
    first = np.unique(patients, return_index=True)[1]
    dealt = np.random.default_rng(SEED).permutation(len(first))
    labels = tuple(data.labels[int(first[dealt[patient]])] for patient in patients)
    found = _measured(Labelled(data.vectors, labels, data.patients, data.ids, data.slices))
    scores = scores_of(found.per_query["slices"], NAMES, found.askers, Scoring(KS, 2000, SEED))
    chance = float(metrics.macro(found.chance, found.askers.labels))
    note = f"macro P@5 {cell(scores.macro['P@5'], scores.macro_intervals['P@5'])}, chance {chance:.3f}"
    above = (scores.macro["P@5"] or 0.0) - chance
    return Figure(f"{name}, labels permuted", above, SLACK, "above chance", at_least=False, notes=(note,))
