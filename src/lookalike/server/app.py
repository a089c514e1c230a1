"""The FastAPI application: routes, guard, error handlers and page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Response
from starlette.concurrency import run_in_threadpool

import lookalike
from lookalike.configuration.setting import GalleryPlace
from lookalike.server.addressed import Addressed
from lookalike.server.audited import Audited
from lookalike.server.document import ROUTES, openapi_document
from lookalike.server.exports import sweep_exports
from lookalike.server.galleries import Galleries
from lookalike.server.guard import API, Guard
from lookalike.server.lingering import Lingering
from lookalike.server.logs import log_failure
from lookalike.server.page import STATIC, Page
from lookalike.server.problems import install
from lookalike.server.processes.handing import HandedOver, HandingOver
from lookalike.server.service import Service
from lookalike.server.settings import ServerSettings
from lookalike.text import absolute

_SWEPT_EVERY: Final = 600.0  # seconds
_TRIED_EVERY: Final = 5.0  # seconds, while a gallery cannot be opened
_KEYS_EVERY: Final = 0.5  # seconds
_VERIFIED_EVERY: Final = 900.0  # seconds: whether it was long ago is looked at
_THREADS: Final = 32  # requests handled at once
_NO_PAGE: Final = "The page is not built; build it in a checkout: make page\n"


def make_app(folder: str | Path, settings: ServerSettings | None = None) -> FastAPI:
    """The service over one gallery folder; as ``service_app``, and raises what keeps that gallery from being opened."""
    place = GalleryPlace(absolute(folder).name, absolute(folder))
    return service_app(replace(settings or ServerSettings(), galleries=(place,)))


def service_app(settings: ServerSettings, warmed: Callable[[], None] | None = None) -> FastAPI:
    """The service over the galleries of its settings, which are opened at once and closed when the server stops.
    warmed: called once what queries need has been loaded, or could not be.

    Raises UsageError (open to a network without keys and TLS), and as ``Galleries``.
    """
    galleries = Galleries(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        _take_up(galleries.services())
        work = (_warm_first(galleries, warmed), _sweep(galleries), _retry(galleries), _watch_keys(galleries))
        tasks = [asyncio.create_task(each) for each in (*work, _verify_again(galleries))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await run_in_threadpool(galleries.close)

    app = FastAPI(
        title="lookalike",
        version=lookalike.__version__,
        lifespan=lifespan,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.galleries = galleries
    install(app)
    app.router.routes.extend(ROUTES)
    app.openapi = cache(openapi_document)  # type: ignore[method-assign]
    _add_page(app)
    app.add_middleware(Audited, settings=settings, log=galleries.shared.audit)
    app.add_middleware(Guard, settings=settings, metrics=galleries.shared.metrics)
    app.add_middleware(Addressed, doors=galleries)
    if settings.writer is not None:
        app.add_middleware(HandingOver, writer=settings.writer, knows=galleries.knows)
    app.add_middleware(Lingering)
    if settings.writer is None:
        app.add_middleware(HandedOver)
    return app


def _take_up(services: Sequence[Service]) -> None:
    for service in services:
        service.start_jobs()


async def _retry(galleries: Galleries) -> None:
    """Open those that could not be opened, once they can, and load what could not be loaded: an index engine may have
    been away.
    """
    while galleries.problems or not all(service.ready for service in galleries.services()):
        await asyncio.sleep(_TRIED_EVERY)
        _take_up(await run_in_threadpool(galleries.open_those_that_can))
        await _warm([service for service in galleries.services() if not service.ready])


async def _warm(services: Sequence[Service]) -> None:
    for service in services:
        try:
            await run_in_threadpool(service.warm)
        except Exception as error:
            log_failure("warming", error, gallery=service.name)


async def _warm_first(galleries: Galleries, warmed: Callable[[], None] | None) -> None:
    await _warm(galleries.services())
    if warmed is not None:
        warmed()


async def _watch_keys(galleries: Galleries) -> None:
    """One of several processes may be asked for nothing while the first key comes and goes again."""
    while galleries.settings.writer is not None:
        await asyncio.sleep(_KEYS_EVERY)
        for service in galleries.services():
            await run_in_threadpool(service.access.is_open)


async def _sweep(galleries: Galleries) -> None:
    while True:
        await asyncio.sleep(_SWEPT_EVERY)
        for service in galleries.services():
            await run_in_threadpool(service.uploads.sweep)
            await run_in_threadpool(sweep_exports, service.gallery)


async def _verify_again(galleries: Galleries) -> None:
    while True:
        await asyncio.sleep(_VERIFIED_EVERY)
        for service in galleries.services():
            try:
                await run_in_threadpool(service.verify_again)
            except Exception as error:
                log_failure("verifying", error, gallery=service.name)


def _add_page(app: FastAPI) -> None:
    if (STATIC / "index.html").is_file():
        app.mount("/", Page(), name="page")
        return

    @app.get("/", include_in_schema=False)
    def get_page() -> Response:
        return Response(_NO_PAGE, media_type="text/plain")
