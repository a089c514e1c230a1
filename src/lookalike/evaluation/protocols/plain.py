"""The protocol ``precision``: patient-disjoint precision at k, with intervals, chance and a leakage audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from lookalike.asking.candidates import of_known_patients
from lookalike.asking.patients import check_patients
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import MeasuredSpace, from_outside, measured_space, within
from lookalike.evaluation.labelled import Labelled, Queries, labelled
from lookalike.evaluation.measures import Measure, shared_label
from lookalike.evaluation.near_duplicates import duplicates_between, duplicates_within
from lookalike.evaluation.outside_queries import outside_queries
from lookalike.evaluation.protocols.declared import PrecisionOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.report import Report, left_out_notes, make_report
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.splits import Splits, in_folds, leave_one_patient_out
from lookalike.gallery import Gallery
from lookalike.sources.labels import LabelTable, read_label_table

_PRECISION: Final = Measure(shared_label)


def evaluate_precision(gallery: Gallery, options: PrecisionOptions) -> Report:
    """Score a gallery. folds: each is the queries to the rest, and an adapted space is trained anew on each fold's
    gallery. queries, query_labels: outside files as queries to the whole gallery; those that cannot be read or are
    not labelled are counted in ``left_out``.

    Raises UsageError: no labels, an adapted space without folds or queries (it has seen its own queries),
    impossible folds.
    """
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    space = measured_space(gallery, options.space)  # an unknown name is reported first
    data = labelled(gallery)
    if options.queries and options.folds is not None:
        raise UsageError("give either --folds, where the gallery asks itself, or --queries")
    if options.queries:
        table = _table(options)
        queries, left_out = outside_queries(gallery, options.queries, table)
        report = _outside(gallery, space, data, queries, left_out, scoring)
        return replace(report, notes=(*report.notes, *table.notes))
    if options.query_labels is not None:
        raise UsageError("--query-labels says what --queries bear; give --queries too")
    experiment = within(space, data, _splits(space, data, options), options.seed, duplicates_within(gallery, data))
    return make_report(space, experiment, _PRECISION, scoring)


def _splits(space: MeasuredSpace, data: Labelled, options: PrecisionOptions) -> Splits:
    if options.folds is not None:
        return in_folds(data, options.folds, options.seed)
    if space.adapter is not None:
        raise UsageError(
            f"the space {space.name!r} was trained on these very records, so asking them proves nothing; "
            "give --folds 5 (it is trained anew on each fold), or --queries with --query-labels"
        )
    check_patients(data.patients)
    return leave_one_patient_out(data)


def _table(options: PrecisionOptions) -> LabelTable:
    given = options.query_labels
    if given is None:
        raise UsageError("give --query-labels TABLE.csv, which says what the queries bear")
    if isinstance(given, LabelTable):
        return given
    return read_label_table(Path(given), options.label_columns, options.patient_column)


def _outside(
    gallery: Gallery,
    space: MeasuredSpace,
    data: Labelled,
    queries: Queries,
    left_out: Mapping[str, int],
    scoring: Scoring,
) -> Report:
    experiment = from_outside(space, queries, data, duplicates_between(gallery, queries, data))
    report = make_report(space, experiment, _PRECISION, scoring)
    seen = 0 if space.adapter is None else int(of_known_patients(queries.patients, data.patients).sum())
    return replace(report, left_out=dict(left_out), notes=(*report.notes, *_cautions(left_out, seen)))


def _cautions(left_out: Mapping[str, int], seen: int) -> Iterator[str]:
    yield from left_out_notes(left_out)
    if seen:
        yield (
            f"The adapter was trained on the patients of {seen} queries: its score is flattered. "
            "Ask with other patients, or with --folds."
        )
