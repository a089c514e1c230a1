"""Removals that wait for their turn are one erasure; jobs that read end while records are removed, and name none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest
from served import API, PATIENCE, RECORDS, Server, eventually, make_gallery, serving
from test_erasure import Person, came_by_command, of, scratch, traces

from conftest import texture
from lookalike.adapters import fit_adapter
from lookalike.erasing import Named
from lookalike.errors import NotFoundError
from lookalike.gallery import Gallery, open_gallery
from lookalike.job_queue import count_erasures, end_job, taken_job
from lookalike.mapping.layout import lay_out
from lookalike.progress import Progress
from lookalike.server.jobs.erased import ErasedMeanwhile
from lookalike.server.jobs.process import WORK, do_job
from lookalike.server.serialise import plain
from lookalike.store.cohorts import cohort_members
from lookalike.store.place import is_elsewhere
from lookalike.verbs.adapt import adapt
from lookalike.verbs.cohorts.cohorts import save_cohort
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.jobs import JobInfo, job_info, job_report, submit_job
from lookalike.verbs.map import kept_map, map_gallery
from lookalike.verbs.records import Removal, browse, remove, remove_each

__all__ = ["scratch"]
MANY = 60
KINDS: dict[str, dict[str, Any]] = {
    "evaluate": {"space": "base", "folds": 2, "seed": 0, "k": [1], "protocol": None, "options": {}},
    "map": {"method": "tsne", "space": "base"},
    "split": {"name": "all"},
    "adapt": {"name": "odd", "kind": "linear"},
    "export": {"most_bytes": 1 << 30, "burned_in": "keep"},
}


def erased_at_once(server: Server, folder: Path, paths: Sequence[str]) -> list[httpx.Response]:
    """What removals are answered that have all come before the first can begin."""
    with ThreadPoolExecutor(len(paths)) as threads, open_gallery(folder) as other:
        with other.erasing(60):
            asked = [
                threads.submit(httpx.delete, f"{server.http.base_url}{API}{path}", timeout=PATIENCE) for path in paths
            ]
            eventually(lambda: connections(server), lambda there: there >= len(paths))
        return [each.result() for each in asked]


def connections(server: Server) -> int:
    return sum(each.status == "ESTABLISHED" for each in server.process.net_connections("tcp"))


def test_removals_that_wait_are_one_erasure(tmp_path: Path, scratch: Path) -> None:
    folder, person = make_gallery(tmp_path), Person("zyxomma", 700, tmp_path)
    came_by_command(person, folder)
    with serving(folder) as server:
        (group,) = {one["patient"] for one in of(person, server)}
        items = [one for one in server.get("/records").json()["items"] if one["patient"] != group]
        ids = [one["id"] for one in items[:8]]
        paths = [*(f"/records/{identity}" for identity in ids), f"/patients/{group}", "/records/0123456789abcdef"]
        paths += [f"/records/{ids[0]}"]
        *each, of_person, unknown, twice = erased_at_once(server, folder, paths)
        told = [answer.json().get("records") for answer in (*each, of_person)]
        assert sorted([told[0] or 0, twice.json().get("records") or 0]) == [0, 1]  # whoever comes first
        assert told[1:] == [1] * 7 + [2]
        assert {answer.json()["erased"] for answer in (*each[1:], of_person)} == {True}
        gone = [unknown, each[0] if told[0] is None else twice]
        assert [(answer.status_code, answer.json()["reason"]) for answer in gone] == [(404, "not-found")] * 2
        assert server.get("/gallery").json()["records"] == RECORDS - 8
        assert [server.get(f"/records/{identity}").status_code for identity in ids] == [404] * 8
    assert traces(person, folder, scratch) == []
    with open_gallery(folder) as gallery:
        assert 1 <= count_erasures(gallery) <= 5  # of nine callers, eleven with those who remove nothing


def test_each_of_several_removals_is_answered_as_if_alone(tmp_path: Path) -> None:
    with open_gallery(make_gallery(tmp_path)) as gallery:
        first, second, *_ = browse(gallery).items
        patient = [one.id for one in browse(gallery).items if one.patient == first.patient]
        several = [Removal((first.id,)), Removal((second.id, "0123456789abcdef")), Removal(patient=first.patient)]
        several += [Removal((first.id,)), Removal(patient=first.patient), Removal((second.id, second.id))]
        told = [getattr(each, "records", str(each)) for each in remove_each(gallery, several)]
        left = len(patient) - 1
        assert [each if isinstance(each, int) else 0 for each in told] == [1, 0, left, 0, 0, second.id not in patient]
        assert (count_erasures(gallery), gallery.store.count()) == (1, RECORDS - sum(x for x in told if x in (1, left)))
        nothing = remove_each(gallery, several[:2])
        assert [type(each).__name__ for each in nothing] == ["NotFoundError"] * 2
        assert first.id in str(nothing[0])
        assert count_erasures(gallery) == 1


# Jobs that read meanwhile


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures of two classes, each with a word of its own as its file's name."""
    base = tmp_path_factory.mktemp("many")
    pictures = base / "pictures"
    pictures.mkdir()
    lines = ["file,label,patient"]
    for number in range(MANY):
        PIL.Image.fromarray(texture(2000 + number)).save(pictures / f"w{number:03}.png")
        lines.append(f"w{number:03}.png,{'even' if number % 2 else 'odd'},p{number}")
    (pictures / "labels.csv").write_text("\n".join(lines) + "\n")
    return filled(base / "g", pictures)


def filled(folder: Path, pictures: Path) -> Path:
    with open_gallery(folder, create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
    return folder


@pytest.fixture
def folder(many: Path, tmp_path: Path) -> Path:
    """A gallery for each test; a copy of the folder would have the same records where they are elsewhere."""
    if is_elsewhere(many):
        return filled(tmp_path / "g", many.with_name("pictures"))
    return Path(shutil.copytree(many, tmp_path / "g"))


def overtaken(folder: Path, kind: str, erased: ErasedMeanwhile | None, monkeypatch: pytest.MonkeyPatch) -> JobInfo:
    """A job before whose end a record is removed, at each attempt, that its result names if it names any. erased: what
    is told of that.
    """
    work, gone = WORK[kind], list[str]()

    def tell(number: int, named: Named) -> None:
        if erased is not None:
            erased.hear(ErasedMeanwhile.line(number, named.words).decode())

    def then_removed(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> Any:
        done = work(gallery, given, progress)
        with open_gallery(folder) as other:
            ids = [one.id for one in browse(other, limit=100).items]
            gone.append(next((identity for identity in ids if identity in json.dumps(done)), ids[0]))
            remove_each(other, [Removal((gone[-1],))], tell=tell)
        return done

    monkeypatch.setitem(WORK, kind, then_removed)
    with open_gallery(folder) as gallery:
        save_cohort(gallery, "all", every=True)
        job = submit_job(gallery, kind, KINDS[kind], "anna")
        with taken_job(gallery):
            do_job(str(folder), job.id, erased)
        told = job_info(gallery, job.id)
        assert gone
        assert not [identity for identity in gone if gallery.store.find(identity) is not None]
    assert not [identity for identity in gone if identity in json.dumps(told.result)]
    return told


def test_an_evaluation_ends_without_what_it_is_told_was_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = overtaken(folder, "evaluate", ErasedMeanwhile(), monkeypatch)
    assert (job.state, job.error) == ("done", None)
    assert job.result["queries"] == MANY  # of the records at its beginning
    assert job.result["confusion"]["queries"]


def test_an_evaluation_does_not_end_where_nobody_tells_what_was_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.server.jobs.process._TRIES", 2)  # each tries the same again
    job = overtaken(folder, "evaluate", None, monkeypatch)
    assert (job.state, job.result) == ("failed", None)
    assert "removed while it ran" in str(job.error)


@pytest.mark.parametrize("told", [True, False])
def test_a_training_ends_once_whatever_is_removed(told: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = overtaken(folder, "adapt", ErasedMeanwhile() if told else None, monkeypatch)
    assert (job.state, job.error) == ("done", None)
    assert (job.result["records"], job.result["classes"]) == (MANY, ["even", "odd"] if told else [])


def test_a_cohort_is_split_though_records_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = overtaken(folder, "split", ErasedMeanwhile(), monkeypatch)
    assert (job.state, job.error) == ("done", None)
    assert sum(part["records"] for part in job.result["parts"]) == MANY
    with open_gallery(folder) as gallery:
        parts = [each.part for each in cohort_members(gallery.store, 1)]
    assert len(parts) == MANY - 1
    assert all(parts)


def test_an_export_that_was_removed_with_records_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = overtaken(folder, "export", ErasedMeanwhile(), monkeypatch)
    assert (job.state, job.result) == ("failed", None)
    assert "what it had made was removed with them" in str(job.error)
    assert not list((folder / "exports").rglob("*"))


def test_a_training_does_not_begin_again_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = list[int]()

    def fit_and_remove(kind: str, vectors: Any, labels: Any, *given: Any, **options: Any) -> Any:
        fitted.append(len(vectors))
        with open_gallery(folder) as other:
            remove(other, [browse(other).items[0].id])
        return fit_adapter(kind, vectors, labels, *given, **options)

    monkeypatch.setattr("lookalike.adapters.fit_adapter", fit_and_remove)
    with open_gallery(folder) as gallery:
        records = adapt(gallery, "odd", kind="linear").records
        attempts = fitted[:: len(fitted) // 3]  # each fits once on all, then on inner folds
        assert attempts == [MANY, MANY - len(fitted) // 3, records]
        assert gallery.store.count() == MANY - len(fitted) < records


def test_an_evaluation_tells_a_removed_label_by_another_name(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        first, second = (one.id for one in browse(gallery, limit=2).items)
        label(gallery, [first, second], add=["zyxomma"])
        report = evaluate(gallery, k=[1])
        job = submit_job(gallery, "evaluate", KINDS["evaluate"], "anna")
        end_job(gallery, job.id, result=plain(report), reports={"md": report.tables("markdown")})
        remove(gallery, [first])
        assert "zyxomma" in job_info(gallery, job.id).result["per_class"]
        remove(gallery, [second])
        left = job_info(gallery, job.id).result
        with pytest.raises(NotFoundError):
            job_report(gallery, job.id, "md")
    assert "zyxomma" not in json.dumps(left)
    assert left["per_class"]["removed label 1"] == plain(report)["per_class"]["zyxomma"]
    assert left["queries"] == MANY


def test_what_was_removed_stays_in_no_map(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed while it is laid out, so that it is kept without."""
    removed = list[str]()

    def laid_out(*given: Any) -> Any:
        with open_gallery(folder) as other:
            for one in browse(other).items[:2]:
                removed.append(one.id)
                remove(other, [one.id])
        return lay_out(*given)

    monkeypatch.setattr("lookalike.verbs.map.lay_out", laid_out)
    with open_gallery(folder) as gallery:
        drawn = map_gallery(gallery, method="tsne")
        kept = kept_map(gallery, method="tsne")
        assert kept is not None
        assert kept.ids == drawn.ids == tuple(one.id for one in browse(gallery, limit=100).items)
        assert len(drawn.ids) == MANY - 2
        assert len(drawn.x) == MANY - 2
    held = b"".join(path.read_bytes() for path in (folder / "maps").iterdir())
    assert not [identity for identity in removed if bytes.fromhex(identity) in held]


@pytest.mark.slow
def test_jobs_end_while_records_are_removed(folder: Path) -> None:
    with serving(folder) as server:
        ids = [one["id"] for one in server.get("/records", params={"limit": 100}).json()["items"]]
        removed = list[str]()
        for kind in ("evaluate", "map"):
            accepted = server.post(f"/{kind}", {"folds": 2, "k": [1]} if kind == "evaluate" else {"method": "tsne"})
            where = accepted.headers["location"]
            while server.http.get(where).json()["state"] in ("queued", "running"):
                if len(removed) < MANY - 20:  # so that there are labels to the end
                    removed.append(ids[len(removed)])
                    assert server.http.delete(f"{API}/records/{removed[-1]}").json()["records"] == 1
            job = server.http.get(where).json()
            assert (job["state"], job["error"]) == ("done", None)
            assert not [identity for identity in removed if identity in json.dumps(job)]
        assert removed
