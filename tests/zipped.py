"""A source that lies elsewhere: pictures in a zip archive, handed out for as long as they are needed."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lookalike.sources.labels import LabelTable, read_label_table
from lookalike.sources.source import items_since
from lookalike.types import Item


class ZipSource:
    """``zip:PATH``: every folder of the archive is an item of all its files, as a PACS names series."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.archive = Path(uri.removeprefix("zip:"))
        self.fetched: list[str] = []
        self.held: list[int] = []  # how many items were held whenever one was fetched
        self._held = 0

    def items(self, since: str | None = None) -> Iterator[Item]:
        with zipfile.ZipFile(self.archive) as opened:
            sizes: dict[str, int] = {}
            for entry in opened.infolist():
                folder = entry.filename.rpartition("/")[0]
                if folder:
                    sizes[folder] = sizes.get(folder, 0) + entry.file_size
        return items_since((Item(f"{self.uri}!/{folder}", size=size) for folder, size in sorted(sizes.items())), since)

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        self.fetched.append(item.name.rpartition("!/")[2])
        self._held += 1
        self.held.append(self._held)
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(self.archive) as opened:
            inside = item.name.rpartition("!/")[2]
            names = [name for name in opened.namelist() if name.rpartition("/")[0] == inside]
            yield [Path(opened.extract(name, folder)) for name in names]
        self._held -= 1

    def labels(self) -> LabelTable | None:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(self.archive) as opened:
            if "labels.csv" not in opened.namelist():
                return None
            return read_label_table(Path(opened.extract("labels.csv", folder)))


def open_zip(uri: str) -> ZipSource:
    return ZipSource(uri)


def zip_folder(folder: Path, archive: Path) -> str:
    """Every file under a folder, by its path there; the URI of the archive."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            opened.write(path, path.relative_to(folder))
    return f"zip:{archive}"
