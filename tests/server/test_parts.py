"""Access by collection: every route, as every role, for records inside and outside of what the caller sees."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from served import API, eventually, make_gallery, whole

from conftest import write_pictures
from lookalike.gallery import open_gallery
from lookalike.roles import ROLES, Role
from lookalike.server.access import Needs
from lookalike.server.app import make_app
from lookalike.server.audited import audited_name
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.index import index
from lookalike.verbs.keys import add_key
from lookalike.verbs.records import RecordInfo, browse

PARTS: Final = {"all": "", "north": "site=north", "south": "site=south", "none": "site=nowhere"}
BASE: Final = "http://127.0.0.1:8765"
VECTOR: Final = [1.0] * 384

WHOLE: Final = frozenset(
    {
        "POST /index",
        "POST /imports/{}",
        "POST /adapt",
        "POST /tune",
        "POST /migrate",
        "POST /merge",
        "POST /export",
        "POST /cohorts",
        "POST /cohorts/combine",
        "POST /cohorts/{}/split",
        "POST /cohorts/{}/export",
        "DELETE /cohorts/{}",
        "GET /jobs/{}/export",
        "DELETE /spaces/{}",
        "GET /metrics",
        "POST /backup",
        "GET /backups",
        "POST /backups/{}/verify",
        "GET /schedules",
        "POST /readings",
        "GET /readers",
        "POST /readings/{}/close",
        "POST /readings/{}/adjudicate",
    }
)
"""Routes that concern the gallery as a whole: 403 for who sees a part of it."""
OWN: Final = frozenset({"POST /uploads", "GET /uploads/{}", "GET /uploads/{}/picture", "GET /uploads/{}/file"})
"""Routes that tell of what the caller has sent, and of no record."""
OPEN: Final = frozenset(
    {
        "GET /healthz",
        "GET /readyz",
        "GET /",
        "GET /galleries",
        "GET /g/{}",
        "GET /session",
        "DELETE /session",
        "GET /session/sign-in",
        "GET /session/callback",
        "POST /session/backchannel-logout",
    }
)
OF_A_RECORD: Final = frozenset(
    {
        "GET /records/{}",
        "GET /records/{}/thumbnail",
        "GET /records/{}/picture",
        "GET /records/{}/files",
        "GET /records/{}/file",
        "GET /records/{}/links",
        "GET /records/{}/report",
        "GET /records/{}/study",
        "GET /records/{}/timeline",
        "PATCH /records/{}",
        "DELETE /records/{}",
    }
)
JOBS: Final = frozenset(
    {
        "POST /evaluate",
        "POST /map",
        "POST /audit",
        "POST /audit/duplicates",
        "POST /audit/outliers",
        "POST /audit/drift",
        "POST /audit/metadata",
        "POST /audit/quality",
    }
)
"""Routes that start jobs, which are done in what the caller sees."""
TOLD: Final = frozenset(
    {
        "POST /search",
        "POST /search/evidence",
        "GET /dicom-web/studies",  # in test_links_served: of a linked gallery alone
        "GET /similar-studies",  # there, too
        "POST /records/{}/send",  # in test_send_served
        "POST /explain",
        "POST /classify",
        "POST /labels",
        "POST /labels/undo",
        "GET /labels/log",
        "GET /labels/next",
        "GET /labels/table",
        "POST /labels/import",
        "POST /readings/{}",  # in test_readings_served
        "GET /decisions",  # in test_decisions_served
        "POST /records/remove",  # there, too
        "POST /decisions",
        "POST /decisions/{}/undo",
        "GET /readings/{}/own",  # there, too
        "GET /readings",
        "GET /readings/{}",
        "GET /readings/{}/agreement",
        "GET /records",
        "GET /gallery",
        "GET /spaces",
        "GET /facets",
        "GET /refused",
        "GET /cohorts",  # in test_cohorts_served
        "GET /cohorts/{}",  # there, too
        "GET /map",
        "GET /map/points",
        "GET /map/column",
        "GET /map/errors",
        "GET /map/groups",
        "GET /jobs",
        "GET /jobs/{}",
        "GET /jobs/{}/report",
        "DELETE /jobs/{}",
        "DELETE /patients/{}",
    }
)
"""Routes that tell of records, each tried below by its name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of two sites, with patches, so that regions can be asked with."""
    here = tmp_path_factory.mktemp("parts")
    pictures = write_pictures(here / "pictures")
    with open_gallery(here / "g", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
    return here / "g"


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, list[RecordInfo]]:
    with open_gallery(folder) as gallery:
        every = list(browse(gallery).items)
    found = {site: [one for one in every if one.attributes["site"] == site] for site in ("north", "south")}
    return {"all": every, **found, "none": []}


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[tuple[Role, str], str]:
    with open_gallery(folder) as gallery:
        return {
            (role, part): add_key(gallery, f"{role}-{part}", role=role, where=where).key
            for role in ROLES
            for part, where in PARTS.items()
        }


@pytest.fixture(scope="module")
def client(folder: Path, keys: dict[tuple[Role, str], str]) -> Iterator[TestClient]:
    with TestClient(make_app(folder), base_url=BASE) as running:
        yield running


@pytest.fixture(scope="module")
def routes(client: TestClient) -> dict[str, tuple[str, str, Needs | None]]:
    found = {}
    for route in client.app.routes:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute):
            needs = next((one.call for one in route.dependant.dependencies if isinstance(one.call, Needs)), None)
            for method in route.methods:
                found[audited_name(method, route.path)] = method, route.path, needs
    return found


class Asker:
    """A client that asks as one role in one part."""

    def __init__(self, client: TestClient, key: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, **options: Any) -> Any:
        where = path if path == "/metrics" else API + path
        return self._client.request(method, where, headers=self._headers, **options)


CELLS: Final = [(role, part) for role in ROLES for part in PARTS]


def test_every_route_is_of_one_kind(routes: dict[str, tuple[str, str, Needs | None]]) -> None:
    kinds = [WHOLE, OWN, OPEN, OF_A_RECORD, JOBS, TOLD]
    assert {*routes} - {"GET /"} == frozenset().union(*kinds) - {"GET /"}
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))
    assert {name for name, (_, _, needs) in routes.items() if needs is not None and needs.whole} == WHOLE
    assert {name for name, (_, _, needs) in routes.items() if needs is None} == OPEN - ({"GET /"} - routes.keys())


@pytest.mark.parametrize(("role", "part"), CELLS)
def test_what_concerns_the_whole_gallery(
    client: TestClient, keys: dict[tuple[Role, str], str], routes: dict[str, Any], role: Role, part: str
) -> None:
    ask = Asker(client, keys[role, part])
    for name in sorted(WHOLE):
        method, path, needs = routes[name]
        answer = ask(method, re.sub(r"{[^}]*}", "nobody", path.removeprefix(API)))
        if ROLES.index(role) < ROLES.index(needs.role):
            assert (answer.status_code, answer.json()["reason"]) == (403, "role"), name
        elif part != "all":
            assert (answer.status_code, answer.json()["reason"]) == (403, "collection"), name
        else:
            assert answer.status_code not in (401, 403), name


@pytest.mark.parametrize(("role", "part"), CELLS)
def test_every_route_of_a_record_in_every_cell(
    client: TestClient,
    keys: dict[tuple[Role, str], str],
    records: dict[str, list[RecordInfo]],
    routes: dict[str, Any],
    role: Role,
    part: str,
) -> None:
    ask, inside = Asker(client, keys[role, part]), {one.id for one in records[part]}
    for name in sorted(OF_A_RECORD - {"DELETE /records/{}"}):
        method, path, needs = routes[name]
        for one in (records["north"][0], records["south"][0]):
            body = {"json": {"labels": list(one.labels)}} if method == "PATCH" else {}
            answer = ask(method, path.removeprefix(API).format(identity=one.id), **body)
            cell = f"{name} of {one.attributes['site']} as {role} of {part}: {answer.status_code}"
            if ROLES.index(role) < ROLES.index(needs.role):
                assert answer.status_code == 403, cell
            else:
                assert answer.status_code == (200 if one.id in inside else 404), cell
                assert one.id in inside or one.source.rpartition("/")[2] not in answer.text, cell


def test_what_is_removed(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    with open_gallery(folder) as gallery:
        key = add_key(gallery, "north", role="admin", where="site=north").key
        every = list(browse(gallery).items)
    inside = [one for one in every if one.attributes["site"] == "north"]
    outside = [one for one in every if one not in inside]
    with TestClient(make_app(folder), base_url=BASE) as client:
        ask = Asker(client, key)
        assert ask("DELETE", f"/records/{outside[0].id}").status_code == 404
        assert ask("DELETE", f"/records/{inside[0].id}").json() == whole(1)
        own = {one.patient for one in inside[1:]}
        group = next(one.patient for one in outside if one.patient in own)
        here = [one for one in inside[1:] if one.patient == group]
        assert ask("DELETE", f"/patients/{group}").json()["records"] == len(here)
        assert ask("DELETE", f"/patients/{group}").status_code == 404  # he has others, elsewhere
        with open_gallery(folder) as gallery:
            assert {one.id for one in browse(gallery).items} == {
                one.id for one in every if one not in here and one != inside[0]
            }


@pytest.mark.parametrize(("role", "part"), CELLS)
def test_who_asks_is_told_of_what_is_there(
    client: TestClient, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]], role: Role, part: str
) -> None:
    ask, inside = Asker(client, keys[role, part]), {one.id for one in records[part]}
    outside = [one for one in records["all"] if one.id not in inside]
    for query in ({"vector": VECTOR}, {"ids": [records[part][0].id]} if inside else {"vector": VECTOR}):
        for more in ({}, {"where": "site=south or site=north"}, {"space": "base"}, {"explain": True}):
            body = {"query": query, "k": 1000, "same_patient": True, **more}
            found = ask("POST", "/search", json=body)
            if more.get("where") and not inside:
                assert found.status_code == 400, found.text  # no record has that field
                continue
            assert {hit["id"] for hit in found.json()["hits"]} == inside, (query.keys(), more)
            assert found.json()["records"] == len(inside)
    everything = {"query": {"vector": VECTOR}, "k": 1000, "same_patient": True}
    page = ask("POST", "/search/evidence", json=everything).text
    assert {one.id for one in records["all"] if one.id in page} == inside
    assert f": {len(inside)} records, " in page
    if inside:
        region = {"roi": {"record": records[part][0].id, "box": [0, 0, 1, 1]}}
        found = ask("POST", "/search", json={"query": region, "k": 1000, "same_patient": True})
        assert {hit["id"] for hit in found.json()["hits"]} == inside
    for one in outside[:2]:
        assert ask("POST", "/search", json={"query": {"ids": [one.id]}}).status_code == 404
        assert ask("POST", "/search", json={"query": {"study": one.id}}).status_code == 404
        assert ask("POST", "/search/evidence", json={"query": {"ids": [one.id]}}).status_code == 404
        assert ask("POST", "/classify", json={"query": {"ids": [one.id]}}).status_code == 404
        roi = {"record": one.id, "box": [0, 0, 1, 1]}
        assert ask("POST", "/search", json={"query": {"roi": roi}}).status_code == 404
        for negative in ({"negative": [one.id]}, {"positive": [one.id]}):
            assert ask("POST", "/search", json={"query": {"vector": VECTOR}, **negative}).status_code == 404
        seen = records[part][0].id if inside else one.id
        for query, record in ((seen, one.id), (one.id, seen)):
            body = {"query": {"ids": [query]}, "record": record}
            assert ask("POST", "/explain", json=body).status_code == 404
    assert {one["id"] for one in ask("GET", "/records").json()["items"]} == inside
    about = ask("GET", "/gallery").json()
    assert about["records"] == len(inside)
    found_fields = {facet["field"]: facet for facet in ask("GET", "/facets").json()["items"]}
    for field in ("label", "site"):
        counts = {value["value"]: value["count"] for value in found_fields.get(field, {"values": []})["values"]}
        values = [v for one in records[part] for v in (one.labels if field == "label" else [one.attributes[field]])]
        assert counts == {value: values.count(value) for value in {*values}}
    voted = [] if not inside else ask("POST", "/classify", json={"query": {"ids": [records[part][0].id]}}).json()
    if voted:
        assert voted["records"] <= len(inside)
        assert {each["id"] for each in voted["evidence"]} <= inside


@pytest.mark.parametrize("part", PARTS)
def test_labels(
    client: TestClient, folder: Path, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]], part: str
) -> None:
    ask, inside = Asker(client, keys["contributor", part]), {one.id for one in records[part]}
    one, other = records["north"][1].id, records["south"][1].id
    for ids in ([one], [other], [one, other]):
        answer = ask("POST", "/labels", json={"ids": ids, "add": [f"by {part}"], "remove": []})
        assert answer.status_code == (200 if {*ids} <= inside else 404)
        if answer.status_code == 200:
            assert ask("POST", "/labels/undo", json={}).status_code == 200
    with open_gallery(folder) as gallery:
        crossing = label(gallery, [one, other], add=["both"]).change
        assert crossing
    told = [each["records"] for each in ask("GET", "/labels/log").json()["items"] if each["number"] == crossing]
    assert told == ([] if part == "none" else [2] if part == "all" else [1])
    undone = ask("POST", "/labels/undo", json={"change": crossing}).status_code
    assert undone == (200 if part == "all" else 404)
    if part != "all":
        whole = Asker(client, keys["contributor", "all"])
        assert whole("POST", "/labels/undo", json={"change": crossing}).status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_what_to_label_next(
    client: TestClient, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]], part: str
) -> None:
    assert Asker(client, keys["reader", part])("GET", "/labels/next").status_code == 403
    found = Asker(client, keys["contributor", part])("GET", "/labels/next", params={"by": "outlier", "budget": 100})
    assert {each["id"] for each in found.json()["items"]} == {one.id for one in records[part]}


@pytest.mark.parametrize("part", PARTS)
def test_labels_as_a_table(
    client: TestClient, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]], part: str
) -> None:
    ask = Asker(client, keys["contributor", part])
    table = ask("GET", "/labels/table")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {row["id"]: row["labels"] for row in rows} == {one.id: "|".join(one.labels) for one in records[part]}
    assert {row["file"] for row in rows} == {Path(one.source).name for one in records[part]}  # no folder is told
    every = Asker(client, keys["contributor", "all"])("GET", "/labels/table").text

    def read_back(text: str) -> Any:
        upload = ask("POST", "/uploads", files={"file": ("labels.csv", text)}).json()["id"]
        return ask("POST", "/labels/import", json={"upload": upload})

    assert read_back(every).status_code == (200 if part == "all" else 404)
    assert read_back(table.text).json() == {"changed": 0, "change": None}
    if rows:
        changed = read_back(f"id,labels\n{rows[0]['id']},one|two\n").json()
        assert changed["changed"] == 1
        assert ask("GET", f"/records/{rows[0]['id']}").json()["labels"] == ["one", "two"]
        assert ask("POST", "/labels/undo", json={"change": changed["change"]}).json()["changed"] == 1
    assert read_back("file,labels\nx,y\n").status_code == 400
    other = Asker(client, keys["admin", "all"])
    foreign = other("POST", "/uploads", files={"file": ("labels.csv", "id,labels\n")}).json()["id"]
    assert ask("POST", "/labels/import", json={"upload": foreign}).status_code == 404


def test_jobs_are_done_in_a_part_and_seen_by_whose_they_are(
    client: TestClient, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]]
) -> None:
    inside = {one.id for one in records["north"]}
    ask = {part: Asker(client, keys["contributor", part]) for part in PARTS}
    admin = Asker(client, keys["admin", "north"])
    started = {
        "evaluate": ask["north"]("POST", "/evaluate", json={"folds": 2, "k": [1]}),
        "map": ask["north"]("POST", "/map", json={"method": "tsne"}),
        "duplicates": ask["north"]("POST", "/audit/duplicates"),
    }
    done = {}
    for name, accepted in started.items():
        assert accepted.status_code == 202, accepted.text
        where = accepted.headers["location"].removeprefix(API)
        for part in ("south", "none"):
            assert ask[part]("GET", where).status_code == 404
            assert ask[part]("DELETE", where).status_code == 404
        assert admin("GET", where).status_code == 404  # another's
        done[name] = eventually(
            lambda where=where: ask["north"]("GET", where).json(), lambda job: job["state"] not in ("queued", "running")
        )
        assert done[name]["state"] == "done", done[name]
        assert ask["all"]("GET", where).status_code == 200
    assert done["evaluate"]["result"]["queries"] == len(inside)
    assert done["map"]["result"]["records"] == len(inside)
    report = f"/jobs/{done['evaluate']['id']}/report"
    assert ask["north"]("GET", report).status_code == 200
    assert ask["south"]("GET", report).status_code == 404
    assert {*ask["north"]("GET", "/map?method=tsne").json()["ids"]} == inside
    for part in ("south", "none", "all"):
        for kind in ("", "/points", "/column", "/errors", "/groups"):
            assert ask[part]("GET", f"/map{kind}?method=tsne").status_code == 404
    points = ask["north"]("GET", "/map/points?method=tsne").content
    assert len(points) == 13 * len(inside)
    ids = points[4 * len(inside) : 12 * len(inside)].hex()
    assert {ids[at : at + 16] for at in range(0, len(ids), 16)} == inside
    head, _, codes = ask["north"]("GET", "/map/column?method=tsne&field=patient").content.partition(b"\n")
    assert len(codes) == len(inside)
    assert set(json.loads(head)["names"]) == {one.patient for one in records["north"]}
    for kind in ("/errors", "/groups"):
        assert ask["north"]("GET", f"/map{kind}?method=tsne").status_code in (200, 422)
    assert {job["id"] for job in ask["north"]("GET", "/jobs").json()["items"]} == {job["id"] for job in done.values()}
    assert ask["south"]("GET", "/jobs").json()["items"] == []
    assert len(ask["all"]("GET", "/jobs").json()["items"]) >= 3
    reader = Asker(client, keys["reader", "north"])
    assert reader("POST", "/map", json={}).status_code == 403


def test_an_upload_of_a_record_outside_recognises_nothing(
    client: TestClient, keys: dict[tuple[Role, str], str], records: dict[str, list[RecordInfo]]
) -> None:
    outside = records["south"][0]
    inside = {one.id for one in records["north"]}
    ask = Asker(client, keys["reader", "north"])
    with open(outside.source, "rb") as file:  # noqa: PTH123
        upload = ask("POST", "/uploads", files={"file": ("x.png", file)}).json()["id"]
    found = ask("POST", "/search", json={"query": {"image": upload}, "k": 100}).json()
    assert {hit["id"] for hit in found["hits"]} == inside
    assert outside.id not in str(found)
    other = Asker(client, keys["reader", "south"])
    assert other("GET", f"/uploads/{upload}").status_code == 404


def test_a_role_for_some_records_and_another_for_others(tmp_path: Path) -> None:
    """Somebody may look at all, label in the north, and remove in the south."""
    from lookalike.server.people import people_from
    from lookalike.server.settings import ServerSettings

    folder = make_gallery(tmp_path)
    with open_gallery(folder) as gallery:
        every = list(browse(gallery).items)
    north, south = (next(one for one in every if one.attributes["site"] == site) for site in ("north", "south"))
    grants = ["a=reader", "a=contributor:site=north", "a=admin:site=south"]
    people = people_from(grants, ["10.0.0.1"], proxy_user_header="X-User", proxy_groups_header="X-Groups")
    app = make_app(folder, ServerSettings(people=people))
    with TestClient(app, base_url=BASE, client=("10.0.0.1", 1), headers={"X-User": "u", "X-Groups": "a"}) as client:

        def status(method: str, path: str, **options: Any) -> int:
            return client.request(method, API + path, **options).status_code

        assert len(client.get(f"{API}/records").json()["items"]) == len(every)
        for one, labels, removes in ((north, 200, 404), (south, 200, 200)):  # an admin labels, too
            assert status("PATCH", f"/records/{one.id}", json={"labels": ["x"]}) == labels
            assert status("GET", f"/records/{one.id}/report") == removes
            kind = client.get(f"{API}/records/{one.id}/file").headers["content-disposition"]
            assert kind.endswith('.bin"') == (one is south)
        assert status("DELETE", f"/records/{north.id}") == 404
        assert status("DELETE", f"/records/{south.id}") == 200
        assert status("POST", "/adapt", json={"name": "s"}) == 403
        report = {"query": {"report": "words"}}
        assert status("POST", "/search", json=report) in (200, 400, 424)


def test_a_whole_gallery_is_reached_by_no_route_unawares() -> None:
    """Where a route reads from the gallery itself it does so for who sees all of it, or says so here."""
    here = Path(__import__("lookalike.server.routes", fromlist=["x"]).__file__).parent
    allowed = {
        "gallery.py": {"drop_space(service.gallery, name)"},
        "health.py": {"_figures(service.gallery)"},  # counts, for who sees all and for the metrics' token
        "jobs.py": {
            "migration_asked_for(service.gallery,",
            "list_schedules(service.gallery)",  # times, and nothing of a record
            "list_backups(service.gallery)",
            "backup_info(service.gallery,",
            "list_jobs(service.gallery,",
            "job_info(service.gallery,",
            "job_report(service.gallery,",
            "export_file(service.gallery,",  # for who sees all
        },
        "records.py": {
            "records.check_may_have_file, service.gallery,",  # of a record that the caller was found to see
            "labelling.relabel(service.gallery,",
            "labelling.label(\n        service.gallery,",
            "labelling.change_to_undo(service.gallery,",
            "labelling.undo_labels(service.gallery,",
            "partial(records.remove, service.gallery,",
            "if seen is service.gallery",
        },
    }
    allowed["decisions.py"] = {  # of records that the caller was found to see
        "decisions.decide(\n        service.gallery,",
        "decisions.check_may_undo(service.gallery,",
        "decisions.undo_decision(service.gallery,",
    }
    allowed["readings.py"] = {
        "readings.give_readings(service.gallery,",  # of records that the caller was found to see
        *(f"readings.{name}(service.gallery" for name in ("list_rounds", "list_readings")),
        *(f"readings.{name}(service.gallery" for name in ("start_round", "close_round")),
        "readings.list_readers(service.gallery)",  # their names, for who sees all
        "adjudicate.reading_agreement(service.gallery,",
        "adjudicate.adjudicate(\n        service.gallery,",  # for who sees all
    }
    allowed["labels.py"] = {"labelling.label_each(service.gallery,"}  # of records that the caller was found to see
    allowed["cohorts.py"] = {  # for who sees all: the routes that write and export are of the whole gallery
        f"cohorts.{verb}(service.gallery,"
        for verb in ("save_cohort", "combine_cohorts", "check_cohort", "remove_cohort")
    }
    anywhere = {"check_room(service.gallery)"}  # how full the disk is
    for path in sorted(here.glob("*.py")):
        text = path.read_text("utf-8")
        for allowed_text in anywhere | allowed.get(path.name, set()):
            text = text.replace(allowed_text, "")
        assert "service.gallery" not in text, path.name
