"""What tuning gains on collections: five folds of patients, each judged on what its network did not learn from.

The network of the first fold is also asked on the other collections, which it was not tuned on. Hours of processor
time: one fit a fold, as ``lookalike tune`` does it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import encoders
from lookalike.encoders import Encoder, EncoderEntry
from lookalike.encoders.families.tuned import WeightChanges, changed_encoder
from lookalike.evaluation.experiment import Experiment, Round, ranked
from lookalike.evaluation.labelled import Labelled, asking, every_record
from lookalike.evaluation.measures import PLAIN, Measure, shared_label
from lookalike.evaluation.scores import Scoring, gain_of, scores_of
from lookalike.evaluation.splits import split_folds
from lookalike.evaluation.tables import cell
from lookalike.gallery import gallery_to_fill
from lookalike.store import BASE
from lookalike.tuning.fit import fit
from lookalike.tuning.judged import DEPTHS, JUDGED_BY, TUNED, Trial, judge
from lookalike.tuning.networks import trainable
from lookalike.tuning.parts import Parts, may_mirror
from lookalike.tuning.pictures import PreparedPictures, encoded_records, read_pictures
from lookalike.tuning.training import TrainingRecipe
from lookalike.verbs.index import index

FOLDS, SEED, SAMPLES = 5, 0, 2000


class Collection(NamedTuple):
    """records: of files that differ. labels: the column. target: the P@5 to be reached, None: told for what it is."""

    name: str
    records: int
    labels: str
    target: float | None = None


COLLECTIONS = (
    Collection("brain-mri-archive", 1592, "class", 0.94),
    Collection("breast-us-busi", 120, "class"),
    Collection("chest-xray-nih", 477, "labels"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A collection as it is encoded: its records, their pictures, and the encoder that is tuned."""

    collection: Collection
    data: Labelled
    pictures: PreparedPictures
    entry: EncoderEntry


def run(data: Path | None) -> list[Figure]:
    """Each collection that is there."""
    with ExitStack() as stack:
        prepared = [_prepared(stack, each, folder(each.name, data)) for each in COLLECTIONS]
        return [_measured(each, [other for other in prepared if other is not each]) for each in prepared]


def _prepared(stack: ExitStack, collection: Collection, source: Path) -> Prepared:
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    with gallery_to_fill(scratch / "gallery") as gallery:
        index(gallery, [source], labels=source / "labels.csv", label_columns=[collection.labels])
        found = every_record(gallery)
        assert len(found.ids) == collection.records, f"{collection.name} has {len(found.ids)} records"
        pictures = read_pictures(gallery, found.ids, scratch)
        assert pictures.there.all()
        return Prepared(collection, found, pictures, encoders.untuned(gallery.spec.name))


def _measured(prepared: Prepared, others: list[Prepared]) -> Figure:
    data, entry, collection = prepared.data, prepared.entry, prepared.collection
    trials, seconds, done = [], [], []
    for split in split_folds(data, FOLDS, SEED):
        started = time.monotonic()
        parts = Parts(data, split.queries, split.gallery)
        recipe = TrainingRecipe(SEED, may_mirror(parts.labels))
        done.append(fit(entry, trainable(entry, SEED), parts, prepared.pictures, "labels", recipe))
        trials.append(Trial(split, done[-1].tuned))
        seconds.append(time.monotonic() - started)
        print(f"{collection.name}: fold {len(trials)} of {FOLDS} took {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    judged = judge(replace(data, vectors=done[-1].base), trials, entry.spec.identity, SEED)
    assert judged.queries == len(data.ids)
    rows = judged.table()
    width = max(len(row[0]) for row in rows)
    notes = [f"{row[0]:{width}}  " + "  ".join(f"{each:20}" for each in row[1:]) for row in rows]
    times = f"{FOLDS} folds of patients; a fit took {np.mean(seconds):.0f} s, at most {max(seconds):.0f} s"
    value = judged.figures[TUNED][JUDGED_BY][0] or 0.0
    strange = elsewhere(done[0].changes, others)
    name = f"tuning, {collection.name}, macro P@5"
    return Figure(name, value, collection.target, "", notes=(*notes, times, *strange))


def elsewhere(changes: WeightChanges, others: list[Prepared]) -> Iterator[str]:
    """What a tuned network gains over its base on collections that it was not tuned on, each asked one patient left
    out.
    """
    for other in others:
        base, tuned = other.entry.build(), changed_encoder(other.entry, other.entry.spec, changes)
        figures = _gain(other, base, tuned)
        yield f"{other.collection.name}, which it was not tuned on: " + ", ".join(figures)


def _gain(prepared: Prepared, base: Encoder, tuned: Encoder) -> Iterator[str]:
    spaces = {name: encoded_records(each, prepared.pictures) for name, each in ((BASE, base), (TUNED, tuned))}
    data, names, scoring = prepared.data, [f"P@{k}" for k in DEPTHS], Scoring(DEPTHS, SAMPLES, SEED)
    found = [(name, vectors, vectors) for name, vectors in spaces.items()]
    measured = ranked(
        Experiment((Round(asking(data), data, lambda: iter(found)),), "", ""), Measure(shared_label), DEPTHS
    )
    values = {name: measured.per_query[name][PLAIN] for name in spaces}
    scores = {name: scores_of(each, names, measured.askers, scoring).macro for name, each in values.items()}
    gains = gain_of(values[TUNED] - values[BASE], names, measured.askers, scoring)
    for name in names:
        gain = cell(gains[name][0], gains[name][1:], sign=True)
        yield f"{name} {cell(scores[BASE][name])} -> {cell(scores[TUNED][name])} ({gain})"
