"""What tuning gains on collections: five folds of patients, each judged on what its network did not learn from.

Hours of processor time: one fit a fold, as ``lookalike tune`` does it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import encoders
from lookalike.evaluation.labelled import every_record
from lookalike.evaluation.splits import split_folds
from lookalike.gallery import Gallery, gallery_to_fill
from lookalike.tuning.fit import fit
from lookalike.tuning.judged import JUDGED_BY, Trial, judge
from lookalike.tuning.networks import trainable
from lookalike.tuning.parts import Parts, may_mirror
from lookalike.tuning.pictures import read_pictures
from lookalike.tuning.training import TrainingRecipe
from lookalike.verbs.index import index

FOLDS, SEED = 5, 0


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


def run(data: Path | None) -> list[Figure]:
    """Each collection that is there."""
    figures = []
    for each in COLLECTIONS:
        source = folder(each.name, data)
        with tempfile.TemporaryDirectory() as scratch, gallery_to_fill(Path(scratch, "gallery")) as gallery:
            index(gallery, [source], labels=source / "labels.csv", label_columns=[each.labels])
            assert gallery.store.count() == each.records, f"{each.name} has {gallery.store.count()} records"
            figures.append(_measured(each, gallery, Path(scratch)))
    return figures


def _measured(collection: Collection, gallery: Gallery, scratch: Path) -> Figure:
    data, entry = every_record(gallery), encoders.untuned(gallery.spec.name)
    pictures = read_pictures(gallery, data.ids, scratch)
    assert pictures.there.all()
    trials, seconds = [], []
    for split in split_folds(data, FOLDS, SEED):
        started = time.monotonic()
        parts = Parts(data, split.queries, split.gallery)
        done = fit(
            entry, trainable(entry, SEED), parts, pictures, "labels", TrainingRecipe(SEED, may_mirror(parts.labels))
        )
        trials.append(Trial(split, done.tuned))
        seconds.append(time.monotonic() - started)
        print(f"{collection.name}: fold {len(trials)} of {FOLDS} took {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    judged = judge(replace(data, vectors=done.base), trials, entry.spec.identity, SEED)
    assert judged.queries == len(data.ids)
    rows = judged.table()
    width = max(len(row[0]) for row in rows)
    notes = [f"{row[0]:{width}}  " + "  ".join(f"{cell:20}" for cell in row[1:]) for row in rows]
    times = f"{FOLDS} folds of patients; a fit took {np.mean(seconds):.0f} s, at most {max(seconds):.0f} s"
    value = judged.figures["tuned"][JUDGED_BY][0] or 0.0
    return Figure(f"tuning, {collection.name}, macro P@5", value, collection.target, "", notes=(*notes, times))
