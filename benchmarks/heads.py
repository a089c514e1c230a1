"""Every kind of adapter beside the base space on five collections: macro P@5, five folds, ten seeds.

Each kind is trained anew on every fold's gallery; ``auto`` also chooses anew there. An interval is that of a query's
mean over the seeds, resampled by patient.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import data
from benchmarks.report import Figure
from lookalike import adapters, metrics
from lookalike.evaluation.experiment import of_fitted, ranked, refitted
from lookalike.evaluation.labelled import Labelled, labelled
from lookalike.evaluation.measures import PLAIN, Measure, shared_label
from lookalike.evaluation.splits import in_folds
from lookalike.gallery import open_gallery
from lookalike.metrics import Bools, Floats
from lookalike.store import BASE
from lookalike.verbs.adapt import DEFAULT_KIND
from lookalike.verbs.index import index


@dataclass(frozen=True, slots=True)
class Collection:
    """labels, patient: columns of its table. target: macro P@5 of the default kind."""

    name: str
    labels: str
    patient: str | None = None
    target: float | None = None


COLLECTIONS: Final = (
    Collection("chest-xray-dicom5", "class", target=0.66),
    Collection("brain-mri-tumor", "class", target=0.86),
    Collection("breast-us-busi", "class", target=0.70),
    Collection("mammo-mias", "class", "patient_pair"),
    Collection("chest-xray-nih", "labels"),
)
KINDS: Final = (*(kind for kind in adapters.kinds() if kind not in ("published", "slices", DEFAULT_KIND)), DEFAULT_KIND)
FOLDS, DEPTH, SAMPLES = 5, 5, 1000


def run(
    given: Path | None, seeds: int = 10, encoders: Sequence[str] = ("lite0",), kinds: Sequence[str] = KINDS
) -> list[Figure]:
    """A figure a collection and encoder: macro P@5 of the last kind, the default, beside base and every other kind."""
    folders = {each: data.folder(each.name, given) for each in COLLECTIONS}
    figures = []
    for encoder in encoders:
        figures += [_figure(each, folder, encoder, seeds, kinds) for each, folder in folders.items()]
        mean = float(np.mean([each.value for each in figures[-len(folders) :]]))
        figures.append(Figure(f"heads, {encoder}, mean", mean, unit="macro P@5"))
    return figures


def _figure(collection: Collection, folder: Path, encoder: str, seeds: int, kinds: Sequence[str]) -> Figure:
    found = embedded(collection, folder, encoder)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [(kind, found, seed) for kind in kinds for seed in range(seeds)]
        done = dict(zip([(job[0], job[2]) for job in jobs], pool.map(_scored, *zip(*jobs, strict=True)), strict=True))
    notes, base = [f"{'kind':8} P@5   [95 %]        gain [95 %]              seconds a fit"], None
    for kind in kinds:
        parts = [done[kind, seed] for seed in range(seeds)]
        base, own = (np.mean([part.values[i] for part in parts], axis=0) for i in (0, 1))
        if kind == kinds[0]:
            notes.append(f"{BASE:8} {_interval(base, found)}")
        seconds = float(np.mean([part.seconds for part in parts]))
        notes.append(f"{kind:8} {_interval(own, found)}   {_interval(own - base, found, '+')}   {seconds:6.2f}")
    if "auto" in kinds:
        chosen = Counter(name for seed in range(seeds) for name in done["auto", seed].chosen)
        notes.append("chosen by auto: " + ", ".join(f"{name} {count}" for name, count in chosen.most_common()))
    value = float(metrics.macro(own, _members(found)))
    return Figure(f"heads, {encoder}, {collection.name}", value, collection.target, "macro P@5", notes=tuple(notes))


def embedded(collection: Collection, folder: Path, encoder: str) -> Labelled:
    """The records in the order of their ids, which is the same on every machine and with every encoder."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        open_gallery(Path(temporary) / "gallery", create=True, encoder=encoder) as gallery,
    ):
        table = folder / "labels.csv"
        index(gallery, [folder], labels=table, label_columns=[collection.labels], patient_column=collection.patient)
        found = labelled(gallery)
        return found.take(np.argsort(found.ids))


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """values: P@5 (n,) of base and of the kind, by row. chosen: of each fold. seconds: a fit."""

    values: tuple[Floats, Floats]
    chosen: tuple[str, ...]
    seconds: float


def _scored(kind: str, found: Labelled, seed: int) -> _Scored:
    os.environ["OMP_NUM_THREADS"] = "1"
    any_kind = adapters.fit_adapter("lda", found.vectors, found.labels, found.patients, encoder={})
    adapter = replace(any_kind, kind=kind)
    splits, started = in_folds(found, FOLDS, seed), time.monotonic()
    fitted = [refitted(adapter, found.take(split.gallery), seed) for split in splits.parts]
    seconds = (time.monotonic() - started) / len(fitted)
    measured = ranked(of_fitted(kind, found, splits, fitted), Measure(shared_label), (DEPTH,))
    order = np.concatenate([split.queries for split in splits.parts])
    values = []
    for name in (BASE, kind):
        row = np.empty(len(order))
        row[order] = measured.per_query[name][PLAIN][:, 0]
        values.append(row)
    chosen = tuple(str(each.training.get("chosen", kind)) for each in fitted)
    return _Scored((values[0], values[1]), chosen, seconds)


def _members(found: Labelled) -> Bools:
    return metrics.membership(found.labels, tuple(sorted({label for labels in found.labels for label in labels})))


def _interval(values: Floats, found: Labelled, sign: str = "") -> str:
    low, high = metrics.bootstrap_interval(values, found.patients, "macro", _members(found), samples=SAMPLES)
    return f"{float(metrics.macro(values, _members(found))):{sign}.3f} [{low:{sign}.2f}, {high:{sign}.2f}]"
