"""The address of a PACS over DIMSE: ``dimse://LOOKALIKE@pacs.example:104/PACS?listen=11113&StudyDate=20260101-``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lookalike.errors import UsageError
from lookalike.receiving.settings import check_title
from lookalike.sources.dicomweb.address import FILTERS, HOST, checked_filters, filters_of

_SCHEMES: Final = {"dimse": 104, "dimse+tls": 2762}  # the registered ports (PS3.8 9.1, PS3.15 B)
_LISTEN: Final = 11113
_EXAMPLE: Final = "dimse://LOOKALIKE@pacs.example:104/PACS?listen=11113"


@dataclass(frozen=True, slots=True)
class DimseAddress:
    """calling, called: AE titles of ours and of the PACS. listen: the port of this machine that it sends to, which it
    knows under ``calling``. filters: values by the DICOM keywords of ``FILTERS``.
    """

    scheme: Literal["dimse", "dimse+tls"]
    calling: str
    host: str
    port: int
    called: str
    listen: int
    filters: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a table of ``pacs.toml`` is called by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def uri(self) -> str:
        """The URI that it was made from, in one spelling."""
        asked = {"listen": str(self.listen), **self.filters}
        _, _, place = self.origin.partition("://")
        return f"{self.scheme}://{quote(self.calling)}@{place}/{quote(self.called)}?{urlencode(asked)}"

    def matching(self, what: Literal["studies", "series"]) -> dict[str, str]:
        """The filters that select studies or series."""
        return filters_of(self.filters, what)


def parse_dimse(uri: str) -> DimseAddress:
    """The address that a URI names. Raises UsageError, which quotes no more of the URI than a filter's name."""
    try:
        parts = urlsplit(uri)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise _unusable() from None
    calling, called = unquote(parts.username or ""), unquote(parts.path.strip("/"))
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    listen = asked.pop("listen", str(_LISTEN))
    if not HOST.fullmatch(host) or parts.password is not None or parts.fragment or not calling or not called:
        raise _unusable()
    if not listen.isdecimal() or not 0 < int(listen) < 1 << 16:
        raise UsageError(f"listen is a port of this machine, 1 to 65535; such as {_EXAMPLE}")
    check_title(calling)
    check_title(called)
    filters = checked_filters(asked, [*FILTERS, "listen"])
    return DimseAddress(scheme, calling, host, port or _SCHEMES[scheme], called, int(listen), filters)  # type: ignore[arg-type]


def _unusable() -> UsageError:
    return UsageError(f"the URI of a PACS over DIMSE names our AE title, its host and port, and its title: {_EXAMPLE}")
