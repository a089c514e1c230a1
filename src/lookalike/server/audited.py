"""ASGI middleware: what somebody did, or was not let do, stands in the audit log before the answer leaves.

Which route is noted as what is one table; a test holds that every route has its row. Where it cannot be noted, it is
not answered (503): what would change something is refused before it is begun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.audit_log.events import AuditEvent, AuditKind, Outcome
from lookalike.audit_log.log import AuditLog
from lookalike.errors import AuditLogError
from lookalike.server.access import client_address
from lookalike.server.callers import Caller
from lookalike.server.guard import API
from lookalike.server.noting import Noting
from lookalike.server.problems import of_error, problem
from lookalike.server.service import Service
from lookalike.server.settings import ServerSettings
from lookalike.verbs.gallery import gallery_id

AUDITED: Final[Mapping[str, AuditKind | None]] = {
    "POST /search": "search",
    "POST /search/evidence": "export",
    "GET /dicom-web/studies": "search",
    "GET /similar-studies": "search",
    "POST /explain": "look",
    "POST /classify": "search",
    "GET /records": "look",
    "GET /records/{}": "look",
    "GET /records/{}/thumbnail": "look",
    "GET /records/{}/picture": "look",
    "GET /records/{}/files": "look",
    "GET /records/{}/file": "export",
    "GET /records/{}/links": "look",
    "POST /records/{}/send": "export",
    "GET /records/{}/report": "look",
    "GET /records/{}/study": "look",
    "GET /records/{}/timeline": "look",
    "PATCH /records/{}": "label",
    "DELETE /records/{}": "erase",
    "DELETE /patients/{}": "erase",
    "POST /labels": "label",
    "POST /labels/undo": "label",
    "GET /labels/log": "look",
    "GET /labels/next": "look",
    "GET /labels/table": "export",
    "POST /labels/import": "label",
    "POST /readings": "label",
    "POST /readings/{}/close": "label",
    "POST /readings/{}": "label",
    "GET /readings/{}/own": "look",
    "GET /readings/{}": "look",
    "GET /readings/{}/agreement": "look",
    "POST /readings/{}/adjudicate": "label",
    "POST /records/remove": "erase",
    "GET /decisions": "look",
    "POST /decisions": "label",
    "POST /decisions/{}/undo": "label",
    "GET /refused": "look",
    "GET /map": "look",
    "GET /map/points": "look",
    "GET /map/column": "look",
    "GET /map/errors": "look",
    "GET /map/groups": "look",
    "POST /imports/{}": "look",  # names of folders may be of patients
    "POST /index": "import",
    "POST /adapt": "compute",
    "POST /tune": "compute",
    "POST /evaluate": "compute",
    "POST /map": "compute",
    "POST /audit": "compute",
    "POST /audit/duplicates": "compute",
    "POST /audit/outliers": "compute",
    "POST /audit/drift": "compute",
    "POST /audit/metadata": "compute",
    "POST /audit/quality": "compute",
    "POST /export": "export",
    "GET /jobs/{}/export": "export",
    "GET /cohorts/{}": "look",
    "POST /cohorts": "change-gallery",
    "POST /cohorts/combine": "change-gallery",
    "POST /cohorts/{}/split": "change-gallery",
    "POST /cohorts/{}/export": "export",
    "DELETE /cohorts/{}": "change-gallery",
    "POST /merge": "import",
    "POST /migrate": "change-gallery",
    "POST /backup": "export",
    "POST /backups/{}/verify": "compute",
    "DELETE /spaces/{}": "change-gallery",
    "GET /jobs/{}/report": "export",
    "DELETE /jobs/{}": "compute",
    "GET /session/callback": "sign-in",
    "DELETE /session": "sign-out",
    "POST /session/backchannel-logout": "sign-out",
    # Numbers and names of the gallery as a whole, the caller's own files, and the service itself
    "GET /gallery": None,
    "GET /galleries": None,
    "GET /g/{}": None,
    "GET /spaces": None,
    "GET /cohorts": None,
    "GET /readings": None,
    "GET /readers": None,
    "GET /facets": None,
    "GET /schedules": None,
    "GET /backups": None,
    "GET /jobs": None,
    "GET /jobs/{}": None,
    "POST /uploads": None,
    "GET /uploads/{}": None,
    "GET /uploads/{}/picture": None,
    "GET /uploads/{}/file": None,
    "GET /session": None,
    "GET /session/sign-in": None,
    "GET /healthz": None,
    "GET /readyz": None,
    "GET /metrics": None,
    "GET /": None,
}
"""Method and path of each route, parameters without names -> as what it is noted; None: not noted where it is answered.

Whatever is refused is noted."""
_UNKNOWN: Final = 401
_TOO_MANY: Final = 429
_REFUSED: Final = (_UNKNOWN, 403)
_ID: Final = re.compile(r"[0-9a-f]{8,64}")  # of records and of patients' groups; anything else may be anything


class Audited:
    """Pure ASGI. Routes say in ``request.state.noted`` which records an answer tells of (``audited_records``)."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, log: AuditLog | None) -> None:
        self._app, self._settings, self._log = app, settings, log
        self._noting = None if log is None else Noting(log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        log, noting = self._log, self._noting
        if scope["type"] != "http" or log is None or noting is None:
            await self._app(scope, receive, send)
            return
        refused: AuditLogError | None = None
        if scope["path"].startswith(API) and scope["method"] not in ("GET", "HEAD"):
            refused = _unready(log)

        async def send_noted(message: Message) -> None:
            nonlocal refused
            if refused is not None:
                return  # it is answered already
            if message["type"] == "http.response.start":
                event = self._event(scope, message["status"])
                try:
                    if event is not None:
                        await noting.note(event)
                except AuditLogError as error:
                    refused = error
                    await _answer(error, scope, receive, send)
                    return
            await send(message)

        if refused is not None:
            await _answer(refused, scope, receive, send)
            return
        await self._app(scope, receive, send_noted)

    def _event(self, scope: Scope, status: int) -> AuditEvent | None:
        """What is noted of a request that is answered with a status; None for nothing."""
        state: Mapping[str, Any] = scope["state"]
        service: Service | None = state["service"]
        caller: Caller | None = state.get("caller")
        route = audited_name(scope["method"], getattr(scope.get("route"), "path", ""))
        kind = AUDITED.get(route)
        outcome = _outcome(status)
        if state.get("tried"):
            if status == _TOO_MANY:
                return None  # so that nobody fills the disk
            kind, outcome = "sign-in", "refused"
        elif status == _UNKNOWN:
            return None  # nobody claimed to be somebody
        elif kind is None:
            if status not in _REFUSED:
                return None
            kind = "look"
        who, means = (
            (caller.name, caller.means) if caller is not None else (state.get("who", ""), state.get("means", ""))
        )
        records, patients = _named(scope, state)
        return AuditEvent(
            kind,
            who,
            means,
            client_address(HTTPConnection(scope), self._settings),
            outcome,
            "" if service is None else gallery_id(service.gallery),
            records,
            patients,
            {"route": route if route in AUDITED else "other", "status": status, **state.get("detail", {})},
        )


def audited_name(method: str, path: str) -> str:
    """A route as ``AUDITED`` names it."""
    return f"{method} {re.sub(r'{[^}]*}', '{}', path.removeprefix(API))}"


def _unready(log: AuditLog) -> AuditLogError | None:
    try:
        log.check()
    except AuditLogError as error:
        return error
    return None


async def _answer(error: AuditLogError, scope: Scope, receive: Receive, send: Send) -> None:
    found = of_error(error)
    await problem(found.status_code, str(found.detail), found.reason, {"Retry-After": "60"})(scope, receive, send)


def _named(scope: Scope, state: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given = scope.get("path_params", {})
    of_path = [given["identity"]] if "/records/" in scope["path"] and "identity" in given else []
    records = dict.fromkeys([*of_path, *state.get("noted", ())])
    patients = [given["group"]] if "group" in given else []
    return tuple(filter(_ID.fullmatch, records)), tuple(filter(_ID.fullmatch, patients))


def _outcome(status: int) -> Outcome:
    return "done" if status < 400 else "refused" if status in _REFUSED else "failed"
