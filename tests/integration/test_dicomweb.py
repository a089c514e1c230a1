"""A PACS over DICOMweb: what is listed, what is fetched, from whom, within which limits, whatever a server does."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awaited import PATIENCE, eventually
from lookalike.errors import GalleryError, LookalikeError, PacsError, UnreadableImageError, UsageError
from lookalike.sources.dicomweb.address import parse_address
from lookalike.sources.dicomweb.connection import Connection
from lookalike.sources.dicomweb.login import PacsLogin, login_for
from lookalike.sources.dicomweb.multipart import ACCEPT
from lookalike.sources.dicomweb.origin import PacsOrigin
from lookalike.sources.dicomweb.qido import STUDY, listed, text
from lookalike.sources.dicomweb.source import DicomwebSource, open_dicomweb
from lookalike.sources.pacs import PacsLimits
from lookalike.sources.pacs_lists import Tally
from peers.dicomweb import BOUNDARY, Handler, Pacs, as_it_should, in_parts, no_dicom, radiograph, serving

QUICK = PacsLimits(first_wait=0.01, tries=3)


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary files are made in."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def opened(pacs: Pacs, limits: PacsLimits = QUICK) -> DicomwebSource:
    return open_dicomweb(pacs.uri).within(limits)


def studies(pacs: Pacs) -> tuple[list[str], Tally]:
    tally = Tally()
    rows = listed(opened(pacs).origin, "studies", STUDY, {}, tally)
    return [text(row, STUDY) for row in rows], tally


def filled(pacs: Pacs, count: int) -> list[str]:
    for number in range(count):
        pacs.store(radiograph(number))
    return [f"1.9.{number}" for number in range(count)]


def fetched(pacs: Pacs, limits: PacsLimits = QUICK) -> bytes:
    source = opened(pacs, limits)
    (item,) = source.items()
    with source.fetch(item) as (file,):
        return file.read_bytes()


# Lists

MANNERS: dict[str, tuple[dict[str, Any], str]] = {
    "pages": ({}, ""),
    "capped": ({"cap": 20}, "caps its lists at 20 rows"),
    "repeated": ({"repeats": True}, "listed things twice (45 rows)"),
    "overlapping": ({"cap": 20, "overlaps": True}, "listed things twice"),
    "both": ({"cap": 20, "repeats": True}, "caps its lists at 20"),
    "offset ignored, all on one page": ({"ignores_offset": True}, "sends no more than the beginning (1 lists)"),
}


@pytest.mark.parametrize("name", MANNERS)
def test_every_study_is_listed_once_whatever_a_server_makes_of_pages(name: str, pacs: Pacs) -> None:
    wanted = filled(pacs, 45)
    manners, said = MANNERS[name]
    pacs.manners = replace(pacs.manners, **manners)
    found, tally = studies(pacs)
    assert sorted(found) == sorted(wanted)
    assert said in "\n".join(tally.notes)
    assert bool(tally.notes) == bool(said)


def test_what_is_missed_is_told(pacs: Pacs) -> None:
    """A server that caps its pages and ignores the offset: where counts are known, by how much."""
    for number in range(45):
        pacs.store(radiograph(number, study=1))
    pacs.manners = replace(pacs.manners, cap=20, ignores_offset=True)
    source = opened(pacs)
    assert len(list(source.items())) == 20
    assert "1 lists of the PACS lack 25 of what it counts itself; pull again" in source.notes
    assert any("sends no more than the beginning" in note for note in source.notes)


def test_metadata_comes_first_and_names_give_nobody_away(pacs: Pacs) -> None:
    filled(pacs, 5)
    source = opened(pacs)
    named = source.named_by(lambda kind, uid: f"{kind}-{len(uid)}-{uid[-1]}", reports=False)
    items = list(named.items())
    assert [item.name for item in items] == [f"pacs:series-7-1/instance-9-{n}" for n in range(5)]
    assert not pacs.fetched()
    assert all("1.9." not in item.name for item in source.items())


def test_what_is_no_image_is_never_fetched(pacs: Pacs) -> None:
    pacs.store(radiograph(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR"))
    pacs.store(radiograph(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG"))
    assert [item.apart for item in opened(pacs).items()] == ["SR", "SEG"]
    with_reports = opened(pacs).named_by(lambda kind, uid: f"{kind}{uid}", reports=True)
    assert [item.apart for item in with_reports.items()] == ["", "SEG"]


def test_slices_are_one_item_whose_name_changes_as_they_come(pacs: Pacs) -> None:
    for number in range(3):
        pacs.store(radiograph(number, study=7, Modality="CT"))
    (before,) = opened(pacs).items()
    pacs.store(radiograph(3, study=7, Modality="CT"))
    (after,) = opened(pacs).items()
    assert (len(before.instances), len(after.instances)) == (3, 4)
    assert before.name != after.name
    assert before.name.rpartition("/")[0] == after.name.rpartition("/")[0]


def test_filters_select(pacs: Pacs) -> None:
    for number, day in enumerate(["20240101", "20250101", "20260101"]):
        pacs.store(radiograph(number, StudyDate=day, Modality="CR" if number else "DX"))
    pacs.uri += "?StudyDate=20250101-&Modality=CR"
    assert len(list(opened(pacs).items())) == 2
    pacs.uri = pacs.uri.replace("CR", "DX")
    assert not list(opened(pacs).items())


def no_list(content: bytes) -> Callable[[Handler], bool]:
    def answer(handler: Handler) -> bool:
        handler.send(200 if "offset=0" in handler.path else 204, content if "offset=0" in handler.path else b"")
        return True

    return answer


@pytest.mark.parametrize("content", [b"<html>login</html>", b'{"a": 1}', b"[1]", b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_said_and_not_quoted(content: bytes, pacs: Pacs) -> None:
    pacs.manners.lists = no_list(content)
    with pytest.raises(PacsError, match="sends no DICOM JSON"):
        list(opened(pacs).items())


def test_a_list_that_breaks_off_is_no_empty_list(pacs: Pacs) -> None:
    def broken(handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Half: ")
        handler.close_connection = True
        return True

    pacs.manners.lists = broken
    with pytest.raises(PacsError, match="the answer broke off"):
        list(opened(pacs).items())


def test_rows_without_a_usable_uid_are_left_out(pacs: Pacs) -> None:
    bad = '"../../x", "1.2/3", "", null, "1.2?a=b"'
    rows = ",".join(f'{{"{STUDY}": {{"vr": "UI", "Value": [{uid}]}}}}' for uid in bad.split(", "))
    pacs.manners.lists = no_list(f"[{rows}, {{}}]".encode())
    source = opened(pacs)
    assert not list(source.items())
    assert source.notes == ("6 rows of the PACS bear no usable UID and were left out",)
    assert {path.partition("?")[0] for path in pacs.asked} == {"/dicom-web/studies"}


def test_a_list_without_end_is_left(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.sources.dicomweb.qido._MOST_ROWS", 1000)
    count = iter(range(10_000))

    def endless(handler: Handler) -> bool:
        uids = (f'{{"{STUDY}": {{"Value": ["1.{next(count)}"]}}}}' for _ in range(100))
        handler.send(200, f"[{','.join(uids)}]".encode())
        return True

    pacs.manners.lists = endless
    with pytest.raises(PacsError, match="does not end"):
        studies(pacs)
    pacs.manners.lists = no_list(b" " * 3_000_000)
    with pytest.raises(PacsError, match="more at once than is taken"):
        list(opened(pacs, replace(QUICK, page_bytes=1 << 20)).items())


# Objects


def test_an_object_comes_as_it_is_stored_and_goes_afterwards(pacs: Pacs, temporary: Path) -> None:
    pacs.store(radiograph(1))
    ((_, data),) = pacs.objects.values()
    source = opened(pacs)
    (item,) = source.items()
    with source.fetch(item) as (file,):
        assert file.read_bytes() == data
        assert file.parent.parent.stat().st_mode & 0o077 == 0
    assert not list(temporary.iterdir())
    assert pacs.headers[-1]["accept"] == ACCEPT


def one_by_one(handler: Handler, data: bytes) -> None:
    """Every byte of what is around the object by itself: no piece holds a whole delimiter."""
    content = b"preamble\r\n" + in_parts(data)
    handler.begin(len(content))
    for piece in (*[content[i : i + 1] for i in range(300)], content[300:-60]):
        handler.wfile.write(piece)
    for i in range(len(content) - 60, len(content)):
        handler.wfile.write(content[i : i + 1])


def alone(handler: Handler, data: bytes) -> None:
    handler.begin(len(data), "application/dicom")
    handler.wfile.write(data)


def chunked(handler: Handler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", f'Multipart/Related; boundary="{BOUNDARY}"; type="application/dicom"')
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    content = in_parts(data)
    for start in range(0, len(content), 1000):
        piece = content[start : start + 1000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def until_closed(handler: Handler, data: bytes) -> None:
    handler.begin(None)
    handler.wfile.write(in_parts(data))


@pytest.mark.parametrize("answer", [one_by_one, alone, chunked, until_closed])
def test_every_way_to_send_an_object_is_read(answer: Callable[[Handler, bytes], None], pacs: Pacs) -> None:
    pacs.store(radiograph(1, PatientComments=f"--{BOUNDARY}"[:-1]))
    ((_, data),) = pacs.objects.values()
    pacs.manners.answer = answer
    assert fetched(pacs) == data


def cut(handler: Handler, data: bytes) -> None:
    content = in_parts(data)
    handler.begin(len(content))
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_without_length(handler: Handler, data: bytes) -> None:
    handler.begin(None)
    handler.wfile.write(in_parts(data)[:-20])


def stall(handler: Handler, data: bytes) -> None:
    handler.begin(len(data) + 1000)
    handler.wfile.write(in_parts(data)[:200])
    handler.wfile.flush()
    threading.Event().wait(5)


def trickle(handler: Handler, data: bytes) -> None:
    handler.begin(1 << 20)
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        threading.Event().wait(0.05)


def trickled_headers(handler: Handler, data: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        handler.wfile.write(f"X-{number}: x\r\n".encode())
        handler.wfile.flush()
        threading.Event().wait(0.05)


def no_http(handler: Handler, data: bytes) -> None:
    handler.wfile.write(os.urandom(5000))
    handler.close_connection = True


def four_gibibytes(handler: Handler, data: bytes) -> None:
    handler.begin(4 << 30)
    handler.wfile.write(in_parts(data)[:-10])
    for _ in range(4 << 10):
        handler.wfile.write(bytes(1 << 20))


def two_objects(handler: Handler, data: bytes) -> None:
    content = in_parts(data, data)
    handler.begin(len(content))
    handler.wfile.write(content)


def page(handler: Handler, data: bytes) -> None:
    handler.send(200, b"<html>", {"Content-Type": "text/html"})


def no_boundary(handler: Handler, data: bytes) -> None:
    handler.begin(len(data), "multipart/related")
    handler.wfile.write(data)


def headers_without_end(handler: Handler, data: bytes) -> None:
    content = f"--{BOUNDARY}\r\n".encode() + b"x" * 1_000_000
    handler.begin(len(content))
    handler.wfile.write(content)


def nothing(handler: Handler, data: bytes) -> None:
    handler.send(200, b"", {"Content-Type": f'multipart/related; boundary="{BOUNDARY}"'})


def not_there(handler: Handler, data: bytes) -> None:
    handler.send(404, b"x" * 1000)


def busy(handler: Handler, data: bytes) -> None:
    handler.send(503)


BAD: dict[Callable[[Handler, bytes], None], tuple[str, int]] = {  # reason, how often it is asked for
    cut: ("not-fetched", 3),
    cut_without_length: ("not-fetched", 3),
    stall: ("not-fetched", 3),
    trickle: ("not-fetched", 3),
    trickled_headers: ("not-fetched", 3),
    no_http: ("not-fetched", 3),
    busy: ("not-fetched", 3),
    four_gibibytes: ("too-large", 1),
    two_objects: ("not-fetched", 1),
    page: ("not-fetched", 1),
    no_dicom: ("not-fetched", 1),
    no_boundary: ("not-fetched", 1),
    headers_without_end: ("not-fetched", 1),
    nothing: ("not-fetched", 3),
    not_there: ("not-fetched", 1),
}


@pytest.mark.parametrize("answer", BAD, ids=lambda answer: answer.__name__)
def test_a_bad_answer_is_one_refused_object_and_nothing_stays(
    answer: Callable[[Handler, bytes], None], pacs: Pacs, temporary: Path
) -> None:
    pacs.store(radiograph(1))
    pacs.manners.answer = answer
    reason, times = BAD[answer]
    limits = replace(QUICK, object_bytes=16 << 20)
    if answer in (stall, trickle, trickled_headers):
        limits = replace(limits, silence=0.2, seconds=0.4)
    source = opened(pacs)
    (item,) = source.items()  # which may take its time
    hasty = replace(source, origin=source.origin.within(limits))
    with pytest.raises(UnreadableImageError) as caught, hasty.fetch(item):
        pass
    assert caught.value.reason == reason
    asked = eventually(pacs.fetched, lambda seen: len(seen) >= times)
    assert len(asked) <= 2 * times  # over a new connection where an idle one gives nothing
    assert not list(temporary.iterdir())


def test_no_more_lies_here_than_there_is_room_for(pacs: Pacs, temporary: Path) -> None:
    for number in range(4):
        pacs.store(radiograph(number, study=7, Modality="CT"))
    ((_, data), *_) = pacs.objects.values()
    room = replace(QUICK, at_once=2)
    source = opened(pacs, replace(room, bytes_here=8 * 4 * len(data) + 8 * 40))
    (item,) = source.items()
    with source.fetch(item) as files:
        assert len(files) == 4
    source = opened(pacs, replace(room, bytes_here=8 * 3 * len(data)))
    (item,) = source.items()
    with pytest.raises(UnreadableImageError, match="too-large"), source.fetch(item):
        pass
    assert not list(temporary.iterdir())


def test_a_try_that_failed_takes_no_room(pacs: Pacs) -> None:
    pacs.store(radiograph(1))
    ((_, data),) = pacs.objects.values()
    tries = iter([cut, cut, as_it_should])

    def answer(handler: Handler, data: bytes) -> None:
        next(tries)(handler, data)

    pacs.manners.answer = answer
    assert fetched(pacs, replace(QUICK, bytes_here=8 * len(data))) == data


def test_a_busy_server_is_asked_again_when_it_says(pacs: Pacs) -> None:
    pacs.store(radiograph(1))
    pacs.manners = replace(pacs.manners, busy=2, status=429, retry_after="1")
    assert fetched(pacs)
    assert pacs.times[1] - pacs.times[0] >= 0.9
    pacs.manners = replace(pacs.manners, busy=100, status=503, retry_after="")
    pacs.asked.clear()
    with pytest.raises(PacsError, match=r"no answer in 3 tries \(status 503\); what is stored is kept"):
        list(opened(pacs).items())
    assert len(pacs.asked) == 3


def test_a_server_that_sends_nothing_any_more_ends_the_run(pacs: Pacs) -> None:
    for number in range(12):
        pacs.store(radiograph(number))
    source = opened(pacs, replace(QUICK, tries=1))
    pacs.manners.answer = busy
    items = list(source.items())
    for item in items[:7]:
        with pytest.raises(UnreadableImageError, match="not-fetched"), source.fetch(item):
            pass
    with pytest.raises(PacsError, match="gave no answer"), source.fetch(items[7]):
        pass


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        source = open_dicomweb(f"dicomweb+http://127.0.0.1:{taken.getsockname()[1]}/x").within(QUICK)
        with pytest.raises(PacsError, match=r"3 tries \(ConnectionRefusedError\)"):
            list(source.items())


def test_few_requests_at_once_and_not_too_many_a_second(pacs: Pacs) -> None:
    filled(pacs, 12)

    met = threading.Event()

    def meets_another(handler: Handler) -> bool:
        if pacs.most >= 2:
            met.set()
        elif "/series" in handler.path:
            met.wait(PATIENCE)
        return False

    pacs.manners.lists = meets_another
    assert len(list(opened(pacs, replace(QUICK, at_once=3)).items())) == 12
    assert 2 <= pacs.most <= 3
    pacs.asked.clear()
    began = time.monotonic()
    list(opened(pacs, replace(QUICK, at_once=8, a_second=50)).items())
    assert len(pacs.asked) == 26  # two pages of studies, and of each study its series and their instances
    assert time.monotonic() - began >= 25 / 50


@pytest.mark.parametrize("is_begun", [False, True])
def test_what_is_stopped_ends_at_once(is_begun: bool, pacs: Pacs) -> None:
    def stopped(handler: Handler, data: bytes) -> None:
        """Half an answer, whose rest does not come, or nothing."""
        if is_begun:
            handler.begin(len(data) + 1000)
            handler.wfile.write(in_parts(data)[:200])
        source.stop()
        in_time.append(ended.wait(PATIENCE))

    ended, in_time = threading.Event(), list[bool]()
    pacs.store(radiograph(1))
    pacs.manners.answer = stopped
    source = opened(pacs, PacsLimits(silence=2 * PATIENCE))
    (item,) = source.items()
    with pytest.raises(UnreadableImageError), source.fetch(item):
        pass
    ended.set()
    assert eventually(lambda: in_time) == [True]
    assert len(pacs.fetched()) == 1


# Nobody else is asked


def elsewhere(address: str) -> Callable[[Handler, bytes], None]:
    return lambda handler, data: handler.send(302, b"", {"Location": address})


def test_no_request_goes_to_another_origin(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a redirect nor an address in what is sent nor a proxy leads away: all goes through ``PacsOrigin.get``."""
    with serving() as other:
        other.store(radiograph(1))
        pacs.store(radiograph(1))  # whose rows hold addresses of elsewhere
        monkeypatch.setenv("HTTP_PROXY", other.uri.removeprefix("dicomweb+"))
        monkeypatch.setenv("http_proxy", other.uri.removeprefix("dicomweb+"))
        assert fetched(pacs)
        target = f"{other.uri.removeprefix('dicomweb+')}/studies"
        for status in (301, 302, 303, 307, 308):
            pacs.manners.answer = lambda handler, data, status=status: handler.send(status, b"", {"Location": target})
            with pytest.raises(PacsError, match=f"sends elsewhere \\(status {status}\\)"):
                fetched(pacs)
        pacs.manners.lists = lambda handler: handler.send(302, b"", {"Location": target}) is None
        with pytest.raises(PacsError, match="sends elsewhere"):
            list(opened(pacs).items())
        assert not other.asked


@pytest.mark.parametrize(
    "resource", ["http://elsewhere.example/x", "//elsewhere.example/x", "@elsewhere.example", "x\r\nHost: elsewhere"]
)
def test_no_resource_leads_to_another_origin(resource: str, pacs: Pacs) -> None:
    """Whatever stands where a path should: the connection is the configured host's, and so is the Host header."""
    origin = opened(pacs).origin
    with pytest.raises(Exception, match=r".*"):
        origin.get(resource, "x", 100, lambda body: pytest.fail("answered"))
    assert all(headers["host"] == pacs.uri.split("/")[2] for headers in pacs.headers)
    assert all(path.startswith("/dicom-web/") for path in pacs.asked)


# Who asks


def test_what_proves_who_asks_comes_from_the_environment_or_a_private_file(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs.store(radiograph(1))
    pacs.manners.authorization = "Bearer s3cret"
    with pytest.raises(PacsError, match=r"refused who asks \(status 401\); check LOOKALIKE_PACS_TOKEN"):
        list(opened(pacs).items())
    monkeypatch.setenv("LOOKALIKE_PACS_TOKEN", "s3cret")
    assert list(opened(pacs).items())
    assert "s3cret" not in repr(opened(pacs))
    monkeypatch.delenv("LOOKALIKE_PACS_TOKEN")
    folder = tmp_path / "configuration"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(folder))
    file, origin = folder / "pacs.toml", parse_address(pacs.uri).origin
    file.write_text(f'["{origin}"]\nuser = "us"\npassword = "pass:word"\n["http://other"]\ntoken = "no"\n')
    file.chmod(0o644)
    with pytest.raises(GalleryError, match="open to others"):
        opened(pacs)
    file.chmod(0o600)
    pacs.manners.authorization = "Basic dXM6cGFzczp3b3Jk"
    assert list(opened(pacs).items())
    for wrong in ('["%s"]\nsecret = "s3cret"', '["%s"]\ntoken = 5', "not toml"):
        file.write_text(wrong.replace("%s", origin))
        with pytest.raises(GalleryError) as caught:
            opened(pacs)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("dicomweb+http://me:secret@host/x", "a URI holds no name and no password"),
        ("dicomweb+https://host/x?PatientName=Doe", "narrowed by StudyDate.*got 'PatientName'"),
        ("dicomweb+https:///x", "names a host and a path"),
        ("dicomweb+https://host:x/", "the URI of a PACS is none"),
        ("dicomweb+https://host/x#y", "nothing behind a #"),
        ("dicomweb+https://ho st/x", "names a host and a path"),
    ],
)
def test_an_address_that_cannot_be_is_said(uri: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_address(uri)
    assert "secret" not in str(caught.value)
    assert "Doe" not in str(caught.value)


def test_an_address_is_one_origin_and_a_path() -> None:
    for uri in (
        "dicomweb+https://pacs.example/a/b",
        "dicomweb+http://[::1]:8042/x",
        "dicomweb+https://h:1?Modality=CT",
    ):
        assert parse_address(uri).uri == uri
    assert parse_address("dicomweb+https://h:443/x/").uri == "dicomweb+https://h/x"
    assert "\r" not in parse_address("dicomweb+https://h/x%0d%0ay z").path


def test_a_secret_goes_over_http_to_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_PACS_TOKEN", "s3cret")
    with pytest.raises(UsageError, match="not sent over http to another machine"):
        login_for(parse_address("dicomweb+http://pacs.example/x"))
    assert login_for(parse_address("dicomweb+https://pacs.example/x")).headers
    monkeypatch.setenv("LOOKALIKE_PACS_TOKEN", "s3cret\r\nHost: x")
    with pytest.raises(UsageError, match="characters that no header has") as caught:
        login_for(parse_address("dicomweb+https://pacs.example/x"))
    assert "s3cret" not in str(caught.value)


def certificates(folder: Path) -> None:
    """An authority, and certificates of 127.0.0.1 and of a client that it signed; as PEM, each with its key."""
    x509 = pytest.importorskip("cryptography.x509", reason="the extra 'pacs' is not installed")
    from ipaddress import ip_address

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    for name in ("authority", "server", "client"):
        key = authority if name == "authority" else ec.generate_private_key(ec.SECP256R1())
        made = x509.CertificateBuilder(
            issuer_name=issuer,
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=1),
        )
        made = made.add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        pem = made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        form = serialization.PrivateFormat.PKCS8
        pem += key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (folder / f"{name}.pem").write_bytes(pem)


def test_tls_is_mutual_and_the_server_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as pacs:
        pacs.store(radiograph(1))
        with pytest.raises(PacsError, match="certificate of the PACS is not to be trusted"):
            list(opened(pacs).items())
        monkeypatch.setenv("LOOKALIKE_PACS_AUTHORITIES", str(tmp_path / "authority.pem"))
        with pytest.raises(PacsError, match="gave no answer"):
            list(opened(pacs).items())
        monkeypatch.setenv("LOOKALIKE_PACS_CERTIFICATE", str(tmp_path / "client.pem"))
        assert fetched(pacs)
        pacs.uri = pacs.uri.replace("127.0.0.1", "localhost")
        with pytest.raises(PacsError, match="another host's"):
            list(opened(pacs).items())
        monkeypatch.setenv("LOOKALIKE_PACS_KEY", str(tmp_path / "none.pem"))
        with pytest.raises(UsageError, match="PEM files"):
            list(opened(pacs).items())


def test_a_handshake_that_does_not_end_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = parse_address(f"dicomweb+https://127.0.0.1:{server.getsockname()[1]}/x")

        def trickle() -> None:
            with server.accept()[0] as peer:
                for byte in b"\x16\x03\x03\x00\x7a" + bytes(200):
                    try:
                        peer.sendall(bytes([byte]))
                    except OSError:
                        return
                    threading.Event().wait(0.1)

        threading.Thread(target=trickle, daemon=True).start()
        connection = Connection(address, PacsLogin().context(), 5.0)
        with connection.cut_after(0.5), pytest.raises(Exception, match=r".*") as caught:
            connection.ask("/x", {}, 100, lambda body: body.read_all())
        assert not isinstance(caught.value, LookalikeError)
        connection.close()


def test_pages_and_objects_come_over_few_connections(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    connect = Connection.connect

    def counted(self: Connection) -> None:
        made.append(1)
        connect(self)

    monkeypatch.setattr(Connection, "connect", counted)
    filled(pacs, 10)
    origin = PacsOrigin(parse_address(pacs.uri), PacsLogin(), replace(QUICK, at_once=2))
    source = DicomwebSource(origin, lambda kind, uid: f"{kind}{uid}")
    for item in source.items():
        with source.fetch(item):
            pass
    assert len(pacs.asked) > 30
    assert len(made) <= 2
