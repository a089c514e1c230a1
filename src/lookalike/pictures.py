"""Records of a gallery, and files, drawn in killable processes; and the files behind a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lookalike.errors import NotFoundError, UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers.burned_in import check_reader_of_text
from lookalike.readers.deidentified_header import Deidentification
from lookalike.readers.display import Display, Shown
from lookalike.readers.limits import MOST_BYTES_SENT
from lookalike.readers.pairs import files_of
from lookalike.readers.source_image import SourceImage
from lookalike.sources.volumes import files_behind
from lookalike.types import Record

_GONE = "source-gone"
_UNREADABLE = "the file that this record was made from cannot be read now"
_TOO_LARGE = f"without identity the file would be larger than {MOST_BYTES_SENT >> 20} MB; ask for its pictures"


def stored_thumbnail(gallery: Gallery, id: str) -> bytes:
    """The thumbnail (JPEG) that is stored with a record. Raises NotFoundError."""
    jpeg = gallery.store.thumbnail(gallery.store.record(id).key)
    if not jpeg:
        raise NotFoundError("this record has no thumbnail", "no-thumbnail")
    return jpeg


class Pictures:
    """Draws records of a gallery, and files, as the gallery's encoder sees them."""

    def __init__(self, gallery: Gallery) -> None:
        check_reader_of_text(gallery.volume_recipe.burned_in)
        self._gallery, self._store = gallery, gallery.store
        self._display = Display(gallery.spec.preprocessing, gallery.volume_recipe)

    def close(self) -> None:
        """Stop the drawing processes."""
        self._display.close()

    def forget(self) -> None:
        """Keep no picture that was drawn before."""
        self._display.forget()

    def release(self) -> None:
        """Let go of large volumes that are held to be drawn again, before something else takes memory."""
        self._display.release()

    def of_files(self, files: Sequence[Path], *, slice: int | None = None, size: int = 512) -> Shown:
        """Draw one slice of a file or of a series; a volume's middle one by default. size: pixels of the long
        side, at most. Raises UnreadableImageError.
        """
        return self._display.draw(files, slice=slice, size=size)

    def of_record(self, id: str, *, slice: int | None = None, size: int = 512) -> Shown:
        """Draw a slice of a record. Raises NotFoundError, with the reason source-gone if its file is gone."""
        record = self._store.record(id)
        try:
            return self._display.draw(self._files(record), frame=record.frame, slice=slice, size=size)
        except UnreadableImageError as error:  # it was readable when it was indexed
            raise NotFoundError(_UNREADABLE, _GONE) from error

    def files_of(self, id: str) -> list[Path]:
        """The file that a record was made from, or those of its series. Raises NotFoundError: it is gone, or it is
        outside of the folders that the gallery may open.
        """
        return self._files(self._store.record(id))

    def source_image(self, id: str, *, slice: int | None = None, files: Sequence[Path] = ()) -> SourceImage:
        """The image that an object is derived of which is made of a record. slice: that is shown of it, 0 of a picture;
        None: for the image that stands for it. files: the record's, where they were fetched. Raises NotFoundError, as
        ``of_record``.
        """
        record = self._store.record(id)
        try:
            return self._display.source_image(files or self._files(record), frame=record.frame, slice=slice)
        except UnreadableImageError as error:
            raise NotFoundError(_UNREADABLE, _GONE) from error

    def of_first_series(self, files: Sequence[Path]) -> Sequence[Path]:
        """Those of some files that were fetched which are of the first one's series. Raises UnreadableImageError."""
        return self._display.siblings(list(files))

    def without_identity(self, file: Path, options: Deidentification | None = None) -> tuple[str, bytes]:
        """The suffix and the content of a file with the pixels of this one, for those who may not know whose they are.
        options: by default as a viewer is given it. Raises UnreadableImageError, "too-large" where that would be larger
        than is sent.
        """
        try:
            return self._display.without_identity(files_of(file), options)
        except UnreadableImageError as error:
            raise UnreadableImageError(error.reason, _TOO_LARGE if error.reason == "too-large" else "") from None

    def _files(self, record: Record) -> list[Path]:
        self._gallery.places.place_of(record.source)
        try:
            files = files_behind(Path(record.source), record.depth, self._of_one_series)
        except (OSError, ValueError, UnreadableImageError):
            files = []
        if not files:
            raise NotFoundError("the file that this record was made from is no longer there", _GONE)
        return list(map(self._gallery.places.place_of, files))

    def _of_one_series(self, files: Sequence[Path]) -> Sequence[Path]:
        """Those of some files that are of the first one's series, as far as the gallery may open them."""
        by_place = {self._gallery.places.place_of(file): file for file in files if self._gallery.places.may_open(file)}
        return [by_place[place] for place in self._display.siblings(list(by_place))]
