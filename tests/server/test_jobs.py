"""Jobs: done one by one in processes of their own, watched, cancelled, taken up after a restart."""

from __future__ import annotations

import os
import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import PIL.Image
import psutil
import pytest
from endless import endless
from served import API, RECORDS, Server, eventually, make_gallery, problem, serving, whole

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.server.jobs.process import JobProcess
from lookalike.server.serialise import plain
from lookalike.store.jobs import INTERRUPTED, add_job, job_of, next_job, resume_jobs
from lookalike.verbs.audit import audit_drift, audit_outliers

MANY = 120
JOB = "lookalike.server.jobs.process"  # what the process that does a job is called


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that can be indexed: half of it, while ``half_indexed``."""
    folder = tmp_path_factory.mktemp("many")
    for i in range(MANY):
        PIL.Image.fromarray(texture(1000 + i)).save(folder / f"m{i:03}.png")
    return folder


def half_indexed(many: Path) -> AbstractContextManager[None]:
    """Within, a job that indexes the folder is in the middle of it, and stays there."""
    return endless(many / f"m{MANY // 2:03}-endless.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_gallery(tmp_path)


def picture(folder: Path, seed: int) -> Path:
    path = folder / f"new{seed}.png"
    PIL.Image.fromarray(texture(seed)).save(path)
    return path


def records(server: Server) -> int:
    return int(server.get("/gallery").json()["records"])


def test_uploads_are_indexed_with_labels_and_stay(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    table.write_text("file,label\nnew500.png,found\n")
    with serving(folder) as server:
        uploads = [server.upload(picture(tmp_path, seed)) for seed in (500, 501)]
        body = {"uploads": uploads, "labels_csv": server.upload(table)}
        job = server.job(server.post("/index", body))
        assert (job["state"], job["kind"], job["owner"], job["error"]) == ("done", "index", "local", None)
        assert job["result"]["added"] == 2
        assert job["progress"]["done"] == job["progress"]["total"] > 0
        assert job["created"] <= job["started"] <= job["finished"]
        assert records(server) == RECORDS + 2
        (found,) = server.get("/records", params={"where": "label=found"}).json()["items"]
        assert found["source"] == "new500.png"
        again = server.job(server.post("/index", {"uploads": uploads}))
        assert (again["result"]["added"], again["result"]["skipped"]) == (0, 2)
        kept = folder / "sources"
        assert sorted(path.name for path in kept.rglob("*.png")) == ["new500.png", "new501.png"]
    with serving(folder) as server:  # the uploads are gone, what was indexed is not
        assert server.get(f"/records/{found['id']}/file").content == picture(tmp_path, 500).read_bytes()
        assert [job["state"] for job in server.get("/jobs").json()["items"]] == ["done", "done"]
        assert server.http.delete(f"{API}/records/{found['id']}").json() == whole(1)
        assert [path.name for path in kept.rglob("*.png")] == ["new501.png"]


def test_an_import_folder_is_indexed_while_others_search(folder: Path, many: Path) -> None:
    with serving(folder, "--import", f"more={many}", cold=True) as server:
        assert server.get("/gallery").json()["imports"] == ["more"]
        problem(server.post("/index", {"import": "less"}), 404, "no-import")
        problem(server.post("/index", {"import": "more", "uploads": ["x"]}), 422, "invalid")
        with half_indexed(many):
            accepted = server.post("/index", {"import": "more"})
            assert str(many) not in accepted.text
            where = accepted.headers["location"]
            server.wait(where, lambda job: job["progress"]["done"] > 0)
            for _ in range(5):
                assert server.post("/search", {"query": {"vector": [1.0] * 384}}).status_code == 200
            half = server.http.get(where).json()
            progress = half["progress"]
            assert half["state"] == "running"
            assert 0 < progress["done"] < progress["total"] == MANY + 1
            assert progress["rate"] > 0
            assert progress["seconds_left"] > 0
        ended = server.job(accepted)
        assert ended["state"] == "done", ended
        assert ended["result"]["added"] == MANY
        found = server.post("/search", {"query": {"vector": [1.0] * 384}, "k": 1000}).json()
        assert len(found["hits"]) == RECORDS + MANY


@pytest.mark.slow  # the verb and the other jobs are tested every time
def test_a_tuning_is_a_job(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "models"))
    with serving(folder) as server:
        problem(server.post("/tune", {"name": "mine", "to": "/tmp"}), 422, "invalid")
        job = server.job(server.post("/tune", {"name": "mine", "epochs": 1}))
        taken = server.job(server.post("/tune", {"name": "lite0-inner"}))
        assert (job["state"], job["kind"], job["error"]) == ("done", "tune", None)
        result = job["result"]
        assert result["records"] + result["judgement"]["queries"] == RECORDS
        assert result["judgement"]["figures"].keys() >= {"base", "linear", "tuned"}
        assert (result["accepted"], result["folder"]) == ((tmp_path / "models" / "mine").exists(), "")
        assert job["progress"]["done"] == job["progress"]["total"] > 0
        assert {point["measure"] for point in job["progress"]["points"]} == {"loss"}
        assert str(tmp_path) not in server.get(f"/jobs/{job['id']}").text
        assert (taken["state"], "there is an encoder" in taken["error"]) == ("failed", True)


def test_a_job_is_cancelled_and_the_next_one_goes_on(folder: Path, many: Path) -> None:
    with half_indexed(many), serving(folder, "--import", f"more={many}", cold=True) as server:
        first, second = (server.post("/index", {"import": "more"}).headers["location"] for _ in range(2))
        by_site = {"field": "site", "labels": ["north", "south"]}
        waiting = server.post("/adapt", {"name": "s", "kind": "linear", **by_site})
        unknown = server.post("/adapt", {"name": "t", "kind": "linaer"})
        server.wait(first, lambda job: job["state"] == "running" and job["progress"]["done"] > 0)
        working = workers(server)
        assert len(working) == 1
        assert server.http.delete(first).status_code == 202
        assert server.http.delete(second).json()["state"] in ("cancelled", "running", "queued")
        server.http.delete(second)
        assert server.http.get(first).json()["state"] == "cancelled"
        assert server.job(waiting)["state"] == "done"
        assert "Did you mean 'linear'" in server.job(unknown)["error"]
        assert server.http.get(second).json()["state"] == "cancelled"
        assert 0 <= records(server) - RECORDS < MANY
        assert not psutil.wait_procs(working, 300)[1]
        spaces = server.get("/spaces").json()["items"]
        assert by_site.items() <= next(space for space in spaces if space["name"] == "s").items()
        assert server.http.delete(f"{API}/spaces/s").status_code == 204
        problem(server.http.delete(f"{API}/spaces/s"), 404, "no-space")
        problem(server.http.delete(f"{API}/spaces/base"), 400, "usage")


def workers(server: Server) -> list[psutil.Process]:
    """The processes that do jobs: children of the one that forks them."""
    return [one for each in server.process.children() if JOB in " ".join(words(each)) for one in each.children()]


def words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_a_server_that_is_killed_leaves_its_jobs_to_the_next(folder: Path, many: Path) -> None:
    with half_indexed(many), serving(folder, "--import", f"more={many}", code=-9, cold=True) as server:
        where = server.post("/index", {"import": "more"}).headers["location"]
        server.wait(where, lambda job: job["progress"]["done"] > 0)
        server.process.kill()
    with open_gallery(folder) as gallery:
        assert job_of(gallery.store, where.rpartition("/")[2]).state == "running"
    with serving(folder) as server:
        job = server.wait(where, lambda job: job["state"] not in ("queued", "running"))
        assert job["state"] == "done", job
        assert records(server) == RECORDS + MANY


def test_jobs_are_done_when_what_forks_them_was_killed(folder: Path) -> None:
    with serving(folder, cold=True) as server:
        assert server.job(server.post("/audit/duplicates"))["state"] == "done"
        (forks,) = [one for one in server.process.children() if JOB in " ".join(words(one))]
        forks.kill()
        assert server.job(server.post("/audit/duplicates"))["state"] == "done"


def test_a_job_is_done_though_what_should_fork_it_is_killed_as_it_is_asked(folder: Path) -> None:
    with serving(folder, cold=True) as server:
        assert server.job(server.post("/audit/duplicates"))["state"] == "done"
        (forks,) = [one for one in server.process.children() if JOB in " ".join(words(one))]
        forks.suspend()  # it has what is asked, and does nothing yet
        asked = server.post("/audit/duplicates")
        eventually(lambda: server.get(f"/jobs/{asked.json()['id']}").json()["state"], lambda state: state == "running")
        forks.kill()
        assert server.job(asked)["state"] == "done"


def test_what_cannot_be_repeated_has_failed(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        job = add_job(gallery.store, "adapt", {"name": "s", "kind": "linear", "seed": 0}, "local")
        assert next_job(gallery.store).id == job.id  # type: ignore[union-attr]
        assert next_job(gallery.store) is None
        assert job_of(gallery.store, job.id).state == "running"
    with serving(folder) as server:
        said = server.get(f"/jobs/{job.id}").json()
        assert (said["state"], said["error"]) == ("failed", INTERRUPTED)


def test_a_job_that_was_interrupted_keeps_its_place(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        first, second, third = (add_job(gallery.store, "map", {}, "local").id for _ in range(3))
        running = next_job(gallery.store)
        assert running is not None
        assert running.id == first
        resume_jobs(gallery.store, ("map",))  # what the next server does
        done = [next_job(gallery.store) for _ in range(3)]
        assert [job and job.id for job in done] == [first, second, third]


def test_evaluate_map_and_audit(folder: Path) -> None:
    with serving(folder) as server:
        problem(server.get("/map", params={"method": "tsne"}), 404, "not-made")
        evaluated = server.job(server.post("/evaluate", {"space": "base", "folds": 2, "k": [1, 3]}))
        assert evaluated["state"] == "done", evaluated
        assert set(evaluated["result"]["micro"]) == {"P@1", "P@3"}
        where = f"/jobs/{evaluated['id']}/report"
        for form, start in (
            ("md", "**Precision"),
            ("csv", "class,"),
            ("tex", "\\"),
            ("json", "{"),
            ("html", "<!doctype"),
        ):
            report = server.get(where, params={"format": form})
            assert report.status_code == 200
            assert form in report.headers["content-disposition"]
            assert report.text.lstrip().startswith(start), report.text[:80]
            assert "even" in report.text or form == "html"
        problem(server.get(where, params={"format": "exe"}), 422, "invalid")
        mapped = server.job(server.post("/map", {"method": "tsne"}))
        problem(server.get(f"/jobs/{mapped['id']}/report"), 404, "no-report")
        drawn = server.get("/map", params={"method": "tsne"}).json()
        assert len(drawn["ids"]) == len(drawn["x"]) == len(drawn["y"]) == RECORDS
        wrong = server.job(server.post("/evaluate", {"space": "nowhere"}))
        assert wrong["state"] == "failed"
        assert "nowhere" in wrong["error"]
        problem(server.get("/jobs/nobody"), 404, "not-found")
        page = server.get("/jobs", params={"limit": 2}).json()
        assert [job["kind"] for job in page["items"]] == ["evaluate", "map"]
        rest = server.get("/jobs", params={"limit": 2, "cursor": page["next_cursor"]}).json()
        assert [job["kind"] for job in rest["items"]] == ["evaluate"]


def test_outliers_and_drift_are_jobs(folder: Path) -> None:
    with serving(folder) as server:
        found = server.job(
            server.post("/audit/outliers", {"reference": "label=even", "outlier": "label=odd", "limit": 3})
        )
        assert found["state"] == "done", found
        with open_gallery(folder) as gallery:
            same = audit_outliers(gallery, "label=even", outlier="label=odd", limit=3)
            drift = audit_drift(gallery, "label=even", "label=odd")
        assert [each["id"] for each in found["result"]["outliers"]] == [each.id for each in same.outliers]
        assert all("/" not in each["source"] for each in found["result"]["outliers"])
        assert found["result"]["known"]["outliers"] == RECORDS // 2
        told = server.job(server.post("/audit/drift", {"before": "label=even", "after": "label=odd"}))["result"]
        assert (told["before"], told["after"], told["shares"]) == (drift.before, drift.after, plain(drift.shares))
        problem(server.post("/audit/outliers", {}), 422, "invalid")
        wrong = server.job(server.post("/audit/drift", {"before": "label=even", "after": "label=even"}))
        assert (wrong["state"], "in both" in wrong["error"]) == ("failed", True)


@pytest.fixture(autouse=True)
def _tidy(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_job_that_ended_by_itself_may_be_killed(folder: Path) -> None:
    """Between its end and whoever waits for it a service may stop."""
    with open_gallery(folder) as gallery:
        job = add_job(gallery.store, "duplicates", {}, "local")
    process = JobProcess(str(folder), job.id, "duplicates")
    (process._held,) = socket.recv_fds(process._control, 1, 1)[1]
    select.select([process._held], [], [], 60)
    process.kill()
    os.close(process._held)
