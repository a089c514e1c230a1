"""How often the shift test warns without a shift, and what it finds of planted ones.

Without: a third of each shared collection's patients, at random, asks the others. Planted: pictures of another
collection, the own pictures inverted, and with noise. Beside it: how often sets of labels for 90 % hold the label, as
they are and widened.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks import data
from benchmarks.report import Figure
from lookalike.asking.query import read_frames
from lookalike.classifiers import Settings, fit_classifier
from lookalike.evaluation.label_sets import conformal_sets, why_no_set
from lookalike.evaluation.labelled import Labelled, Queries, asking, labelled
from lookalike.evaluation.shift import shift_of
from lookalike.evaluation.trained_classifier import train_calibrated, training_examples
from lookalike.gallery import open_gallery
from lookalike.types import Vectors
from lookalike.verbs.index import index

COLLECTIONS: Final = {
    "chest-xray-dicom5": "patient_id",
    "brain-mri-tumor": None,
    "breast-us-busi": None,
    "mammo-mias": "patient_pair",
}
"""By the column that names the patient, where there is one."""
SPLITS: Final = 100
MOST_FALSE: Final = 0.05
COVERAGE: Final = 0.9
NOISE: Final = 40.0  # standard deviation in grey levels


class Collection(NamedTuple):
    """data: the labelled records. inverted, noisy: their vectors with pixels changed."""

    data: Labelled
    inverted: Vectors
    noisy: Vectors


def run(given: Path | None) -> list[Figure]:
    """The share of false warnings, all collections together; and what is found of each planted shift."""
    folders = {name: data.folder(name, given) for name in COLLECTIONS}
    with tempfile.TemporaryDirectory() as scratch:
        found = {name: _read(name, place, Path(scratch) / name) for name, place in folders.items()}
    false, notes = 0, []
    for name, each in found.items():
        tested = [shift_of(*_split(each.data, seed), seed) for seed in range(SPLITS)]
        warned = [one is not None and one.shifted for one in tested]
        false += sum(warned)
        notes.append(f"{name:18} {sum(warned)} of {SPLITS} splits of {len(each.data.ids)} records")
    share = false / (SPLITS * len(found))
    return [
        Figure("shift, false warnings", share, MOST_FALSE + 0.02, "of splits", at_least=False, notes=tuple(notes)),
        *(_planted(name, each, found) for name, each in found.items()),
    ]


def _read(name: str, place: Path, gallery: Path) -> Collection:
    with open_gallery(gallery, create=True) as opened:
        index(opened, [place], labels=place / "labels.csv", label_columns=["class"], patient_column=COLLECTIONS[name])
        known, rng = labelled(opened), np.random.default_rng(0)
        by_id = {record.id: record.source for record in opened.store.records().values()}
        shown = np.stack([read_frames(opened, by_id[identity])[0].input for identity in known.ids])
        changed = 255 - shown, np.clip(shown + rng.normal(0, NOISE, shown.shape), 0, 255).astype(shown.dtype)
        return Collection(known, *(opened.encoder.encode_inputs(each) for each in changed))


def _split(known: Labelled, seed: int, vectors: Vectors | None = None) -> tuple[Queries, Labelled]:
    """A third of the patients at random as queries, with other vectors if given, and the records of the others."""
    patients = sorted(set(known.patients))
    third = set(np.random.default_rng(seed).permutation(patients)[: len(patients) // 3].tolist())
    rows = np.array([patient in third for patient in known.patients])
    changed = known if vectors is None else replace(known, vectors=vectors)
    return asking(changed.take(np.flatnonzero(rows))), known.take(np.flatnonzero(~rows))


def _planted(name: str, own: Collection, found: dict[str, Collection]) -> Figure:
    """What is found of shifts, and how often sets of labels hold the label under them."""
    lines, seen = [], []
    others = [(other, _split(each.data, 1)[0]) for other, each in found.items() if other != name]
    for what, queries in [*others, ("inverted", _split(own.data, 0, own.inverted)[0]), _noisy(own)]:
        shift = shift_of(queries, _split(own.data, 0)[1], 0)
        assert shift is not None
        seen.append(shift.shifted)
        lines.append(f"{what:18} effect {shift.effect:.2f}, p {shift.p:.4f}")
    lines += [_sets(own, what, vectors) for what, vectors in (("as they are", None), *_changed(own))]
    return Figure(f"shift, {name}, found", float(np.mean(seen)), unit="of planted shifts", notes=tuple(lines))


def _changed(own: Collection) -> tuple[tuple[str, Vectors], ...]:
    return ("inverted", own.inverted), ("noisy", own.noisy)


def _noisy(own: Collection) -> tuple[str, Queries]:
    return "noisy", _split(own.data, 0, own.noisy)[0]


def _sets(own: Collection, what: str, vectors: Vectors | None) -> str:
    """How often the sets of a vote hold the label, and how many they hold, plain and widened, over five thirds."""
    told = []
    for widened in (False, True):
        inside, sizes = [], []
        for seed in range(5):
            queries, known = _split(own.data, seed, vectors)
            data = training_examples(known)
            trained = train_calibrated(partial(fit_classifier, "knn", settings=Settings()), data, 0)
            if why := why_no_set(trained, COVERAGE):
                return why
            sets = conformal_sets(trained, queries.data.vectors, COVERAGE, shifted=widened)
            rows = range(len(sets))
            inside += [sets[i, data.classes.index(queries.data.labels[i][0])] for i in rows]
            sizes += sets.sum(axis=1).tolist()
        told.append(f"{np.mean(inside):.3f} ({np.mean(sizes):.1f} labels)")
    return f"sets for {COVERAGE:g}, {what:12} hold the label {told[0]}, widened {told[1]}"
