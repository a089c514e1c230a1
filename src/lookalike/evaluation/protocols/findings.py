"""Volumes with the same finding or stage, by the hits of their slices, by a region or by a text.

As 3D-MIR (Ben Abacha et al., arXiv 2311.13752) and C-MIR (Khun Jush et al., arXiv 2507.17412) score tumour flags and
stages: an answer is right if its value at a level is the query's. P@k is the share of the first k that are right. AP@k
is 3D-MIR's: the mean of P@r over the ranks r <= k of right answers, 0 without any. The first way to rank is compared
with each other one on the same queries, by patient (``paired``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import encoders, metrics
from lookalike.asking.patients import PatientCount, count_patients
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.paired import Difference, differences, shown_p
from lookalike.evaluation.protocols.declared import FindingOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.scores import Figures, ScoreSummary, Scoring, chance_of, narrow_note, scores_of
from lookalike.evaluation.tables import Format, Tabled, TableRows, as_json, cell, render
from lookalike.evaluation.volume_ranking import (
    POOLS,
    RankedBy,
    VolumeSlices,
    VolumeTrial,
    checked_ranks,
    ranked_by,
    slice_hits,
    trial_against,
    trial_of,
    values_at,
    volumes_of,
    within_region,
)
from lookalike.gallery import Gallery
from lookalike.metrics import Bools
from lookalike.progress import tracked
from lookalike.text import DISCLAIMER
from lookalike.types import Record
from lookalike.voting import RowNumbers

NO_VALUE: Final = "absent"
"""The class of a volume without a value at a level, where that is a class."""


@dataclass(frozen=True, slots=True)
class FindingScore:
    """One way to rank at one level. scores: "P@k" at each depth, "AP@k" at the deepest. queries: those with a value;
    unscored: of these, those whose value no other volume has that may answer. class_sizes: the queries of each value.
    chance: the precision of a random order.
    """

    level: str
    rank: str
    queries: int
    unscored: int
    class_sizes: dict[str, int]
    scores: ScoreSummary
    chance: Figures


@dataclass(frozen=True, slots=True)
class RankGain:
    """A way to rank minus the first one, on the same queries, macro and micro."""

    level: str
    rank: str
    against: str
    macro: dict[str, Difference]
    micro: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class FindingReport(Tabled):
    """scores: a row a level and way to rank. left_out: volumes that did not ask, by reason."""

    volumes: int
    patients: int
    space: str
    rule: str
    scores: tuple[FindingScore, ...]
    gains: tuple[RankGain, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """A table a level: rows ways to rank, macro and micro, the differences and their p. "json": every field."""
        if form == "json":
            return as_json(self)
        levels = dict.fromkeys(score.level for score in self.scores)
        return "\n".join(render(f"The same {level}", self._rows(level), form) for level in levels)

    def _rows(self, level: str) -> TableRows:
        chosen = [score for score in self.scores if score.level == level]
        names = list(chosen[0].scores.macro)
        rows = [["ranking", "queries", *names]]
        for score in chosen:
            summary = score.scores
            for mean, of, bounds in (
                ("macro", summary.macro, summary.macro_intervals),
                ("micro", summary.micro, summary.micro_intervals),
            ):
                figures = [cell(of[name], bounds[name]) for name in names]
                rows.append([f"{score.rank}, {mean}", str(score.queries - score.unscored), *figures])
        for gain in (each for each in self.gains if each.level == level):
            gaps = [gain.macro[name] for name in names]
            rows.append(
                [f"{gain.rank} - {gain.against}", "", *(cell(g.value, (g.low, g.high), sign=True) for g in gaps)]
            )
            rows.append(["p, by patient", "", *(shown_p(gap.p) for gap in gaps)])
        shown = [cell(chosen[0].chance["macro"]) if name.startswith("P") else "-" for name in names]
        return [*rows, ["chance, macro", "", *shown]]

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


def evaluate_findings(gallery: Gallery, options: FindingOptions) -> FindingReport:
    """Score a gallery of volumes. Raises UsageError: nothing to compare, an unknown field, no encoder of text."""
    checked_ranks(options.ranks)
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    volumes = volumes_of(gallery, options.where, options.space)
    whole = trial_of(volumes, options.split, gallery.spec.name)
    asking, left_out = _asking(gallery, whole.asking, options)
    trial = trial_against(asking, whole.among, whole.rule)
    depth = scoring.ks[-1]
    found = slice_hits(trial, "flat", 0.0, depth) if set(options.ranks) - set(POOLS) else None
    orders = {rank: ranked_by(trial, RankedBy(rank, options.weights), depth, found) for rank in tracked(options.ranks)}
    scores, gains = [], []
    for level in options.levels:
        measured = {rank: _measured(trial, order, level, scoring, options) for rank, order in orders.items()}
        scores += [_score(level, rank, each, scoring) for rank, each in measured.items()]
        gains += list(_gains(level, measured, scoring))
    patients = count_patients([v.record.patient for v in volumes], [v.record.id for v in volumes])
    notes = tuple(_notes(gallery, trial, patients, left_out, options))
    return FindingReport(
        len(volumes), patients.patients, options.space, whole.rule, tuple(scores), tuple(gains), left_out, notes
    )


def _asking(
    gallery: Gallery, volumes: Sequence[VolumeSlices], options: FindingOptions
) -> tuple[list[VolumeSlices], dict[str, int]]:
    """What asks in place of whole volumes: the slices of a region, or a text. Raises UsageError if nothing does."""
    if options.text and options.region:
        raise UsageError("give either a region or a text that asks")
    if options.text:
        asking, why = _texts(gallery, volumes, options), f"no {options.text}"
    elif options.region:
        found = (within_region(volume, options.region) for volume in volumes)
        asking, why = [each for each in found if each is not None], f"no slices of {options.region}"
    else:
        return [*volumes], {}
    if not asking:
        raise UsageError(f"no volume can ask: all have {why}; index the collection whose tables or masks tell of it")
    return asking, {why: len(volumes) - len(asking)} if len(asking) < len(volumes) else {}


def _texts(gallery: Gallery, volumes: Sequence[VolumeSlices], options: FindingOptions) -> list[VolumeSlices]:
    told = [volume for volume in volumes if volume.record.attributes.get(options.text)]
    encoder = gallery.encoder
    if not isinstance(encoder, encoders.TextEncoder):
        raise UsageError(f"the encoder {gallery.spec.name} takes no text; see lookalike encoders list --text")
    if not told:
        return []
    vectors = encoder.encode_texts([str(volume.record.attributes[options.text]) for volume in told])
    moved = gallery.project(vectors, options.space)
    middle, first = np.array([0.5]), np.zeros(1, np.int64)
    return [VolumeSlices(each.record, row[None], middle, first) for each, row in zip(told, moved, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    values: PerQuery
    chance: PerQuery
    askers: Askers
    names: tuple[str, ...]


def _measured(
    trial: VolumeTrial, order: Sequence[RowNumbers], level: str, scoring: Scoring, options: FindingOptions
) -> _Measured:
    """The scores of every query that has a value at a level; nan where no volume that may answer has it."""
    bears = [_classes(volume.record, level, options) for volume in trial.asking]
    held = [_classes(volume.record, level, options) for volume in trial.among]
    classes = sorted({value for values in (*bears, *held) for value in values})
    if not any(bears):
        raise UsageError(f"no volume has the attribute {level!r}; index with a label table that has this column")
    right = metrics.any_overlap(metrics.membership(bears, classes), metrics.membership(held, classes))
    rows = [row for row, values in enumerate(bears) if values]
    names = (*(f"P@{k}" for k in scoring.ks), f"AP@{scoring.ks[-1]}")
    values, chance = np.full((len(rows), len(names)), np.nan), np.full(len(rows), np.nan)
    for at, row in enumerate(rows):
        free = trial.free(row)
        if (right[row] & free).any():
            values[at] = figures_of(right[row][order[row]], scoring.ks)
            chance[at] = (right[row] & free).sum() / free.sum()
    present = sorted({value for row in rows for value in bears[row]})
    labels = metrics.membership([bears[row] for row in rows], present)
    who = [trial.asking[row].record for row in rows]
    askers = Askers(labels, tuple(present), np.array([r.patient for r in who]), tuple(r.id for r in who))
    return _Measured(values, chance, askers, names)


def figures_of(right: Bools, ks: Sequence[int]) -> list[float]:
    """P@k at each depth, and AP at the deepest, of the answers in their order (some, at most the deepest k)."""
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    average = float(precision[right].mean()) if right.any() else 0.0
    return [*(float(right[:k].sum()) / k for k in ks), average]


def _classes(record: Record, level: str, options: FindingOptions) -> tuple[str, ...]:
    found = values_at(record, level)
    return found if found or not options.absent else (NO_VALUE,)


def _score(level: str, rank: str, measured: _Measured, scoring: Scoring) -> FindingScore:
    askers = measured.askers
    sizes = dict(zip(askers.classes, askers.labels.sum(axis=0).tolist(), strict=True))
    unscored = int(np.isnan(measured.chance).sum())
    summary = scores_of(measured.values, measured.names, askers, scoring)
    return FindingScore(level, rank, len(askers.ids), unscored, sizes, summary, chance_of(measured.chance, askers))


def _gains(level: str, measured: dict[str, _Measured], scoring: Scoring) -> Iterator[RankGain]:
    base, *others = measured
    for rank in others:
        each, first = measured[rank], measured[base]
        macro = differences(each.values, first.values, each.names, each.askers, scoring, "macro")
        micro = differences(each.values, first.values, each.names, each.askers, scoring, "micro")
        yield RankGain(level, rank, base, macro, micro)


def _notes(
    gallery: Gallery, trial: VolumeTrial, known: PatientCount, left_out: dict[str, int], options: FindingOptions
) -> Iterator[str]:
    asked = f"the slices of {options.region}" if options.region else f"the text {options.text}" if options.text else ""
    yield f"Encoder {gallery.spec.name}: {gallery.spec.note}."
    yield f"Split: {trial.rule}; asked by {asked or 'all slices'}; seed {options.seed}. Intervals: 95 %, by patient."
    yield from (f"Left out: {count} with {why}." for why, count in left_out.items())
    yield from filter(None, (known.sentence, narrow_note(known.groups, unit=known.unit)))
    if options.absent:
        yield f"A volume without a value is of the class {NO_VALUE!r}."
    yield DISCLAIMER
