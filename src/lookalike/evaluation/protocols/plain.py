"""The protocol ``precision``: patient-disjoint precision at k, with intervals, chance and a leakage audit; and, where
they are asked for, its parts: paired comparison, levels, subgroups, sizes of the gallery, queries across domains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lookalike.asking.candidates import of_known_patients
from lookalike.asking.patients import check_patients
from lookalike.errors import UsageError
from lookalike.evaluation.cross_domain import ONE_SIDED, Domains, crossed, domains, opened_beside
from lookalike.evaluation.experiment import (
    Experiment,
    Measured,
    MeasuredSpace,
    Rival,
    from_outside,
    held,
    measured_space,
    ranked,
    within,
)
from lookalike.evaluation.gallery_sizes import checked_sizes, over_sizes
from lookalike.evaluation.labelled import Labelled, Queries, labelled
from lookalike.evaluation.levels import Recorded, at_levels
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure, shared_label
from lookalike.evaluation.near_duplicates import duplicates_between, duplicates_within
from lookalike.evaluation.outside_queries import outside_queries
from lookalike.evaluation.paired import Matched, compared
from lookalike.evaluation.protocols.declared import PrecisionOptions
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.recorded_fields import recorded_values
from lookalike.evaluation.report import Report, encoder_note, left_out_notes, make_report
from lookalike.evaluation.rivals import rival_of
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.shift import Shift, shift_of
from lookalike.evaluation.splits import Splits, in_folds, leave_one_patient_out
from lookalike.evaluation.subgroups import subgroups_by
from lookalike.gallery import Gallery
from lookalike.job_steps import log_step
from lookalike.sources.labels import LabelTable, read_label_table
from lookalike.types import Record

_PRECISION: Final = Measure(shared_label)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is measured. recorded: of queries and records, None for outside files, of which nothing is. rival, matched:
    what is compared. domains: of queries from another gallery.
    """

    experiment: Experiment
    recorded: Recorded | None
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = ()
    rival: Rival | None = None
    matched: Matched | None = None
    domains: Domains | None = None


def evaluate_precision(gallery: Gallery, options: PrecisionOptions) -> Report:
    """Score a gallery. folds: each is the queries to the rest, and an adapted space is trained anew on each fold's
    gallery. queries, query_labels: outside files as queries to the whole gallery; those that cannot be read or are
    not labelled are counted in ``left_out``. queries_from: so are the records of another gallery.

    Raises UsageError: no labels, an adapted space without folds or queries (it has seen its own queries),
    impossible folds, fields or sizes; ManifestMismatchError: another encoder.
    """
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    space = measured_space(gallery, options.space)  # an unknown name is reported first
    _check_sides(options)
    data = labelled(gallery, space.criterion)
    log_step("finding copies among queries and gallery", records=len(data.ids))
    asked = _asked(gallery, space, data, options)
    experiment = held(asked.experiment) if options.levels or options.sizes else asked.experiment
    if asked.recorded is not None:  # an unknown field is reported before anything is ranked
        for name in options.by:
            recorded_values(list(asked.recorded.asking.values()), name)
    sizes = checked_sizes(options.sizes, options.draws, experiment) if options.sizes else ()
    log_step("ranking", rounds=len(experiment.rounds))
    measured = ranked(experiment, _PRECISION, scoring.ks)
    log_step("scores and intervals", queries=len(measured.askers.ids))
    report = make_report(space, experiment, _PRECISION, scoring, measured)
    report = replace(report, left_out=dict(asked.left_out))
    if asked.rival is not None:
        report = replace(report, comparison=compared(space.name, asked.rival, asked.matched, measured, scoring))
    if asked.domains is not None:
        cross = crossed(space, asked.domains, measured, _PRECISION, scoring)
        report = replace(report, cross_domain=cross)
    if asked.recorded is not None:
        report = _by_field(report, asked.recorded, experiment, measured, options, scoring)
    if sizes:
        log_step("sizes of the gallery", sizes=len(sizes))
        found = over_sizes(experiment, space.name, _PRECISION, scoring, sizes, options.draws)
        report = replace(report, sizes=found)
    shift = _shift(asked.experiment, options)
    told = () if shift is None else (shift.sentence,)
    notes = (*report.notes, *told, *asked.notes, *_part_notes(report, asked.rival))
    return replace(report, notes=notes, shift=shift)


def _shift(experiment: Experiment, options: PrecisionOptions) -> Shift | None:
    """Whether separate queries are unlike the gallery."""
    if not options.queries and options.queries_from is None:
        return None
    (one,) = experiment.rounds
    return shift_of(one.queries, one.among, options.seed)


def _check_sides(options: PrecisionOptions) -> None:
    """Raises UsageError for options that do not go together."""
    sides = {"--folds": options.folds is not None, "--queries": options.queries, "--queries-from": options.queries_from}
    given = [flag for flag, there in sides.items() if there]
    if len(given) > 1:
        raise UsageError(f"give either {' or '.join(given)}: each says who asks")
    if options.fused and (options.against is None or options.queries or options.queries_from is not None):
        raise UsageError(
            "--fused fuses the ranking with that of --against, of this gallery's records; give --against, and leave "
            "outside queries out"
        )
    if options.query_labels is not None and not options.queries:
        raise UsageError("--query-labels says what --queries bear; give --queries too")
    if options.queries and (options.by or options.levels):
        raise UsageError(
            "of outside files no field is recorded, so there is nothing for --by and --levels; index them into a "
            "gallery of their own and give --queries-from GALLERY"
        )


def _asked(gallery: Gallery, space: MeasuredSpace, data: Labelled, options: PrecisionOptions) -> _Asked:
    rival = matched = None
    if options.against is not None:
        rival, data, matched = rival_of(gallery, space, data, options.against)
        if options.fused:
            rival = replace(rival, name=f"{space.name} + {rival.name}", fused_with=space.name)
        if matched is not None and (options.queries or options.queries_from is not None):
            raise UsageError("another gallery is compared on the records that both hold; leave the outside queries out")
    if options.queries:
        return _outside(gallery, space, data, rival, options)
    if options.queries_from is not None:
        return _across(gallery, space, data, rival, options)
    chosen = _chosen(gallery, data)  # before what takes long: records may be removed meanwhile
    splits = _splits(data, space, rival, options)
    experiment = within(space, data, splits, options.seed, duplicates_within(gallery, data), rival)
    return _Asked(experiment, Recorded(chosen, chosen), {}, rival=rival, matched=matched)


def _chosen(gallery: Gallery, data: Labelled) -> dict[str, Record]:
    return _among({record.id: record for record in gallery.store.records().values()}, data)


def _among(records: Mapping[str, Record], data: Labelled) -> dict[str, Record]:
    return {identity: records[identity] for identity in data.ids}


def _splits(data: Labelled, space: MeasuredSpace, rival: Rival | None, options: PrecisionOptions) -> Splits:
    if options.folds is not None:
        return in_folds(data, options.folds, options.seed)
    for each in (space, *(() if rival is None else (rival.space,))):
        if each.adapter is not None:
            raise UsageError(
                f"the space {each.name!r} was trained on these very records, so asking them proves nothing; "
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
    gallery: Gallery, space: MeasuredSpace, data: Labelled, rival: Rival | None, options: PrecisionOptions
) -> _Asked:
    """Files as queries."""
    table = _table(options)
    queries, left_out = outside_queries(gallery, options.queries, table)
    duplicates = duplicates_between(gallery, queries, data)
    experiment = from_outside(space, queries, data, duplicates, None if rival is None else rival.space)
    notes = (*_cautions(left_out, space, queries, data), *table.notes)
    return _Asked(experiment, None, left_out, notes, rival)


def _across(
    gallery: Gallery, space: MeasuredSpace, data: Labelled, rival: Rival | None, options: PrecisionOptions
) -> _Asked:
    """The records of another gallery as queries."""
    with opened_beside(gallery, options.queries_from or "", "--queries-from") as other:
        sides = domains(other, data, space.criterion)
    chosen = _chosen(gallery, sides.among)
    duplicates = duplicates_between(gallery, sides.asking, sides.among)
    other_space, who = None if rival is None else rival.space, f"the records of {sides.name}"
    experiment = from_outside(space, sides.asking, sides.among, duplicates, other_space, who)
    experiment = replace(experiment, named_alike=False)
    left_out = {ONE_SIDED: sides.left_out} if sides.left_out else {}
    recorded = Recorded(_among(sides.records, sides.queries), chosen)
    notes = tuple(_cautions(left_out, space, sides.asking, data))
    return _Asked(experiment, recorded, left_out, notes, rival, domains=sides)


def _cautions(left_out: Mapping[str, int], space: MeasuredSpace, queries: Queries, data: Labelled) -> Iterator[str]:
    yield from left_out_notes(left_out)
    seen = 0 if space.adapter is None else int(of_known_patients(queries.patients, data.patients).sum())
    if seen:
        yield (
            f"The adapter was trained on the patients of {seen} queries: its score is flattered. "
            "Ask with other patients, or with --folds."
        )


def _by_field(
    report: Report,
    recorded: Recorded,
    experiment: Experiment,
    measured: Measured,
    options: PrecisionOptions,
    scoring: Scoring,
) -> Report:
    """Subgroups and levels, which need what is recorded of the queries."""
    asking = [recorded.asking[identity] for identity in measured.askers.ids]
    found = measured.per_query[report.space]
    fields = [recorded_values(asking, name) for name in dict.fromkeys(options.by)]
    subgroups = subgroups_by(fields, measured.askers, found[PLAIN], found[CHANCE], scoring)
    names = tuple(dict.fromkeys(options.levels))
    return replace(
        report, subgroups=subgroups, levels=at_levels(experiment, report.space, recorded, names, _PRECISION, scoring)
    )


def _part_notes(report: Report, rival: Rival | None) -> Iterator[str]:
    """What the parts found, in sentences."""
    if report.comparison is not None and rival is not None:
        yield report.comparison.sentence
        if (matched := report.comparison.matched) is not None:
            yield encoder_note(rival.space.spec)
            yield (
                f"{matched.records} records are in both galleries and were compared; {matched.only_here} are only "
                f"here, {matched.only_there} only there; {matched.other_labels} bear other labels there, and count "
                "with those of this gallery."
            )
    if report.cross_domain is not None:
        yield from report.cross_domain.sentences
    yield from (each.sentence for each in report.subgroups)
