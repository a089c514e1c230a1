"""Recall and precision of volumes at k for modality, body region and organ (Khun Jush et al., arXiv 2311.13547).

Recall of class c at k: queries of c whose first k hold a volume of c / queries of c. Precision of class c at k: the
share of the first k that are of c, mean over the queries of c. Then the mean and the standard deviation over the
classes, and the 95 % interval of the mean, resampled by patient. Every volume is a query to all others but its own
patient's. A class that no other patient's volume has cannot be found: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics, ranking
from lookalike.asking.candidates import candidates, open_rows
from lookalike.asking.patients import PatientCount, check_patients, count_patients
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.protocols.declared import SWEEPS, VOLUME_RANKS, VolumeOptions
from lookalike.evaluation.rank import checked_depths, rank
from lookalike.evaluation.scores import Interval, Scoring, scores_of
from lookalike.evaluation.tables import Format, as_json, cell, render
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.indexes import Index
from lookalike.metrics import Bools
from lookalike.plugins import load_plugin
from lookalike.progress import tracked
from lookalike.slices import pool, slice_rule, slice_weights
from lookalike.text import DISCLAIMER
from lookalike.types import Record, Vectors
from lookalike.voting import RowNumbers

POOLS: Final = ("pool", "pool:median", "pool:max")
_SLICE_HITS: Final = 100  # hits of each query slice, other patients' slices only
Others: TypeAlias = Callable[[int], Bools]  # the number of a query volume -> which of all may answer


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
class VolumeReport:
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


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    record: Record
    vectors: Vectors
    positions: NDArray[np.float64]
    views: NDArray[np.int64]


def evaluate_volumes(gallery: Gallery, options: VolumeOptions) -> VolumeReport:
    """Score a gallery of volumes. Raises UsageError."""
    known, ks = (*POOLS, *VOLUME_RANKS[1:]), checked_depths(options.k)
    if unknown := [each for each in options.ranks if each not in known]:
        raise UsageError(f"rank is one of {', '.join(known)}; got {unknown[0]!r}")
    volumes = _volumes(gallery, options.where, options.space)
    patients = [volume.record.patient for volume in volumes]
    check_patients(patients)
    opened, asking = open_rows(patients), [(patient,) for patient in patients]
    scores = tuple(_scores(volumes, asking, lambda i: opened(asking[i : i + 1])[0], ks, options))
    people = count_patients(patients, [volume.record.id for volume in volumes])
    notes = tuple(_notes(gallery, volumes, people))
    return VolumeReport(len(volumes), people.patients, options.space, scores, notes)


def _scores(
    volumes: Sequence[_Volume],
    asking: Sequence[Collection[str]],
    others: Others,
    ks: tuple[int, ...],
    options: VolumeOptions,
) -> Iterator[VolumeScore]:
    """A row for each setting and level, in the order of the options."""
    for rule in tracked(options.slices or (SWEEPS["slices"] if options.sweep == "slices" else ("all",))):
        cut = [_picked(volume, rule, options.seed) for volume in volumes]
        for weighting in tracked(options.weights or (SWEEPS["sigma"] if options.sweep == "sigma" else ("uniform",))):
            for kind in tracked(options.index):
                found = _slice_hits(cut, others, kind, ks[-1]) if set(options.ranks) - set(POOLS) else None
                for how in tracked(options.ranks):
                    if how in POOLS and kind != options.index[0]:
                        continue
                    shares = [slice_weights(weighting, volume.positions) for volume in cut]
                    if how in POOLS or found is None:
                        order = _by_pool(cut, asking, shares, how, ks[-1])
                    else:
                        order = _by_hits(cut, shares, how, found, ks[-1])
                    setting = (rule, weighting, how, "exact" if how in POOLS else kind)
                    for level in options.levels:
                        yield _score(volumes, others, order, level, Scoring(ks, options.samples, options.seed), setting)


def _volumes(gallery: Gallery, where: str | Filter | None, space: str) -> list[_Volume]:
    stored, records = gallery.store.vectors(), gallery.store.records()
    projected = gallery.project(stored.vectors, space)
    among = candidates(gallery, where=where).among
    kept = set((stored.keys if among is None else among).tolist())
    rows: dict[int, list[int]] = {}
    for row, (key, owner) in enumerate(zip(stored.keys.tolist(), stored.records.tolist(), strict=True)):
        if key in kept:
            rows.setdefault(owner, []).append(row)
    if len(rows) < 2:
        raise UsageError("fewer than two volumes are there to be compared; index a folder of volumes first")
    return [
        _Volume(records[owner], projected[at], stored.views[at] / _last(records[owner]), stored.views[at])
        for owner, at in rows.items()
    ]


def _last(record: Record) -> float:
    """The number of the volume's last slice; 1 for a picture, so that it lies at 0."""
    return max(float(record.attributes.get("slices", 1)) - 1, 1.0)


def _picked(volume: _Volume, rule: str, seed: int) -> _Volume:
    at = slice_rule(rule, seed).pick(len(volume.views))
    return _Volume(volume.record, volume.vectors[at], volume.positions[at], volume.views[at])


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Of each volume's slices: the volumes hit (slices, depth) and their cosines, own patient left out."""

    owners: list[NDArray[np.int64]]
    scores: list[NDArray[np.float32]]


def _slice_hits(volumes: Sequence[_Volume], others: Others, kind: str, deepest: int) -> _Hits:
    counts = [len(volume.vectors) for volume in volumes]
    owner = np.repeat(np.arange(len(volumes)), counts)
    every = np.concatenate([volume.vectors for volume in volumes])
    index: Index = load_plugin("lookalike.indexes", kind)(every.shape[1])
    index.upsert(np.arange(len(every)), every)
    hits = _Hits([], [])
    for row, volume in enumerate(volumes):
        free = others(row)[owner]
        wanted = max(_SLICE_HITS, 10 * deepest)
        keys, scores = index.search(volume.vectors, min(len(every), wanted + int((~free).sum())))
        hit = (keys >= 0) & free[keys]
        hit &= np.cumsum(hit, axis=1) <= wanted  # as many for every query, however many its patient has
        owners = np.where(hit, owner[keys], -1)
        hits.owners.append(owners)
        hits.scores.append(scores)
    return hits


def _by_pool(
    volumes: Sequence[_Volume],
    asking: Sequence[Collection[str]],
    shares: Sequence[NDArray[np.float64]],
    rule: str,
    depth: int,
) -> list[RowNumbers]:
    """For each volume the others, best first, ranked by one vector each."""
    how = rule.partition(":")[2] or "mean"
    pooled = np.concatenate([pool(v.vectors, s, how) for v, s in zip(volumes, shares, strict=True)])
    owners = [volume.record.patient for volume in volumes]
    blocks = rank(pooled, pooled, asking, owners, depth)
    return [row[row >= 0] for block in blocks for row in block.order]


def _by_hits(
    volumes: Sequence[_Volume], shares: Sequence[NDArray[np.float64]], rule: str, hits: _Hits, depth: int
) -> list[RowNumbers]:
    """For each volume the others, best first, ranked by the hits of its slices."""
    found_first = []
    for i, volume in enumerate(volumes):
        how = "max" if rule == "maxsim" else rule
        found = ranking.AGGREGATIONS[how](hits.owners[i], hits.scores[i], shares[i])[0]
        if rule == "maxsim":
            scores = [ranking.maxsim(volume.vectors, volumes[j].vectors, shares[i]) for j in found]
            found = found[np.argsort(-np.array(scores), kind="stable")]
        found_first.append(found[:depth])
    return found_first


def _score(
    volumes: Sequence[_Volume],
    others: Others,
    order: Sequence[RowNumbers],
    level: str,
    scoring: Scoring,
    setting: tuple[str, str, str, str],
) -> VolumeScore:
    bears = [_values(volume.record, level) for volume in volumes]
    classes = sorted({value for values in bears for value in values})
    if not classes:
        raise UsageError(f"no volume has the attribute {level!r}; index with a label table that has this column")
    member = metrics.membership(bears, classes)
    shares = np.stack(
        [member[free].mean(axis=0) if (free := others(i)).any() else 0 * member[i] for i in range(len(volumes))]
    )
    asked = member & (shares > 0)
    found = np.flatnonzero(asked.any(axis=0))
    names, values = [classes[c] for c in found], _figures(member[:, found], asked[:, found], order, scoring.ks)
    figures = [f"{what}@{k}" for what in "RP" for k in scoring.ks]
    means = np.array([values[asked[:, c], i].mean(axis=0) for i, c in enumerate(found)]).reshape(-1, len(figures))
    over = {name: _mean_and_sd(column) for name, column in zip(figures, means.T, strict=True)}
    patients = np.array([volume.record.patient for volume in volumes])
    intervals = _intervals(values, figures, Askers(asked[:, found], tuple(names), patients, ()), scoring)
    return VolumeScore(
        level,
        *setting,
        recall={name: over[name] for name in figures if name.startswith("R")},
        per_class={name: dict(zip(figures, row, strict=True)) for name, row in zip(names, means.tolist(), strict=True)},
        classes=len(found),
        queries=int(asked.sum()),
        unfindable=tuple(name for c, name in enumerate(classes) if c not in found),
        precision={name: over[name] for name in figures if name.startswith("P")},
        intervals=intervals[0],
        per_class_intervals=intervals[1],
        chance=float(np.mean([shares[asked[:, c], c].mean() for c in found])) if len(found) else np.nan,
    )


def _figures(member: Bools, asked: Bools, order: Sequence[RowNumbers], ks: Sequence[int]) -> PerQuery:
    """(q, c, 2 ks): recall and precision of each query for each class at each depth; nan where it does not ask."""
    values = np.full((*asked.shape, 2 * len(ks)), np.nan)
    for row, first in enumerate(order):
        hits = [member[first[:k]] for k in ks]
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


def _values(record: Record, level: str) -> tuple[str, ...]:
    if level == "label":
        return record.labels
    value = record.attributes.get(level)
    return () if value in (None, "") else (str(value),)


def _notes(gallery: Gallery, volumes: Sequence[_Volume], known: PatientCount) -> Iterator[str]:
    spec, cut = gallery.spec, gallery.volume_recipe
    slices = sum(len(volume.vectors) for volume in volumes)
    yield (f"{len(volumes)} volumes of {known.patients} patients, {slices} {cut.plane} slices, window {cut.window}.")
    yield f"Encoder {spec.name}: {spec.note}. Every volume asks all others but its own patient's."
    if known.sentence:
        yield known.sentence
    yield "A class with few volumes moves the mean by much: read the numbers of classes and queries first."
    yield DISCLAIMER
