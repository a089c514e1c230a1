"""Errors as RFC 9457 problem details: what happened, for people, and a reason for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from lookalike.errors import LookalikeError, http_status
from lookalike.server.logs import log_failure
from lookalike.server.metrics import route_of
from lookalike.server.serialise import without_paths
from lookalike.text import one_line

MEDIA_TYPE: Final = "application/problem+json"


class Problem(HTTPException):
    """A refusal by the service itself."""

    def __init__(self, status: int, detail: str, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.reason = reason


def problem(status: int, detail: str, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that states a problem."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "reason": reason}
    return Response(json.dumps(body).encode(), status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: LookalikeError) -> Problem:
    """An error of this package as a problem (``errors.HTTP``)."""
    status, reason = http_status(error)
    again = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Problem(status, one_line(without_paths(str(error))), reason, again)


def install(app: FastAPI) -> None:
    """Answer every error with a problem, in the event loop: a refusal waits for no thread."""

    @app.exception_handler(LookalikeError)
    async def ours(_request: Request, error: LookalikeError) -> Response:
        found = of_error(error)
        return problem(found.status_code, str(found.detail), found.reason, found.headers)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> Response:
        reason = getattr(error, "reason", HTTPStatus(error.status_code).phrase.lower().replace(" ", "-"))
        return problem(error.status_code, str(error.detail), reason, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        return problem(422, _where(error.errors()), "invalid")

    @app.exception_handler(ClientDisconnect)
    def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return problem(400, "the caller went away", "gone")  # nobody hears it

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        route, method = route_of(request.scope)
        log_failure("unexpected", error, method=method, route=route)
        return problem(500, f"unexpected {type(error).__name__}; this is a bug: please report it", "bug")


def _where(errors: Any) -> str:
    """What is wrong with a body, without quoting it."""
    lines = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in list(errors)[:5]]
    return one_line("; ".join(lines))
