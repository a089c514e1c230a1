"""Receiving at length: a thousand objects by four associations, kills in the middle, and every attack at once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
import pydicom
import pytest
from pydicom.uid import generate_uid
from running import COMMAND

from lookalike.gallery import Gallery
from lookalike.receiving.folder import COMING, objects_in, waiting_series
from lookalike.receiving.inbox import Inbox
from lookalike.receiving.receiver import Receiver
from lookalike.receiving.settings import ReceiverSettings
from lookalike.verbs.index import index
from lookalike.verbs.receive import receive
from peers.dimse import (
    SUCCESS,
    RawPeer,
    associate_rq,
    associated,
    dcmsend,
    echoscu,
    p_data,
    pdu,
    pictures,
    store_rq,
    storescu,
)

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")

from pynetdicom import AE, _config

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("LOOKALIKE_ENDURANCE", "20"))
KEY = b"k" * 32


@contextmanager
def receiver(folder: Path, **fields: Any) -> Iterator[tuple[Receiver, int]]:
    with Receiver(ReceiverSettings(**fields), folder, KEY, "127.0.0.1", 0) as running:
        running.start()
        port = int(running.address.rpartition(":")[2])
        assert echoscu(port) == 0
        yield running, port


def process() -> psutil.Process:
    """The receiving process."""
    while True:
        for one in psutil.Process().children():
            if "lookalike.receiving.process" in one.cmdline():
                return one


def test_a_thousand_objects_by_four_associations_are_what_the_folder_holds(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    for number in range(4):
        pictures(tmp_path / "a" / str(number), 250, seed=250 * number)
    expected, gallery = make_gallery("expected"), make_gallery("received")
    index(expected, [tmp_path / "a"])
    with receiver(gallery.folder / "inbox") as (running, port), ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda number: storescu(port, tmp_path / "a" / str(number)), range(4)))
        assert [done.returncode for done in sent] == [0] * 4
        time.sleep(0.5)
        assert running.counts()["received"] == 1000
    assert receive(gallery, once=True).indexed == 1000
    assert gallery.store.count() == expected.store.count() == 1000
    of_folder, of_peers = (each.store.vectors().vectors for each in (expected, gallery))
    assert np.min(np.max(of_peers @ of_folder.T, axis=1)) >= 0.9999
    assert np.min(np.max(of_folder @ of_peers.T, axis=1)) >= 0.9999


def unique_objects(data: Path, tree: Path) -> int:
    """Copy every DICOM file whose UID no other one has, folder by folder; how many there are. Files that are broken on
    purpose take a decoder's whole time each, twice, and are left out.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in data.rglob("*.dcm") if "bad-input" not in path.parts):
        with suppress(Exception):  # some are odd
            head = pydicom.dcmread(path, stop_before_pixels=True)
            if head.SOPInstanceUID and head.file_meta.MediaStorageSOPInstanceUID == head.SOPInstanceUID:
                found.setdefault(str(head.SOPInstanceUID), []).append(path)
    alone = [paths[0] for paths in found.values() if len(paths) == 1]
    for path in alone:
        place = tree / path.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return len(alone)


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def attributes(gallery: Gallery) -> list[str]:
    return sorted(str(sorted(record.attributes.items())) for record in gallery.store.records().values())


def sent_by_pynetdicom(port: int, path: Path) -> int:
    """Send a file as its bytes are, whatever stands in its data set; the status."""
    meta, peer = pydicom.dcmread(path, stop_before_pixels=True).file_meta, AE()
    peer.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    association = peer.associate("127.0.0.1", port, ae_title="LOOKALIKE")
    assert association.is_established
    with patch.object(_config, "STORE_SEND_CHUNKED_DATASET", True):
        status = int(association.send_c_store(path).Status)
    association.release()
    return status


def test_real_objects_sent_are_what_their_folder_holds(
    make_gallery: Callable[..., Gallery], tmp_path: Path, shared_data: Path
) -> None:
    """dcmtk sends what it can read, and pynetdicom the few others."""
    count, tree = unique_objects(shared_data, tmp_path / "tree"), tmp_path / "tree"
    assert count > 300
    expected, gallery = make_gallery("expected"), make_gallery("received")
    with receiver(gallery.folder / "inbox") as (running, port):
        reasons = Counter(reason for folder in sorted(tree.iterdir()) for reason in dcmsend(port, folder))
        here = {uid_of(path) for path in objects_in(gallery.folder / "inbox")}
        rest = [path for path in sorted(tree.rglob("*.dcm")) if uid_of(path) not in here]
        print(f"{count} objects, {len(here)} sent by dcmtk; not by it: {dict(reasons)}")
        assert len(rest) == reasons.total()
        assert {sent_by_pynetdicom(port, path) for path in rest} <= {SUCCESS}
        time.sleep(1)
        counts = running.counts()
    assert counts == {"received": count, "echoes": 1}
    index(expected, [tree])
    done = receive(gallery, once=True)
    of_folder, of_peers = (each.store.vectors().vectors for each in (expected, gallery))
    cosines = of_peers @ of_folder.T
    least = min(cosines.max(axis=0).min(), cosines.max(axis=1).min())
    print(f"{counts}; {expected.store.count()} records of the folder, {done}; least cosine {least:.7f}")
    assert gallery.store.count() == expected.store.count()
    assert len(of_folder) == len(of_peers)
    assert least >= 0.9999
    assert attributes(gallery) == attributes(expected)


def send_for_long(port: int, seed: int, acknowledged: list[str], stopped: threading.Event) -> None:
    """Send objects until this is to stop, whatever becomes of the receiver. acknowledged: UIDs."""
    chance, number = random.Random(seed), 0
    while not stopped.is_set():
        with suppress(AssertionError, OSError), associated(port) as peer:
            while not stopped.is_set():
                uid, number = f"1.2.{seed + 1}.{number}", number + 1
                if peer.store(uid, chance.randbytes(2 * chance.randrange(1, 100_000))) == SUCCESS:
                    acknowledged.append(uid)


def test_what_was_acknowledged_is_there_after_every_kill(tmp_path: Path) -> None:
    """The receiving process is killed while four associations send, and started again while they go on."""
    chance, folder, acknowledged = random.Random(5), tmp_path / "inbox", list[str]()
    stopped, kills = threading.Event(), 0
    with receiver(folder) as (running, port), ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(send_for_long, port, number, acknowledged, stopped)
        while kills < KILLS:
            before = len(acknowledged)
            while len(acknowledged) < before + 10:
                time.sleep(0.01)
            time.sleep(chance.random())
            process().kill()
            kills += 1
            while running.counts().get("restarts", 0) < kills:
                time.sleep(0.01)
        stopped.set()
    names = {path.name[:32] for path in objects_in(folder)}
    inbox = Inbox(folder, KEY, 1 << 40)
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {len(names)} there")
    assert len(acknowledged) >= 10 * KILLS
    assert all(inbox.pseudonym(uid) in names for uid in acknowledged)
    assert not list((folder / COMING).iterdir())


def test_the_command_killed_while_it_receives_and_indexes_loses_nothing(
    tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    files = pictures(tmp_path / "a", 120, series=40)
    folder, chance, waiting = tmp_path / "gallery", random.Random(3), list[int]()
    make_gallery("gallery").close()
    for number in range(6):
        words = ["receive", "--gallery", str(folder), "--port", "0", "--stable", "0.2", "--json"]
        with subprocess.Popen([str(COMMAND), *words], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            port = int(running.stdout.readline().partition('"address": "127.0.0.1:')[2].partition('"')[0])
            done = storescu(port, *files[20 * number : 20 * number + 20])
            assert done.returncode == 0
            time.sleep(2 * chance.random())
            running.send_signal(signal.SIGKILL)
            running.wait()
        waiting.append(len(list(objects_in(folder / "inbox"))))
    print(f"waiting at each kill: {waiting}")
    with_rest = make_gallery("gallery")
    receive(with_rest, once=True)
    assert with_rest.store.count() == 120
    assert not list(objects_in(folder / "inbox"))


def rounds_of_echo(port: int, stopped: threading.Event) -> list[float]:
    """Seconds that a good peer's association with one object takes, again and again."""
    found = []
    while not stopped.is_set():
        began = time.monotonic()
        with associated(port) as peer:
            assert peer.store(generate_uid(), bytes(10_000)) == SUCCESS
        found.append(time.monotonic() - began)
        stopped.wait(0.05)
    return found


def until_cut(peer: RawPeer) -> float:
    began = time.monotonic()
    list(peer.pdus())
    return time.monotonic() - began


def dribbled(peer: RawPeer, part: bytes) -> float:
    began = time.monotonic()
    while peer.send(part) and time.monotonic() - began < 60:
        time.sleep(0.2)
    return time.monotonic() - began


def test_every_attack_at_once(tmp_path: Path) -> None:
    chance, stopped = random.Random(13), threading.Event()
    with receiver(tmp_path / "inbox") as (running, port), ExitStack() as stack, ThreadPoolExecutor(200) as pool:
        child, peak = process(), 0
        good = [pool.submit(rounds_of_echo, port, stopped) for _ in range(2)]
        bad = [pool.submit(until_cut, stack.enter_context(RawPeer(port))) for _ in range(60)]
        bad += [pool.submit(until_cut, stack.enter_context(associated(port))) for _ in range(20)]
        huge = struct.pack(">BxL", 4, 0xFFFFFFFF) + bytes(1 << 16)
        for first in (huge, struct.pack(">BxL", 1, 0xFFFFFFFF) + bytes(1 << 16)):
            bad += [pool.submit(until_cut, stack.enter_context(RawPeer(port, first))) for _ in range(4)]
        for _ in range(4):
            peer = stack.enter_context(associated(port))
            peer.send(huge)
            bad.append(pool.submit(until_cut, peer))
            bad.append(pool.submit(dribbled, stack.enter_context(RawPeer(port)), associate_rq()[:1]))
            slow = stack.enter_context(associated(port))
            slow.send(p_data(3, store_rq(generate_uid())))
            bad.append(pool.submit(dribbled, slow, p_data(0, b"\0")))
        for number in range(200):
            body = chance.randbytes(chance.randrange(1, 2000))
            first = [body, pdu(1, body), pdu(1, associate_rq()[6:90] + body), associate_rq() + body][number % 4]
            with RawPeer(port, first):
                peak = max(peak, child.memory_info().rss)
        for _ in range(20):
            with associated(port) as peer:
                peer.send(p_data(3, store_rq(generate_uid())) + p_data(0, bytes(60_000)))
        while not all(each.done() for each in bad):
            peak = max(peak, child.memory_info().rss)
            time.sleep(0.05)
        stopped.set()
        served, cut = [second for each in good for second in each.result()], [each.result() for each in bad]
    counts = running.counts()
    print(f"peak {peak / 2**20:.0f} MiB; {len(served)} served, the slowest in {max(served):.2f} s")
    print(f"{len(cut)} cut, the last after {max(cut):.1f} s; {counts}")
    assert peak <= 300 << 20
    assert counts.get("restarts", 0) == 0
    assert len(served) > 20
    assert sum(len(each.files) for each in waiting_series(tmp_path / "inbox")) == counts["received"] >= len(served)
    assert not list((tmp_path / "inbox" / COMING).iterdir())
