"""Routes by subject: parse, call the verb, return."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from lookalike.server.access import Caller, Needs
from lookalike.server.guard import API
from lookalike.server.service import Service, service_of

__all__ = ["API", "Admin", "Contributor", "Reader", "Served"]

Served = Annotated[Service, Depends(service_of)]
Reader = Annotated[Caller, Depends(Needs("reader"))]
Contributor = Annotated[Caller, Depends(Needs("contributor"))]
Admin = Annotated[Caller, Depends(Needs("admin"))]
