"""Recall and precision of volumes at k for modality, body region and organ (Khun Jush et al., arXiv 2311.13547).

Recall of class c at k: queries of c whose first k hold a volume of c / queries of c. Precision of class c at k: the
share of the first k that are of c, mean over the queries of c. Then the mean and the standard deviation over the
classes, and the 95 % interval of the mean, resampled by patient. Every volume is a query to all others but its own
patient's; where the owners have split the volumes, the tests ask train. A class that no other patient's volume has
cannot be found: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.patients import PatientCount, count_patients
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.protocols.declared import SWEEPS, VolumeOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.scores import Interval, Scoring, narrow_note, scores_of
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.evaluation.volume_ranking import (
    POOLS,
    RankedBy,
    VolumeSlices,
    VolumeTrial,
    checked_ranks,
    ranked_by,
    slice_hits,
    trial_of,
    values_at,
    volumes_of,
)
from lookalike.gallery import Gallery
from lookalike.indexes.parameters import checked_index
from lookalike.metrics import Bools
from lookalike.progress import tracked
from lookalike.text import DISCLAIMER
from lookalike.voting import RowNumbers


@dataclass(frozen=True, slots=True)
class VolumeScore:
    """One setting at one level. recall, precision: "R@k", "P@k" -> (mean, standard deviation) over the classes.
    intervals: 95 %, of both means, by patient; per_class and its intervals: of both, too. chance: the precision of a
    random order, mean over the classes.
    """

    level: str
    slices: str
    weights: str
    rank: str
    index: str
    recall: dict[str, tuple[float, float]]
    per_class: dict[str, dict[str, float]]
    classes: int
    queries: int
    unfindable: tuple[str, ...]
    precision: dict[str, tuple[float, float]]
    intervals: dict[str, Interval]
    per_class_intervals: dict[str, dict[str, Interval]]
    chance: float


@dataclass(frozen=True, slots=True)
class VolumeReport(Tabled):
    """scores: a row a level and setting. notes: to read them with."""

    volumes: int
    patients: int
    space: str
    scores: tuple[VolumeScore, ...]
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """Two tables a level, of recall and of precision: rows settings, columns depths, the mean over the classes with
        its interval, +- the standard deviation. "json": every field.
        """
        if form == "json":
            return as_json(self)
        return "\n".join(
            render(f"{what.capitalize()} by {level}, mean [95 % interval] +- sd over classes", rows, form)
            for level in dict.fromkeys(score.level for score in self.scores)
            for what, rows in (("recall", self._rows(level, "recall")), ("precision", self._rows(level, "precision")))
        )

    def _rows(self, level: str, what: Literal["recall", "precision"]) -> list[list[str]]:
        chosen = [score for score in self.scores if score.level == level]
        last = ["chance"] if what == "precision" else []
        rows = [["slices", "weights", "ranking", "index", "classes", *getattr(chosen[0], what), *last]]
        for s in chosen:
            figures: dict[str, tuple[float, float]] = getattr(s, what)
            cells = [f"{cell(mean, s.intervals[name])} +- {sd:.3f}" for name, (mean, sd) in figures.items()]
            rows.append([s.slices, s.weights, s.rank, s.index, str(s.classes), *cells, *(cell(s.chance) for _ in last)])
        return rows

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


def evaluate_volumes(gallery: Gallery, options: VolumeOptions) -> VolumeReport:
    """Score a gallery of volumes. Raises UsageError."""
    checked_depths(options.k)
    checked_ranks(options.ranks)
    for kind in options.index:
        checked_index(kind)
    if options.position < 0:
        raise UsageError(f"position must be at least 0, got {options.position}")
    volumes = volumes_of(gallery, options.where, options.space)
    trial = trial_of(volumes, options.split, gallery.spec.name)
    scores = tuple(_scores(trial, options))
    people = count_patients([v.record.patient for v in volumes], [v.record.id for v in volumes])
    notes = tuple(_notes(gallery, volumes, trial.rule, people))
    return VolumeReport(len(volumes), people.patients, options.space, scores, notes)


def _scores(trial: VolumeTrial, options: VolumeOptions) -> Iterator[VolumeScore]:
    """A row for each setting and level, in the order of the options."""
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    depth, by_hits = scoring.ks[-1], set(options.ranks) - set(POOLS)
    for rule in tracked(options.slices or (SWEEPS["slices"] if options.sweep == "slices" else ("all",))):
        cut = trial.cut_by(rule, options.seed)
        found = {kind: slice_hits(cut, kind, options.position, depth) for kind in options.index if by_hits}
        for how in tracked([*_ways(options)]):
            order = ranked_by(cut, how, depth, found.get(how.index))
            setting = (rule, how.weights, how.rank, "exact" if how.rank in POOLS else how.index)
            for level in options.levels:
                yield _score(trial, order, level, scoring, setting)


def _ways(options: VolumeOptions) -> Iterator[RankedBy]:
    """Every combination of weights, index and ranking; a pool is exact whatever the index."""
    swept = SWEEPS[options.sweep] if options.sweep not in (None, "slices") else ("uniform",)
    for weights, kind, rank in product(options.weights or swept, options.index, options.ranks):
        if rank not in POOLS or kind == options.index[0]:
            yield RankedBy(rank, weights, kind, options.position)


def _score(
    trial: VolumeTrial, order: Sequence[RowNumbers], level: str, scoring: Scoring, setting: tuple[str, str, str, str]
) -> VolumeScore:
    bears, held = ([values_at(volume.record, level) for volume in side] for side in (trial.asking, trial.among))
    classes = sorted({value for values in (*bears, *held) for value in values})
    if not any(bears):
        raise UsageError(f"no volume has the attribute {level!r}; index with a label table that has this column")
    member, holds = metrics.membership(bears, classes), metrics.membership(held, classes)
    opened = (trial.free(row) for row in range(len(trial.asking)))
    shares = np.stack([holds[free].mean(axis=0) if free.any() else np.zeros(len(classes)) for free in opened])
    asked = member & (shares > 0)
    found = np.flatnonzero(asked.any(axis=0))
    names, values = [classes[c] for c in found], _figures(holds[:, found], asked[:, found], order, scoring.ks)
    figures = [f"{what}@{k}" for what in "RP" for k in scoring.ks]
    means = np.array([values[asked[:, c], i].mean(axis=0) for i, c in enumerate(found)]).reshape(-1, len(figures))
    over = {name: _mean_and_sd(column) for name, column in zip(figures, means.T, strict=True)}
    patients = np.array([volume.record.patient for volume in trial.asking])
    intervals = _intervals(values, figures, Askers(asked[:, found], tuple(names), patients, ()), scoring)
    return VolumeScore(
        level,
        *setting,
        recall={name: over[name] for name in figures if name.startswith("R")},
        per_class={name: dict(zip(figures, row, strict=True)) for name, row in zip(names, means.tolist(), strict=True)},
        classes=len(found),
        queries=int(asked.sum()),
        unfindable=tuple(name for c, name in enumerate(classes) if c not in found and member[:, c].any()),
        precision={name: over[name] for name in figures if name.startswith("P")},
        intervals=intervals[0],
        per_class_intervals=intervals[1],
        chance=float(np.mean([shares[asked[:, c], c].mean() for c in found])) if len(found) else np.nan,
    )


def _figures(holds: Bools, asked: Bools, order: Sequence[RowNumbers], ks: Sequence[int]) -> PerQuery:
    """(q, c, 2 ks): recall and precision of each query for each class at each depth; nan where it does not ask."""
    values = np.full((*asked.shape, 2 * len(ks)), np.nan)
    for row, first in enumerate(order):
        hits = [holds[first[:k]] for k in ks]
        figures = [*(hit.any(axis=0) for hit in hits), *(hit.sum(axis=0) / k for hit, k in zip(hits, ks, strict=True))]
        values[row] = np.where(asked[row, :, None], np.stack(figures, axis=-1), np.nan)
    return values


def _mean_and_sd(values: NDArray[np.float64]) -> tuple[float, float]:
    return (float(np.mean(values)), float(np.std(values))) if len(values) else (np.nan, np.nan)


def _intervals(
    values: PerQuery, figures: Sequence[str], askers: Askers, scoring: Scoring
) -> tuple[dict[str, Interval], dict[str, dict[str, Interval]]]:
    """Of the means over the classes, and of each class."""
    if not askers.classes:
        return dict.fromkeys(figures, (None, None)), {}
    summary = scores_of(values, figures, askers, scoring)
    return summary.macro_intervals, summary.per_class_intervals


def _notes(gallery: Gallery, volumes: Sequence[VolumeSlices], rule: str, known: PatientCount) -> Iterator[str]:
    spec, cut = gallery.spec, gallery.volume_recipe
    slices = sum(len(volume.vectors) for volume in volumes)
    yield (f"{len(volumes)} volumes of {known.patients} patients, {slices} {cut.plane} slices, window {cut.window}.")
    yield f"Encoder {spec.name}: {spec.note}. {rule[0].upper()}{rule[1:]}."
    yield from filter(None, (known.sentence, narrow_note(known.groups, unit=known.unit)))
    yield "A class with few volumes moves the mean by much: read the numbers of classes and queries first."
    yield DISCLAIMER
