"""What tuning gains on collections: five folds of patients, each judged on what its network did not learn from.

The network of the first fold is then asked on the other collections, which it was not tuned on. Hours of processor
time, one fit a fold, as ``lookalike tune`` does it: ``--collection`` names those that are tuned on.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.data import folder, wanted
from benchmarks.report import Figure
from lookalike import encoders
from lookalike.encoders import EncoderEntry
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


def run(data: Path | None, collections: Sequence[str] = ()) -> Iterator[Figure]:
    """Figures of each collection as soon as it is measured. collections: those that are tuned on, by default all."""
    folders = {each: folder(each.name, data) for each in COLLECTIONS}
    with ExitStack() as stack:
        prepared = cache(lambda each: _prepared(stack, each, folders[each]))
        for each in wanted(collections, COLLECTIONS):
            figure, changes = _measured(prepared(each))
            yield figure
            for other in COLLECTIONS:
                if other is not each:
                    yield elsewhere(each.name, changes, prepared(other))


def _prepared(stack: ExitStack, collection: Collection, source: Path) -> Prepared:
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    with gallery_to_fill(scratch / "gallery") as gallery:
        index(gallery, [source], labels=source / "labels.csv", label_columns=[collection.labels])
        found = every_record(gallery)
        assert len(found.ids) == collection.records, f"{collection.name} has {len(found.ids)} records"
        pictures = read_pictures(gallery, found.ids, scratch)
        assert pictures.there.all()
        return Prepared(collection, found, pictures, encoders.untuned(gallery.spec.name))


def _measured(prepared: Prepared) -> tuple[Figure, WeightChanges]:
    """The folds' figure, and the network of the first."""
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
    name = f"tuning, {collection.name}, macro P@5"
    return Figure(name, value, collection.target, "", notes=(*notes, times)), done[0].changes


def elsewhere(tuned_on: str, changes: WeightChanges, other: Prepared) -> Figure:
    """What a tuned network gains over its base on a collection that it was not tuned on, each asked one patient left
    out.
    """
    spaces = {BASE: other.entry.build(), TUNED: changed_encoder(other.entry, other.entry.spec, changes)}
    vectors = {name: encoded_records(each, other.pictures) for name, each in spaces.items()}
    found = [(name, each, each) for name, each in vectors.items()]
    round_ = Round(asking(other.data), other.data, lambda: iter(found))
    measured = ranked(Experiment((round_,), "", ""), Measure(shared_label), DEPTHS)
    values = {name: measured.per_query[name][PLAIN] for name in spaces}
    names, scoring = [f"P@{k}" for k in DEPTHS], Scoring(DEPTHS, SAMPLES, SEED)
    scores = {name: scores_of(each, names, measured.askers, scoring).macro for name, each in values.items()}
    gains = gain_of(values[TUNED] - values[BASE], names, measured.askers, scoring)
    notes = [
        f"{name} {cell(scores[BASE][name])} -> {cell(scores[TUNED][name])}, "
        f"gain {cell(gains[name][0], gains[name][1:], sign=True)}"
        for name in names
    ]
    title = f"tuning, {tuned_on}, asked on {other.collection.name}, which it was not tuned on"
    return Figure(title, gains[JUDGED_BY][0] or 0.0, None, "macro P@5 over base", notes=tuple(notes))
