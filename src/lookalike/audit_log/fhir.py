"""Lines of the audit log as FHIR R4 AuditEvent resources, as IHE's Basic Audit Log Patterns (BALP) have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lookalike.audit_log.events import TERMS

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_KINDS: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLES: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_OUTCOMES: Final = {"done": "0", "refused": "4", "failed": "8"}  # success, minor failure, serious failure
_OBJECT: Final = {"system": _KINDS, "code": "2", "display": "System Object"}
_PERSON: Final = {"system": _KINDS, "code": "1", "display": "Person"}
_RECORD: Final = {"system": _ROLES, "code": "3", "display": "Report"}
_PATIENT: Final = {"system": _ROLES, "code": "1", "display": "Patient"}
_MASTER: Final = {"system": _ROLES, "code": "13", "display": "Security Resource"}


def fhir_event(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A line's fields as an AuditEvent. Records and patients are identifiers of the gallery: ids and pseudonyms."""
    term = TERMS[fields["kind"]]
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"line-{fields['n']}",
        "type": {"system": _DCM, "code": term.code, "display": term.meaning},
        "action": term.action,
        "recorded": fields["time"],
        "outcome": _OUTCOMES[fields["outcome"]],
        "agent": [_agent(fields)],
        "source": {"observer": {"display": "lookalike"}, "type": [_source_type()]},
    }
    if term.subtype is not None:
        code, meaning = term.subtype
        found["subtype"] = [{"system": _DCM, "code": code, "display": meaning}]
    if entities := _entities(fields):
        found["entity"] = entities
    return found


def _agent(fields: Mapping[str, Any]) -> dict[str, Any]:
    who = fields["who"] or "nobody who is known"
    agent: dict[str, Any] = {"requestor": True, "who": {"identifier": {"value": who}}}
    if fields["means"]:
        agent["type"] = {"text": fields["means"]}
    if fields["address"]:
        agent["network"] = {"address": fields["address"], "type": "2"}  # an IP address
    return agent


def _source_type() -> dict[str, str]:
    system = "http://terminology.hl7.org/CodeSystem/security-source-type"
    return {"system": system, "code": "4", "display": "Application Server"}


def _entities(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    gallery, detail = fields["gallery"], fields["detail"]
    about = [{"type": str(name), "valueString": str(value)} for name, value in detail.items()]
    found = [_entity(gallery, _OBJECT, _MASTER, about)] if gallery or about else []
    found += [_entity(one, _OBJECT, _RECORD) for one in fields["records"]]
    return found + [_entity(one, _PERSON, _PATIENT) for one in fields["patients"]]


def _entity(
    value: str, kind: Mapping[str, str], role: Mapping[str, str], detail: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": dict(kind), "role": dict(role)}
    if value:
        entity["what"] = {"identifier": {"value": value}}
    return {**entity, **({"detail": detail} if detail else {})}
