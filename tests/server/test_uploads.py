"""Uploads: bounded in bytes and in time, private, gone at the end."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lookalike.errors import NotFoundError
from lookalike.server.problems import Problem
from lookalike.server.uploads import store as uploads
from lookalike.server.uploads.store import Upload, Uploads


def filled(kept: Uploads, size: int, name: str = "a.png") -> Upload:
    upload = kept.new("me")
    kept.place(upload, name).write_bytes(bytes(size))
    kept.keep(upload)
    return upload


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden", "hidden"),
        ("", "upload"),
        (None, "upload"),
        ("a\x00\nb\u202e.dcm", "a b .dcm"),
        ("C:\\x\\y.dcm", "C__x_y.dcm"),
        ("..", "upload"),
    ],
)
def test_a_name_leads_nowhere(name: str | None, kept: str) -> None:
    every = Uploads(1000)
    try:
        upload = every.new("me")
        path = every.place(upload, name)
        assert path.name == kept
        assert path.resolve().is_relative_to(upload.folder.resolve())
        assert stat.S_IMODE(upload.folder.parent.stat().st_mode) == 0o700
        assert upload.id == upload.folder.name != every.new("me").id
    finally:
        every.close()


def test_the_oldest_make_room_but_none_that_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])
    every = Uploads(1000)
    try:
        first = filled(every, 600)
        first.used = 0.0
        with pytest.raises(Problem, match="429"):
            filled(every, 600)
        assert every.get(first.id, "me") is first
        now[0] = 700.0  # ten minutes later it is in nobody's way
        second = filled(every, 600)
        second.used = now[0]
        assert not first.folder.exists()
        with pytest.raises(NotFoundError, match="no upload"):
            every.get(first.id, "me")
        now[0] = 7 * 3600.0
        every.sweep()
        assert not second.folder.exists()
    finally:
        every.close()
    assert not second.folder.parent.exists()


def test_files_of_one_name_do_not_overwrite_each_other() -> None:
    every = Uploads(1000)
    try:
        upload = every.new("me")
        paths = [every.place(upload, "s.dcm") for _ in range(3)]
        for number, path in enumerate(paths):
            path.write_bytes(bytes(number + 1))
        every.keep(upload)
        assert [path.stat().st_size for path in upload.files] == [1, 2, 3]
        assert upload.size == 6
        assert upload.source == upload.folder
        every.discard(upload)
        assert not Path(upload.folder).exists()
    finally:
        every.close()
