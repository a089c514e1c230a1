"""The process that does one job: ``python -m lookalike.server.work GALLERY JOB``. Started by ``runner``.

A process of its own, so that work takes neither memory nor turns from those who search, and can be ended at any
moment. It notes progress and result in the gallery's database, and ends with the server: it reads its standard
input, which the server holds open.
"""

from __future__ import annotations

import html
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery, open_gallery
from lookalike.server.plain import plain, without_paths
from lookalike.store.jobs import Progress, finish_job, job_of, note_progress

_NOTED_EVERY: Final = 0.5  # seconds

Told: TypeAlias = Callable[[int, int], None]
Work: TypeAlias = Callable[[Gallery, Mapping[str, Any], Told], dict[str, Any]]


def _index(gallery: Gallery, given: Mapping[str, Any], told: Told) -> dict[str, Any]:
    from lookalike.verbs.index import index

    done = index(gallery, given["sources"], labels=given["labels"], label_columns=given["label_columns"], progress=told)
    if given["labels"] and given["own_labels"]:
        Path(given["labels"]).unlink(missing_ok=True)
    return {"result": plain(done)}


def _adapt(gallery: Gallery, given: Mapping[str, Any], _told: Told) -> dict[str, Any]:
    from lookalike.verbs.adapt import adapt

    return {"result": plain(adapt(gallery, given["name"], kind=given["kind"], seed=given["seed"]))}


def _evaluate(gallery: Gallery, given: Mapping[str, Any], _told: Told) -> dict[str, Any]:
    from lookalike.evaluation.protocols.protocol import PRECISION, remote_options
    from lookalike.verbs.evaluate import evaluate

    protocol = given["protocol"] or PRECISION
    options = {name: given[name] for name in ("space", "folds", "seed", "k")}
    options |= remote_options(protocol, given.get("options") or {})
    report = evaluate(gallery, protocol=protocol, **options)
    return {
        "result": plain(report),
        "reports": {
            "md": report.tables("markdown"),
            "csv": report.tables("csv"),
            "tex": report.tables("latex"),
            "json": json.dumps(plain(report), indent=2, ensure_ascii=False),
            "html": _page(str(report)),
        },
    }


def _page(text: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation</title>'
        f"<pre>{html.escape(text)}</pre></html>"
    )


def _map(gallery: Gallery, given: Mapping[str, Any], _told: Told) -> dict[str, Any]:
    from lookalike.verbs.map import map_gallery

    drawn = map_gallery(gallery, method=given["method"], space=given["space"])
    return {"result": {"method": drawn.method, "space": drawn.space, "records": len(drawn.ids)}}


def _audit(gallery: Gallery, given: Mapping[str, Any], _told: Told) -> dict[str, Any]:
    from lookalike.verbs.audit import audit

    return {"result": plain(audit(gallery, *given["fields"], space=given["space"]))}


WORK: Final[dict[str, Work]] = {"index": _index, "adapt": _adapt, "evaluate": _evaluate, "map": _map, "audit": _audit}
REPEATABLE: Final = ("index", "map", "evaluate", "audit")  # nothing is lost or done twice if run again


class _Teller:
    """Notes progress, with rate and time left, not too often."""

    def __init__(self, gallery: Gallery, identity: str) -> None:
        self._gallery, self._identity = gallery, identity
        self._started, self._noted = time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._noted < _NOTED_EVERY and done < total:
            return
        self._noted, rate = now, done / max(now - self._started, 1e-3)
        left = (total - done) / rate if rate else None
        note_progress(self._gallery.store, self._identity, Progress(done, total, rate, left))


def main(folder: str, identity: str) -> None:
    """Do the job, whatever becomes of it."""
    threading.Thread(target=_end_with_server, daemon=True).start()
    with suppress(OSError):
        os.nice(10)  # those who search come first
    with open_gallery(folder) as gallery:
        job = job_of(gallery.store, identity)
        try:
            done = WORK[job.kind](gallery, job.arguments, _Teller(gallery, identity))
        except LookalikeError as error:
            finish_job(gallery.store, identity, "failed", error=without_paths(str(error)))
        except MemoryError:
            finish_job(gallery.store, identity, "failed", error="out of memory; free memory and start it again")
        except Exception as error:
            said = f"unexpected {type(error).__name__}; this is a bug: please report it"
            finish_job(gallery.store, identity, "failed", error=said)
        else:
            finish_job(gallery.store, identity, "done", result=done)


def _end_with_server() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
