"""What is too large, too slow or broken is refused, and others are answered meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from served import API, PATIENCE, Server, eventually, make_gallery, problem, serving

MEMORY = 64 << 20  # by which the service may grow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("served"))) as running:
        ids = [one["id"] for one in running.get("/records").json()["items"]]
        for _ in range(20):
            assert running.post("/search", {"query": {"ids": ids[:1]}}).status_code == 200
        yield running


def answers_others(server: Server) -> None:
    """While something else is under way: a service that waited for it would not answer at all."""
    assert server.get("/records", params={"limit": 1}).status_code == 200


def first_bytes(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE)
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def upload_head(length: str) -> bytes:
    return (
        f"POST {API}/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"{length}\r\n\r\n"
    ).encode()


def test_a_body_of_400_mb_is_refused_before_it_comes(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(upload_head(f"Content-Length: {400 << 20}"))
        assert first_bytes(connection).startswith(b"HTTP/1.1 413")


def test_a_body_of_400_mb_that_does_not_say_so_is_cut_off(server: Server) -> None:
    before, sent = server.process.memory_info().rss, 0
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(upload_head("Transfer-Encoding: chunked"))
        connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        block = b"%x\r\n%b\r\n" % (1 << 20, bytes(1 << 20))
        try:
            while sent < 400 << 20:
                connection.sendall(block)
                sent += 1 << 20
                if sent == 100 << 20:
                    answers_others(server)
        except ConnectionError:
            pass
        assert sent < 300 << 20  # the limit is 256 MB, and some are under way
    answers_others(server)
    assert server.process.memory_info().rss - before <= MEMORY


@pytest.mark.slow
def test_250_slow_connections_hold_nobody_up_and_are_closed(server: Server) -> None:
    before = server.process.memory_info().rss
    heads = (b"GET / HTTP/1.1\r\nHost: 127.0", upload_head("Content-Length: 1000") + b"--x\r\n")
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(250)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(heads[number % 2])
        answers_others(server)
        answers_others(server)
        eventually(lambda: [one for one in slow if still_open(one)], lambda left: not left)
    finally:
        for connection in slow:
            connection.close()
    assert server.process.memory_info().rss - before <= MEMORY


def still_open(connection: socket.socket) -> bool:
    """Whether the other side has not ended it, though a byte more is sent."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        try:
            connection.send(b"x")
        except OSError:
            return False
        return True
    except OSError:
        pass
    return False


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="file"'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"--x", FORM),
        (b"--x\r\nnonsense\r\n\r\n--x--", FORM),
        (b"--x--", "multipart/form-data"),
        (PART + b"\r\n\r\na\r\n--x--\r\n", FORM),
        (PART + b'; filename="\xff\x00"\r\n\r\n', FORM),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"x", "multipart/form-data; boundary="),
        (b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\n--x--", FORM),
    ],
)
def test_a_malformed_upload_is_refused(server: Server, body: bytes, kind: str) -> None:
    answer = server.http.post(f"{API}/uploads", content=body, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500, answer.text
    problem(answer, answer.status_code, answer.json()["reason"])


def test_a_large_json_body_is_refused(server: Server) -> None:
    said = {"Content-Type": "application/json"}
    answer = server.http.post(f"{API}/search", content=b" " * (5 << 20), headers=said)
    problem(answer, 413, "too-large")
    deep = b'{"query":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = server.http.post(f"{API}/search", content=deep, headers=said)
    assert 400 <= answer.status_code < 500, answer.text
    answers_others(server)
