"""The DICOM Conformance Statement says what the code does."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

import conformance_tables
from conformance_tables import PAGE, Rows, in_page, markdown, tables
from derived_objects import derived, source
from lookalike.receiving.negotiation import negotiate
from lookalike.receiving.settings import ReceiverSettings
from lookalike.sending.ways import file_bytes

made = cache(tables)
NAMES = (
    "sop-classes",
    "decoded",
    "statuses",
    "find-keys",
    "query-keys",
    "configuration",
    "private",
    "attributes",
    "content",
    "codes",
)


def test_every_table_is_tested() -> None:
    page = PAGE.read_text("utf-8")
    assert sorted(made()) == sorted(NAMES)
    assert page.count("<!-- table ") == page.count("<!-- end -->") == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_what_the_code_does(name: str) -> None:
    rows: Rows = made()[name]
    assert in_page(PAGE.read_text("utf-8"), name) == markdown(rows), f"python -m tests.{conformance_tables.__name__}"


def test_every_storage_class_is_agreed_on_in_what_is_proposed_first() -> None:
    proposed = [str(each.abstract_syntax) for each in AllStoragePresentationContexts]
    syntaxes = [str(JPEG2000), str(ExplicitVRLittleEndian)]
    for some in (proposed[:120], [*proposed[120:], "1.2.826.0.7.1"]):
        agreed = negotiate(_request(some, syntaxes), "127.0.0.1", ReceiverSettings())
        assert list(agreed.contexts.values()) == [(each, syntaxes[0]) for each in some]


def _request(classes: list[str], syntaxes: list[str]) -> bytes:
    """An A-ASSOCIATE-RQ."""
    asked = A_ASSOCIATE()
    asked.application_context_name = "1.2.840.10008.3.1.1.1"
    asked.calling_ae_title, asked.called_ae_title = "PEER", "LOOKALIKE"
    contexts = [build_context(each, syntaxes) for each in classes]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    asked.presentation_context_definition_list = contexts
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = AE().implementation_class_uid
    asked.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(asked)
    return bytes(pdu.encode())


def test_files_are_explicit_little_endian_with_meta_information(tmp_path: Path) -> None:
    for each in derived(source(tmp_path)).values():
        read = pydicom.dcmread(BytesIO(file_bytes(each)))
        assert read.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID
        assert not any(element.tag.is_private for element in read.iterall())
