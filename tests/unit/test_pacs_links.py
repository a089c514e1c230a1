"""Links into a PACS: of what is known, where an address is known, and to no address that is none."""

from __future__ import annotations

import pytest

from lookalike.errors import UsageError
from lookalike.pacs_links import PacsAddresses, links, pacs_addresses
from lookalike.types import DicomIdentity

WHOLE = DicomIdentity("1.2", "1.2.3", "1.2.3.4")
BOTH = PacsAddresses("https://v.example/viewer", "https://p.example/dw")


def test_a_series_without_an_instance_links_as_far_as_it_can() -> None:
    found = links(DicomIdentity("1.2", "1.2.3", None), BOTH)
    assert found == {
        "viewer": "https://v.example/viewer?StudyInstanceUIDs=1.2&initialSeriesInstanceUID=1.2.3",
        "study": "https://p.example/dw/studies/1.2",
        "series": "https://p.example/dw/studies/1.2/series/1.2.3",
    }
    assert links(DicomIdentity(), BOTH) == {}
    assert links(WHOLE, PacsAddresses()) == {}
    assert (
        links(WHOLE, PacsAddresses(dicomweb="http://p"))["instance"]
        == "http://p/studies/1.2/series/1.2.3/instances/1.2.3.4"
    )


def test_what_a_file_says_cannot_leave_its_place_in_a_link() -> None:
    sly = DicomIdentity("1.2&x=javascript:", "../../other", "1?#")
    assert "&x=" not in links(sly, BOTH)["viewer"]
    assert links(sly, BOTH)["series"] == "https://p.example/dw/studies/1.2%26x%3Djavascript%3A/series/..%2F..%2Fother"


@pytest.mark.parametrize(
    "text", ["ohif.example", "javascript:alert(1)", "https://", "https://v.example/?a=b", "file:///etc"]
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="LOOKALIKE_VIEWER is an http or https address"):
        pacs_addresses({"LOOKALIKE_VIEWER": text})
    assert not pacs_addresses({})
