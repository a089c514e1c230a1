"""The points of a job's curves: kept within a bound, every curve from its first point on."""

from __future__ import annotations

from pathlib import Path

from lookalike.gallery import open_gallery
from lookalike.job_queue import taken_job
from lookalike.learning_curves import TrainingPoint, thinned
from lookalike.server.jobs.noted import MOST_POINTS, NotedProgress
from lookalike.verbs.jobs import job_info, list_jobs, submit_job


def test_every_other_point_of_each_curve_is_kept() -> None:
    points = [TrainingPoint(measure, "", step, 0.0) for step in range(5) for measure in ("loss", "accuracy")]
    kept = thinned(points)
    assert [(point.measure, point.step) for point in kept] == [
        (measure, step) for step in (0, 2, 4) for measure in ("loss", "accuracy")
    ]


def test_a_job_tells_its_points_and_a_listing_does_not(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        submitted = submit_job(gallery, "adapt", {}, "local")
        with taken_job(gallery) as task:
            assert task is not None
        note = NotedProgress(gallery, submitted.id)
        for step in range(3 * MOST_POINTS):
            note.point(TrainingPoint("loss", "", step, 1.0, 0.5, None))
        note(7, 9)
        note.note()
        progress = job_info(gallery, submitted.id).progress
        assert (progress.done, progress.total) == (7, 9)
        assert 0 < len(progress.points) <= MOST_POINTS
        assert progress.points[0] == TrainingPoint("loss", "", 0, 1.0, 0.5, None)
        assert [job.progress.points for job in list_jobs(gallery)] == [()]
        assert list_jobs(gallery)[0].progress.done == 7
        note.begin()  # records were removed: it is done once more
        note(1, 9)
        note.note()
        assert job_info(gallery, submitted.id).progress.points == ()
