"""What is said once, with counts, of the headers of the files that were read: never a value of theirs."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike.readers.events import Frame
from lookalike.readers.kept import BURNED_IN
from lookalike.sources.published_vectors import LENGTH_CHANGED


@dataclass(slots=True)
class Remarks:
    """The files that have something to be said of, by the keyword that it is about (``Image.remarks``)."""

    files: dict[str, set[str]] = field(default_factory=dict)

    def take(self, frame: Frame) -> None:
        """Note what a frame says of its file."""
        for keyword in frame.remarks:
            self.files.setdefault(keyword, set()).add(frame.source)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each keyword."""
        return tuple(_note(keyword, len(files)) for keyword, files in self.files.items())


def _note(keyword: str, count: int) -> str:
    if keyword == LENGTH_CHANGED:
        return f"the vectors of {count} of them had another length than 1: they were scaled to it"
    files = "1 file" if count == 1 else f"{count} files"
    if keyword == BURNED_IN:
        says = "says" if count == 1 else "say"
        return f"{files} {says} that text is burned into the pixels ({keyword}): whoever sees the pictures sees it"
    return f"{keyword} of {files} was not kept: it is none of the known values; a label table may give it"
