"""A service of several processes answers as one does: whichever takes a connection, and whichever ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from drawing_processes import stopped
from served import API, COMMAND, PATIENCE, Server, eventually, make_gallery, problem, serving

from lookalike.audit_log.place import audit_place
from lookalike.audit_log.verify import audit_lines, verify_log
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key

MANY = 3


@dataclass
class Together:
    """clients: each with a connection that one of the processes has taken, the writer's first."""

    server: Server
    clients: list[httpx.Client]


_PART = "lookalike.server.processes.part"


def parts_of(server: Server) -> list[psutil.Process]:
    """The processes that answer, the writer first."""
    parts = []
    for child in server.process.children():
        with suppress(psutil.Error):  # one that has just ended
            parts += [(child.create_time(), child.pid, child)] if _PART in child.cmdline() else []
    return [part for _time, _pid, part in sorted(parts, key=lambda each: each[:2])]


@contextmanager
def only(server: Server, part: psutil.Process) -> Iterator[None]:
    """Within, the others are held up."""
    with stopped([each for each in parts_of(server) if each != part]):
        yield


def all_ready(server: Server) -> list[psutil.Process]:
    """All the processes, once each takes connections."""
    parts = eventually(lambda: parts_of(server), lambda parts: len(parts) == MANY)
    for part in parts:
        with only(server, part):
            eventually(lambda: is_ready(server), lambda ready: ready)
    return parts


def is_ready(server: Server) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{server.port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def asked_anew(server: Server, path: str) -> httpx.Response:
    """Over a connection of its own, which whoever is there takes."""
    return httpx.get(f"{server.http.base_url}{API}{path}", headers=server.http.headers, timeout=PATIENCE)


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    with open_gallery(folder) as gallery:
        return add_key(gallery, "desk", role="admin").key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="module")
def server(folder: Path, key: str) -> Iterator[Server]:
    options = ["--processes", str(MANY), "--audit-log", str(folder.parent / "audit")]
    with serving(folder, *options, key=key) as running:
        yield running


@pytest.fixture
def together(server: Server) -> Iterator[Together]:
    """Connected anew for each test, before which processes may have ended and come back."""
    with ExitStack() as stack:
        clients = []
        for part in all_ready(server):
            client = stack.enter_context(httpx.Client(base_url=server.http.base_url, headers=server.http.headers))
            client.timeout = httpx.Timeout(PATIENCE)
            with only(server, part):
                assert client.get("/readyz").status_code == 200  # and the connection stays
            clients.append(client)
        yield Together(server, clients)


def test_each_looks_and_searches_alone_and_answers_the_same(together: Together) -> None:
    server = together.server
    first = server.get("/records", params={"limit": 1}).json()["items"][0]["id"]
    search = {"query": {"ids": [first]}, "k": 3, "where": "site=north"}
    asked = []
    for part, client in zip(parts_of(server), together.clients, strict=True):
        with only(server, part):
            pages = [client.get(f"{API}/{path}").json() for path in ("records", "facets", f"records/{first}")]
            thumbnail = client.get(f"{API}/records/{first}/thumbnail").content
            found = client.post(f"{API}/search", json=search).json()
        asked.append((pages, thumbnail, [(hit["id"], hit["score"]) for hit in found["hits"]]))
    assert asked[0] == asked[1] == asked[2]
    assert len(asked[0][2]) == 3


def test_an_upload_is_found_by_all(together: Together, folder: Path) -> None:
    picture = next((folder.parent / "pictures").glob("*.png"))
    for sends in together.clients:
        answer = sends.post(f"{API}/uploads", files=[("file", (picture.name, picture.read_bytes()))])
        assert answer.status_code == 201, answer.text
        search = {"query": {"image": answer.json()["id"]}, "k": 1}
        hits = [client.post(f"{API}/search", json=search).json()["hits"][0] for client in together.clients]
        assert hits[0] == hits[1] == hits[2]


def test_what_is_written_is_seen_by_all(together: Together) -> None:
    """Through a reader, that hands it over."""
    _, writes, other = together.clients
    *_, labelled, removed = [item["id"] for item in other.get(f"{API}/records").json()["items"]]
    answer = writes.patch(f"{API}/records/{labelled}", json={"labels": ["seen by all"]})
    assert answer.status_code == 200, answer.text
    for client in together.clients:
        labels = eventually(lambda client=client: client.get(f"{API}/records/{labelled}").json()["labels"], bool)  # type: ignore[misc]
        assert labels == ["seen by all"]
    where = {"where": "label='seen by all'"}
    search = {"query": {"ids": [labelled]}, "k": 12}
    answer = writes.delete(f"{API}/records/{removed}").json()
    assert (answer["records"], answer["erased"]) == (1, True)
    for client in together.clients:
        eventually(lambda client=client: client.get(f"{API}/records/{removed}").status_code, lambda code: code == 404)  # type: ignore[misc]
        assert [item["id"] for item in client.get(f"{API}/records", params=where).json()["items"]] == [labelled]
        assert removed not in [hit["id"] for hit in client.post(f"{API}/search", json=search).json()["hits"]]


def test_a_job_runs_once_whoever_is_asked(together: Together) -> None:
    _, asks, watches = together.clients
    answer = asks.post(f"{API}/audit/duplicates", json={})
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    done = eventually(lambda: watches.get(where).json(), lambda job: job["state"] not in ("queued", "running"))
    assert done["state"] == "done"
    assert len(watches.get(f"{API}/jobs").json()["items"]) == 1


def test_wrong_keys_are_counted_once_for_all(together: Together) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    said = [
        together.clients[number % MANY].get(f"{API}/records", headers=wrong).status_code for number in range(4 * MANY)
    ]
    assert said == [401] * 10 + [429] * (4 * MANY - 10)
    for client in together.clients:
        assert client.get(f"{API}/records").status_code == 200  # a right key is not held up


def test_requests_of_all_are_counted_together(together: Together) -> None:
    def counted(status: int) -> int:
        text = together.server.http.get("/metrics").text
        line = re.search(
            rf'lookalike_requests_total\{{method="GET",route="/api/v1/records/{{identity}}",status="{status}"\}} (\d+)',
            text,
        )
        return int(line[1]) if line else 0

    before = counted(404)
    for client in together.clients:
        for _ in range(4):
            assert client.get(f"{API}/records/{'0' * 16}").status_code == 404
    assert eventually(lambda: counted(404), lambda many: many >= before + 12) == before + 12
    resident = re.search(
        r"^process_resident_memory_bytes (\S+)", together.server.http.get("/metrics").text, re.MULTILINE
    )
    assert resident is not None
    assert float(resident[1]) > 1.5 * max(part.memory_info().rss for part in parts_of(together.server))


def test_one_that_ends_comes_back_and_nothing_is_lost(together: Together, folder: Path) -> None:
    server = together.server
    writer, reader, _ = parts_of(server)
    reader.kill()
    for _ in range(5):
        assert asked_anew(server, "/records").status_code == 200  # the others go on
    reader.wait(PATIENCE)  # it is no more, and counted as none
    eventually(lambda: len(parts_of(server)), lambda many: many == MANY)
    writer.kill()
    writer.wait(PATIENCE)
    answer = asked_anew(server, "/jobs")
    if answer.status_code != 200:  # taken by one that could not hand it over
        problem(answer, 503, "restarting")
    all_ready(server)
    picture = next((folder.parent / "pictures").glob("*.png"))
    with httpx.Client(base_url=server.http.base_url, headers=server.http.headers, timeout=PATIENCE) as client:
        assert client.post(f"{API}/uploads", files=[("file", (picture.name, picture.read_bytes()))]).status_code == 201
        assert client.get(f"{API}/records").status_code == 200


def test_the_audit_log_is_one_chain(together: Together, folder: Path) -> None:
    server, wrong = together.server, {"Authorization": "Bearer wrong"}
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")  # of whose wrong keys no other test counts any
    with httpx.Client(base_url=server.http.base_url, transport=elsewhere, timeout=PATIENCE) as client:
        assert client.get(f"{API}/records", headers=wrong).status_code == 401
    first, *_, last = [item["id"] for item in asked_anew(server, "/records").json()["items"]]
    with httpx.Client(base_url=server.http.base_url, headers=server.http.headers, timeout=PATIENCE) as client:
        assert client.post(f"{API}/search", json={"query": {"ids": [first]}, "k": 1}).status_code == 200
        assert client.patch(f"{API}/records/{first}", json={"labels": ["in the log"]}).status_code == 200
        assert client.delete(f"{API}/records/{last}").status_code == 200
    place = audit_place(folder.parent / "audit")
    assert place is not None
    said = verify_log(place)
    assert not said.faults, said
    kinds = [line.fields["kind"] for line in audit_lines(place) if line.fields is not None]
    assert {"start", "look", "search", "label", "erase", "sign-in"} <= {*kinds}


def test_what_keeps_the_first_from_starting_is_said(tmp_path: Path) -> None:
    told = psutil.Popen(
        [str(COMMAND), "serve", "--gallery", str(tmp_path / "none"), "--port", "0", "--no-browser", "--processes", "2"],
        stderr=-1,
        stdout=-1,
        text=True,
    )
    _, errors = told.communicate(timeout=PATIENCE)
    assert told.returncode != 0
    assert "no gallery" in errors
