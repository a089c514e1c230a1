"""What routes share: the caller, the service, and query parameters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from lookalike.server.access import Needs, NeedsMetrics
from lookalike.server.callers import Caller
from lookalike.server.decoding import CallersDecoding
from lookalike.server.galleries import Galleries, galleries_of
from lookalike.server.service import Service, service_of

Served = Annotated[Service, Depends(service_of)]
All = Annotated[Galleries, Depends(galleries_of)]
AsReader = Annotated[Caller, Depends(Needs("reader"))]
AsContributor = Annotated[Caller, Depends(Needs("contributor"))]
AsAdmin = Annotated[Caller, Depends(Needs("admin"))]

# For what concerns the gallery as a whole: not for who sees a part of it.
WholeAsReader = Annotated[Caller, Depends(Needs("reader", whole=True))]
WholeAsContributor = Annotated[Caller, Depends(Needs("contributor", whole=True))]
AsScraper = Annotated[Caller, Depends(NeedsMetrics())]
WholeAsAdmin = Annotated[Caller, Depends(Needs("admin", whole=True))]


async def decoding_of(request: Request, service: Served, caller: AsReader) -> CallersDecoding:
    """How a route decodes for its caller; a dependency of every route that does."""
    return CallersDecoding(service.decoding, caller.name, request)


Decodes = Annotated[CallersDecoding, Depends(decoding_of)]

Where = Annotated[str | None, Query(max_length=10_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=4096)]

RecordId = Annotated[str | None, Query(min_length=1, max_length=64)]
SpaceName = Annotated[str, Query(min_length=1, max_length=64)]
StudyCount = Annotated[int, Query(ge=1, le=1000)]

SliceNumber = Annotated[int | None, Query(ge=0, lt=1 << 20)]
Size = Annotated[int, Query(ge=16, le=4096)]
FileNumber = Annotated[int, Query(ge=0, lt=1 << 20)]
