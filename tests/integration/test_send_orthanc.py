"""Answers in a real PACS: Orthanc takes them by STOW-RS and by C-STORE, and gives back what was sent, still sound."""

from __future__ import annotations

import email
import json
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import highdicom
import pydicom
import pytest
from test_send import errors_of
from test_send_volumes import volumes_of

import lookalike
from lookalike.sending.terms import RESEARCH_USE
from lookalike.verbs.send import SENT_KINDS
from peers.orthanc import ADDRESS, AET, DICOM, URI, Orthanc, orthanc

pytestmark = pytest.mark.slow

WAYS: Final = {"STOW-RS": URI, "C-STORE": f"dimse://{AET}@127.0.0.1:{DICOM}"}

# Run inside: Orthanc's network is reached from nowhere else.
_SEND: Final = """
import dataclasses, json, sys
import lookalike
folder, id, kinds, ways = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
with lookalike.open(folder) as gallery:
    for name, to in ways.items():
        for kind in kinds:
            print(json.dumps([name, dataclasses.asdict(lookalike.send(gallery, kind, id=id, to=to, k=3))]))
"""
_FETCH: Final = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Accept": 'multipart/related; type="application/dicom"'})
with urllib.request.urlopen(asked, timeout=60) as answer:
    sys.stdout.buffer.write(f"Content-Type: {answer.headers['Content-Type']}\\r\\n\\r\\n".encode() + answer.read())
"""


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, dict[tuple[str, str], dict[str, Any]]]]:
    """Orthanc with three series, and what was told of each object that was sent into it, by way and kind."""
    folder = tmp_path_factory.mktemp("answered")
    files = volumes_of(folder)
    with lookalike.open(folder / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [folder / f"{n}" for n in range(3)], patches=True)
        id = next(record.id for record in gallery.store.records().values() if record.source.endswith("/0"))
    with orthanc(folder / "orthanc") as running:
        assert running.store(files) == files
        done = running.run(sys.executable, "-c", _SEND, folder / "g", id, json.dumps(SENT_KINDS), json.dumps(WAYS))
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        yield running, {(way, one["kind"]): one for way, one in told}


def fetched(running: Orthanc, one: dict[str, Any]) -> bytes:
    """The object as WADO-RS gives it (PS3.18 10.4)."""
    uids = [one[f"{level}_instance_uid"] for level in ("study", "series", "sop")]
    resource = "/dicom-web/studies/{}/series/{}/instances/{}".format(*uids)
    done = running.run(sys.executable, "-c", _FETCH, ADDRESS + resource, text=False)
    assert done.returncode == 0, done.stderr
    (part,) = email.message_from_bytes(done.stdout).get_payload()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize("kind", SENT_KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_what_was_sent_comes_back_sound(
    way: str, kind: str, pacs: tuple[Orthanc, dict[tuple[str, str], dict[str, Any]]], tmp_path: Path
) -> None:
    running, sent = pacs
    one = sent[way, kind]
    content = fetched(running, one)
    (tmp_path / "back.dcm").write_bytes(content)
    assert errors_of(tmp_path / "back.dcm") == []
    made = pydicom.dcmread(BytesIO(content))
    assert (made.SOPInstanceUID, made.SOPClassUID.name) == (one["sop_instance_uid"], one["sop_class"])
    assert RESEARCH_USE in content.decode("latin-1")
    opened(kind, tmp_path / "back.dcm", one)


def opened(kind: str, file: Path, one: dict[str, Any]) -> None:
    """What highdicom reads in it."""
    if kind == "sr":
        groups = highdicom.sr.srread(str(file)).content.get_image_measurement_groups()
        assert len(groups) == len(one["cases"]) > 0
    elif kind == "kos":
        made = highdicom.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(file))
        assert len(made.content.get_references()) == len(one["cases"])
    elif kind == "seg":
        segments = highdicom.seg.segread(str(file))
        assert segments.number_of_segments == 1
        assert segments.get_volume().array.any()
    else:
        assert highdicom.imread(str(file)).number_of_frames == 1
        values = pydicom.dcmread(file).pixel_array  # highdicom gives no values of FloatPixelData
        assert 0 <= values.min() < values.max() <= 1


def test_the_pacs_files_them_with_the_study_that_was_asked_with(
    pacs: tuple[Orthanc, dict[tuple[str, str], dict[str, Any]]],
) -> None:
    running, sent = pacs
    (study,) = {one["study_instance_uid"] for one in sent.values()}
    rows = running.get(f"/dicom-web/studies/{study}/series")
    modalities = sorted(row["00080060"]["Value"][0] for row in rows)
    assert modalities == sorted(["CT", *2 * ["SR", "KO", "SEG", "OT"]])
    assert len(running.get("/studies")) == 3  # none was made up
    assert len(running.get("/patients")) == 3
