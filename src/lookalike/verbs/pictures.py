"""pictures: what records and files look like, drawn in processes that may be killed; and the files behind a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lookalike.errors import NotFoundError, UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers.display import Display, Shown
from lookalike.sources.volumes import files_behind
from lookalike.types import Record

_GONE = "source-gone"


def stored_thumbnail(gallery: Gallery, id: str) -> bytes:
    """The small JPEG that is kept with a record. Raises NotFoundError."""
    jpeg = gallery.store.thumbnail(gallery.store.record(id).key)
    if not jpeg:
        raise NotFoundError("this record has no thumbnail", "no-thumbnail")
    return jpeg


class Pictures:
    """Draws a gallery's records, and files, as its encoder is shown them."""

    def __init__(self, gallery: Gallery) -> None:
        self._store = gallery.store
        self._display = Display(gallery.spec.preprocessing, gallery.volume_recipe)

    def close(self) -> None:
        """Stop the drawing processes."""
        self._display.close()

    def of_files(self, files: Sequence[Path], *, slice: int | None = None, size: int = 512) -> Shown:
        """One slice of a file, or of a series of files; a volume's middle one by default. size: pixels of the long
        side, at most. Raises UnreadableImageError.
        """
        return self._display.draw(files, slice=slice, size=size)

    def of_record(self, id: str, *, slice: int | None = None, size: int = 512) -> Shown:
        """A slice of a record. Raises NotFoundError, with the reason source-gone where its file is no longer there."""
        record = self._store.record(id)
        try:
            return self._display.draw(self._files(record), frame=record.frame, slice=slice, size=size)
        except UnreadableImageError as error:  # it was readable once
            raise NotFoundError("the file that this record was made from cannot be read now", _GONE) from error

    def files_of(self, id: str) -> list[Path]:
        """The file that a record was made from, or those of a series. Raises NotFoundError."""
        return self._files(self._store.record(id))

    def _files(self, record: Record) -> list[Path]:
        try:
            files = files_behind(Path(record.source), record.depth, self._display.siblings)
        except (OSError, ValueError, UnreadableImageError):
            files = []
        if not files:
            raise NotFoundError("the file that this record was made from is no longer there", _GONE)
        return files
