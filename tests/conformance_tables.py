"""The tables of docs/conformance-statement.md, from what the code does: ``python -m tests.conformance_tables`` writes
them into the page, and a test compares.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import click
import pydicom
from pydicom import uid
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels import get_decoder
from pydicom.uid import UID, UID_dictionary
from pynetdicom import AE, AllStoragePresentationContexts

if __package__ == "tests":
    sys.path.insert(0, str(Path(__file__).parent))

from derived_objects import derived, source
from lookalike.cli import main
from lookalike.readers import codecs
from lookalike.receiving.association import CLASS_UNKNOWN, INSTANCE_INVALID, NO_RESOURCES, SUCCESS
from lookalike.receiving.negotiation import VERIFICATION
from lookalike.receiving.settings import MOST_FIRST_PDU, MOST_PDU, ReceiverSettings
from lookalike.sending.terms import OWN_SCHEME, SERIES_NUMBERS
from lookalike.sending.ways import _SECONDS, OURSELVES
from lookalike.server.dicom_json import CREATOR, RANK, RECORD, SCORE, SIMILAR_IMAGE
from lookalike.sources.dicomweb import qido
from lookalike.sources.dicomweb.address import FILTERS
from lookalike.sources.dimse import worker
from lookalike.sources.dimse.address import parse_dimse
from lookalike.sources.dimse.listing import Find
from lookalike.sources.dimse.scu import PacsScu
from lookalike.sources.pacs import PacsLimits
from lookalike.sources.pacs_lists import Tally

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance-statement.md"
KINDS: Final = tuple(SERIES_NUMBERS)
Rows = Sequence[Sequence[str]]

_SAID: Final = {
    "PatientName": "Doe^Jane",
    "PatientID": "P1",
    "IssuerOfPatientID": "HOSPITAL",
    "PatientBirthDate": "19600102",
    "PatientSex": "F",
    "PatientAge": "060Y",
    "PatientSize": "1.7",
    "PatientWeight": "70",
    "OtherPatientIDs": "P2",
    "EthnicGroup": "none",
    "PatientComments": "of the patient",
    "StudyDate": "20200102",
    "StudyTime": "101112",
    "StudyID": "S1",
    "StudyDescription": "Thorax",
    "AccessionNumber": "A1",
    "ReferringPhysicianName": "Roe^Richard",
    "SeriesDescription": "of the series",
    "BodyPartExamined": "CHEST",
    "Laterality": "L",
    "Manufacturer": "of the image",
    "InstitutionName": "Hospital",
    "StationName": "Station",
}
_SEQUENCES: Final = {
    "ReferencedPerformedProcedureStepSequence": "none",
    "PerformedProcedureCodeSequence": "none",
    "AcquisitionContextSequence": "none",
    "ContributingEquipmentSequence": "the library that wrote it, highdicom",
    "ConceptNameCodeSequence": "the title (see B)",
    "ContentTemplateSequence": "the template (see B)",
    "ContentSequence": "the content (see B)",
    "CurrentRequestedProcedureEvidenceSequence": "sr: the image; kos: all images",
    "PertinentOtherEvidenceSequence": "images of other studies",
    "ReferencedSeriesSequence": "the image",
    "SourceImageSequence": "the image",
    "DimensionOrganizationSequence": "a new one",
    "DimensionIndexSequence": "by segment and position, or by position",
    "SegmentSequence": "one segment (see B)",
    "SharedFunctionalGroupsSequence": "pixel measures, plane orientation; map: also value mapping and window",
    "PerFrameFunctionalGroupsSequence": "plane position, the image as the source, the segment",
}


def tables() -> dict[str, Rows]:
    """Every table by its name in the page: a row of headings first."""
    return {
        "sop-classes": [("SOP class", "UID", "SCU", "SCP"), *_sop_classes()],
        "decoded": [("Transfer syntax", "UID"), *((str(each.name), str(each)) for each in decoded_syntaxes())],
        "statuses": [("Status", "Meaning", "When"), *_statuses()],
        "find-keys": [("Level", "Keys that are matched", "Keys that are returned"), *_find_keys()],
        "query-keys": [("Resource", "Matching", "Returned (includefield, and what QIDO-RS always gives)"), *_queries()],
        "configuration": [("Parameter", "Default", "Set by"), *_configuration()],
        "private": [("Tag", "VR", "VM", "Meaning"), *_private()],
        "attributes": [("Attribute", "Tag", "VR", *KINDS, "Value"), *_attributes()],
        "content": [("Level", "Relationship", "Type", "Concept name", "Value"), *_content()],
        "codes": [("Code", "Scheme", "Meaning", "In"), *_codes()],
    }


# Network


def _sop_classes() -> Iterator[Sequence[str]]:
    yield "Verification", VERIFICATION, "no", "yes"
    yield (
        f"every storage class (PS3.4 B.5; {len(AllStoragePresentationContexts)} known), private and unknown ones",
        "",
        "no",
        "yes",
    )
    for asked in sorted(
        {str(each.abstract_syntax) for each in worker._entity({"calling": OURSELVES, "silence": 1}).requested_contexts}
    ):
        yield str(UID(asked).name), asked, "yes", "no"
    for made in _made(placed=True).values():
        yield str(made.SOPClassUID.name).removesuffix(" Storage"), str(made.SOPClassUID), "yes", "yes"


def decoded_syntaxes() -> list[UID]:
    """The transfer syntaxes whose pixels are decoded."""
    codecs.register()
    known = [UID(each) for each, row in UID_dictionary.items() if row[1] == "Transfer Syntax" and row[3] != "Retired"]
    native = [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian]
    native += [uid.ExplicitVRBigEndian]
    return [*native, *(each for each in known if each not in native and _is_decoded(each))]


def _is_decoded(syntax: UID) -> bool:
    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def _statuses() -> Iterator[Sequence[str]]:
    yield (
        f"{SUCCESS:04X}",
        "Success",
        "the object is on the disk; it was there already; another one of its UID is kept apart",
    )
    yield f"{NO_RESOURCES:04X}", "Refused: out of resources", "the inbox or the disk is full, or the object too large"
    yield f"{INSTANCE_INVALID:04X}", "Invalid SOP Instance", "the instance UID is none"
    yield f"{CLASS_UNKNOWN:04X}", "SOP class not supported", "the class is another than was agreed on"


def _queries() -> Iterator[Sequence[str]]:
    returned = {
        "studies": (qido.STUDY, qido.SERIES_OF_STUDY, qido.INSTANCES_OF_STUDY, qido.PATIENT, qido.DATE),
        "series": (qido.SERIES, qido.MODALITY, qido.INSTANCES_OF_SERIES),
        "instances": (qido.INSTANCE, qido.SOP_CLASS),
    }
    for level, path in (
        ("studies", ""),
        ("series", "studies/{study}/"),
        ("instances", "studies/{study}/series/{series}/"),
    ):
        filters = [name for name, of in FILTERS.items() if of == level]
        yield f"`{path}{level}`", ", ".join([*filters, "limit", "offset"]), ", ".join(map(_named, returned[level]))


class _NotingScu:
    """Notes what is asked of a PACS that has one study, one series and one instance."""

    def __init__(self) -> None:
        self.asked: dict[str, Mapping[str, str]] = {}

    def find(self, level: str, keys: Mapping[str, str]) -> tuple[list[dict[str, str]], bool]:
        self.asked[level] = keys
        return [{name: "1.2" if name.endswith("UID") else "" for name in keys}], True


def _find_keys() -> Iterator[Sequence[str]]:
    scu = _NotingScu()
    filters = "&".join(f"{name}={'20200102' if name == 'StudyDate' else 'X'}" for name in FILTERS)
    find = Find(cast(PacsScu, scu), parse_dimse(f"dimse://A@host/B?{filters}"), Tally())
    list(find.series_of(find.studies(), 1))
    for level, keys in scu.asked.items():
        matched = [name for name, value in keys.items() if value]
        yield level, ", ".join(matched), ", ".join(name for name in keys if name not in matched)


def _named(tag: str) -> str:
    return f"{pydicom.datadict.keyword_for_tag(int(tag, 16))} {_tag(int(tag, 16))}"


def _configuration() -> Iterator[Sequence[str]]:
    limits, receiver = PacsLimits(), ReceiverSettings()
    receive, pull = _defaults("receive"), _defaults("pull")
    yield "AE title of the storage SCP", receive["--aet"], "`receive --aet`"
    yield "address it listens on", receive["--host"], "`receive --host`"
    yield "port", receive["--port"], "`receive --port`"
    yield "peers that may send", "any of this machine", "`receive --allow`"
    yield "associations at once, half of them from one address", receive["--associations"], "`receive --associations`"
    yield "PDU that is received", f"{MOST_PDU} bytes", "fixed"
    yield "A-ASSOCIATE-RQ", f"{MOST_FIRST_PDU} bytes", "fixed"
    yield "until the A-ASSOCIATE-RQ is there, TLS included", f"{receiver.deadlines.first:g} s", "fixed"
    yield "silence between messages", f"{float(receive['--idle']):g} s", "`receive --idle`"
    yield (
        "lag of a message",
        f"{receiver.deadlines.grace:g} s behind {receiver.deadlines.rate} bytes a second",
        "fixed",
    )
    yield "largest object received", f"{receive['--max-object-mb']} MiB", "`receive --max-object-mb`"
    yield "objects that may wait", f"{float(receive['--quota-gb']):g} GiB", "`receive --quota-gb`"
    yield "until a series that is received is complete", f"{float(receive['--stable']):g} s", "`receive --stable`"
    yield "AE title of the storage SCU", OURSELVES, "fixed"
    yield "PDU that the SCU receives", f"{AE().maximum_pdu_size} bytes", "fixed"
    yield "ACSE, DIMSE, network and connection time-outs of the SCU, and of STOW-RS", f"{_SECONDS:g} s", "fixed"
    dimse, tls = parse_dimse("dimse://A@host/B"), parse_dimse("dimse+tls://A@host/B")
    yield "AE titles of the query and retrieve SCU and of the PACS", "none", "the URI: `dimse://OURS@HOST:PORT/PACS`"
    yield "port of the PACS", f"{dimse.port}; with TLS {tls.port}", "the URI"
    yield "port that the PACS moves to", str(dimse.listen), "the URI: `listen`"
    yield "PDU that the query and retrieve SCU receives", f"{worker._MOST_PDU} bytes", "fixed"
    yield "rows of a QIDO-RS page", str(qido.PAGE), "fixed"
    yield "requests at once", pull["--at-once"], "`pull --at-once`"
    yield "requests a second", "no limit", "`pull --rate`"
    yield "silence of a DICOMweb server", f"{limits.silence:g} s", "fixed"
    yield "a DICOMweb request", f"{limits.seconds:g} s", "fixed"
    yield "tries of a request that is answered 429 or 5xx, or not at all", str(limits.tries), "fixed"
    yield "largest object fetched", f"{limits.object_bytes >> 30} GiB", "fixed"
    yield "until a series that is pulled is complete", f"{float(pull['--stable']):g} s", "`pull --stable`"


def _defaults(name: str) -> dict[str, str]:
    """The defaults of a command's options as texts."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option)]
    return {each.opts[0]: str(each.default() if callable(each.default) else each.default) for each in options}


# Objects


def _private() -> Iterator[Sequence[str]]:
    yield "(0077,0010)", "LO", "1", f"private creator, `{CREATOR}`"
    yield _tag(int(SCORE, 16)), "FD", "1", "how similar the study is: the cosine, or the score, of `search`"
    yield _tag(int(RANK, 16)), "US", "1", "its rank, from 1"
    yield (
        _tag(int(SIMILAR_IMAGE, 16)),
        "UI",
        "1",
        "SOPInstanceUID of its most similar image; absent for a series of files",
    )
    yield _tag(int(RECORD, 16)), "SH", "1", "id of the record in the gallery"


def _tag(number: int) -> str:
    return f"({number >> 16:04X},{number & 0xFFFF:04X})"


def _made(*, placed: bool, **said: Any) -> dict[str, Dataset]:
    with tempfile.TemporaryDirectory() as folder:
        return derived(source(Path(folder), placed=placed, **said))


def _attributes() -> Iterator[Sequence[str]]:
    """What stands in each object, by making it of images that say much and little, and twice."""
    other = {name: _another(name, text) for name, text in _SAID.items()}
    one, again, two = (_made(placed=True, **said) for said in (_SAID, _SAID, other))
    bare, radiograph = _made(placed=True), _made(placed=False)
    keywords = {each.keyword: each.tag for made in (one, radiograph) for ds in made.values() for each in ds}
    for keyword in sorted(keywords, key=lambda each: keywords[each]):
        present = [
            _presence(keyword, [made[kind] for made in (one, bare, radiograph) if kind in made]) for kind in KINDS
        ]
        values = [
            _value(keyword, *(made.get(kind, Dataset()) for made in (one, again, two, radiograph))) for kind in KINDS
        ]
        told: dict[str, list[str]] = {}
        for kind, value, there in zip(KINDS, values, present, strict=True):
            if there:
                told.setdefault(value, []).append(kind)
        text = (
            next(iter(told))
            if len(told) == 1
            else "; ".join(f"{', '.join(which)}: {value}" for value, which in told.items())
        )
        yield f"`{keyword}`", _tag(keywords[keyword]), dictionary_VR(keywords[keyword]), *present, text


def _another(name: str, text: str) -> str:
    return {"PatientSex": "M", "Laterality": "R"}.get(name, text.replace("1", "2").replace("e", "a"))


def _presence(keyword: str, made: Sequence[Dataset]) -> str:
    """ALWAYS with a value, VNAP: may be empty, ANAP: may be absent, EMPTY (PS3.2)."""
    there = [ds for ds in made if keyword in ds]
    if not there:
        return ""
    filled = [not ds[keyword].is_empty and ds[keyword].value not in ("", None) for ds in there]
    if len(there) < len(made):
        return "ANAP"
    return "ALWAYS" if all(filled) else "VNAP" if any(filled) else "EMPTY"


def _value(keyword: str, one: Dataset, again: Dataset, two: Dataset, radiograph: Dataset) -> str:
    """Where a value comes from."""
    if keyword in _SEQUENCES:
        return _SEQUENCES[keyword]
    if keyword not in one:
        return "empty" if keyword in radiograph and radiograph[keyword].is_empty else "of the image"
    value, changed = _text(one, keyword), _text(two, keyword)
    if keyword in _SAID and (value, changed) == (_SAID[keyword], _another(keyword, _SAID[keyword])):
        return "of the image"
    if value != _text(again, keyword):
        return "new"
    return _fixed(keyword, value, _text(radiograph, keyword) if keyword in radiograph else value)


def _fixed(keyword: str, value: str, of_radiograph: str) -> str:
    told = {"StudyInstanceUID": "of the image", "FrameOfReferenceUID": "of the image", "Rows": "of the image"}
    told |= {"Columns": "of the image", "FloatPixelData": "the heat, 0 to 1", "PixelData": "the segment"}
    told |= {"SoftwareVersions": "the version of lookalike", "ContentLabel": "made of the Modality"}
    told |= {"PositionReferenceIndicator": "of the image", "LossyImageCompression": "of the image, else `00`"}
    told |= dict.fromkeys(("InstanceCreationDate", "ContentDate"), "new")
    if keyword in told:
        return told[keyword]
    assert value == of_radiograph, keyword
    return f"`{value}`" if value else "empty"


def _text(ds: Dataset, keyword: str) -> str:
    value = ds[keyword].value
    if isinstance(value, MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)


def _content() -> Iterator[Sequence[str]]:
    """The content tree of the structured report, its groups shown once (PS3.16 TID 1500)."""
    report = _made(placed=True)["sr"]
    yield "1", "", "CONTAINER", _code(report.ConceptNameCodeSequence[0]), _template(report)
    yield from _below(report, 2)


def _below(ds: Dataset, level: int) -> Iterator[Sequence[str]]:
    seen: set[tuple[str, str]] = set()
    for item in ds.get("ContentSequence", []):
        name = _code(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else ""
        if item.ValueType == "CONTAINER" and (item.ValueType, name) in seen:
            continue  # another group like the first one
        seen.add((item.ValueType, name))
        yield str(level), str(item.get("RelationshipType", "")), item.ValueType, name, _told(item)
        yield from _below(item, level + 1)


def _told(item: Dataset) -> str:
    if item.ValueType == "CONTAINER":
        return _template(item)
    if item.ValueType == "CODE":
        return _code(item.ConceptCodeSequence[0])
    if item.ValueType == "NUM":
        return _code(item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0])
    return {"UIDREF": "new", "IMAGE": "SOP class and instance"}.get(item.ValueType, _plain(item))


def _plain(item: Dataset) -> str:
    text = str(item.get("TextValue", item.get("PersonName", "")))
    return re.sub(r"Similar case \d.*", "“Similar case RANK: LABELS”", re.sub(r"\d+\.\d+\.\d+\S*", "VERSION", text))


def _template(item: Dataset) -> str:
    found = item.get("ContentTemplateSequence")
    return f"TID {found[0].TemplateIdentifier}" if found else ""


def _code(item: Dataset) -> str:
    return f"({item.CodeValue}, {item.CodingSchemeDesignator}, “{item.CodeMeaning}”)"


def _codes() -> Iterator[Sequence[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for kind, made in _made(placed=True).items():
        for item in _items(made):
            if "CodeValue" in item:
                code = (str(item.CodeValue), str(item.CodingSchemeDesignator), str(item.CodeMeaning))
                found.setdefault(code, []).append(kind)
    for (value, scheme, meaning), kinds in sorted(
        found.items(), key=lambda each: (each[0][1] != OWN_SCHEME, each[0][1], each[0])
    ):
        yield value, scheme, meaning, ", ".join(dict.fromkeys(kinds))


def _items(ds: Dataset) -> Iterator[Dataset]:
    yield ds
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield from _items(item)


# The page


def in_page(page: str, name: str) -> str:
    """The lines of a table as they stand in the page."""
    found = re.search(_marked(name), page, re.DOTALL)
    assert found is not None, f"the page has no table {name}"
    return found[2].strip()


def markdown(rows: Rows) -> str:
    """A table."""
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |" for line in lines)


def written(page: str, made: Mapping[str, Rows]) -> str:
    """The page with these tables."""
    for name, rows in made.items():
        replacement = f"\n\n{markdown(rows)}\n\n"
        page = re.sub(_marked(name), lambda found, new=replacement: f"{found[1]}{new}{found[3]}", page, flags=re.DOTALL)  # type: ignore[misc]
    return page


def _marked(name: str) -> str:
    return f"(<!-- table {name} -->)(.*?)(<!-- end -->)"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8"), tables()), "utf-8")
