"""An upload opens no file of the server: by a header that names one, or by a reader that pries."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import API, Server, make_gallery, problem, serving

from lookalike.readers.landlock import landlock_version
from prying import CANARY, VOXELS, install_prying, leading_elsewhere, plant


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has the prying reader, and a secret in its environment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", install_prying(tmp_path_factory.mktemp("site")))
        patched.setenv("SECRET_OF_THE_SERVER", CANARY.decode())
        with serving(make_gallery(tmp_path_factory.mktemp("confined"))) as running:
            yield running


def test_no_header_shows_a_file_of_the_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "canary").write_bytes(CANARY * 400)
    headers = leading_elsewhere(tmp_path / "in")
    for name in [name for name in headers if name.endswith(("d", "r"))]:  # .mhd and .nhdr: others are read alike
        alone = server.http.post(f"{API}/uploads", files=[("file", (name, headers[name]))])
        problem(alone, 422, "incomplete-pair" if "leads out" in name else "points-elsewhere")
        assert CANARY[:19] not in alone.content
    for name in ("first.mhd", "list 2.mhd", "end.mhd", "twice.nhdr", "skip.nhdr"):
        files = [("file", (name, headers[name])), ("file", ("a.raw", VOXELS))]
        both = server.http.post(f"{API}/uploads", files=files)
        assert both.status_code == 422, both.text
        assert CANARY[:19] not in both.content


def test_no_reader_shows_a_file_of_the_server(server: Server, tmp_path: Path) -> None:
    if not landlock_version():
        pytest.skip("the kernel has no Landlock")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        deeds = plant(tmp_path / "planted", listening.getsockname()[1])
        own = server.http.post(f"{API}/uploads", files=[("file", ("own.pry", b"read /dev/null"))])
        assert own.status_code == 201, own.text  # the reader is there, and reads what it may
        for name, line in deeds.items():
            answer = server.http.post(f"{API}/uploads", files=[("file", (f"{name}.pry", line.encode()))])
            problem(answer, 422, "not-readable")
            assert CANARY[:19] not in answer.content
    assert CANARY.decode() not in server.lines()
