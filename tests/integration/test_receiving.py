"""A storage SCP against dcmtk, and against peers that mean no good: what is acknowledged is there, nothing else is."""

from __future__ import annotations

import random
import shutil
import ssl
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
import pytest

from awaited import PATIENCE, eventually
from dicoms import data_set, save
from lookalike.errors import GalleryError, UsageError
from lookalike.receiving.folder import APART, COMING, make_inbox, objects_in, waiting_series
from lookalike.receiving.settings import REFUSALS, Deadlines, ReceiverSettings, allowed_peers
from peers.dimse import (
    CT,
    OUT_OF_RESOURCES,
    SUCCESS,
    RawPeer,
    associate_rq,
    associated,
    echoscu,
    p_data,
    pdu,
    pictures,
    store_rq,
    storescu,
    volume,
)

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")

from lookalike.receiving.inbox import Inbox
from lookalike.receiving.scp import Counts, listening

PATIENT = Deadlines(first=PATIENCE, idle=PATIENCE, grace=PATIENCE)
# Who is to be cut for one reason has all the time for the others, however long its next word may take.
LATE, IDLE, SLOW = replace(PATIENT, first=0.5), replace(PATIENT, idle=0.7), replace(PATIENT, grace=0.7, rate=1 << 20)


class Running(NamedTuple):
    port: int
    counts: Counts
    folder: Path

    def counted(self, **wanted: int) -> bool:
        """Whether that is counted, in a while: a thread counts why a peer was cut after the peer has seen it."""
        awaited = {name.replace("_", "-"): number for name, number in wanted.items()}
        return bool(eventually(self.counts.so_far, lambda found: found == awaited, every=0.01))

    def kept(self) -> int:
        return sum(len(each.files) for each in waiting_series(self.folder))


@contextmanager
def receiving(folder: Path, deadlines: Deadlines = PATIENT, **fields: Any) -> Iterator[Running]:
    settings, counts = replace(ReceiverSettings(deadlines=deadlines), **fields), Counts()
    inbox = Inbox(folder, b"k" * 32, settings.quota, counts.note)
    with listening(settings, inbox.open, counts.note) as port:
        yield Running(port, counts, folder)
    assert set(counts.so_far()) <= {*REFUSALS, "received", "repeated", "apart", "echoes"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with receiving(tmp_path / "inbox") as found:
        yield found


def encoded(path: Path) -> bytes:
    """The data set of a file, without its head."""
    data = path.read_bytes()
    at = 132 + 12 + struct.unpack("<L", data[140:144])[0]
    return data[at:]


def test_what_dcmtk_sends_is_kept_by_series_as_it_was_sent(running: Running, tmp_path: Path) -> None:
    sent = [*pictures(tmp_path / "a", 5, series=2), *volume(tmp_path / "b", 6)]
    assert echoscu(running.port) == 0
    done = storescu(running.port, tmp_path / "a", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert running.counted(received=11, echoes=1)
    assert sorted(len(each.files) for each in waiting_series(running.folder)) == [2, 3, 6]
    originals = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, sent)}
    for each in waiting_series(running.folder):
        found = [pydicom.dcmread(file) for file in each.files]
        assert len({one.SeriesInstanceUID for one in found}) == 1
        for one in found:
            assert one == originals[one.SOPInstanceUID]
    assert not list((running.folder / COMING).iterdir())


def test_names_tell_nothing_and_nobody_else_may_look(running: Running, tmp_path: Path) -> None:
    sent = pictures(tmp_path / "a", 3)
    assert storescu(running.port, tmp_path / "a").returncode == 0
    uids = [value for path in sent for one in [pydicom.dcmread(path)] for value in (one.SOPInstanceUID, one.PatientID)]
    for path in [running.folder, *running.folder.rglob("*")]:
        assert not any(uid in str(path.relative_to(tmp_path)) for uid in uids)
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_the_same_again_is_passed_over_and_another_of_its_name_is_kept_apart(running: Running, tmp_path: Path) -> None:
    first = pictures(tmp_path / "a", 1)[0]
    changed = pydicom.dcmread(first)
    changed.PatientName = "Somebody^Else"
    (tmp_path / "b").mkdir()
    changed.save_as(tmp_path / "b" / "0.dcm")
    for folder in "aabba":
        assert storescu(running.port, tmp_path / folder).returncode == 0
    assert running.counted(received=1, repeated=2, apart=2)
    assert running.kept() == 1
    assert [pydicom.dcmread(path).PatientName for path in (running.folder / APART).iterdir()] == ["Somebody^Else"]


def test_what_was_received_before_is_known_to_the_next_receiver(tmp_path: Path) -> None:
    pictures(tmp_path / "a", 2)
    for expected in ("received", "repeated"):
        with receiving(tmp_path / "inbox") as running:
            (tmp_path / "inbox" / COMING / "half-an-object").write_bytes(b"x")
            assert storescu(running.port, tmp_path / "a").returncode == 0
            assert running.counted(**{expected: 2})
    with receiving(tmp_path / "inbox"):
        assert not list((tmp_path / "inbox" / COMING).iterdir())


@pytest.mark.parametrize(
    ("allow", "words", "reason"),
    [
        ((), ("-aec", "OTHER", "-aet", "DCMTK"), "called-aet"),
        (("PACS@127.0.0.1",), (), "calling-aet"),
        (("PACS@127.0.0.1", "DCMTK@10.0.0.1"), (), "calling-aet"),
        (("10.0.0.0/8",), (), "address"),
        (("DCMTK@127.0.0.0/8", "10.0.0.0/8"), (), ""),
        (("10.0.0.0/8", "127.0.0.1"), (), ""),
    ],
)
def test_who_may_send(allow: tuple[str, ...], words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", allow=allowed_peers(allow)) as running:
        assert (echoscu(running.port, *words) == 0) == (not reason)
        assert running.counted(**{reason or "echoes": 1})


@pytest.mark.parametrize("text", ["", "somewhere", "A\\B@10.0.0.1", "MUCHTOOLONGATITLE@10.0.0.1", "X@", "10.0.0.1/99"])
def test_what_names_no_peer_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        allowed_peers([text])


def test_only_storage_and_verification_are_agreed_to(running: Running) -> None:
    with RawPeer(running.port, associate_rq(["1.2.840.10008.5.1.4.1.2.2.1"])) as peer:  # Study Root C-FIND
        assert (peer.pdu() or (0, b""))[0] == 3
    with associated(running.port, classes=["1.2.826.0.1.3680043.2.999.1"]) as peer:  # a private class
        assert peer.store("1.2.3.9", b"", sop_class="1.2.826.0.1.3680043.2.999.1") == SUCCESS
    assert running.counted(no_context=1, received=1)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.5",  # RLE
        "1.2.840.10008.1.2.4.201",  # HTJ2K
        "1.2.840.10008.1.2.8.1",  # deflated frames
        "1.2.826.0.1.3680043.2.999.2",  # a private one
    ],
)
def test_an_object_is_kept_in_the_transfer_syntax_that_its_sender_names(running: Running, syntax: str) -> None:
    data = random.Random(0).randbytes(5000)
    with associated(running.port, syntax=syntax) as peer:
        assert peer.store("1.2.3.1", data) == SUCCESS
    (kept,) = objects_in(running.folder)
    assert pydicom.filereader.read_file_meta_info(kept).TransferSyntaxUID == syntax
    assert kept.read_bytes().endswith(data)


def test_a_full_inbox_and_a_too_large_object_are_told_and_the_association_goes_on(tmp_path: Path) -> None:
    made = pictures(tmp_path / "a", 3)
    size = len(encoded(made[0]))
    with receiving(tmp_path / "inbox", quota=2 * size + 10, most_object=2 * size) as running:
        with associated(running.port) as peer:
            assert peer.store("1.2.3.1", encoded(made[0])) == SUCCESS
            assert peer.store("1.2.3.2", bytes(3 * size)) == OUT_OF_RESOURCES
            assert peer.store("1.2.3.3", encoded(made[1])) == SUCCESS
            assert peer.store("1.2.3.4", encoded(made[2])) == OUT_OF_RESOURCES
            assert peer.store("1.2.3.1", encoded(made[0])) in (SUCCESS, OUT_OF_RESOURCES)
        assert running.kept() == 2
        assert not list(running.folder.joinpath(COMING).iterdir())
        assert running.counts.so_far()["no-room"] >= 1


def test_an_object_of_another_class_or_without_a_name_is_refused(running: Running, tmp_path: Path) -> None:
    data = encoded(pictures(tmp_path / "a", 1)[0])
    with associated(running.port) as peer:
        assert peer.store("1.2.3.1", data, sop_class=CT) == 0x0122
        assert peer.store("no-uid", data) == 0x0117
        assert peer.store("", data) == 0x0117
        assert peer.store("1.2.3.1", data) == SUCCESS
    assert running.counted(not_storable=3, received=1)


def test_what_cannot_be_read_is_kept_for_whoever_indexes(running: Running) -> None:
    nested = b"\x08\x00\x10\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 20_000
    with associated(running.port) as peer:
        assert peer.store("1.2.3.1", random.Random(0).randbytes(5000)) == SUCCESS
        assert peer.store("1.2.3.2", nested) == SUCCESS
        assert peer.store("1.2.3.3", b"") == SUCCESS
    assert running.kept() == 3
    assert len(waiting_series(running.folder)) == 3


def cut_while(peer: RawPeer, said: bytes) -> None:
    """Wait until a peer that says something now and then is cut."""
    eventually(lambda: not peer.send(said), every=0.05)


def test_a_peer_whose_request_does_not_come_is_cut(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", LATE) as running:
        with RawPeer(running.port) as silent, RawPeer(running.port, associate_rq()[:50]) as half:
            assert silent.pdu() is None
            assert half.pdu() is None
        with RawPeer(running.port, associate_rq()[:10]) as slow:
            cut_while(slow, b"\x00")
        assert running.counted(late=3)


def test_a_peer_that_says_too_little_is_cut(tmp_path: Path) -> None:
    with receiving(tmp_path / "idle", IDLE) as running:
        with associated(running.port) as idle:
            assert list(idle.pdus()) == [7]
        assert running.counted(idle=1)
    with receiving(tmp_path / "slow", SLOW) as running:
        with associated(running.port) as half_a_pdu:
            half_a_pdu.send(pdu(4, bytes(1000))[:500])
            assert list(half_a_pdu.pdus()) == [7]
        with associated(running.port) as slow:
            slow.send(struct.pack(">BxL", 4, 10_000))
            cut_while(slow, b"\x00")
        with associated(running.port) as slow:  # whole PDUs of one byte
            slow.send(p_data(3, store_rq("1.2.3.4")))
            cut_while(slow, p_data(0, b"\x00"))
        assert running.counted(slow=3)
        assert not list(objects_in(running.folder))
        assert not list((running.folder / COMING).iterdir())


@pytest.mark.parametrize(
    "said",
    [
        struct.pack(">BxL", 4, 0xFFFFFFFF) + bytes(100),
        struct.pack(">BxL", 4, (1 << 17) + 1),
        struct.pack(">BxL", 9, 4),
        struct.pack(">BxL", 5, 5),
        associate_rq(),
        pdu(4, bytes(5)),
        pdu(4, struct.pack(">LBB", 0, 1, 0)),
        pdu(4, struct.pack(">LBB", 100, 1, 0)),
        p_data(0, b"data without a command"),
        p_data(3, b"no command set"),
        p_data(3, store_rq("1.2.3", kind=0x20)),
        p_data(3, store_rq("1.2.3"), context=9),
        p_data(3, store_rq("1.2.3")) + p_data(3, store_rq("1.2.4")),
        p_data(3, store_rq("1.2.3")) + p_data(0, b"x", context=3),
        p_data(3, store_rq("1.2.3")) + pdu(5, bytes(4)),
        p_data(1, bytes(1 << 15)),
    ],
)
def test_pdus_that_make_no_sense_end_their_association_and_no_other(running: Running, said: bytes) -> None:
    with associated(running.port) as good, associated(running.port) as bad:
        bad.send(said)
        assert set(bad.pdus()) <= {7}
        assert good.store("1.2.3.9", b"") == SUCCESS
    assert running.kept() == 1


@pytest.mark.parametrize(
    "first", [struct.pack(">BxL", 1, 0xFFFFFFFF), struct.pack(">BxL", 4, 10), b"GET / HTTP/1.1\r\n\r\n"]
)
def test_a_first_pdu_that_is_none_is_answered_at_once(running: Running, first: bytes) -> None:
    with RawPeer(running.port, first) as peer:
        assert list(peer.pdus()) == [7]
    assert running.counted(not_dicom=1)


def test_random_bytes_leave_a_receiver_that_receives(running: Running, tmp_path: Path) -> None:
    chance = random.Random(13)
    for _ in range(200):
        body = chance.randbytes(chance.randrange(1, 400))
        first = chance.choice([body, pdu(1, body), pdu(1, associate_rq()[6:90] + body), associate_rq() + body])
        with RawPeer(running.port, first):
            pass
    pictures(tmp_path / "a", 2)
    assert storescu(running.port, tmp_path / "a").returncode == 0
    assert running.kept() == 2


def test_an_object_that_was_cut_off_was_never_there(running: Running, tmp_path: Path) -> None:
    data = encoded(pictures(tmp_path / "a", 1)[0])
    for last in (pdu(7, bytes(4)), b""):
        with associated(running.port) as peer:
            peer.send(p_data(3, store_rq("1.2.3.1")) + p_data(0, data[:1000]) + last)
    with associated(running.port) as peer:
        assert peer.store("1.2.3.1", data) == SUCCESS
    assert running.kept() == 1
    while list((running.folder / COMING).iterdir()):  # the thread of the second one may not have heard yet
        pass
    assert running.counted(aborted=2, received=1)


def test_who_is_silent_makes_room(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", associations=8) as running, ExitStack() as stack:
        silent = [stack.enter_context(associated(running.port)) for _ in range(4)]  # half of them, from one address
        busy = associate_rq()
        with RawPeer(running.port, busy) as early:
            kind = (early.pdu() or (0, b""))[0]
        assert kind in (2, 3)  # within a second of the others' coming it is refused
        while True:
            with RawPeer(running.port, busy) as late:
                if (late.pdu() or (0, b""))[0] == 2:
                    assert late.store("1.2.3.4", b"") == SUCCESS
                    break
        assert silent[0].pdu() is None
        assert running.counts.so_far()["busy"] >= 1


def test_connections_that_say_nothing_take_nobody_s_place(running: Running, tmp_path: Path) -> None:
    pictures(tmp_path / "a", 2)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(RawPeer(running.port))
        assert storescu(running.port, tmp_path / "a").returncode == 0
    assert running.counted(busy=45, received=2)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += f"-subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}".split()
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_tls_with_certificates_of_both(tmp_path: Path) -> None:
    ours, ours_key = certificate(tmp_path, "ours")
    peers, peers_key = certificate(tmp_path, "peers")
    tls = {"tls_cert": str(ours), "tls_key": str(ours_key), "tls_ca": str(peers)}
    common = ("-aec", "LOOKALIKE")
    good = ("+tls", str(peers_key), str(peers), "+cf", str(ours), *common)
    with receiving(tmp_path / "inbox", **tls) as running:
        assert echoscu(running.port, *good) == 0
        assert echoscu(running.port, "+tls", str(ours_key), str(ours), "+cf", str(ours), *common) != 0
        assert echoscu(running.port, *common) != 0  # without TLS
        with RawPeer(running.port):  # nobody waits for a handshake that does not come
            pictures(tmp_path / "a", 3)
            assert storescu(running.port, tmp_path / "a", words=good).returncode == 0
        assert running.kept() == 3
        counts = eventually(running.counts.so_far, lambda found: {"echoes", "received"} <= set(found))
        assert set(counts) <= {"echoes", "received", "tls", "not-dicom"}
    with receiving(tmp_path / "inbox", LATE, **tls) as running, RawPeer(running.port) as silent:
        assert silent.pdu() is None
        assert running.counted(late=1)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--tls-cert and --tls-key"):
        ReceiverSettings(tls_cert="c.pem")
    with pytest.raises(UsageError, match="1 to 16 characters"):
        ReceiverSettings(aet="A TITLE THAT IS TOO LONG")
    save(data_set(np.zeros((2, 2), np.uint8)), tmp_path / "own.dcm")
    with pytest.raises(GalleryError, match="is no inbox"):
        make_inbox(tmp_path)


def test_a_handler_of_one_s_own_takes_objects(tmp_path: Path) -> None:
    """Whoever is the destination of a C-MOVE keeps them as it likes."""

    class Sink:
        def __init__(self) -> None:
            self.data = b""

        def write(self, data: memoryview) -> None:
            self.data += data

        def keep(self) -> None:
            kept.append(self.data)

        def discard(self) -> None:
            kept.append(b"discarded")

    kept: list[bytes] = []
    made = pictures(tmp_path / "a", 2)
    with listening(ReceiverSettings(), lambda _head: Sink(), lambda _what: None) as port:
        assert storescu(port, tmp_path / "a").returncode == 0
    assert sorted(kept) == sorted(map(encoded, made))


def test_tls_is_recent_enough(tmp_path: Path) -> None:
    from lookalike.receiving.door import tls_context

    cert, key = certificate(tmp_path, "ours")
    context = tls_context(ReceiverSettings(tls_cert=str(cert), tls_key=str(key)))
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
