"""What a PACS holds, by its metadata: studies, their series, the instances of these; nothing of it is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

from lookalike.sources.dicomweb import qido
from lookalike.sources.dicomweb.origin import PacsOrigin
from lookalike.sources.dicomweb.qido import Row, Tally, count_of, listed, text
from lookalike.sources.pacs import ListedSeries, ListedStudy

_AHEAD: Final = 4  # studies that are listed ahead of the one that is looked at, for each request at a time

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def list_studies(origin: PacsOrigin, tally: Tally) -> list[ListedStudy]:
    """The studies that the address selects, by UID. Raises PacsError."""
    asked = {**origin.address.matching("studies"), "includefield": [qido.SERIES_OF_STUDY, qido.INSTANCES_OF_STUDY]}
    rows = listed(origin, "studies", qido.STUDY, asked, tally)
    studies = (ListedStudy(text(row, qido.STUDY), _counts(row)) for row in rows)
    return sorted(studies, key=lambda study: study.uid)


def _counts(row: Row) -> tuple[int | None, int | None]:
    return count_of(row, qido.SERIES_OF_STUDY), count_of(row, qido.INSTANCES_OF_STUDY)


def list_series(origin: PacsOrigin, studies: Iterable[ListedStudy], tally: Tally) -> Iterator[list[ListedSeries]]:
    """The series of each study that the address selects, with their instances, several studies at the same time.

    Raises PacsError.
    """
    with ThreadPoolExecutor(origin.limits.at_once, "pacs") as threads:
        yield from _ahead(threads, lambda study: _series_of(origin, study, tally), studies, origin.limits.at_once)


def _ahead(
    threads: ThreadPoolExecutor, make: Callable[[_Given], _Made], given: Iterable[_Given], at_once: int
) -> Iterator[_Made]:
    """What ``make`` gives for each, in their order, few ahead of what is consumed."""
    waiting = iter(given)
    begun = [threads.submit(make, each) for each in islice(waiting, _AHEAD * at_once)]
    try:
        while begun:
            yield begun.pop(0).result()
            begun += [threads.submit(make, each) for each in islice(waiting, 1)]
    finally:
        for each in begun:
            each.cancel()


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
