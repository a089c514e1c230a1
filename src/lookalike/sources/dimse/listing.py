"""What a PACS lists by C-FIND (DICOM PS3.4 C.4.1): studies, their series, the instances of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from lookalike.sources.dimse.address import DimseAddress
from lookalike.sources.dimse.scu import PacsScu
from lookalike.sources.pacs import ListedSeries, ListedStudy, is_uid
from lookalike.sources.pacs_days import Days, complete_list, days_of
from lookalike.sources.pacs_lists import Tally, made_ahead

_SERIES_OF_STUDY, _INSTANCES_OF_STUDY = "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"
_INSTANCES_OF_SERIES: Final = "NumberOfSeriesRelatedInstances"

_Rows: TypeAlias = dict[str, dict[str, str]]


class Find:
    """The lists of one PACS. tally: what is noticed of them."""

    def __init__(self, scu: PacsScu, address: DimseAddress, tally: Tally) -> None:
        self._scu, self._address, self._tally = scu, address, tally

    def studies(self) -> list[ListedStudy]:
        """The studies that the address selects, by UID. Raises PacsError."""
        days = days_of(self._address.matching("studies").get("StudyDate", ""))
        return complete_list(self._studies, days, self._tally)

    def series_of(self, studies: Iterable[ListedStudy], at_once: int) -> Iterator[list[ListedSeries]]:
        """The series of each study that the address selects, with their instances. Raises PacsError."""
        return made_ahead(self._series, studies, at_once)

    def _studies(self, days: Days) -> tuple[dict[str, ListedStudy], bool]:
        counts = dict.fromkeys((_SERIES_OF_STUDY, _INSTANCES_OF_STUDY, "PatientID"), "")
        asked = {**counts, **self._address.matching("studies"), "StudyDate": str(days)}
        rows, is_all = self._rows("STUDY", "StudyInstanceUID", asked)
        found = {uid: ListedStudy(uid, _counts(row), row["PatientID"], row["StudyDate"]) for uid, row in rows.items()}
        return found, is_all

    def _series(self, study: ListedStudy) -> list[ListedSeries]:
        filters = self._address.matching("series")
        asked = {"StudyInstanceUID": study.uid, "Modality": "", _INSTANCES_OF_SERIES: "", **filters}
        rows, is_all = self._rows("SERIES", "SeriesInstanceUID", asked)
        self._compare(len(rows), None if filters else study.counts[0], is_all=is_all)
        return [self._with_instances(study, uid, rows[uid]) for uid in sorted(rows)]

    def _with_instances(self, study: ListedStudy, series: str, row: Mapping[str, str]) -> ListedSeries:
        asked = {"StudyInstanceUID": study.uid, "SeriesInstanceUID": series, "SOPClassUID": ""}
        rows, is_all = self._rows("IMAGE", "SOPInstanceUID", asked)
        self._compare(len(rows), _count(row[_INSTANCES_OF_SERIES]), is_all=is_all)
        instances = tuple((uid, rows[uid]["SOPClassUID"]) for uid in sorted(rows))
        return ListedSeries(study.uid, series, row["Modality"], instances)

    def _compare(self, listed: int, expected: int | None, *, is_all: bool) -> None:
        lacks = self._tally.compare(listed, expected)
        self._tally.stuck += not is_all and not lacks

    def _rows(self, level: str, keyword: str, asked: Mapping[str, str]) -> tuple[_Rows, bool]:
        """The rows of a list by their UIDs, and whether they are all."""
        rows, is_all = self._scu.find(level, {**asked, keyword: ""})
        usable = [row for row in rows if is_uid(row.get(keyword, ""))]
        found = {row[keyword]: row for row in usable}
        self._tally.without += len(rows) - len(usable)
        self._tally.repeated += len(usable) - len(found)
        return found, is_all


def _counts(row: Mapping[str, str]) -> tuple[int | None, int | None]:
    return _count(row[_SERIES_OF_STUDY]), _count(row[_INSTANCES_OF_STUDY])


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None
