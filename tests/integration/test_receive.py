"""`lookalike receive`: what was sent is found as if a folder had been indexed, nothing is lost, nothing is kept."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pydicom
import pytest
from running import COMMAND, children, python, refusal, run

from lookalike.errors import LockedError, UsageError
from lookalike.gallery import INBOX, Gallery
from lookalike.readers.landlock import landlock_version
from lookalike.receiving.folder import APART, make_inbox, objects_in, waiting_series
from lookalike.receiving.known import KnownObjects
from lookalike.sources.inbox import InboxSource
from lookalike.sources.source import source_of
from lookalike.sources.stable_series import is_stable
from lookalike.verbs.index import index
from lookalike.verbs.receive import ReceiveResult, receive
from lookalike.verbs.records import remove
from peers.dimse import SUCCESS, associated, echoscu, pictures, storescu, volume

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")

WAIT = 3600.0  # seconds after which a series is complete; a test says itself when they have passed


class Receiving:
    """A gallery into which a thread receives."""

    def __init__(self, gallery: Gallery, **options: Any) -> None:
        self.gallery, self.said, self.stopped = gallery, list[ReceiveResult](), threading.Event()
        given = {"port": 0, "stable": WAIT, **options}
        self.ended: list[ReceiveResult] = []

        def work() -> None:
            self.ended.append(receive(gallery, say=self.said.append, stopped=self.stopped, **given))

        self._thread = threading.Thread(target=work)
        self._thread.start()
        self.until(lambda done: bool(done.address))

    @property
    def port(self) -> int:
        return int(self.said[-1].address.rpartition(":")[2])

    @property
    def folder(self) -> Path:
        return self.gallery.folder / INBOX

    def until(self, holds: Callable[[ReceiveResult], bool]) -> ReceiveResult:
        """Wait until what is said holds; a test that waits for ever is stopped from outside."""
        while not (self.said and holds(self.said[-1])):
            assert self._thread.is_alive()
            time.sleep(0.02)
        return self.said[-1]

    def complete(self, objects: int) -> None:
        """Once so many objects wait, have them be complete, however long one was behind the other."""
        self.until(lambda done: done.waiting == objects)
        long_ago = time.time() - 2 * WAIT
        for file in [file for each in waiting_series(self.folder) for file in each.files]:
            os.utime(file, (long_ago, long_ago))

    def stop(self) -> ReceiveResult:
        self.stopped.set()
        self._thread.join()
        return self.ended[0]


@contextmanager
def receiving(gallery: Gallery, **options: Any) -> Iterator[Receiving]:
    running = Receiving(gallery, **options)
    try:
        yield running
    finally:
        running.stop()


def assert_same_records(one: Gallery, other: Gallery) -> None:
    """Each record of one is in the other: what it says of itself, and its vectors, whose last digits depend on which
    pictures were encoded together. The file of a received object is another one.
    """
    ours, theirs = described(one), described(other)
    assert sorted(told for told, _ in ours) == sorted(told for told, _ in theirs)
    for told, vectors in ours:
        alike = [each for said, each in theirs if said == told and np.allclose(vectors, each, atol=1e-4)]
        assert len(alike) == 1, told


def described(gallery: Gallery) -> list[tuple[str, Any]]:
    """What each record says of itself, and its vectors (views, dim)."""
    return [
        (repr((record.frame, sorted(record.labels), sorted(record.attributes.items()))), gallery.store.vectors_of(key))
        for key, record in gallery.store.records().items()
    ]


def test_what_is_sent_is_what_a_folder_holds_and_nothing_of_it_is_kept(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    pictures(tmp_path / "a" / "singles", 3)
    pictures(tmp_path / "a" / "shared", 4, series=1, seed=10)
    volume(tmp_path / "a" / "ct", 8)
    expected, gallery = make_gallery("expected"), make_gallery("received")
    index(expected, [tmp_path / "a"])
    with receiving(gallery) as running:
        assert echoscu(running.port) == 0
        assert storescu(running.port, tmp_path / "a").returncode == 0
        running.complete(15)
        done = running.until(lambda done: done.indexed == 15)
        assert (done.received, done.waiting, done.left_out, done.refused) == (15, 0, {}, {})
        assert storescu(running.port, tmp_path / "a").returncode == 0
        running.complete(15)
        running.until(lambda done: done.repeated == 15)
    ended = running.stop()
    assert (ended.records, ended.late, ended.trouble) == (gallery.store.count(), 0, "")
    assert_same_records(gallery, expected)
    assert not list(objects_in(running.folder))
    for path in gallery.folder.rglob("*"):
        assert not path.is_file() or b"CANARY-7" not in path.read_bytes(), path
    sources = {record.source for record in gallery.store.records().values()}
    assert all(source.startswith("inbox:") for source in sources)


def test_another_object_with_the_uid_of_one_that_was_indexed_is_kept_apart(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    first, *_ = pictures(tmp_path / "a", 1)
    changed = pydicom.dcmread(first)
    changed.Rows, changed.Columns = 32, 128
    (tmp_path / "b").mkdir()
    changed.save_as(tmp_path / "b" / "0.dcm")
    gallery = make_gallery()
    with receiving(gallery) as running:
        for folder, holds in (("a", lambda done: done.indexed == 1), ("b", lambda done: done.apart == 1)):
            assert storescu(running.port, tmp_path / folder).returncode == 0
            running.complete(1)
            running.until(holds)
        assert gallery.store.count() == 1
        assert len(list((running.folder / APART).iterdir())) == 1
        [record] = gallery.store.records().values()
        remove(gallery, [record.id])
        assert storescu(running.port, tmp_path / "b").returncode == 0  # the first one is no longer here
        running.complete(1)
        running.until(lambda done: done.indexed == 2)
        assert gallery.store.count() == 1


def test_more_of_a_series_that_was_indexed_is_told(make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    files = pictures(tmp_path / "a", 4, series=1)
    (tmp_path / "late").mkdir()
    for file in files[2:]:
        shutil.move(file, tmp_path / "late" / file.name)
    gallery = make_gallery()
    with receiving(gallery) as running:
        assert storescu(running.port, tmp_path / "a").returncode == 0
        running.complete(2)
        running.until(lambda done: done.indexed == 2)
        assert storescu(running.port, tmp_path / "late").returncode == 0
        running.complete(2)
        assert running.until(lambda done: done.indexed == 4).late == 1
    assert gallery.store.count() == 4


def test_what_is_no_picture_is_counted_with_its_reason_and_goes(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    gallery = make_gallery()
    with receiving(gallery) as running:
        with associated(running.port) as peer:
            assert peer.store("1.2.3.1", b"") == SUCCESS
            assert peer.store("1.2.3.2", bytes(2000)) == SUCCESS
        running.complete(2)
        done = running.until(lambda done: done.indexed == 2)
        assert sum(done.left_out.values()) == 2
        assert done.records == 0
        assert not list(objects_in(running.folder))


def test_what_waited_is_indexed_once_and_a_kill_in_between_changes_nothing(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    pictures(tmp_path / "a", 3)
    gallery = make_gallery()
    with receiving(gallery, stable=3600) as running:
        assert storescu(running.port, tmp_path / "a").returncode == 0
        running.until(lambda done: done.waiting == 3)
    assert index(gallery, [gallery.folder]).files == 0  # what waits is the gallery's own
    # As if it had been killed after it stored the records, and before it removed the files.
    waiting = InboxSource(running.folder, 0)
    index(gallery, [waiting])
    assert gallery.store.count() == 3
    for _ in range(2):
        done = receive(gallery, once=True)
        assert (done.waiting, done.records, done.address) == (0, 0, "")
    assert gallery.store.count() == 3
    assert len(KnownObjects(running.folder).items()) == 3


def test_the_process_that_receives_is_started_again_and_can_reach_nothing(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    pictures(tmp_path / "a", 2)
    with receiving(make_gallery()) as running:
        assert echoscu(running.port) == 0
        [child] = children("lookalike.receiving.process")
        assert not {"LOOKALIKE_KEY", "LOOKALIKE_CONFIG"} & child.environ().keys()
        assert child.rlimit(psutil.RLIMIT_AS)[0] == 300 << 20
        running.until(lambda done: done.echoes == 1)
        child.kill()
        assert storescu(running.port, tmp_path / "a").returncode == 0  # it waits for the next one
        done = running.until(lambda done: done.received == 2)
        assert done.restarts == 1
        assert done.echoes == 1


def test_a_process_confined_to_a_folder_writes_there_alone(tmp_path: Path) -> None:
    if landlock_version() < 2:
        pytest.skip("the kernel has no Landlock")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "secret").write_text("secret")
    script = """
import os, socket, sys
from pathlib import Path
from lookalike.readers.confine import confine_to_folder
inbox = Path(sys.argv[1])
confine_to_folder(inbox)
(inbox / "a").write_text("a"); (inbox / "a").rename(inbox / "b"); (inbox / "c").mkdir()
def refused(what):
    try:
        what()
    except OSError:
        return True
for what in (lambda: (inbox.parent / "secret").read_text(), lambda: (inbox.parent / "x").write_text("x"),
             lambda: (inbox / "b").rename(inbox.parent / "b"), lambda: socket.socket(), os.fork):
    assert refused(what)
"""
    (tmp_path / "script.py").write_text(script)
    done = python(tmp_path / "script.py", tmp_path / "inbox")
    assert done.returncode == 0, done.stderr


def test_the_command_says_lines_of_json_and_ends_when_told(tmp_path: Path) -> None:
    pictures(tmp_path / "a", 2)
    words = ["receive", "--gallery", tmp_path / "g", "--port", "0", "--stable", "0.3", "--json"]
    with subprocess.Popen([COMMAND, *map(str, words)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
        assert storescu(port, tmp_path / "a").returncode == 0
        for line in process.stdout:
            if json.loads(line)["indexed"] == 2:
                break
        with associated(port):  # somebody is there when it is told to end
            process.send_signal(signal.SIGTERM)
            last = json.loads(process.stdout.readlines()[-1])
        assert process.wait() == 0
    assert (last["received"], last["records"], last["waiting"]) == (2, 2, 0)


def test_one_receives_into_an_inbox(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    with receiving(gallery), pytest.raises(LockedError, match="another process receives"):
        receive(gallery, port=0)
    assert receive(gallery, once=True).waiting == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--host", "0.0.0.0"), "say who may send: --allow"),
        (("--host", "nowhere"), "is no address"),
        (("--host", "192.0.2.1", "--allow", "10.0.0.1"), "cannot be listened on"),
        (("--allow", "somewhere"), "names no peer"),
        (("--aet", "A\\B"), "1 to 16 characters"),
        (("--tls-cert", "c.pem"), "--tls-cert and --tls-key"),
        (("--tls-cert", "/no/c.pem", "--tls-key", "/no/k.pem"), "TLS cannot be had"),
        (("--inbox", "{other}"), "is no inbox"),
    ],
)
def test_what_cannot_be_received_with_is_said_in_a_line(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    told = [word.format(other=tmp_path / "other") for word in words]
    assert says in refusal(run("receive", "--gallery", tmp_path / "g", "--port", "0", *told))
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(("ago", "stable"), [(0, False), (9.9, False), (10, True), (-5, False), (-3600, True)])
def test_when_a_series_is_complete(ago: float, stable: bool) -> None:
    assert is_stable(1_000_000 - ago, 1_000_000, 10) == stable


def test_an_inbox_lists_what_is_complete(tmp_path: Path) -> None:
    make_inbox(tmp_path)
    for number, age in enumerate((7200, 7200, 0)):
        place = tmp_path / "arrived" / f"{number:032}" / f"{number:032}-{number:032}.dcm"
        place.parent.mkdir()
        place.write_bytes(b"x")
        os.utime(place, (time.time() - age,) * 2)
    (tmp_path / "arrived" / "strange").mkdir()
    source = InboxSource(tmp_path, 3600)  # no test takes that long
    assert len(list(source.items())) == 2
    assert len(list(InboxSource(tmp_path, 0).items())) == 3
    with pytest.raises(UsageError, match="no inbox"):
        source_of("inbox:/no/such/inbox")
