"""The protocol ``localisation``: do the matching slices and places hold the structure that masks mark?

Every volume with a mask beside it is a query, by the slices that its mask marks, to the volumes of other patients
that have a mask and a label in common with it. Localisation ratio: of the best matching slices of a hit
(``ranking.contributing_rows``) the share that holds the structure (after Khun Jush et al., arXiv 2405.09334).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike import ranking
from lookalike.asking.candidates import candidates, may_answer
from lookalike.asking.heat import Heat, explain_region
from lookalike.asking.masks import Mask, mask_reader
from lookalike.asking.patients import PatientCount, check_patients, count_patients
from lookalike.asking.query import of_record
from lookalike.asking.query_region import mask_at
from lookalike.asking.rank_regions import best_places
from lookalike.asking.region import RegionPatches, region_of
from lookalike.columns import paragraphs
from lookalike.encoders.preprocessing.grid import box_of_mask, overlaps
from lookalike.errors import UnreadableImageError, UnseenRegionError, UsageError
from lookalike.evaluation.contamination import untouched, with_remark
from lookalike.evaluation.protocols.declared import LocalisationOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.progress import tracked
from lookalike.sources.masks import mask_beside
from lookalike.store.patches import kept, patched_records, patches_of
from lookalike.text import DISCLAIMER
from lookalike.types import Box, Record, Vectors


@dataclass(frozen=True, slots=True)
class Localisation:
    """The scores of one label: means over the queries, of each over its first hits.

    slices: the localisation ratio; slices_chance: the share of all slices that hold the structure. place: the
    share of hits whose best place lies in a slice that holds it; overlap: its box and the mask's box there,
    intersection over union, 0 in other slices; overlap_unmoved: the same for the query's own box, left where it is,
    in the slice at the same height. heat: the share of the heat inside the mask's box, 0 in other slices;
    heat_chance: the box's share of the picture. None where the gallery keeps no patches.
    """

    label: str
    queries: int
    slices: float
    slices_chance: float
    place: float | None = None
    overlap: float | None = None
    overlap_unmoved: float | None = None
    heat: float | None = None
    heat_chance: float | None = None


@dataclass(frozen=True, slots=True)
class LocalisationReport(Tabled):
    """scores: a row a label, then "all" over every query. left_out: volumes with a mask that no other answers."""

    volumes: int
    patients: int
    k: int
    space: str
    scores: tuple[Localisation, ...]
    left_out: int
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """One table: rows labels, columns measures beside what chance gives. "json": every field."""
        if form == "json":
            return as_json(self)
        head = [
            "label",
            "queries",
            "slices",
            "(chance)",
            "best place",
            "(chance)",
            "box IoU",
            "(unmoved)",
            "heat in box",
            "(chance)",
        ]
        rows = [
            [
                s.label,
                str(s.queries),
                cell(s.slices),
                cell(s.slices_chance),
                cell(s.place),
                cell(s.slices_chance),
                cell(s.overlap),
                cell(s.overlap_unmoved),
                cell(s.heat),
                cell(s.heat_chance),
            ]
            for s in self.scores
        ]
        return render(f"Localisation, share of the first {self.k} hits", [head, *rows], form)

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    """A record, its slices' numbers and vectors (views, dim), and which of them hold the structure."""

    record: Record
    mask: Mask
    views: tuple[int, ...]
    vectors: Vectors
    holds: NDArray[np.bool_]


def evaluate_localisation(gallery: Gallery, options: LocalisationOptions) -> LocalisationReport:
    """Score how well the first hits localise. Raises UsageError if fewer than two volumes have a mask beside them."""
    k = checked_depths(options.k)[-1]
    volumes, unfit = _volumes(gallery, options.where, options.space)
    if len(volumes) < 2:
        raise UsageError(
            "fewer than two volumes have a mask beside them (mask_x.nii.gz or x_seg.nrrd beside x); "
            "index such a folder, and leave it where it is"
        )
    patients = [volume.record.patient for volume in volumes]
    check_patients(patients)
    known = count_patients(patients, [volume.record.id for volume in volumes])
    judging, remark = untouched(gallery.spec.name, [(each.record.id, each.record.patient) for each in volumes])
    asked = [pair for pair, judges in zip(_answering(volumes), judging, strict=True) if judges]
    patched = set(patched_records(gallery.store).tolist()) if kept(gallery.store) else set()
    rows: list[tuple[str, tuple[float, ...]]] = []
    unplaced = 0
    for asking, others in tracked(asked):
        if others:
            measured = _measured(gallery, asking, others, patched, k)
            unplaced += len(measured) == 2
            rows += [(label, measured) for label in asking.record.labels or ("no label",)]
    return LocalisationReport(
        len(volumes),
        known.patients,
        k,
        options.space,
        tuple(_scores(rows)),
        sum(not others for _, others in asked),
        tuple(_notes(gallery, unfit, unplaced, remark, known)),
    )


def _answering(volumes: Sequence[_Volume]) -> Iterator[tuple[_Volume, list[_Volume]]]:
    """Each volume with the others that may answer it and have a label in common with it; or neither has a label."""
    owners = [volume.record.patient for volume in volumes]
    for asking, free in zip(volumes, may_answer([(owner,) for owner in owners], owners), strict=True):
        wanted = set(asking.record.labels)
        others = [
            volume
            for volume, may in zip(volumes, free, strict=True)
            if may and (wanted & set(volume.record.labels) or not (wanted or volume.record.labels))
        ]
        yield asking, others


def _measured(
    gallery: Gallery, asking: _Volume, others: Sequence[_Volume], patched: set[int], k: int
) -> tuple[float, ...]:
    """The scores by slices; and by places if the volumes have patches and the encoder sees what is marked."""
    able = [volume for volume in others if volume.record.key in patched]
    by_region: tuple[float, ...] = ()
    if asking.record.key in patched and able:
        with suppress(UnseenRegionError):  # what is marked lies where the encoder does not look
            by_region = _by_region(gallery, asking, able, k)
    return (*_by_slices(asking, others, k), *by_region)


def _mask_of(gallery: Gallery, record: Record) -> Path | None:
    """The mask beside a volume, if the gallery may open both."""
    mask = mask_beside(Path(record.source)) if gallery.places.may_open(record.source) else None
    return gallery.places.place_of(mask) if mask is not None and gallery.places.may_open(mask) else None


def _volumes(gallery: Gallery, where: str | Filter | None, space: str) -> tuple[list[_Volume], int]:
    """The volumes with a mask, by key; and how many masks do not fit theirs."""
    records = gallery.store.records()
    if (among := candidates(gallery, where=where).among) is not None:
        allowed = set(gallery.store.owner_keys(among).tolist())
        records = {key: record for key, record in records.items() if key in allowed}
    found, unfit = [], 0
    with mask_reader(gallery) as read:
        for key, record in sorted(records.items()):
            beside = _mask_of(gallery, record) if record.depth > 1 else None
            if beside is None:
                continue
            views, vectors = gallery.store.slices_of(key)
            try:
                mask = read(beside, record.plane)
            except (UnreadableImageError, UsageError):
                unfit += 1
                continue
            holds = np.array([view in mask.views for view in views])
            if mask.depth != record.depth or not holds.any():
                unfit += 1
                continue
            found.append(_Volume(record, mask, views, gallery.project(vectors, space), holds))
    return found, unfit


def _by_slices(asking: _Volume, others: Sequence[_Volume], k: int) -> tuple[float, float]:
    """The localisation ratio of the first k hits, and the share of their slices that hold the structure."""
    query = asking.vectors[asking.holds]
    scores = [ranking.maxsim(query, volume.vectors) for volume in others]
    order = np.argsort(-np.array(scores), kind="stable")[:k]  # ties: the first in the gallery
    hits = [others[int(i)] for i in order]
    ratios = [ranking.localisation_ratio(ranking.contributing_rows(query, hit.vectors), hit.holds) for hit in hits]
    return float(np.mean(ratios)), float(np.mean([hit.holds.mean() for hit in hits]))


def _by_region(gallery: Gallery, asking: _Volume, others: Sequence[_Volume], k: int) -> tuple[float, ...]:
    """The scores from place to heat_chance, of the first k hits for the largest marked region."""
    marked = [view for view in asking.views if view in asking.mask.views]
    view = max(marked, key=lambda view: int(asking.mask.views[view].sum()))
    patches = patches_of(gallery.store, asking.record.key)[view]
    region = region_of(gallery.spec.preprocessing, patches, None, mask_at(asking.mask, view, patches), view)
    by_key = {volume.record.key: volume for volume in others}
    places = best_places(gallery, region, by_key)
    best = sorted(places, key=lambda key: (-places[key][0].score, key))[:k]
    height = view / (asking.record.depth - 1)
    rows = [_in_hit(gallery, by_key[key], height, region) for key in best]
    return tuple(float(value) for value in np.mean(rows, axis=0))


def _in_hit(
    gallery: Gallery, hit: _Volume, height: float, region: RegionPatches
) -> tuple[float, float, float, float, float]:
    shown = explain_region(gallery, region, of_record(gallery, hit.record.id)).hit
    drawn, level = hit.mask.views.get(shown.slice), hit.mask.views.get(round(height * (hit.record.depth - 1)))
    unmoved = 0.0 if level is None else intersection_over_union(region.shown, box_of_mask(level))
    if drawn is None or shown.box is None:
        return 0.0, 0.0, unmoved, 0.0, 0.0
    held = box_of_mask(drawn)
    return 1.0, intersection_over_union(shown.box, held), unmoved, heat_inside(shown, held), _area(held)


def intersection_over_union(one: Box, other: Box) -> float:
    """The IoU of two boxes; 0 where they do not touch."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def heat_inside(heat: Heat, box: Box) -> float:
    """The share of the heat that lies inside a box; 0 where there is no heat."""
    values = np.array(heat.heat)
    down = overlaps(heat.rows, 0.0, 1.0, np.array([box[1], box[3]]))[:, 0]
    across = overlaps(heat.columns, 0.0, 1.0, np.array([box[0], box[2]]))[:, 0]
    return float(down @ values @ across / max(values.sum(), 1e-12))


def _scores(rows: Sequence[tuple[str, tuple[float, ...]]]) -> Iterator[Localisation]:
    for label in [*sorted({label for label, _ in rows}), "all"]:
        chosen = [measured for name, measured in rows if label in (name, "all")]
        whole = [measured for measured in chosen if len(measured) > 2]
        slices = np.mean([measured[:2] for measured in chosen], axis=0).tolist()
        places = np.mean([measured[2:] for measured in whole], axis=0).tolist() if whole else [None] * 5
        yield Localisation(label, len(chosen), *slices, *places)


def _notes(gallery: Gallery, unfit: int, unplaced: int, remark: str, known: PatientCount) -> Iterator[str]:
    yield f"Encoder {gallery.spec.name}: {gallery.spec.note}."
    rule = "Every volume asks those of other patients with its label, by what its mask marks"
    yield f"{with_remark(rule, remark)}."
    yield (
        "(chance): the share of a hit's slices that hold the structure; of heat, the box's share of the picture. "
        "(unmoved): the query's own box, left where it is, in the slice at the same height."
    )
    if known.sentence:
        yield known.sentence
    if unfit:
        yield f"{unfit} masks could not be read, mark nothing, or do not fit their volume."
    if not kept(gallery.store):
        yield "Places are not measured: the gallery keeps no patches (`lookalike index --patches`)."
    elif unplaced:
        yield (
            f"Places are not measured for {unplaced} queries: no patches are kept of them or of those that may answer, "
            "or what is marked lies in a margin that the encoder takes off."
        )
    yield DISCLAIMER
