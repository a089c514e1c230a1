"""Decoding processes: a hostile file costs itself and nobody else.

A reader plug-in, declared like any third party's, does on demand what native decoders do by accident.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import psutil
import pytest
from drawing_processes import stopped

from awaited import PATIENCE
from conftest import texture
from lookalike.readers import limits
from lookalike.readers import pool as pool_module
from lookalike.readers import process as process_module
from lookalike.readers.events import Event, Finished, Frame
from lookalike.readers.pool import ReaderPool
from lookalike.readers.process import SLOWED, Deadline, Process
from lookalike.sources.files import FileSource, walk
from lookalike.sources.reading import list_items
from lookalike.types import Preprocessing, Refusal

PLUG_IN = """
import os, sys, time
import numpy as np
from pathlib import Path
from lookalike.errors import UnreadableImageError
from lookalike.types import Image

poisoned = False

class Reader:
    def matches(self, file):
        return file.suffix == ".evil"

    def read(self, files):
        global poisoned
        deed, _, number = files[0].read_text().partition(" ")
        if poisoned or deed == "abort":
            os.abort()
        if deed == "poison":
            poisoned = True
        if deed == "hang":
            yield Image(pixels=np.zeros((1, 64, 64, 1), np.uint16), frame=0, frames=2)
            while True:
                pass
        if deed == "sleep":
            time.sleep(3600)
        if deed == "wait":
            while (files[0].parent / "busy").exists():
                time.sleep(0.01)
        if deed == "memory":
            bytearray(8 << 30)
        if deed == "recursion":
            def deeper(): deeper()
            deeper()
        if deed == "raise":
            raise RuntimeError("patient SECRET^NAME")
        if deed == "refuse":
            raise UnreadableImageError("unsupported-pixels")
        if deed == "talk":
            print("SECRET^NAME")
            print("SECRET^NAME", file=sys.stderr)
            os.write(1, b"SECRET^NAME"), os.write(2, b"SECRET^NAME")
        if deed == "exit":
            os._exit(0)
        if deed == "garbage":  # what a decoder that has overwritten memory may send to the other end
            for descriptor in range(3, 64):
                try:
                    os.write(descriptor, eval(number))
                except OSError:
                    pass
            os._exit(1)
        count = int(number or 1)
        for frame in range(count):
            if deed == "break" and frame == count - 1:
                os.abort()
            pixels = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64, 1) + frame
            yield Image(pixels=pixels, frame=frame, frames=count, patient="SECRET^NAME")
"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files whose one line says what their reader does; the plug-in is on the path."""
    site = tmp_path / "site"
    declared = site / "evil_reader-0.dist-info"
    declared.mkdir(parents=True)
    (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: evil-reader\nVersion: 0\n")
    (declared / "entry_points.txt").write_text("[lookalike.readers]\nevil = evil_reader:Reader\n")
    (site / "evil_reader.py").write_text(PLUG_IN)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def write(folder: Path, *deeds: str) -> list[Path]:
    paths = []
    for number, deed in enumerate(deeds):
        paths.append(folder / f"{number:02}.evil")
        paths[-1].write_text(deed)
    return paths


@pytest.fixture
def pool() -> Iterator[ReaderPool]:
    with ReaderPool(Preprocessing(), workers=1) as opened:
        yield opened


def summary(events: Iterator[Event]) -> list[str]:
    """A word for each file: how many frames and, if it was refused, why."""
    words = []
    frames = 0
    for event in events:
        if isinstance(event, Frame):
            assert event.frame == frames
            frames += 1
            continue
        words.append(f"{frames} {event.reason}" if isinstance(event, Refusal) else str(frames))
        frames = 0
    return words


# What a file's reader does, and what must become of the file.
OUTCOMES = {
    "abort": "0 decoder-crash",
    "exit": "0 decoder-crash",
    "memory": "0 out-of-memory",
    "recursion": "0 damaged-header",
    "raise": "0 damaged-header",
    "refuse": "0 unsupported-pixels",
    "break 3": "2 decoder-crash",
    "talk": "1",
    "garbage b'no message'": "0 decoder-crash",
    r"garbage b'\0\0\0\2{}'": "0 decoder-crash",
    r"garbage b'\0\0\0\2[]'": "0 decoder-crash",
    r"garbage b'\0\0\0\3{}\n'": "0 decoder-crash",
    r"garbage b'\x7f\xff\xff\xff'": "0 decoder-crash",
    r"""garbage b'\0\0\0\x23{"kind": "refused", "reason": "x"}\n '""": "0 decoder-crash",
}


def test_a_bad_file_is_refused_and_the_next_one_is_read(
    evil: Path, pool: ReaderPool, capfd: pytest.CaptureFixture[str]
) -> None:
    deeds = [deed for bad in OUTCOMES for deed in (bad, "fine 2")]
    words = summary(pool.read(write(evil, *deeds)))
    assert dict(zip(deeds[::2], words[::2], strict=True)) == OUTCOMES
    assert words[1::2] == ["2"] * len(OUTCOMES)
    assert capfd.readouterr() == ("", "")  # nobody's words reach the terminal


def test_a_file_that_never_ends_is_given_up(evil: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    others = set(psutil.Process().children())
    assert summary(pool.read(write(evil, "fine"))) == ["1"]  # the process is up
    (zygote,) = set(psutil.Process().children()) - others
    with monkeypatch.context() as patched:
        # Of the file's time one second is left once the first frame has come, however long that has taken.
        patched.setattr(pool_module, "seconds_of_frame", lambda _burned_in: 1.0 - limits.SECONDS_A_FILE)
        assert summary(pool.read(write(evil, "hang"))) == ["1 timeout"]
    with monkeypatch.context() as patched:
        patched.setattr(limits, "SECONDS_A_FILE", 0.5)
        assert summary(pool.read(write(evil, "sleep"))) == ["0 timeout"]
    events = pool.read(write(evil, "fine 2"))
    assert isinstance(next(events), Frame)
    assert len(zygote.children()) == 1  # the one that reads now
    assert [type(event) for event in events] == [Frame, Finished]


def test_a_file_is_not_blamed_for_the_time_that_its_process_takes_to_start(tmp_path: Path) -> None:
    process = Process()
    process.admit([str(tmp_path)], "first")
    starting = threading.Thread(target=process.admit, args=([str(tmp_path)], "second"))
    try:
        with stopped(psutil.Process().children(recursive=True)):
            starting.start()
            starting.join(0.5)
            assert starting.is_alive()  # as on a busy machine; no file is waited for yet
        starting.join(PATIENCE)
        assert not starting.is_alive()
    finally:
        process.kill()


def test_a_file_is_not_given_up_because_others_keep_the_processors_busy(
    evil: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is what its process works, not what passes by the clock."""
    assert summary(pool.read(write(evil, "fine"))) == ["1"]
    monkeypatch.setattr(limits, "SECONDS_A_FILE", 1.0)
    monkeypatch.setattr(process_module, "SLOWED", PATIENCE)
    busy = evil / "busy"
    busy.touch()
    ends = threading.Timer(1.5 * limits.SECONDS_A_FILE, busy.unlink)
    ends.start()
    assert summary(pool.read(write(evil, "wait"))) == ["1"]
    ends.join()


def test_a_large_file_has_time_to_be_digested(evil: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS_A_FILE", 0.1)
    (large,) = write(evil, "fine")
    with large.open("r+b") as file:
        file.truncate(2 << 30)  # which takes a second or more
    (event,) = pool.read([large], known=lambda _sha256: True)
    assert isinstance(event, Finished)
    assert event.known


def test_a_file_that_leaves_the_process_broken_does_not_cost_the_next_one(evil: Path, pool: ReaderPool) -> None:
    assert summary(pool.read(write(evil, "poison", "fine", "fine"))) == ["1", "1", "1"]


def test_order_is_kept_whatever_each_file_takes(evil: Path) -> None:
    deeds = ["fine 1", "abort", "fine 90", "fine 2", "refuse", "exit", "fine 3"]
    with ReaderPool(Preprocessing(), workers=3) as pool:
        words = summary(pool.read(write(evil, *deeds)))
    expected = ["1", "0 decoder-crash", "90", "2", "0 unsupported-pixels", "0 decoder-crash", "3"]
    assert words == expected


def test_reading_may_be_left_at_any_frame(evil: Path, pool: ReaderPool) -> None:
    paths = write(evil, "fine 500", "fine")
    assert [event.frame for event in itertools.islice(pool.read(paths), 3)] == [0, 1, 2]
    assert summary(pool.read(paths)) == ["500", "1"]


def test_known_files_are_not_decoded(evil: Path, pool: ReaderPool) -> None:
    (event,) = pool.read(write(evil, "abort"), known=lambda _sha256: True)
    assert isinstance(event, Finished)
    assert event.known


def test_without_processes_the_reader_hears_of_it(
    evil: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="nowhere"):
        list(pool.read(write(evil, "fine")))


def test_one_file_starts_one_process(tmp_path: Path) -> None:
    """Of those that what forks has forked; that may have been started for another test before."""

    def zygotes() -> set[psutil.Process]:
        return {each for forking in psutil.Process().children() for each in forking.children()}

    PIL.Image.fromarray(texture(1)).save(tmp_path / "a.png")
    before = zygotes()
    with ReaderPool(Preprocessing(), workers=8) as pool:
        list(pool.read([tmp_path / "a.png"]))
        assert len(zygotes() - before) == 1


def test_what_forks_is_started_once_and_again_when_it_was_killed(evil: Path) -> None:
    files, others = write(evil, "fine"), set(psutil.Process().children())
    for _ in range(2):
        with ReaderPool(Preprocessing(), workers=2) as pool:
            assert summary(pool.read(files)) == ["1"]
    (forking,) = set(psutil.Process().children()) - others
    with ReaderPool(Preprocessing(), workers=2) as pool:
        assert summary(pool.read(files)) == ["1"]
        forking.kill()
        forking.wait(PATIENCE)
        assert summary(pool.read(files)) == ["1"]  # the zygote goes on without it
    with ReaderPool(Preprocessing(), workers=2) as pool:
        assert summary(pool.read(files)) == ["1"]


def test_modules_beside_the_images_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.fromarray(texture(1)).save(tmp_path / "a.png")
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\nraise SystemExit(1)\n"
    for name in ("json", "hashlib", "numpy", "PIL", "pydicom", "lookalike"):
        (tmp_path / f"{name}.py").write_text(trap)
    monkeypatch.chdir(tmp_path)
    with ReaderPool(Preprocessing(), workers=1) as pool:
        assert summary(pool.read(["a.png"])) == ["1"]
    assert not (tmp_path / "sprung").exists()


def test_names_that_are_no_utf8_are_read_and_written_out(tmp_path: Path, pool: ReaderPool) -> None:
    PIL.Image.fromarray(texture(1)).save(tmp_path / "a.png")
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    (tmp_path / "a.png").rename(tmp_path / name)
    frame, finished = pool.read([tmp_path / name])
    assert isinstance(frame, Frame)
    assert isinstance(finished, Finished)
    assert frame.source == finished.source == str(tmp_path / r"caf\xe9.png")


def test_a_lower_limit_of_memory_is_kept(tmp_path: Path) -> None:
    """`ulimit -v` below ours is no reason to fail."""
    PIL.Image.fromarray(texture(1)).save(tmp_path / "a.png")
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from lookalike.readers.pool import *\n"
        "with ReaderPool(Preprocessing(), workers=1) as pool: print(*map(type, pool.read(sys.argv[1:])))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Frame" in done.stdout
    assert "Finished" in done.stdout


def test_walk_gives_every_file_once_and_says_what_it_could_not_look_into(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a.png", "b/.hidden.png", ".git/x.png", "b/c/ü 图.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    names = ["a.png", "dangling.png", "b/1.png", "b/2.png", "b/c/ü 图.png"]
    assert walk([tmp_path, tmp_path / "b", tmp_path / "a.png"]) == [tmp_path / name for name in names]


def test_links_are_followed_once_each_and_what_is_not_read_is_named(tmp_path: Path) -> None:
    root, store = tmp_path / "project", tmp_path / "store"
    read = "store/a/1.png store/a/deep/2.png store/b/3.png project/own.png project/z/4.png"
    unread = "project/.annex/5.png project/__MACOSX/._own.png project/._own.png project/V.app/x.png"
    for name in (*read.split(), *unread.split()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    links = {
        "loop": root, "a": store / "a", "again": store / "a", "all": store, "site/up": root, "here": root / "z",
        "first.png": root / "own.png", "kept.png": root / ".annex/5.png", "file.png": store / "b/3.png",
        "gone.png": root / "nothing.png", "round.png": root / "round.png", "empty": root / "nowhere", "above": tmp_path,
    }  # fmt: skip
    for name, target in links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    os.mkfifo(root / "pipe.png")
    items = {item.name.removeprefix(f"{root}/"): item.apart for item in FileSource(root).items()}
    assert [name for name, apart in items.items() if not apart] == [
        "empty", "file.png", "gone.png", "kept.png", "own.png", "round.png", "a/1.png", "a/deep/2.png",
        "all/b/3.png", "z/4.png",
    ]  # fmt: skip
    assert {name: apart for name, apart in items.items() if apart} == {
        ".annex": "hidden folder", "._own.png": "system file", "V.app": "viewer", "__MACOSX": "system folder",
        "again": "repeated link", "all/a": "repeated link", "first.png": "repeated link", "here": "repeated link",
        "loop": "repeated link", "pipe.png": "device or pipe", "site/up": "repeated link",
        "above": "upward link",
    }  # fmt: skip
    # file.png and all/b/3.png are one file: one item.
    listing = list_items([FileSource(root), FileSource(store), FileSource(root / "a")])
    assert len(listing.items) == 9
    assert [Path(each.source).name for each in listing.apart if each.kind == "repeated link"].count("3.png") == 2


def test_a_process_that_nobody_waits_for_ends_by_itself(evil: Path) -> None:
    """The parent is killed while a decoder runs in circles: nothing is left behind for ever."""
    script = (
        "import sys; from lookalike.readers.pool import *\n"
        "pool = ReaderPool(Preprocessing(), workers=1)\n"
        "for event in pool.read(sys.argv[1:]): print(event.source, flush=True)\n"
    )
    command = [sys.executable, "-c", script, *map(str, write(evil, "fine", "hang"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != str(evil / "01.evil").encode():
            pass
        every = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGKILL)
        assert len(every) == 3  # what forks zygotes, a zygote and its child
    psutil.wait_procs(every, timeout=PATIENCE)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in every)


def test_a_process_may_go_on_while_nobody_waits_for_it() -> None:
    """Its own limit may have ended it then: that is a time-out, not a crash."""
    deadline = Deadline(15.0)
    earliest, latest = deadline.earliest, deadline.latest
    deadline.prolong(1.0, waited=60.0)
    assert deadline.earliest - earliest == pytest.approx(1.0)
    assert deadline.latest - latest == pytest.approx(SLOWED + 60.0)
