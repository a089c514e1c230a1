"""The published ways of scoring pictures and volumes by their nearest records, declared as data.

A protocol says which records take part and as which class, where the queries come from, and what is measured besides
plain precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lookalike.adapters import Criterion
from lookalike.asking.patients import check_patients
from lookalike.asking.pooling import pooled_vectors, record_slices
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import MeasuredSpace, measured_space, within
from lookalike.evaluation.labelled import Labelled, labelled_records
from lookalike.evaluation.measures import (
    CHANCE,
    NDCG,
    PLAIN,
    Measure,
    PerQuery,
    RankedQueries,
    findings,
    label_sets,
    one_class,
)
from lookalike.evaluation.near_duplicates import NearDuplicate, duplicates_within
from lookalike.evaluation.protocols.declared import (
    DENNER,
    MEDIMAGEINSIGHT,
    MIR_3D,
    MULTILABEL,
    DeclaredProtocol,
    PublishedOptions,
)
from lookalike.evaluation.rank import checked_depths
from lookalike.evaluation.report import Report, left_out_notes, make_report
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.splits import Splits, in_folds, leave_one_patient_out, official_split
from lookalike.gallery import Gallery
from lookalike.types import Record

_RADIOGRAPHY: Final = ("CR", "DX", "RG")  # the kind of detector does not make another class
_PARTS: Final = 3  # of a class: modality, anatomy, pathology
ABSENT: Final = "a class absent from the gallery"


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The records that take part, with their classes as labels. splits: "train", "val", "test" or "" for
    each; left_out: how many records do not take part, by reason. rule: the origin of a split that is not the
    owners'. duplicates: the near-duplicates among the records, None if these have no pictures.
    """

    data: Labelled
    splits: tuple[str, ...]
    left_out: Mapping[str, int]
    rule: str = ""
    duplicates: tuple[NearDuplicate, ...] | None = ()


@dataclass(frozen=True, slots=True)
class PublishedProtocol:
    """ks: depths. classes_of: the classes a record takes part as, () to leave it out, with the reason. folds: where the
    collection has no official split; without them one patient at a time is left out.
    """

    declared: DeclaredProtocol
    ks: tuple[int, ...]
    classes_of: Callable[[Record], tuple[tuple[str, ...], str]]
    measure: Measure
    folds: int | None = None

    @property
    def name(self) -> str:
        """Its name for ``--protocol``."""
        return self.declared.name

    def run(self, gallery: Gallery, options: PublishedOptions, /) -> Report:
        """Score a gallery as the protocol does; an adapter is trained anew on each gallery part.

        Raises UsageError: no record that takes part, an adapted space without a split.
        """
        checked_depths(options.k or self.ks)  # impossible depths are reported before anything is read
        space = measured_space(gallery, options.space)
        if space.criterion != Criterion():
            raise UsageError(
                f"the space {space.name!r} was trained on {space.criterion}, and this protocol judges by classes of "
                "its own; measure it without --protocol"
            )
        cases = self.cases(gallery)
        check_patients(cases.data.patients)
        return self.score(space, cases, options)

    def cases(self, gallery: Gallery) -> Cases:
        """The records of a gallery that take part. Raises UsageError if none does."""
        vectors, records = gallery.store.vectors(), gallery.store.records()
        stored, slices = pooled_vectors(gallery, stored=vectors), record_slices(vectors)
        every = [records[int(key)] for key in stored.records]
        judged = [self.classes_of(record) for record in every]
        rows = [row for row, (classes, _) in enumerate(judged) if classes]
        left_out: dict[str, int] = {}
        for classes, reason in judged:
            if not classes:
                left_out[reason] = left_out.get(reason, 0) + 1
        if not rows:
            why = ", ".join(f"{count} with {reason}" for reason, count in left_out.items()) or "it is empty"
            raise UsageError(f"no record of this gallery takes part in the protocol {self.name!r}: {why}")
        kept = [every[row] for row in rows]
        data = labelled_records(stored.vectors[rows], kept, [judged[row][0] for row in rows])
        data = replace(data, slices=tuple(slices[row] for row in rows) if slices else ())
        splits = tuple(str(record.attributes.get("split", "")) for record in kept)
        return Cases(data, splits, left_out, duplicates=duplicates_within(gallery, data))

    def score(self, space: MeasuredSpace, cases: Cases, options: PublishedOptions) -> Report:
        """Score cases that have been read already; in the encoder's own space they may come from several galleries.
        Raises UsageError.
        """
        scoring = Scoring(checked_depths(options.k or self.ks), options.samples, options.seed)
        splits = self._splits(cases, options)
        if space.adapter is not None and not splits.disjoint:
            raise UsageError(f"the space {space.name!r} was trained on these very records; give --folds 5")
        experiment = within(space, cases.data, splits, options.seed, cases.duplicates)
        report = make_report(space, experiment, self.measure, scoring)
        left_out = {**cases.left_out, **({ABSENT: report.unscored} if report.unscored else {})}
        about = f"Protocol {self.name}: {self.declared.title} ({self.declared.source})."
        notes = (about, *left_out_notes(left_out), *report.notes)
        return replace(report, protocol=self.name, left_out=left_out, notes=notes)

    def _splits(self, cases: Cases, options: PublishedOptions) -> Splits:
        official = official_split(cases.splits, cases.rule) if options.folds is None else None
        if official is not None:
            return official
        folds = options.folds or self.folds
        if folds is not None:
            return in_folds(cases.data, folds, options.seed)
        return leave_one_patient_out(cases.data)


def _single(record: Record) -> tuple[tuple[str, ...], str]:
    if len(record.labels) == 1:
        return record.labels, ""
    return (), "several labels" if record.labels else "no label"


def _modality_anatomy_pathology(record: Record) -> tuple[tuple[str, ...], str]:
    labels, reason = _single(record)
    if not labels:
        return labels, reason
    if labels[0].count("/") >= _PARTS - 1:  # as the paper's authors write their classes
        return labels, ""
    about = record.attributes
    modality = str(about.get("modality", about.get("Modality", "")))
    anatomy = str(about.get("anatomy", about.get("BodyPartExamined", ""))).capitalize()
    modality = "X-ray" if modality in _RADIOGRAPHY else modality
    return ("/".join(part for part in (modality, anatomy, labels[0]) if part),), ""


def all_labels(record: Record) -> tuple[tuple[str, ...], str]:
    """Every label as a class."""
    return record.labels, "" if record.labels else "no label"


def _plain_only(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    measured = one_class(ranked, ks)
    return {name: measured[name] for name in (PLAIN, CHANCE)}


DENNER_MEASURED: Final = PublishedProtocol(
    DENNER, (1, 3, 5, 10, 20, 50, 100), _modality_anatomy_pathology, Measure(one_class)
)
MEDIMAGEINSIGHT_MEASURED: Final = PublishedProtocol(MEDIMAGEINSIGHT, (1, 3, 5), _single, Measure(_plain_only), folds=5)
MULTILABEL_MEASURED: Final = PublishedProtocol(
    MULTILABEL, (1, 3, 5, 10), all_labels, Measure(label_sets, {NDCG: "nDCG"})
)
MIR_3D_MEASURED: Final = PublishedProtocol(MIR_3D, (3, 5, 10), all_labels, Measure(findings, whole=True))
PUBLISHED: Final = (DENNER_MEASURED, MEDIMAGEINSIGHT_MEASURED, MULTILABEL_MEASURED, MIR_3D_MEASURED)
