"""Recall of structures by the slices that show them (after Khun Jush et al., arXiv 2405.09334).

Every volume that holds a structure asks by the slices that show it. Region recall of a structure at k: the share of its
queries whose first k volumes hold one that has the structure. Localised recall: one of whose matching slices shows it.
Localisation ratio: the share of a hit's matching slices (``ranking.contributing_rows``) that show the structure, mean
over the first k. Then the mean and the standard deviation over the structures. Which slices show what is told by the
collection's masks (attribute ``axial slices of NAME``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike import ranking
from lookalike.asking.patients import PatientCount, count_patients
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.protocols.declared import RegionOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.scores import Interval, Scoring, narrow_note, scores_of
from lookalike.evaluation.tables import Format, Tabled, TableRows, as_json, cell, render
from lookalike.evaluation.volume_ranking import (
    RankedBy,
    VolumeSlices,
    VolumeTrial,
    checked_ranks,
    ranked_by,
    slices_showing,
    trial_against,
    trial_of,
    volumes_of,
    within_region,
)
from lookalike.gallery import Gallery
from lookalike.metrics import Bools
from lookalike.progress import tracked
from lookalike.sources.collections.segmented import SLICES_OF
from lookalike.text import DISCLAIMER
from lookalike.voting import RowNumbers

REGION, LOCALISED, RATIO, BY_CHANCE = "R", "L", "ratio", "ratio by chance"


@dataclass(frozen=True, slots=True)
class RegionScore:
    """One way to rank. figures: "R@k" region recall, "L@k" localised recall, "ratio" of localisation over the first k
    and what it is by chance, the share of those hits' slices that show the structure: mean and standard deviation over
    the structures. intervals: 95 %, of the means, by patient. per_structure: the same figures; queries: of each.
    """

    rank: str
    figures: dict[str, tuple[float, float]]
    intervals: dict[str, Interval]
    per_structure: dict[str, dict[str, float | None]]
    queries: dict[str, int]


@dataclass(frozen=True, slots=True)
class RegionReport(Tabled):
    """scores: a row a way to rank. unfindable: structures that no volume which may answer holds."""

    volumes: int
    patients: int
    space: str
    rule: str
    scores: tuple[RegionScore, ...]
    unfindable: tuple[str, ...]
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """The means, a row a way to rank; then the structures, a table a way to rank. "json": every field."""
        if form == "json":
            return as_json(self)
        tables = [("Recall of structures by their slices, mean [95 % interval] +- sd over structures", self._means())]
        tables += [(f"Structures, ranked by {score.rank}", _by_structure(score)) for score in self.scores]
        return "\n".join(render(title, rows, form) for title, rows in tables)

    def _means(self) -> TableRows:
        names = list(self.scores[0].figures)
        rows = [["ranking", "structures", *names]]
        for s in self.scores:
            cells = [f"{cell(mean, s.intervals[name])} +- {sd:.3f}" for name, (mean, sd) in s.figures.items()]
            rows.append([s.rank, str(len(s.queries)), *cells])
        return rows

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


def _by_structure(score: RegionScore) -> TableRows:
    names = list(score.figures)
    rows = [["structure", "queries", *names]]
    for structure, figures in score.per_structure.items():
        rows.append([structure, str(score.queries[structure]), *(cell(figures[name]) for name in names)])
    return rows


def evaluate_regions(gallery: Gallery, options: RegionOptions) -> RegionReport:
    """Score a gallery of volumes whose masks were read. Raises UsageError if they were not."""
    checked_ranks(options.ranks)
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    volumes = volumes_of(gallery, options.where, options.space)
    whole = trial_of(volumes, options.split, gallery.spec.name)
    structures = options.structures or _structures(volumes)
    trials = {name: trial for name in structures if (trial := _of_structure(whole, name)) is not None}
    if not trials:
        raise UsageError(
            "no volume says which of its slices show what; index msd:FOLDER or totalsegmentator:FOLDER with "
            "--plane axial, whose masks tell it"
        )
    scores = tuple(_score(trials, rank, scoring) for rank in tracked(options.ranks))
    known = count_patients([v.record.patient for v in volumes], [v.record.id for v in volumes])
    unfindable = tuple(name for name in structures if name not in trials)
    notes = tuple(_notes(gallery, whole.rule, known, unfindable))
    return RegionReport(len(volumes), known.patients, options.space, whole.rule, scores, unfindable, notes)


def _structures(volumes: Sequence[VolumeSlices]) -> tuple[str, ...]:
    told = {name for volume in volumes for name in volume.record.attributes if name.startswith(SLICES_OF)}
    return tuple(sorted(name.removeprefix(SLICES_OF) for name in told))


def _of_structure(whole: VolumeTrial, structure: str) -> VolumeTrial | None:
    """The queries by a structure's slices, of those that some volume may answer; None if there are none."""
    holds = _holds(whole.among, structure)
    found = [
        part
        for row, volume in enumerate(whole.asking)
        if (part := within_region(volume, structure)) is not None and (holds & whole.free(row)).any()
    ]
    return trial_against(found, whole.among, whole.rule) if found else None


def _holds(volumes: Sequence[VolumeSlices], structure: str) -> Bools:
    return np.array([bool(volume.record.attributes.get(f"{SLICES_OF}{structure}")) for volume in volumes])


def _score(trials: dict[str, VolumeTrial], rank: str, scoring: Scoring) -> RegionScore:
    names = [*(f"{what}@{k}" for what in (REGION, LOCALISED) for k in scoring.ks), RATIO, BY_CHANCE]
    values = [_figures(trial, structure, rank, scoring.ks) for structure, trial in trials.items()]
    counts = [len(each) for each in values]
    labels = np.repeat(np.eye(len(trials), dtype=bool), counts, axis=0)
    patients = np.array([volume.record.patient for trial in trials.values() for volume in trial.asking])
    summary = scores_of(np.concatenate(values), names, Askers(labels, tuple(trials), patients, ()), scoring)
    means = np.array([list(of.values()) for of in summary.per_class.values()], np.float64)
    figures = dict(zip(names, zip(means.mean(axis=0).tolist(), means.std(axis=0).tolist(), strict=True), strict=True))
    return RegionScore(
        rank, figures, summary.macro_intervals, dict(summary.per_class), dict(zip(trials, counts, strict=True))
    )


def _figures(trial: VolumeTrial, structure: str, rank: str, ks: Sequence[int]) -> PerQuery:
    """(q, 2 ks + 2): region and localised recall at each depth, the localisation ratio and its chance."""
    orders, holds = ranked_by(trial, RankedBy(rank), ks[-1]), _holds(trial.among, structure)
    shows = [slices_showing(volume, structure) for volume in trial.among]
    return np.stack(
        [_of_query(query, order, trial, holds, shows, ks) for query, order in zip(trial.asking, orders, strict=True)]
    )


def _of_query(
    query: VolumeSlices, order: RowNumbers, trial: VolumeTrial, holds: Bools, shows: Sequence[Bools], ks: Sequence[int]
) -> PerQuery:
    matching = [ranking.contributing_rows(query.vectors, trial.among[int(row)].vectors) for row in order]
    ratios = [ranking.localisation_ratio(rows, shows[int(row)]) for rows, row in zip(matching, order, strict=True)]
    by_chance = [float(shows[int(row)].mean()) for row in order]
    localised = np.array(ratios) > 0
    recalls = [*(holds[order[:k]].any() for k in ks), *(localised[:k].any() for k in ks)]
    return np.array([*recalls, float(np.mean(ratios)), float(np.mean(by_chance))], np.float64)


def _notes(gallery: Gallery, rule: str, known: PatientCount, unfindable: Sequence[str]) -> Iterator[str]:
    yield f"Encoder {gallery.spec.name}: {gallery.spec.note}."
    yield f"Split: {rule}. R: region recall, L: localised recall. Intervals: 95 %, bootstrap by patient."
    yield from filter(None, (known.sentence, narrow_note(known.groups, unit=known.unit)))
    if unfindable:
        yield f"{len(unfindable)} structures are not scored: no volume asks, or none that may answer holds them."
    yield DISCLAIMER
