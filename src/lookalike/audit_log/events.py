"""What is noted, in the words of DICOM PS3.15 A.5 and of IHE's Basic Audit Log Patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

AuditKind: TypeAlias = Literal[
    "search",
    "look",
    "export",
    "import",
    "label",
    "erase",
    "compute",
    "change-gallery",
    "sign-in",
    "sign-out",
    "change-keys",
    "use-audit-log",
    "start",
    "stop",
]
AUDIT_KINDS: Final[tuple[AuditKind, ...]] = get_args(AuditKind)
Outcome: TypeAlias = Literal["done", "refused", "failed"]
Means: TypeAlias = Literal["key", "oidc", "proxy", "open", "command", "service", ""]
"""How somebody was known: by a key, an identity provider, a proxy; on an open service, or at the command line."""


class AuditTerm(NamedTuple):
    """code, meaning: DICOM's (DCM) of the event. action: Create, Read, Update, Delete or Execute. subtype: likewise."""

    code: str
    meaning: str
    action: Literal["C", "R", "U", "D", "E"]
    subtype: tuple[str, str] | None = None


_ACCESSED: Final = "DICOM Instances Accessed"
_ACTIVITY: Final = "Application Activity"
TERMS: Final[Mapping[AuditKind, AuditTerm]] = MappingProxyType(
    {
        "search": AuditTerm("110112", "Query", "E"),
        "look": AuditTerm("110103", _ACCESSED, "R"),
        "export": AuditTerm("110106", "Export", "R"),
        "import": AuditTerm("110107", "Import", "C"),
        "label": AuditTerm("110103", _ACCESSED, "U"),
        "erase": AuditTerm("110105", "DICOM Study Deleted", "D"),
        "compute": AuditTerm("110100", _ACTIVITY, "E"),
        "change-gallery": AuditTerm("110100", _ACTIVITY, "U"),
        "sign-in": AuditTerm("110114", "User Authentication", "E", ("110122", "Login")),
        "sign-out": AuditTerm("110114", "User Authentication", "E", ("110123", "Logout")),
        "change-keys": AuditTerm("110113", "Security Alert", "U", ("110137", "User Security Attributes Changed")),
        "use-audit-log": AuditTerm("110101", "Audit Log Used", "R"),
        "start": AuditTerm("110100", _ACTIVITY, "E", ("110120", "Application Start")),
        "stop": AuditTerm("110100", _ACTIVITY, "E", ("110121", "Application Stop")),
    }
)
"""Every kind of event in DICOM's terms (PS3.16 CID 400, 401)."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that somebody did, or was not let do. who: the caller's name. address: that the caller asked from.
    gallery: its id. records: ids; patients: pseudonyms. detail: numbers and words of this program's own.
    """

    kind: AuditKind
    who: str
    means: Means = ""
    address: str = ""
    outcome: Outcome = "done"
    gallery: str = ""
    records: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    detail: Mapping[str, str | int] = field(default_factory=dict)
