"""A clock that jumps ten years, back and forth: no job, no label and no upload is lost, doubled or out of reach."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import write_pictures
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.jobs import add_job, finish_job, next_job, page_of_jobs
from lookalike.verbs.curation.labelling import label, label_log, undo_labels
from lookalike.verbs.index import index

YEARS = 10 * 365 * 86_400.0
NOW = 1_790_000_000.0


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """Every look at the clock is ten years from the one before."""
    jumps = itertools.cycle([0.0, YEARS, -YEARS, YEARS / 2, -YEARS / 2])
    monkeypatch.setattr("time.time", lambda: NOW + next(jumps))
    return NOW


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        yield opened


def test_jobs_are_listed_once_each_and_run_once_each(gallery: Gallery, jumping: float) -> None:
    made = [add_job(gallery.store, "map", {}, "me").id for _ in range(12)]
    listed: list[str] = []
    cursor = None
    for _ in range(20):
        page, cursor = page_of_jobs(gallery.store, 5, cursor)
        listed += [job.id for job in page]
        if cursor is None:
            break
    assert sorted(listed) == sorted(made)
    ran = []
    while (job := next_job(gallery.store)) is not None:
        ran.append(job.id)
        assert finish_job(gallery.store, job.id, "done")
        assert not finish_job(gallery.store, job.id, "failed")
    assert sorted(ran) == sorted(made)


def test_the_log_of_labels_is_in_the_order_of_what_was_done(gallery: Gallery, jumping: float) -> None:
    ids = sorted(record.id for record in gallery.store.records().values())
    for number in range(6):
        label(gallery, ids[:2], set=[f"said {number}"])
    changes = label_log(gallery).items
    assert [change.added for change in changes] == [(f"said {number}",) for number in range(5, -1, -1)]
    for number in range(5, 0, -1):
        undo_labels(gallery)
        assert gallery.store.record(ids[0]).labels == (f"said {number - 1}",)
