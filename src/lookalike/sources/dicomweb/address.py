"""The address of a PACS in a URI: ``dicomweb+https://host:port/path?StudyDate=20260101-``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from lookalike.errors import UsageError
from lookalike.plugins import suggestion

PREFIX: Final = "dicomweb+"
_PORTS: Final = {"https": 443, "http": 80}
FILTERS: Final[Mapping[str, Literal["studies", "series"]]] = {
    "StudyDate": "studies",
    "ModalitiesInStudy": "studies",
    "Modality": "series",
    "BodyPartExamined": "series",
}
"""The DICOM keywords that a URI may select by, and what each is an attribute of: none that tells who somebody is."""
_DAYS: Final = re.compile(r"([0-9]{8}(-([0-9]{8})?)?|-[0-9]{8})?")
HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")
"""What a host may be called in a URI of a PACS."""
_EXAMPLE: Final = "dicomweb+https://pacs.example/dicom-web"


@dataclass(frozen=True, slots=True)
class PacsAddress:
    """Where a DICOMweb service is. path: that its resources lie under, without a slash at its end. filters: values by
    DICOM keywords.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    filters: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Scheme, host and port (RFC 6454): the only place that is asked for anything."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")

    @property
    def uri(self) -> str:
        """The URI that it was made from, in one spelling."""
        asked = f"?{urlencode(self.filters)}" if self.filters else ""
        return f"{PREFIX}{self.origin}{self.path}{asked}"

    def matching(self, what: Literal["studies", "series"]) -> dict[str, str]:
        """The filters that select studies or series."""
        return filters_of(self.filters, what)


def parse_address(uri: str) -> PacsAddress:
    """The address that a URI names. Raises UsageError, which quotes no more of the URI than a filter's name."""
    try:
        parts = urlsplit(uri.removeprefix(PREFIX))
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise _unusable("the URI of a PACS is none") from None
    if parts.username is not None or parts.password is not None:
        raise _unusable("a URI holds no name and no password: they stand in LOOKALIKE_PACS_USER and _PASSWORD")
    if scheme not in _PORTS or not HOST.fullmatch(host) or parts.fragment:
        raise _unusable("the URI of a PACS names a host and a path, and nothing behind a #")
    filters = checked_filters(dict(parse_qsl(parts.query, keep_blank_values=True)), FILTERS)
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
    return PacsAddress(scheme, host, port or _PORTS[scheme], path, filters)  # type: ignore[arg-type]


def checked_filters(filters: dict[str, str], known: Iterable[str]) -> dict[str, str]:
    """The filters of a URI. known: what may stand there, for the message. Raises UsageError for any other, and
    for a StudyDate that names no days.
    """
    for name in filters.keys() - FILTERS.keys():
        raise UsageError(f"a PACS is narrowed by {', '.join(FILTERS)}, got {name!r}.{suggestion(name, known)}")
    if not _DAYS.fullmatch(filters.get("StudyDate", "")):
        raise UsageError("StudyDate is a day, or from one to another: 20260107, 20260101-20260107, 20260101-")
    return filters


def filters_of(filters: Mapping[str, str], what: Literal["studies", "series"]) -> dict[str, str]:
    """Those of some filters that select studies or series."""
    return {name: value for name, value in filters.items() if FILTERS[name] == what}


def _unusable(what: str) -> UsageError:
    return UsageError(f"{what}; such as {_EXAMPLE}")
