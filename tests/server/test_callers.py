"""One caller cannot stop the others: decoding, uploads, training and jobs are bounded for each, and served in turn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from drawing_processes import drawers, stopped
from fastapi import Request
from served import API, PATIENCE, Server, eventually, make_gallery, opened, problem, serving

from lookalike.audit_log.place import AUDIT_LOG, OFF
from lookalike.errors import ForbiddenError
from lookalike.gallery import open_gallery
from lookalike.roles import ROLES, Grant
from lookalike.server import decoding
from lookalike.server.app import make_app
from lookalike.server.ask import answer_classify, who_classifies
from lookalike.server.callers import Caller
from lookalike.server.contract.bodies import ClassifyBody
from lookalike.server.decoding import QUEUE_EACH, Decoding
from lookalike.server.jobs.submit import OPEN_JOBS, OPEN_JOBS_EACH, queue
from lookalike.server.problems import Problem
from lookalike.server.service import Service
from lookalike.server.uploads.store import COMING_EACH
from lookalike.verbs.classify import untrained_methods
from lookalike.verbs.keys import add_key

CALLERS = ("one", "two")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    with open_gallery(folder) as gallery:
        made = {name: add_key(gallery, name, role="reader").key for name in CALLERS}
        return made | {"worker": add_key(gallery, "worker", role="contributor").key}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder for temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, str], scratch: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        with serving(folder, "--max-upload-mb", "1", key=keys["one"]) as running:
            yield running


@pytest.fixture
def fresh(folder: Path, keys: dict[str, str]) -> Iterator[Server]:
    """A server that no other test has had draw pictures."""
    with serving(folder, key=keys["one"]) as running:
        yield running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Without a server: nothing runs the jobs."""
    running = opened(make_gallery(tmp_path))
    yield running
    running.close()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_caller_whose_decoding_takes_long_waits_alone(fresh: Server, keys: dict[str, str]) -> None:
    mine, theirs = (one["id"] for one in fresh.get("/records", params={"limit": 2}).json()["items"])
    assert fresh.get(f"/records/{mine}/picture").status_code == 200  # its drawing process runs
    asked, answered = QUEUE_EACH + 8, list[int]()

    def picture(size: int) -> None:
        path = f"http://127.0.0.1:{fresh.port}{API}/records/{mine}/picture"
        answer = httpx.get(path, params={"size": size}, headers=bearer(keys["one"]), timeout=PATIENCE)
        answered.append(answer.status_code)
        if answer.status_code != 200:  # a picture that took too long, where the machine is busy, is given up
            reasons = {422: "timeout", 429: "decoding-queue-full", 503: "decoding-busy"}
            problem(answer, answer.status_code, reasons[answer.status_code])
            assert answer.status_code == 422 or int(answer.headers["retry-after"]) > 0

    with ThreadPoolExecutor(asked) as threads:
        with stopped(drawers(fresh.process)):
            pending = [threads.submit(picture, 20 + number) for number in range(asked)]
            eventually(lambda: len(answered), lambda count: count >= asked - QUEUE_EACH - 1)
            assert 429 in answered
            assert fresh.http.get("/healthz").status_code == 200
            assert fresh.http.get("/readyz").status_code == 200
            assert fresh.post("/search", {"query": {"ids": [mine]}}).status_code == 200
            assert fresh.get(f"/records/{mine}/thumbnail").status_code == 200
            assert fresh.http.get("/metrics").status_code == 200
            assert fresh.get(f"/records/{theirs}/picture", headers=bearer(keys["two"])).status_code == 200
            assert 200 not in answered, "others waited for these pictures"
        for one in pending:
            one.result()
    assert fresh.get(f"/records/{mine}/picture", params={"size": 19}).status_code == 200


def test_health_needs_no_thread_and_no_database(folder: Path) -> None:
    app, free = make_app(folder), threading.Event()

    async def ask() -> list[int]:
        to_thread.current_default_thread_limiter().total_tokens = 1
        taken = asyncio.ensure_future(to_thread.run_sync(free.wait))
        await asyncio.sleep(0)
        try:
            async with (
                asyncio.timeout(30),
                httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
            ):
                return [(await http.get(path)).status_code for path in ("/healthz", "/readyz")]
        finally:
            free.set()
            await taken

    try:
        app.state.galleries.service().gallery.store.close()
        assert asyncio.run(ask()) == [200, 503]  # nothing has been loaded
    finally:
        app.state.galleries.service().close()


def test_who_has_a_key_waits_for_no_thread_to_be_refused_and_for_one_to_be_answered(
    folder: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUDIT_LOG, OFF)  # its disk is waited for in threads of its own
    app, free, asked = make_app(folder), threading.Event(), list[Any]()
    with open_gallery(folder) as gallery:
        body = {"query": {"ids": [min(record.id for record in gallery.store.records().values())]}}
    run_sync = to_thread.run_sync

    async def counted(call: Any, *args: Any, **options: Any) -> Any:
        asked.append(call)
        return await run_sync(call, *args, **options)

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with asyncio.timeout(60), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            found = await http.post(f"{API}/search", json=body, headers=bearer(keys["one"]))
            assert found.json()["hits"]
            to_thread.current_default_thread_limiter().total_tokens = 1
            taken = asyncio.ensure_future(run_sync(free.wait))
            await asyncio.sleep(0)
            try:
                refused = await http.delete(f"{API}/records/{body['query']['ids'][0]}", headers=bearer(keys["one"]))
            finally:
                free.set()
                await taken
            return [found.status_code, refused.status_code]

    monkeypatch.setattr(to_thread, "run_sync", counted)
    try:
        assert asyncio.run(ask()) == [200, 403]
        assert len(asked) == 1
    finally:
        app.state.galleries.service().close()


def client(*, gone: bool = False) -> Request:
    """A request whose client waits, or has gone."""

    async def receive() -> dict[str, Any]:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def test_callers_are_served_in_turn_whoever_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the only thread taken: five of one, two of another, one of a third."""
    monkeypatch.setattr(decoding, "AT_ONCE", 1)  # two would note their order as the machine lets them
    order, free = list[str](), threading.Event()

    async def ask() -> None:
        queues = Decoding()
        taken = [asyncio.ensure_future(queues.run(f"hog {n}", client(), free.wait)) for n in range(1)]
        await asyncio.sleep(0)
        asked = [
            asyncio.ensure_future(queues.run(name[0], client(), lambda name=name: order.append(name)))
            for name in ("a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1")
        ]
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(*taken, *asked)

    asyncio.run(ask())
    assert len(order) == 8
    for caller in "abc":
        own = [name for name in order if name[0] == caller]
        assert own == sorted(own)
    assert {name[0] for name in order[:4]} == {"a", "b", "c"}, order
    assert order[-1][0] == "a"


def test_waiting_work_is_dropped_when_its_client_goes_and_refused_when_it_waits_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "_PATIENCE", 0.05)
    done, free = list[str](), threading.Event()

    async def ask() -> list[Any]:
        queues = Decoding()
        taken = asyncio.ensure_future(queues.run("a", client(), free.wait))
        waiting = [queues.run("a", client(gone=True), lambda: done.append("gone"))]
        waiting += [queues.run("a", client(), lambda: done.append("late"))]
        refused = await asyncio.gather(*waiting, return_exceptions=True)
        monkeypatch.setattr(decoding, "_PATIENCE", 60)
        rest = [queues.run("a", client(), lambda: done.append("rest")) for _ in range(QUEUE_EACH + 1)]
        asked = asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert await queues.run("b", client(), lambda: "b") == "b"
        free.set()
        await taken
        return [*refused, *await asked]

    answers = asyncio.run(ask())
    refused = [(one.status_code, one.reason) for one in answers if isinstance(one, Problem)]
    assert refused == [(503, "decoding-busy"), (503, "decoding-busy"), (429, "decoding-queue-full")]
    assert done == ["rest"] * QUEUE_EACH


def test_an_upload_is_its_senders_alone(server: Server, keys: dict[str, str], folder: Path) -> None:
    picture = next((folder.parent / "pictures").glob("*.png"))
    upload = server.upload(picture)
    record = server.get("/records").json()["items"][0]["id"]
    for key, status in ((keys["one"], 200), (keys["two"], 404), (keys["worker"], 404)):
        answers = [server.get(f"/uploads/{upload}{end}", headers=bearer(key)) for end in ("", "/picture", "/file")]
        query = {"query": {"image": upload}}
        answers += [server.post(path, query, headers=bearer(key)) for path in ("/search", "/classify")]
        answers += [server.post("/explain", {**query, "record": record}, headers=bearer(key))]
        assert [answer.status_code for answer in answers] == [status] * len(answers)
    for body in ({"uploads": [upload]}, {"uploads": [upload], "labels_csv": upload}):
        problem(server.post("/index", body, headers=bearer(keys["worker"])), 404, "no-upload")


def begun(server: Server, key: str, announced: int, sent: int) -> socket.socket:
    """An upload that has begun and does not go on."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    connection.sendall(
        f"POST {API}/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {announced}\r\n\r\n".encode()
        + part
        + bytes(sent)
    )
    return connection


def on_disk(scratch: Path) -> int:
    found = 0
    for file in scratch.rglob("*"):
        with suppress(FileNotFoundError):  # it has gone meanwhile
            found += file.stat().st_size if file.is_file() else 0
    return found


def folders(scratch: Path) -> int:
    """Of uploads."""
    return len(list(scratch.glob("lookalike-uploads-*/*")))


def send(server: Server, key: str, data: bytes) -> httpx.Response:
    return server.http.post(f"{API}/uploads", files={"file": ("a.png", data)}, headers=bearer(key))


def test_what_is_on_its_way_counts(server: Server, keys: dict[str, str], scratch: Path, folder: Path) -> None:
    picture = next((folder.parent / "pictures").glob("*.png")).read_bytes()
    before, sent = on_disk(scratch), 600_000
    held = [begun(server, keys["one"], 1_500_000, sent) for _ in range(4)]  # 6 of 8 MiB, 2.4 MB of which have come
    try:
        # They lie where the service removes them, and count before they are whole.
        eventually(lambda: on_disk(scratch) - before, lambda bytes_: bytes_ >= 4 * sent * 0.9)
        refused = send(server, keys["one"], bytes(900_000))
        problem(refused, 429, "uploads-share-full")
        assert int(refused.headers["retry-after"]) > 0
        assert send(server, keys["two"], picture).status_code == 201
    finally:
        for one in held:
            one.close()
    eventually(lambda: send(server, keys["one"], picture).status_code, lambda status: status == 201)
    before = folders(scratch)
    held = [begun(server, keys["two"], 2000, 10) for _ in range(COMING_EACH)]
    try:
        eventually(lambda: folders(scratch) - before, lambda count: count == COMING_EACH)
        problem(send(server, keys["two"], picture), 429, "uploads-coming")
        assert send(server, keys["one"], picture).status_code == 201
    finally:
        for one in held:
            one.close()
    eventually(lambda: send(server, keys["two"], picture).status_code, lambda status: status == 201)


def test_training_is_for_contributors_and_one_at_a_time(service: Service) -> None:
    record = next(iter(service.gallery.store.records().values())).id
    reader, contributor, admin = (Caller(f"a-{role}", (Grant(role),)) for role in ROLES)

    def ask(method: str, caller: Caller) -> str:
        body = ClassifyBody(query={"ids": [record]}, method=method)
        return answer_classify(service, body, who_classifies(body, caller)).method

    assert untrained_methods() == ("centroid", "knn", "zero-shot")
    assert [ask(method, reader) for method in ("knn", "centroid")] == ["knn", "centroid"]
    for method in ("mlp", "linear", "svm", "k-means", "dbscan", "agglomerative", "adapter"):
        with pytest.raises(ForbiddenError, match=r"needs the role contributor.*centroid, knn, zero-shot"):
            ask(method, reader)
    assert [ask("linear", caller) for caller in (contributor, admin)] == ["linear", "linear"]
    with service.training:
        with pytest.raises(Problem) as refused:
            ask("linear", admin)
        assert (refused.value.status_code, refused.value.reason) == (429, "training")
        assert ask("knn", reader) == "knn"
    assert ask("linear", admin) == "linear"


def test_a_reader_that_asks_for_training_is_refused_over_http(server: Server, keys: dict[str, str]) -> None:
    record = server.get("/records").json()["items"][0]["id"]
    body = {"query": {"ids": [record]}, "method": "linear"}
    problem(server.post("/classify", body), 403, "role")
    assert server.post("/classify", body, headers=bearer(keys["worker"])).status_code == 200


def test_open_jobs_are_counted(service: Service) -> None:
    def submit(name: str) -> None:
        queue(service, Caller(name, (Grant("contributor"),)), "map", {"method": "umap", "space": "base"})

    for number in range(OPEN_JOBS):
        if number and number % OPEN_JOBS_EACH == 0:
            with pytest.raises(Problem) as own:
                submit(f"caller {number // OPEN_JOBS_EACH - 1}")
            assert (own.value.status_code, own.value.reason) == (429, "jobs-full")
            assert own.value.headers["Retry-After"]
        submit(f"caller {number // OPEN_JOBS_EACH}")
    with pytest.raises(Problem) as every:
        submit("somebody else")
    assert (every.value.status_code, every.value.reason) == (429, "jobs-full")
