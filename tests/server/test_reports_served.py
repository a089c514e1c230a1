"""Reports on a served gallery: who may see them and search by them, and where their words never stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import PIL.Image
import pytest
from served import API, Server, problem, serving, to_json

import lookalike
from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.roles import ROLES
from lookalike.verbs.keys import add_key

_CANARY: Final = "Zyxquartz"
_SAID: Final = (f"Large effusion of {_CANARY}.", "Fracture of the radius.", "Normal chest.", "Both lungs are clear.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("served")
    rows = ["file,patient_id,report"]
    for i, words in enumerate(_SAID):
        PIL.Image.fromarray(texture(i)).save(base / f"p{i}.png")
        rows.append(f"p{i}.png,patient-{i},{words}")
    (base / "labels.csv").write_text("\n".join(rows) + "\n")
    with open_gallery(base / "g", create=True) as gallery:
        pictures = sorted(base.glob("*.png"))
        lookalike.index(gallery, pictures[:3], labels=base / "labels.csv", report_columns=["report"])
    return base


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, dict[str, str]]:
    with open_gallery(folder / "g") as gallery:
        made = {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}
    return {role: {"Authorization": f"Bearer {key}"} for role, key in made.items()}


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, dict[str, str]]) -> Iterator[Server]:
    with serving(folder / "g", key=keys["admin"]["Authorization"].removeprefix("Bearer ")) as running:
        yield running


def test_only_an_admin_sees_reports_and_searches_by_them(
    server: Server, keys: dict[str, dict[str, str]], folder: Path
) -> None:
    ids = {one["source"]: one["id"] for one in server.get("/records").json()["items"]}
    for role, key in keys.items():
        seen = server.get(f"/records/{ids['p0.png']}/report", headers=key)
        body = {"query": {"report": "pleural fluid", "ids": [ids["p1.png"]]}, "report_weight": 2.0, "k": 2}
        asked = [server.post("/search", {"query": {"report": "pleural fluid"}}, headers=key)]
        asked.append(server.post("/search", body, headers=key))
        asked.append(server.post("/search/evidence", body, headers=key))
        if role != "admin":
            for answer in (seen, *asked):
                problem(answer, 403, "role")
            continue
        assert seen.json() == {"id": ids["p0.png"], "text": _SAID[0]}
        assert [answer.status_code for answer in asked] == [200, 200, 200]
        assert "Words in reports</dt><dd>pleural fluid" in asked[2].text
        with open_gallery(folder / "g") as gallery:
            same = lookalike.search(gallery, id=ids["p1.png"], report="pleural fluid", report_weight=2.0, k=2)
        told = asked[1].json()
        assert [(hit["id"], hit["placed"]) for hit in told["hits"]] == [
            (hit.id, _near([to_json(vars_of(each)) for each in hit.placed])) for hit in same.hits
        ]
        assert told["note"] == same.note


def _near(placed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With scores to within what another number of threads changes in a sum of float32."""
    return [{**each, "score": pytest.approx(each["score"], abs=1e-5)} for each in placed]


def vars_of(placed: object) -> dict[str, object]:
    return {name: getattr(placed, name) for name in ("ranking", "rank", "score")}


def test_words_come_by_a_job_and_stand_in_no_other_answer(
    server: Server, keys: dict[str, dict[str, str]], folder: Path
) -> None:
    uploads = [server.upload(folder / "p3.png")]
    body = {"uploads": uploads, "labels_csv": server.upload(folder / "labels.csv"), "report_columns": ["report"]}
    job = server.job(server.post("/index", body))
    assert (job["state"], job["result"]["reports"]) == ("done", 1)
    found = server.post("/search", {"query": {"report": "the lungs are clear"}, "k": 1}).json()["hits"]
    assert found[0]["source"] == "p3.png"
    routes = ["jobs", "refused", "facets", "labels/log", "gallery", "records", *(f"records/{found[0]['id']}",)]
    routes += [f"jobs/{each['id']}" for each in server.get("/jobs").json()["items"]]
    said = {route: server.http.get(f"{API}/{route}").text for route in routes}
    said |= {"metrics": server.http.get("/metrics").text, "log": server.lines()}
    assert not [route for route, text in said.items() if _CANARY in text or "lungs are clear" in text]


def test_what_cannot_be_asked_is_named(server: Server) -> None:
    vector = {"query": {"report": "x", "vector": [1.0]}}
    for body in (vector, {"query": {"report": ""}}, {"query": {"report": "x"}, "report_weight": 0}):
        assert server.post("/search", body).status_code == 422
