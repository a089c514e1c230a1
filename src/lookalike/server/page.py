"""The built page: the files that Vite made, the large ones compressed."""

from __future__ import annotations

import gzip
import mimetypes
import os
from pathlib import Path
from typing import Final

from fastapi import Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

STATIC: Final = Path(__file__).with_name("static")
PANEL: Final = "/panel"
"""The page that a viewer opens beside a study, or frames."""


class Page(StaticFiles):
    """``name`` may be stored as ``name.gz``, which is sent as it is to clients that accept gzip, as browsers do."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, html=True)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file of that name; ("", None) where there is none, or can be none."""
        try:
            return super().lookup_path(path)
        except (OSError, ValueError):
            return "", None

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; 404 where there is none."""
        path = f"{path}.html" if f"/{path}" == PANEL else path
        packed, found = self.lookup_path(f"{path}.gz")
        if found is None:
            return await super().get_response(path, scope)
        if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            response = await super().get_response(f"{path}.gz", scope)
            response.headers["Content-Encoding"] = "gzip"
        else:
            kind = mimetypes.guess_type(path)[0]
            response = Response(gzip.decompress(Path(packed).read_bytes()), media_type=kind)
        response.headers["Vary"] = "Accept-Encoding"
        return response
