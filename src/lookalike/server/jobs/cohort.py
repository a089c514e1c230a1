"""The job that packs a cohort without identity (``export_records``, ``export_cohort``) into one file."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lookalike.errors import UsageError
from lookalike.exporting.folder import ExportResult
from lookalike.gallery import Gallery
from lookalike.progress import Progress
from lookalike.server.exports import MAKING, export_place, size_below
from lookalike.verbs.cohorts.export import COHORT_TABLES, CohortExported, export_cohort
from lookalike.verbs.export import export_records

JOB: Final = "job"
"""The argument that says which job packs it."""
MOST_PACKED: Final = "most_bytes"
"""The argument that says how large it may be."""
_LOOKED_AT_EVERY: Final = 1.0  # seconds
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)  # of every file in it: when it was made is nobody's business


def packed_cohort(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> ExportResult | CohortExported:
    """Export a cohort, of those with a name where one is given, and pack it. Where it lies is nobody's business:
    ``folder`` and ``out`` are "". Raises as ``export_records`` and ``export_cohort``, UsageError where it gets too
    large.
    """
    place, most = export_place(gallery.folder, given[JOB]), int(given[MOST_PACKED])
    options = {name: value for name, value in given.items() if name not in (JOB, MOST_PACKED)}
    folder = place.with_suffix(MAKING)
    place.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    place.parent.mkdir(exist_ok=True)
    try:
        result = _exported(gallery, folder, options, _Bounded(progress, folder, most))
        _pack(folder, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _exported(
    gallery: Gallery, folder: Path, options: dict[str, Any], progress: Progress
) -> ExportResult | CohortExported:
    if "name" not in options:
        return replace(export_records(gallery, folder, **options, progress=progress), folder="")
    out, form = folder, options["format"]
    if form in COHORT_TABLES:
        folder.mkdir()
        out = folder / f"cohort.{form}"
    return replace(export_cohort(gallery, out=out, **options, progress=progress), out="")


class _Bounded:
    """Progress that ends with UsageError where a folder gets larger than it may."""

    def __init__(self, progress: Progress, folder: Path, most: int) -> None:
        self._progress, self._folder, self._most, self._looked = progress, folder, most, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._looked > _LOOKED_AT_EVERY:
            self._looked = now
            if size_below(self._folder) > self._most:
                raise UsageError(
                    f"the cohort is larger than {self._most >> 20} MB, which is the most over HTTP: narrow it (where), "
                    "or run lookalike records export on the server"
                )
        self._progress(done, total)


def _pack(folder: Path, place: Path) -> None:
    """Move the files of a folder into one, which is whole as soon as it is there."""
    coming = folder / "cohort.zip"
    with zipfile.ZipFile(coming, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path != coming:
                entry = zipfile.ZipInfo(f"cohort/{path.relative_to(folder).as_posix()}", _LONG_AGO)
                with path.open("rb") as read, packed.open(entry, "w", force_zip64=True) as written:
                    shutil.copyfileobj(read, written)
                path.unlink()
    coming.replace(place)
