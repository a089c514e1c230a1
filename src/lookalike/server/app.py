"""The FastAPI application: routes, guard, error handlers and page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Response
from starlette.concurrency import run_in_threadpool

import lookalike
from lookalike.server.audited import Audited
from lookalike.server.document import ROUTES, openapi_document
from lookalike.server.guard import API, Guard
from lookalike.server.metrics import Metrics
from lookalike.server.page import STATIC, Page
from lookalike.server.problems import install
from lookalike.server.service import Service, open_service
from lookalike.server.settings import ServerSettings

_SWEPT_EVERY: Final = 600.0  # seconds
_THREADS: Final = 32  # requests handled at once
_NO_PAGE: Final = "The page is not built; build it in a checkout: make page\n"
_LOG: Final = logging.getLogger("lookalike.server")


def make_app(folder: str | Path, settings: ServerSettings | None = None, roots: Iterable[str | Path] = ()) -> FastAPI:
    """The service over a gallery folder, which is opened at once and closed when the server stops. roots: folders whose
    files it may open, besides those that it was allowed already.

    Raises GalleryError, ManifestMismatchError, UsageError (open to a network without keys and TLS).
    """
    settings, metrics = settings or ServerSettings(), Metrics()
    service = open_service(folder, settings, metrics, roots)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        if service.gallery.store.writable:  # else no job is taken up, and none comes
            service.runner.start()
        tasks = [asyncio.create_task(_warm(service)), asyncio.create_task(_sweep(service))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await run_in_threadpool(service.close)

    app = FastAPI(
        title="lookalike",
        version=lookalike.__version__,
        lifespan=lifespan,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    install(app)
    app.router.routes.extend(ROUTES)
    app.openapi = cache(openapi_document)  # type: ignore[method-assign]
    _add_page(app)
    app.add_middleware(Audited, service=service)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    return app


async def _warm(service: Service) -> None:
    try:
        await run_in_threadpool(service.warm)
    except Exception as error:
        _LOG.error("the encoder or the index cannot be loaded: %s", error)


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(_SWEPT_EVERY)
        await run_in_threadpool(service.uploads.sweep)


def _add_page(app: FastAPI) -> None:
    if (STATIC / "index.html").is_file():
        app.mount("/", Page(), name="page")
        return

    @app.get("/", include_in_schema=False)
    def get_page() -> Response:
        return Response(_NO_PAGE, media_type="text/plain")
