"""OHIF's built viewer and a DICOMweb service at one address, as behind a hospital's proxy.

A program of its own, since it runs in the network of the PACS: ``python ohif.py VIEWER PORT PACS CONFIG``.
"""

from __future__ import annotations

import http.client
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

CONFIGURATION: Final = """
window.config = {
  routerBasename: null, extensions: [], modes: [], customizationService: {}, showStudyList: true,
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false, maxNumberOfWebWorkers: 2,
  investigationalUseDialog: { option: 'never' }, defaultDataSourceName: 'pacs',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'pacs',
    configuration: {
      friendlyName: 'PACS', name: 'pacs', qidoRoot: '/dicom-web', wadoRoot: '/dicom-web', wadoUriRoot: '/wado',
      qidoSupportsIncludeField: true, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsWildcard: true, omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: true, relativeResolution: 'studies' },
    },
  }],
};
"""
"""Of the viewer: its images are in the PACS at its own address."""
_PASSED: Final = ("accept", "content-type", "host")


def serve(viewer: Path, port: int, pacs: str, configuration: bytes) -> None:
    """Serve until this process is killed. pacs: host:port of the DICOMweb service, which has ``/dicom-web``."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *given: object, **more: object) -> None:
            super().__init__(*given, directory=str(viewer), **more)  # type: ignore[arg-type]

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/app-config.js":
                self._answer(200, "text/javascript", configuration)
            elif path.startswith("/dicom-web/"):
                self._pass_on()
            else:
                if not (viewer / path.lstrip("/")).is_file():
                    self.path = "/index.html"  # an address of the viewer's own
                super().do_GET()

        def _pass_on(self) -> None:
            asked = http.client.HTTPConnection(pacs, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED}
            asked.request("GET", self.path, headers=headers)
            answer = asked.getresponse()
            self._answer(answer.status, answer.headers.get("content-type", ""), answer.read())

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]).read_bytes())
