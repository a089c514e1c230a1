"""The reports that a run of ``index`` gathers: which file's records get which words, encoded as they are stored."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lookalike.asking.reports import declare_sentences, encoded_reports
from lookalike.gallery import Gallery
from lookalike.readers.events import Finished, Frame, ReportRead
from lookalike.sources.labels import LabelRow
from lookalike.sources.reading import Listing
from lookalike.sources.reports import STRUCTURED, ItemReports, read_report_files
from lookalike.store.reports import texts_of_files
from lookalike.store.studies import files_of_studies
from lookalike.text import report_text
from lookalike.types import EncodedReport


class RunReports:
    """Nothing is gathered where nothing was asked for. A table's words count before a file's, and these before a
    structured report's. Raises UsageError, MissingExtraError.
    """

    def __init__(
        self,
        gallery: Gallery,
        listing: Listing,
        reports: str | os.PathLike[str] | None,
        columns: Sequence[str],
        sentences: str | None,
    ) -> None:
        self.structured, self.given = reports == STRUCTURED, 0
        self._asked, self._gallery = reports is not None or bool(columns), gallery
        self._files = None
        if reports is not None and not self.structured:
            self._files = ItemReports(read_report_files(reports), listing)
        if self._asked:
            self._encoder = declare_sentences(gallery, sentences)
        self._there = texts_of_files(gallery.store) if self._asked else {}
        self._own: set[str] = set()  # SHA-256 of files with words of their own
        self._new: dict[str, str] = {}
        self._of_studies: dict[str, list[str]] = {}

    def note(self, event: Frame | Finished, row: LabelRow | None) -> None:
        """Note a file's own report, if it is another than the stored one."""
        if not self._asked:
            return
        words = (row.report if row else "") or (self._files.report(event) if self._files else "")
        if words and event.sha256 not in self._own:
            self._own.add(event.sha256)
            self._put(event.sha256, words)

    def take(self, report: ReportRead) -> None:
        """Note a structured report, for the images of its study, whichever of them comes first."""
        self._of_studies.setdefault(self._gallery.store.study_group(report.study), []).append(report_text(report.text))

    def _put(self, sha256: str, words: str) -> None:
        if self._there.get(sha256) != words:
            self._there[sha256] = self._new[sha256] = words

    def encoded(self) -> dict[str, EncodedReport]:
        """What has been noted since the last call, encoded, by the files' SHA-256."""
        new, self._new = self._new, {}
        if not new:
            return {}
        self.given += len(new)
        found = encoded_reports(self._encoder, new.values())
        return {sha256: found[words] for sha256, words in new.items()}

    def of_studies(self) -> dict[str, EncodedReport]:
        """The structured reports, encoded, for all images of their studies that are stored now."""
        known = files_of_studies(self._gallery.store) if self._of_studies else {}
        for study, texts in self._of_studies.items():
            for sha256 in sorted(known.get(study, set()) - self._own):
                self._put(sha256, "\n".join(dict.fromkeys(texts)))
        return self.encoded()
