"""Answers beside what is no file here: what was pulled or received is fetched from its PACS to be answered."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from test_pull import slices
from test_send import header

from conftest import texture
from dicoms import data_set
from lookalike.errors import NotFoundError
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.index import index
from lookalike.verbs.send import SENT_KINDS, send
from peers.dicomweb import Pacs, as_it_should, no_dicom, serving


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    with serving() as served:
        for n in range(3):
            served.store(data_set(texture(n), Modality="CT", **header(n)))
        for series in (21, 22):
            for ds in slices(series):
                served.store(ds)
        yield served


@pytest.fixture
def gallery(pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with open_gallery(tmp_path / "g", create=True, linked=True) as made:
        assert index(made, [pacs.uri], patches=True).added == 5
        yield made


def of_depth(gallery: Gallery, depth: int) -> str:
    return next(one.id for one in gallery.store.records().values() if one.depth == depth)


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_a_picture_is_answered_with_what_its_pacs_sends(
    kind: str, gallery: Gallery, pacs: Pacs, tmp_path: Path
) -> None:
    asked = of_depth(gallery, 1)
    sent = send(gallery, kind, id=asked, to=str(tmp_path), pacs=[pacs.uri])
    made = pydicom.dcmread(tmp_path / f"{sent.sop_instance_uid}.dcm")
    number = made.StudyInstanceUID.rpartition(".")[2]
    expected = header(int(number))
    assert (made.PatientID, made.PatientName) == (expected["PatientID"], expected["PatientName"])
    assert sent.left_out == 0
    assert not list((tmp_path / "temporary").iterdir())


def test_a_volume_is_answered_and_named_by_one_of_its_slices(gallery: Gallery, pacs: Pacs, tmp_path: Path) -> None:
    sent = send(gallery, "kos", id=of_depth(gallery, 6), to=str(tmp_path), k=4, pacs=[pacs.uri])
    made = pydicom.dcmread(tmp_path / f"{sent.sop_instance_uid}.dcm")
    assert made.PatientName == "PACS^CANARY"
    named = [item.ReferencedSOPSequence[0] for item in made.ContentSequence if "ReferencedSOPSequence" in item]
    assert {each.ReferencedSOPInstanceUID for each in named} <= pacs.objects.keys()
    assert len(named) == len(sent.cases) == 4
    assert sent.left_out == 0


def test_a_volume_of_which_a_slice_does_not_come_is_not_answered(gallery: Gallery, pacs: Pacs, tmp_path: Path) -> None:
    one = next(uid for uid in sorted(pacs.objects) if ".21." in uid)
    other = next(uid for uid in sorted(pacs.objects) if ".22." in uid)
    pacs.manners.answer = lambda handler, data: (
        no_dicom if {one, other} & {*handler.path.split("/")} else as_it_should
    )(handler, data)
    with pytest.raises(NotFoundError, match="does not send the image of this record now"):
        send(gallery, "seg", id=of_depth(gallery, 6), to=str(tmp_path), pacs=[pacs.uri])
    assert not list(tmp_path.glob("*.dcm"))


def test_where_it_is_has_to_be_said(gallery: Gallery, pacs: Pacs, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="say which PACS that is: --pacs"):
        send(gallery, "sr", id=of_depth(gallery, 1), to=str(tmp_path))
    with serving() as other, pytest.raises(NotFoundError, match="does not send the image of this record now"):
        send(gallery, "sr", id=of_depth(gallery, 1), to=str(tmp_path), pacs=[other.uri])
    assert not list(tmp_path.glob("*.dcm"))
