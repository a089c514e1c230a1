"""evaluate, for volumes: recall at k for modality, body region and organ (Khun Jush et al., arXiv 2311.13547).

Recall of class c at k: queries of c whose first k hold a volume of c / queries of c; then the mean and the
standard deviation over the classes. Every volume asks all others but its own patient's. A class that no other
patient's volume bears cannot be found: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics, ranking
from lookalike.errors import UsageError
from lookalike.evaluation.tables import Format, render
from lookalike.filters import Filter, parse
from lookalike.gallery import Gallery
from lookalike.indexes import Index
from lookalike.plugins import load_plugin
from lookalike.slices import pool, slice_rule, slice_weights
from lookalike.store import BASE
from lookalike.types import Record, Vectors

LEVELS: Final = ("modality", "body_region", "organ")
RANKS: Final = ("pool", "count", "max", "sum", "maxsim")
POOLS: Final = ("pool", "pool:median", "pool:max")
SWEEPS: Final[dict[str, tuple[str, ...]]] = {
    "sigma": (*(f"gaussian:{sigma}" for sigma in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)), "uniform"),
    "slices": (*(f"random:{count}" for count in (1, 2, 3, 5, 10, 20, 40)), "all"),
}
"""The weights, or the rules for slices, that show how much the choice matters."""

_SLICE_HITS: Final = 100  # hits of each query slice, other patients' slices only


@dataclass(frozen=True, slots=True)
class VolumeScore:
    """One setting at one level. recall: "R@k" -> (mean, standard deviation) over the classes."""

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


@dataclass(frozen=True, slots=True)
class VolumeReport:
    """scores: a row a level and setting. notes: what must be known to read them."""

    volumes: int
    patients: int
    space: str
    scores: tuple[VolumeScore, ...]
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """One table a level: rows settings, columns recall at each k, mean +- standard deviation over classes."""
        return "\n".join(
            render(f"Recall by {level}, mean +- sd over classes", list(self._rows(level)), form)
            for level in dict.fromkeys(score.level for score in self.scores)
        )

    def _rows(self, level: str) -> Iterator[list[str]]:
        chosen = [score for score in self.scores if score.level == level]
        yield ["slices", "weights", "ranking", "index", "classes", *chosen[0].recall]
        for s in chosen:
            cells = [f"{mean:.3f} +- {sd:.3f}" for mean, sd in s.recall.values()]
            yield [s.slices, s.weights, s.rank, s.index, str(s.classes), *cells]

    def __str__(self) -> str:
        return self.tables() + "\n" + "\n".join(self.notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    record: Record
    vectors: Vectors
    positions: NDArray[np.float64]
    views: NDArray[np.int64]


def evaluate_volumes(
    gallery: Gallery,
    *,
    levels: Sequence[str] = LEVELS,
    slices: Sequence[str] = ("all",),
    weights: Sequence[str] = ("uniform",),
    ranks: Sequence[str] = RANKS,
    index: Sequence[str] = ("flat",),
    where: str | Filter | None = None,
    k: Sequence[int] = (1, 3, 5, 10),
    space: str = BASE,
    seed: int = 0,
) -> VolumeReport:
    """Every combination of slice rule, weights, ranking and index, at every level.

    levels: attributes of the label table, or "label". slices: rules applied to the stored slices, of queries
    and gallery. index: kinds that find the slice hits (pool is always exact). Raises UsageError.
    """
    known = (*POOLS, *RANKS[1:])
    if unknown := [rank for rank in ranks if rank not in known]:
        raise UsageError(f"rank is one of {', '.join(known)}; got {unknown[0]!r}")
    volumes = _volumes(gallery, parse(where) if isinstance(where, str) else where, space)
    patients = np.array([volume.record.patient for volume in volumes])
    ks = tuple(sorted(set(k)))
    scores: list[VolumeScore] = []
    for rule in slices:
        cut = [_picked(volume, rule, seed) for volume in volumes]
        for weighting in weights:
            for kind in index:
                found = _slice_hits(cut, patients, kind, ks[-1]) if set(ranks) - set(POOLS) else None
                for rank in ranks:
                    if rank in POOLS and kind != index[0]:
                        continue
                    order = _ranked(cut, patients, rank, weighting, found, ks[-1])
                    shown = "exact" if rank in POOLS else kind
                    scores += [
                        _score(volumes, patients, order, level, ks, (rule, weighting, rank, shown)) for level in levels
                    ]
    return VolumeReport(
        len(volumes), len(set(patients)), space, tuple(scores), tuple(_notes(gallery, volumes, patients))
    )


def _volumes(gallery: Gallery, tree: Filter | None, space: str) -> list[_Volume]:
    stored, records = gallery.store.vectors(), gallery.store.records()
    projected = gallery.project(stored.vectors, space)
    kept = set(stored.keys.tolist() if tree is None else gallery.store.keys_where(tree).tolist())
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


def _slice_hits(volumes: Sequence[_Volume], patients: NDArray[np.str_], kind: str, deepest: int) -> _Hits:
    counts = [len(volume.vectors) for volume in volumes]
    owner = np.repeat(np.arange(len(volumes)), counts)
    every = np.concatenate([volume.vectors for volume in volumes])
    index: Index = load_plugin("lookalike.indexes", kind)(every.shape[1])
    index.upsert(np.arange(len(every)), every)
    hits = _Hits([], [])
    for row, volume in enumerate(volumes):
        own = patients[owner] == patients[row]
        wanted = max(_SLICE_HITS, 10 * deepest)
        keys, scores = index.search(volume.vectors, min(len(every), wanted + int(own.sum())))
        hit = (keys >= 0) & ~own[keys]
        hit &= np.cumsum(hit, axis=1) <= wanted  # as many for every query, whatever its patient has
        owners = np.where(hit, owner[keys], -1)
        hits.owners.append(owners)
        hits.scores.append(scores)
    return hits


def _ranked(
    volumes: Sequence[_Volume], patients: NDArray[np.str_], rank: str, weighting: str, hits: _Hits | None, depth: int
) -> list[NDArray[np.int64]]:
    """For each volume the others, best first."""
    shares = [slice_weights(weighting, volume.positions) for volume in volumes]
    if rank in POOLS or hits is None:
        how = rank.partition(":")[2] or "mean"
        pooled = np.concatenate([pool(v.vectors, s, how) for v, s in zip(volumes, shares, strict=True)])
        similar = np.where(patients[:, None] == patients[None, :], -np.inf, pooled @ pooled.T)
        order = np.argsort(-similar, axis=1, kind="stable")[:, :depth]
        return [row[np.isfinite(similar[i, row])] for i, row in enumerate(order)]
    ranked = []
    for i, volume in enumerate(volumes):
        how = "max" if rank == "maxsim" else rank
        found = ranking.AGGREGATIONS[how](hits.owners[i], hits.scores[i], shares[i])[0]
        if rank == "maxsim":
            scores = [ranking.maxsim(volume.vectors, volumes[j].vectors, shares[i]) for j in found]
            found = found[np.argsort(-np.array(scores), kind="stable")]
        ranked.append(found[:depth])
    return ranked


def _score(
    volumes: Sequence[_Volume],
    patients: NDArray[np.str_],
    order: Sequence[NDArray[np.int64]],
    level: str,
    ks: Sequence[int],
    setting: tuple[str, str, str, str],
) -> VolumeScore:
    bears = [_values(volume.record, level) for volume in volumes]
    classes = sorted({value for values in bears for value in values})
    if not classes:
        raise UsageError(f"no volume has the attribute {level!r}; index with a label table that has this column")
    member = metrics.membership(bears, classes)
    per_class: dict[str, dict[str, float]] = {}
    unfindable, asked = [], 0
    for c, name in enumerate(classes):
        rows = [int(i) for i in np.flatnonzero(member[:, c]) if (member[:, c] & (patients != patients[i])).any()]
        if not rows:
            unfindable.append(name)
            continue
        asked += len(rows)
        per_class[name] = {f"R@{k}": float(np.mean([member[order[i][:k], c].any() for i in rows])) for k in ks}
    recall = {}
    for k in ks:
        values = [scores[f"R@{k}"] for scores in per_class.values()]
        recall[f"R@{k}"] = (float(np.mean(values)), float(np.std(values))) if values else (np.nan, np.nan)
    return VolumeScore(level, *setting, recall, per_class, len(per_class), asked, tuple(unfindable))


def _values(record: Record, level: str) -> tuple[str, ...]:
    if level == "label":
        return record.labels
    value = record.attributes.get(level)
    return () if value in (None, "") else (str(value),)


def _notes(gallery: Gallery, volumes: Sequence[_Volume], patients: NDArray[np.str_]) -> Iterator[str]:
    spec, cut = gallery.spec, gallery.volume_recipe
    slices = sum(len(volume.vectors) for volume in volumes)
    yield (
        f"{len(volumes)} volumes of {len(set(patients))} patients, {slices} {cut.plane} slices, window {cut.window}."
    )
    yield f"Encoder {spec.name}: {spec.note}. Every volume asks all others but its own patient's."
    yield "A class with few volumes moves the mean by much: read the numbers of classes and queries first."
    yield "Research software, not a medical device."
