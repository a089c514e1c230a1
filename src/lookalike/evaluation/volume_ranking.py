"""Volumes as queries and answers of an evaluation, and the ways to rank them by their slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import ranking
from lookalike.asking.candidates import candidates, open_rows
from lookalike.asking.patients import check_patients
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched, with_remark
from lookalike.evaluation.protocols.declared import VOLUME_RANKS
from lookalike.evaluation.splits import official_split
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.indexes.parameters import made_index
from lookalike.metrics import Bools
from lookalike.slices import pool, slice_rule, slice_weights
from lookalike.sources.collections.segmented import SLICES_OF, from_ranges
from lookalike.types import Record, Vectors
from lookalike.voting import RowNumbers, nearest_rows

POOLS: Final = ("pool", "pool:median", "pool:max")
_SLICE_HITS: Final = 100  # hits of each query slice, of those that may answer

Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class VolumeSlices:
    """A volume, or the slices of it that ask. vectors: (views, dim) in the evaluated space. positions: (views,) in
    [0, 1] along the volume. views: the slices' numbers.
    """

    record: Record
    vectors: Vectors
    positions: NDArray[np.float64]
    views: Numbers

    def only(self, rows: NDArray[np.integer] | Bools) -> VolumeSlices:
        """Some of its slices."""
        return VolumeSlices(self.record, self.vectors[rows], self.positions[rows], self.views[rows])


@dataclass(frozen=True, slots=True, eq=False)
class VolumeTrial:
    """Queries against a gallery. free: the number of a query -> which of the gallery's volumes may answer it. rule: how
    queries and gallery were chosen, in words.
    """

    asking: Sequence[VolumeSlices]
    among: Sequence[VolumeSlices]
    free: Callable[[int], Bools]
    rule: str

    def cut_by(self, rule: str, seed: int) -> VolumeTrial:
        """The same with the slices that a rule takes (``slices.slice_rule``). Raises UsageError."""
        taken = slice_rule(rule, seed)
        asking, among = ([v.only(taken.pick(len(v.views))) for v in side] for side in (self.asking, self.among))
        return VolumeTrial(asking, among, self.free, self.rule)


@dataclass(frozen=True, slots=True)
class RankedBy:
    """How volumes are ranked. rank: a name of ``POOLS``, or count, sum, max, maxsim. weights: of the slices. index:
    what finds the slices' hits. position: how much the similarity of two slices falls with their distance along the
    volumes, from one end to the other.
    """

    rank: str
    weights: str = "uniform"
    index: str = "flat"
    position: float = 0.0


def checked_ranks(ranks: Iterable[str]) -> None:
    """Raise UsageError for a way to rank that is not known."""
    known = (*POOLS, *VOLUME_RANKS[1:])
    if unknown := [each for each in ranks if each not in known]:
        raise UsageError(f"rank is one of {', '.join(known)}; got {unknown[0]!r}")


def volumes_of(gallery: Gallery, where: str | Filter | None, space: str) -> list[VolumeSlices]:
    """The volumes that a filter allows. Raises UsageError if there are fewer than two."""
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
        VolumeSlices(records[owner], projected[at], stored.views[at] / last_slice(records[owner]), stored.views[at])
        for owner, at in rows.items()
    ]


def last_slice(record: Record) -> float:
    """The number of the volume's last slice; 1 for a picture, so that it lies at 0."""
    return max(float(record.attributes.get("slices", 1)) - 1, 1.0)


def trial_of(volumes: Sequence[VolumeSlices], split: str, encoder: str) -> VolumeTrial:
    """The owners' split where there is one (test, or val, asks train) and ``split`` is "official"; else every volume
    asks the others. Never its own patient's, and only those that judge the encoder (``untouched``). Raises UsageError
    where all are of one patient.
    """
    check_patients([volume.record.patient for volume in volumes])
    names = [str(volume.record.attributes.get("split", "")) for volume in volumes]
    official = official_split(names) if split == "official" else None
    asking, among, rule = volumes, volumes, "every volume asks all others but its own patient's"
    if official is not None:
        part, rule = official.parts[0], official.rule
        asking, among = ([volumes[int(row)] for row in rows] for rows in (part.queries, part.gallery))
    kept, told = untouched(encoder, [(each.record.id, each.record.patient) for each in asking])
    asking = [volume for volume, judges in zip(asking, kept, strict=True) if judges]
    return trial_against(asking, among, with_remark(rule, told))


def trial_against(asking: Sequence[VolumeSlices], among: Sequence[VolumeSlices], rule: str) -> VolumeTrial:
    """Queries, and the volumes that may answer: none of a query's own patient."""
    opened = open_rows([volume.record.patient for volume in among])
    return VolumeTrial(asking, among, lambda i: opened([(asking[i].record.patient,)])[0], rule)


@dataclass(frozen=True, slots=True, eq=False)
class SliceHits:
    """Of each query's slices: the volumes hit (slices, depth), -1 pads, and the similarities."""

    owners: list[Numbers]
    scores: list[NDArray[np.float32]]


def slice_hits(trial: VolumeTrial, kind: str, position: float, deepest: int) -> SliceHits:
    """Find the hits of every query slice: enough to name ``deepest`` volumes."""
    owner = np.repeat(np.arange(len(trial.among)), [len(volume.vectors) for volume in trial.among])
    every, heights = _stacked(trial.among)
    index = made_index(kind, every.shape[1])
    index.upsert(np.arange(len(every)), every)
    hits, wanted = SliceHits([], []), max(_SLICE_HITS, 10 * deepest)
    for row, volume in enumerate(trial.asking):
        free = trial.free(row)[owner]
        keys, scores = index.search(volume.vectors, min(len(every), wanted + int((~free).sum())))
        hit = (keys >= 0) & free[keys]
        hit &= np.cumsum(hit, axis=1) <= wanted  # as many for every query, however many its patient has
        hits.owners.append(np.where(hit, owner[keys], -1))
        apart = abs(volume.positions[:, None] - heights[keys])
        hits.scores.append(np.asarray(scores - position * apart, np.float32))
    return hits


def _stacked(volumes: Sequence[VolumeSlices]) -> tuple[Vectors, NDArray[np.float64]]:
    """The slices of all volumes, and where they lie."""
    return (np.concatenate([each.vectors for each in volumes]), np.concatenate([each.positions for each in volumes]))


def ranked_by(trial: VolumeTrial, how: RankedBy, depth: int, found: SliceHits | None = None) -> list[RowNumbers]:
    """For each query the numbers of the gallery's volumes, best first, at most ``depth``. found: the hits of its
    slices, if they are known already. Raises UsageError for weights that are none.
    """
    shares = [slice_weights(how.weights, volume.positions) for volume in trial.asking]
    if how.rank in POOLS:
        return _by_pool(trial, shares, how, depth)
    hits = slice_hits(trial, how.index, how.position, depth) if found is None else found
    return [_by_hits(trial, row, shares[row], how, hits, depth) for row in range(len(trial.asking))]


def _by_pool(trial: VolumeTrial, shares: Sequence[NDArray[np.float64]], how: RankedBy, depth: int) -> list[RowNumbers]:
    kind = how.rank.partition(":")[2] or "mean"
    asking = np.concatenate([pool(v.vectors, s, kind) for v, s in zip(trial.asking, shares, strict=True)])
    weights = [slice_weights(how.weights, volume.positions) for volume in trial.among]
    among = np.concatenate([pool(v.vectors, s, kind) for v, s in zip(trial.among, weights, strict=True)])

    def free(block: slice) -> Bools:
        return np.stack([trial.free(row) for row in range(len(asking))[block]])

    return [row[row >= 0] for row in nearest_rows(asking, among, depth, allowed=free)[0]]


def _by_hits(
    trial: VolumeTrial, row: int, shares: NDArray[np.float64], how: RankedBy, hits: SliceHits, depth: int
) -> RowNumbers:
    aggregation = "max" if how.rank == "maxsim" else how.rank
    found = ranking.AGGREGATIONS[aggregation](hits.owners[row], hits.scores[row], shares)[0]
    if how.rank == "maxsim":
        query, named = trial.asking[row], [trial.among[int(number)] for number in found]
        scores = np.array([_maxsim(query, each, shares, how.position) for each in named])
        found = found[np.argsort(-scores, kind="stable")]
    return found[:depth]


def _maxsim(query: VolumeSlices, volume: VolumeSlices, shares: NDArray[np.float64], position: float) -> float:
    apart = abs(query.positions[:, None] - volume.positions[None, :]) if position else None
    return ranking.maxsim(query.vectors, volume.vectors, shares, None if apart is None else position * apart)


def values_at(record: Record, level: str) -> tuple[str, ...]:
    """The classes of a record at a level: its labels, or the value of an attribute; () if it has none."""
    if level == "label":
        return record.labels
    value = record.attributes.get(level)
    return () if value in (None, "") else (str(value),)


def slices_showing(volume: VolumeSlices, structure: str) -> Bools:
    """Which slices (views,) show a structure, as its collection's masks told; none if they did not, or if the volume is
    not cut as the masks are.
    """
    told = volume.record.attributes.get(f"{SLICES_OF}{structure}")
    if not told or volume.record.plane not in ("axial", ""):
        return np.zeros(len(volume.views), bool)
    shown: Bools = from_ranges(str(told), volume.record.depth)[volume.views]
    return shown


def within_region(volume: VolumeSlices, structure: str) -> VolumeSlices | None:
    """The slices of a volume that show a structure; None if none does."""
    shows = slices_showing(volume, structure)
    return volume.only(shows) if shows.any() else None
