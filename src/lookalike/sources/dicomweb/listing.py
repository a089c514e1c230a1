"""What a PACS holds, by its metadata: studies, their series, the instances of these; nothing of it is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lookalike.sources.dicomweb import qido
from lookalike.sources.dicomweb.origin import PacsOrigin
from lookalike.sources.dicomweb.qido import Row, count_of, listed, text
from lookalike.sources.pacs import ListedSeries, ListedStudy
from lookalike.sources.pacs_days import Days, complete_list, days_of
from lookalike.sources.pacs_lists import Tally, made_ahead


def list_studies(origin: PacsOrigin, tally: Tally) -> list[ListedStudy]:
    """The studies that the address selects, by UID. Raises PacsError."""
    matching = origin.address.matching("studies")
    fields = [qido.SERIES_OF_STUDY, qido.INSTANCES_OF_STUDY, qido.PATIENT]

    def list_days(days: Days) -> tuple[dict[str, ListedStudy], bool]:
        dates, stuck = {"StudyDate": str(days)} if str(days) else {}, tally.stuck
        rows = listed(origin, "studies", qido.STUDY, {**matching, **dates, "includefield": fields}, tally)
        is_all, tally.stuck = tally.stuck == stuck, stuck  # what is stuck may be had by fewer days
        studies = (ListedStudy(text(row, qido.STUDY), _counts(row), *_whose(row)) for row in rows)
        return {study.uid: study for study in studies}, is_all

    return complete_list(list_days, days_of(matching.get("StudyDate", "")), tally)


def _whose(row: Row) -> tuple[str, str]:
    return text(row, qido.PATIENT), text(row, qido.DATE)


def _counts(row: Row) -> tuple[int | None, int | None]:
    return count_of(row, qido.SERIES_OF_STUDY), count_of(row, qido.INSTANCES_OF_STUDY)


def list_series(origin: PacsOrigin, studies: Iterable[ListedStudy], tally: Tally) -> Iterator[list[ListedSeries]]:
    """The series of each study that the address selects, with their instances, several studies at the same time.

    Raises PacsError.
    """
    return made_ahead(lambda study: _series_of(origin, study, tally), studies, origin.limits.at_once)


def _series_of(origin: PacsOrigin, study: ListedStudy, tally: Tally) -> list[ListedSeries]:
    matching = origin.address.matching("series")
    asked = {**matching, "includefield": [qido.MODALITY, qido.INSTANCES_OF_SERIES]}
    expected = None if matching else study.counts[0]
    rows = listed(origin, f"studies/{study.uid}/series", qido.SERIES, asked, tally, expected)
    return [_with_instances(origin, study.uid, row, tally) for row in sorted(rows, key=_series_uid)]


def _series_uid(row: Row) -> str:
    return text(row, qido.SERIES)


def _with_instances(origin: PacsOrigin, study: str, row: Row, tally: Tally) -> ListedSeries:
    uid, expected = _series_uid(row), count_of(row, qido.INSTANCES_OF_SERIES)
    resource, asked = f"studies/{study}/series/{uid}/instances", {"includefield": [qido.SOP_CLASS]}
    rows: Sequence[Row] = listed(origin, resource, qido.INSTANCE, asked, tally, expected)
    instances = sorted((text(each, qido.INSTANCE), text(each, qido.SOP_CLASS)) for each in rows)
    return ListedSeries(study, uid, text(row, qido.MODALITY), tuple(instances))
