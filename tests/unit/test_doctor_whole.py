"""What doctor says of the store and of the jobs; tests/packaging/test_cluster.py asks it of a whole cluster."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import update

from lookalike.gallery import Gallery
from lookalike.server.jobs.runner import Runner
from lookalike.store.jobs import add_job, job_of, next_job
from lookalike.store.schema import JOBS
from lookalike.verbs.doctor import Check, doctor

pytestmark = pytest.mark.both_databases


def told(gallery: Gallery) -> dict[str, Check]:
    return {check.name: check for check in doctor(gallery).checks}


def hours_ago(gallery: Gallery, column: str) -> None:
    with gallery.store.begin(write=True) as connection:
        connection.execute(update(JOBS).values({column: time.time() - 3600}))


def test_the_store_is_named(make_gallery: Callable[..., Gallery], store_url: str) -> None:
    found = told(make_gallery())["store"]
    if not store_url:
        assert found == Check("store", "ok", "SQLite, gallery.db in the gallery's folder")
        return
    assert "PostgreSQL 1" in found.detail
    assert found.detail.partition("; ")[2].startswith("fsync or synchronous_commit is off")  # as the tests' server is
    assert found.state == "missing"


def test_jobs_that_nobody_does_are_told(make_gallery: Callable[..., Gallery], store_url: str) -> None:
    gallery = make_gallery()
    assert told(gallery)["jobs"] == Check("jobs", "ok", "0 wait, 0 are done, 0 failed")
    add_job(gallery.store, "map", {}, "somebody")
    assert told(gallery)["jobs"] == Check("jobs", "ok", "1 wait, 0 are done, 0 failed")
    hours_ago(gallery, "created")
    assert told(gallery)["jobs"].detail.endswith("s: start lookalike serve")
    assert next_job(gallery.store) is not None
    hours_ago(gallery, "started")
    found = told(gallery)["jobs"]
    if store_url:
        assert found.detail == "0 wait, 1 are done, 0 failed; a service that has ended left 1, which another takes over"
    else:
        assert found.state == "ok"


def test_a_service_of_no_workers_leaves_jobs_to_others(make_gallery: Callable[..., Gallery]) -> None:
    """Neither what waits nor what runs is touched as it starts."""
    gallery = make_gallery()
    waits, runs = (add_job(gallery.store, "map", {}, "somebody") for _ in range(2))
    assert next_job(gallery.store) is not None
    runner = Runner(gallery, 0)
    runner.start()
    runner.wake()
    time.sleep(3)  # longer than between two looks
    runner.stop()
    assert [job_of(gallery.store, job.id).state for job in (waits, runs)] == ["running", "queued"]
