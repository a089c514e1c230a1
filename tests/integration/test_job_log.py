"""The log of a job: what it did, bounded, without a word of whom; by command, and after an erasure."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import PIL.Image
import pytest
from click.testing import CliRunner

from drawn_shapes import drawn, shown_to, write
from lookalike.cli import main
from lookalike.gallery import open_gallery
from lookalike.job_queue import taken_job
from lookalike.job_steps import LoggedStep, bounded_log, log_step, steps_followed_by
from lookalike.server.jobs.process import do_job
from lookalike.verbs.jobs import JobInfo, job_info, list_jobs, submit_job
from lookalike.verbs.records import browse, remove

pytestmark = pytest.mark.sqlite_file  # a copy of the folder is another gallery

NAME = "zyxomma"  # of a patient


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shapes")
    with shown_to(base / "gallery", write(base / "pictures", 6)) as gallery:
        return gallery.folder


@pytest.fixture
def folder(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = shutil.copytree(Path(os.environ["LOOKALIKE_CONFIG"]), tmp_path / "configuration")
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(copy))
    return Path(shutil.copytree(shapes, tmp_path / "gallery"))


def done(folder: Path, kind: str, **arguments: object) -> JobInfo:
    """A job that this process has done."""
    with open_gallery(folder) as gallery:
        job = submit_job(gallery, kind, arguments, "anna")
        with taken_job(gallery) as task:
            assert task is not None
            do_job(str(folder), job.id)
    with open_gallery(folder) as gallery:
        return job_info(gallery, job.id)


EVALUATION = {"space": "base", "folds": 2, "seed": 0, "k": [1], "protocol": None, "options": {}}


def steps(job: JobInfo) -> dict[str, dict[str, int]]:
    return {each.step: dict(each.counts) for each in job.progress.log}


def test_an_evaluation_says_its_stages_and_what_came_of_it(folder: Path) -> None:
    job = done(folder, "evaluate", **EVALUATION)
    assert job.state == "done"
    told = steps(job)
    assert next(iter(told)) == "started"
    assert told["ranking"] == {"rounds": 2}
    assert told["done"]["queries"] == 12
    assert "seed" not in told["done"]
    times = [each.time for each in job.progress.log]
    assert times == sorted(times)
    assert job.started is not None
    assert job.finished is not None
    assert job.started <= times[0] <= times[-1] <= job.finished


def test_refusals_are_told_by_reason_and_nobody_by_name(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / NAME
    new.mkdir()
    PIL.Image.fromarray(drawn("disc", 900)).save(new / f"{NAME}.png")
    for number in (1, 2):
        (new / f"{NAME}-{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    job = done(folder, "index", sources=[str(new)], labels=None, label_columns=[])
    assert job.state == "done"
    refused = [each for each in job.progress.log if each.step.startswith("refused: ")]
    assert [(each.warning, sum(each.counts.values())) for each in refused] == [(True, 2)]
    assert steps(job)["done"]["added"] == 1
    assert steps(job)["reading and encoding"] == {"items": 3}
    assert NAME not in json.dumps(steps(job))


def test_a_failed_job_keeps_what_it_did(folder: Path) -> None:
    job = done(folder, "evaluate", **{**EVALUATION, "folds": 1000})
    assert job.state == "failed"
    assert list(steps(job))[:1] == ["started"]
    assert "done" not in steps(job)


def test_logs_stay_when_records_go_and_listings_leave_them_out(folder: Path) -> None:
    job = done(folder, "evaluate", **EVALUATION)
    with open_gallery(folder) as gallery:
        remove(gallery, [browse(gallery).items[0].id])
        assert job_info(gallery, job.id).progress.log == job.progress.log
        assert [each.progress.log for each in list_jobs(gallery).items] == [()]


def test_the_command_shows_them(folder: Path) -> None:
    job = done(folder, "evaluate", **EVALUATION)
    listed = CliRunner().invoke(main, ["jobs", "list", "--gallery", str(folder)])
    assert listed.exit_code == 0, listed.output
    assert job.id in listed.output
    shown = CliRunner().invoke(main, ["jobs", "show", job.id, "--gallery", str(folder)])
    assert "ranking" in shown.output
    assert "queries 12" in shown.output
    found = json.loads(CliRunner().invoke(main, ["jobs", "show", job.id, "--gallery", str(folder), "--json"]).output)
    assert [each["step"] for each in found["progress"]["log"]] == [each.step for each in job.progress.log]
    gone = CliRunner().invoke(main, ["jobs", "show", "none", "--gallery", str(folder)])
    assert gone.exit_code == 1


def test_a_log_is_bounded_and_says_what_is_left_out() -> None:
    log: list[LoggedStep] = []
    with steps_followed_by(lambda step: log.__setitem__(slice(None), bounded_log([*log, step]))):
        for number in range(1000):
            log_step(f"step {number}")
    log_step("nobody follows")
    assert len(log) == 120
    assert (log[0].step, log[-1].step) == ("step 0", "step 999")
    (cut,) = (each for each in log if each.step == "steps left out")
    assert cut.counts == {"steps": 1000 - 119}
