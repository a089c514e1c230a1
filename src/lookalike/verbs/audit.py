"""audit: do the vectors follow the finding, or where and how the picture was taken? Which records are copies, which lie
far from a reference, of which do the neighbours say other than what is recorded, and which pictures are bad?"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import PIL.Image

from lookalike.asking.one_encoder import of_one_encoder
from lookalike.errors import REASONS, MissingExtraError, NotFoundError, UnreadableImageError, UsageError
from lookalike.evaluation.confound_report import ConfoundAudit, confound_audit
from lookalike.evaluation.confounds import audit_field, audit_sample, croma_library
from lookalike.evaluation.drift import DriftAudit, drift_of
from lookalike.evaluation.duplicate_report import DuplicateAudit, duplicate_audit
from lookalike.evaluation.labelled import every_record
from lookalike.evaluation.metadata_report import MetadataAudit, metadata_of
from lookalike.evaluation.near_duplicates import duplicates_within
from lookalike.evaluation.outlier_report import OutlierAudit, OutlierUnit
from lookalike.evaluation.outliers import outliers_of
from lookalike.evaluation.quality import TEXT, quality_of
from lookalike.evaluation.quality_report import QualityAudit
from lookalike.evaluation.recorded_fields import LABEL, RecordedField, fields_of, recorded_fields
from lookalike.filters import Filter
from lookalike.gallery import OUTSIDE, Gallery
from lookalike.pictures import Pictures
from lookalike.plugins import suggestion
from lookalike.progress import Progress, followed_by, tracked
from lookalike.readers.burned_in import TextLine, check_reader_of_text, text_in
from lookalike.store import BASE
from lookalike.types import Record
from lookalike.verbs.curation.decisions import DecidedOf

_UNREAD: Final = {
    OUTSIDE: "outside of the folders that this gallery may open",
    "source-gone": "no longer there",
    "elsewhere": "in their PACS",
    "not-found": "erased meanwhile",
}
_SIDE: Final = 2048  # pixels of the longer side of a picture in which text is looked for, at most


@of_one_encoder
def audit(
    gallery: Gallery,
    label_field: str = LABEL,
    other_field: str | None = None,
    *,
    space: str = BASE,
    seed: int = 0,
    progress: Progress | None = None,
) -> ConfoundAudit:
    """Audit a field against the labels; every recorded field if ``other_field`` is None.

    label_field: "label", or an attribute whose values are the classes. progress: called with how many fields are
    done, of how many. Raises MissingExtraError without the
    ``croma`` library, UsageError: unknown fields, fewer than two labels, nothing recorded beside them.
    """
    croma_library()
    names = gallery.store.field_names()
    for name in (label_field, other_field):
        if name is not None and name not in (*names, LABEL):
            raise UsageError(f"no field is called {name!r}.{suggestion(name, [*names, LABEL])}")
    sample = audit_sample(gallery, space, label_field, seed)
    fields, skipped = _fields(sample.records, [name for name in names if name != label_field], other_field)
    with followed_by(progress):
        audited = [(each, audit_field(each, sample, seed)) for each in tracked(fields)]
    return confound_audit(sample, audited, skipped)


def _fields(
    records: Sequence[Record], names: Sequence[str], other: str | None
) -> tuple[list[RecordedField], dict[str, str]]:
    """The fields to audit; and those that cannot be audited, with the reason."""
    if other is None:
        return recorded_fields(records, names)
    fields = fields_of(records, other)
    if not fields:
        raise UsageError(f"{other!r} has one value only, or nearly one a record; it cannot be audited")
    return fields, {}


@of_one_encoder
def audit_duplicates(gallery: Gallery, *, decided: bool = False, progress: Progress | None = None) -> DuplicateAudit:
    """Find the records that are copies of one another: re-encoded, resized, framed, cropped, mirrored or rotated.

    What is compared is the picture as shown, a volume by its middle slice. decided: also pairs of which it was decided
    (``decide``). progress: called with how much is done, of how much. Raises DamagedFileError.
    """
    data, records = every_record(gallery), gallery.store.records()
    with followed_by(progress):
        found = duplicates_within(gallery, data) or ()
    compared = sum(map(bool, gallery.store.thumbnails(records).values()))
    known = DecidedOf(gallery, "duplicates")
    left = [each for each in found if decided or not known.holds(each.first, each.second)]
    audited = duplicate_audit({record.id: record for record in records.values()}, compared, left)
    return replace(audited, warnings=(*audited.warnings, *known.note(len(found) - len(left))))


@of_one_encoder
def audit_outliers(
    gallery: Gallery,
    reference: str | Filter | None = None,
    *,
    reference_cohort: str | None = None,
    reference_gallery: str | os.PathLike[str] | None = None,
    where: str | Filter | None = None,
    space: str = BASE,
    neighbours: int = 5,
    limit: int = 20,
    outlier: str | Filter | None = None,
    per: OutlierUnit = "record",
    decided: bool = False,
    seed: int = 0,
) -> OutlierAudit:
    """List the records farthest from a reference set, such as ``label=normal``. reference_cohort: the reference is of
    the members of a cohort. reference_gallery: another gallery, of the same encoder, that the reference is of, all of
    it where nothing says which. where: which records are compared
    with it, all others without. neighbours: reference records of other patients that a distance is the mean over.
    limit: how many are listed. outlier: which of the compared records are known to be outliers; the result then says
    how well the distances tell them, with an interval. per: "study" compares studies, by the mean over those of their
    records that are compared; a study is known to be an outlier if one of these is. decided: list also records of which
    it was decided, or studies whose farthest record is one of these.

    Raises UsageError: nothing to compare, a filter that cannot be read, no such space. NotFoundError: no such cohort.
    GalleryError, ManifestMismatchError: the other gallery cannot be read, or is of another encoder.
    """
    known = DecidedOf(gallery, "outliers")
    most = limit if decided else limit + len(known)
    audited = outliers_of(
        gallery, reference, where, space, neighbours, most, outlier, seed, per, reference_gallery, reference_cohort
    )
    left = [each for each in audited.outliers if decided or not known.holds(each.id)]
    notes = (*audited.notes, *known.note(len(audited.outliers) - len(left)))
    return replace(audited, outliers=tuple(left[:limit]), notes=notes)


@of_one_encoder
def audit_drift(gallery: Gallery, before: str | Filter, after: str | Filter, *, seed: int = 0) -> DriftAudit:
    """Compare two parts of a gallery, such as two sites, or what came before and after a change: are the pictures of
    the second unlike those of the first, and which labels and recorded values are more or less frequent? Whole patients
    are exchanged in the permutations.

    Raises UsageError: a filter that finds nothing or cannot be read, a record that both find.
    """
    return drift_of(gallery, before, after, seed)


@of_one_encoder
def audit_metadata(
    gallery: Gallery,
    fields: Sequence[str] = (),
    *,
    where: str | Filter | None = None,
    space: str = BASE,
    neighbours: int = 15,
    decided: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> MetadataAudit:
    """List recorded values that the nearest records of other patients contradict, and propose values that are missing.

    fields: by default those that say how a picture was taken (Modality, BodyPartExamined, ViewPosition, Laterality,
    plane, sequence, contrast ...), and modality and sequence as one; ``A+B`` is two fields as one. where: which
    records. neighbours: that vote. Values that pictures alone do not tell here are not listed: how much the vote must
    say against a value is learnt from errors that are planted in the gallery's own values. Nothing is changed. decided:
    list also values that were rejected. progress: called with how many fields are done, of how many.

    Raises UsageError: no such field, nothing to audit, a filter that cannot be read.
    """
    with followed_by(progress):
        audited = metadata_of(gallery, fields, where, space, neighbours, seed)
    known = DecidedOf(gallery, "metadata")
    lists = [
        tuple(each for each in some if decided or not known.holds(each.id, about=each.field, value=each.suggested))
        for some in (audited.suspects, audited.proposed)
    ]
    gone = len(audited.suspects) + len(audited.proposed) - sum(map(len, lists))
    return replace(audited, suspects=lists[0], proposed=lists[1], notes=(*audited.notes, *known.note(gone)))


@of_one_encoder
def audit_quality(
    gallery: Gallery,
    faults: Sequence[str] = (),
    *,
    where: str | Filter | None = None,
    part: str | None = None,
    decided: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> QualityAudit:
    """List pictures that something is wrong with, with what was seen, the number that speaks for it, and what to do.

    faults: of blank, clipped, inverted, upside-down, turned, mirrored, wrong-body-part, burned-in-text; all by default.
    What stands upright is learnt from the gallery's own pictures: it takes 20. where: which records. part: the field
    that names the part of the body; BodyPartExamined, else the label, by default. Text takes the files and the extra
    ``ocr``; without it all but text are looked for, and the result says so. decided: list also faults of which it was
    decided. progress: called with how many steps are done, of how many. Nothing is changed.

    Raises UsageError: no such fault or field, no picture, a filter that cannot be read. MissingExtraError: text alone
    is asked for, or by name, without ``ocr``.
    """
    missing = _no_reader() if TEXT in faults or not faults else ""
    if missing and TEXT in faults:
        check_reader_of_text("refuse")
    with followed_by(progress):
        if missing:
            return _undecided(gallery, quality_of(gallery, faults, where, part, seed, missing), decided)
        pictures = Pictures(gallery)
        try:
            audited = quality_of(gallery, faults, where, part, seed, lambda record: _lines(pictures, record))
        finally:
            pictures.close()
    return _undecided(gallery, audited, decided)


def _undecided(gallery: Gallery, audited: QualityAudit, decided: bool) -> QualityAudit:
    """Without the faults of which it was decided."""
    known = DecidedOf(gallery, "quality")
    left = tuple(each for each in audited.findings if decided or not known.holds(each.id, about=each.fault))
    listed = Counter(each.fault for each in left)
    faults = tuple(replace(each, listed=listed[each.fault]) for each in audited.faults)
    notes = (*audited.notes, *known.note(len(audited.findings) - len(left)))
    return replace(audited, faults=faults, findings=left, notes=notes)


def _no_reader() -> str:
    """Why no text can be read; "" where it can."""
    try:
        check_reader_of_text("refuse")
    except MissingExtraError as error:
        return str(error)
    return ""


def _lines(pictures: Pictures, record: Record) -> list[TextLine] | str:
    """The lines of text in a record's picture, drawn from its file; why it could not be read."""
    try:
        shown = pictures.of_record(record.id, size=_SIDE)
    except NotFoundError as error:
        cause = error.__cause__
        return REASONS[cause.reason] if isinstance(cause, UnreadableImageError) else _UNREAD[error.reason]
    with PIL.Image.open(io.BytesIO(shown.jpeg)) as opened:
        return text_in(np.asarray(opened.convert("L")))
