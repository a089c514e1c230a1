"""The page's files as they are served: whole or compressed, the same bytes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Server, make_gallery, serving

from lookalike.server.page import STATIC

KINDS = {".js": "javascript", ".css": "text/css", ".wasm": "application/wasm", ".html": "text/html"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built: `make page`")
    with serving(make_gallery(tmp_path_factory.mktemp("page"))) as running:
        yield running


def built() -> dict[str, bytes]:
    """Address and content of every file of the page."""
    files: dict[str, bytes] = {}
    for path in (path for path in STATIC.rglob("*") if path.is_file()):
        name, content = path.relative_to(STATIC).as_posix(), path.read_bytes()
        packed = name.endswith(".gz")
        files["/" + name.removesuffix(".gz")] = gzip.decompress(content) if packed else content
    return files


@pytest.mark.parametrize("encodings", ["gzip, deflate, br", "identity"])
def test_every_file_comes_as_it_was_built(server: Server, encodings: str) -> None:
    files = built()
    assert len(files) > 10
    for address, content in files.items():
        answer = server.http.get(address, headers={"Accept-Encoding": encodings})
        assert (answer.status_code, answer.content) == (200, content), address
        assert KINDS.get(Path(address).suffix, "") in answer.headers["content-type"], address
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        if encodings == "identity":
            assert "content-encoding" not in answer.headers


def test_a_large_file_comes_compressed_and_is_kept_by_the_browser(server: Server) -> None:
    largest = max(built().items(), key=lambda file: len(file[1]))[0]
    first = server.http.get(largest)
    assert first.headers["content-encoding"] == "gzip"
    assert int(first.headers["content-length"]) < len(first.content) / 2
    assert first.headers["vary"] == "Accept-Encoding"
    again = server.http.get(largest, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = server.http.head(largest)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("address", ["/assets/none.js", "/../app.py", "/%2e%2e/app.py", "/assets/../../app.py.gz"])
def test_nothing_else_is_served(server: Server, address: str) -> None:
    assert server.http.get(address).status_code == 404
