"""export: a cohort as a folder that tells nobody who it is: files made anew, and a table of labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np

from lookalike.asking.candidates import candidates
from lookalike.errors import UsageError
from lookalike.exporting.folder import ExportOptions, ExportResult, export_chosen
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.progress import Progress
from lookalike.readers.burned_in import BurnedIn
from lookalike.types import Record


def export_records(
    gallery: Gallery,
    out: str | os.PathLike[str],
    *,
    where: str | Filter | None = None,
    burned_in: BurnedIn = "mask",
    dates: Literal["removed", "shifted"] = "removed",
    characteristics: bool = False,
    columns: Sequence[str] = (),
    defaced: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the records that a filter allows into a new folder, freed of identity (PS3.15 E, Basic Profile): each file
    made anew, ``table.csv`` with labels and pseudonyms, ``left-out.csv`` with what is not there, and
    ``deidentification.json``, which says what was done.

    Pseudonyms and UIDs are hashed with a key of the gallery: another export gives the same ones. burned_in: text in
    pixels is masked, files with some are left out ("refuse"), or it stays ("keep"). dates: removed, or moved back by a
    number of days that is the patient's own. characteristics: age, sex, size and weight stay. columns: further
    attributes for the table, such as columns of a label table: they are written as they stand. defaced: heads were
    defaced, as who exports them says; without it a volume of CT, MR or PET from which a face can be made is left out.
    progress: called with how many files are done, of how many.

    Raises UsageError (a folder that is not empty, a filter, no such column), MissingExtraError (nothing that reads text
    in pixels is installed), GalleryError (the gallery's secret key is not here).
    """
    options = ExportOptions(burned_in, dates, characteristics, columns, defaced)
    return export_chosen(gallery, out, lambda: _where(gallery, where), options, progress)[0]


def _where(gallery: Gallery, where: str | Filter | None) -> list[Record]:
    """The records that a filter allows. Raises UsageError if there are none."""
    records = gallery.store.records()
    among = candidates(gallery, where=where).records(gallery, np.array(sorted(records), np.int64))
    if not len(among):
        raise UsageError("the filter leaves no record to export")
    return [records[key] for key in among.tolist()]
