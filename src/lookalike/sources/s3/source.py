"""``s3://bucket/prefix``: what lies in an object store as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookalike.errors import UnreadableImageError
from lookalike.scratch import Scratch
from lookalike.sources.fetching import FETCHED_AT_ONCE
from lookalike.sources.labels import LabelTable
from lookalike.sources.s3.address import parse_bucket_address
from lookalike.sources.s3.bucket import OBJECTS_AT_ONCE, Bucket
from lookalike.sources.s3.objects import MOST_FILES, Grouping, StoredObject
from lookalike.sources.source import items_since
from lookalike.types import Item

_BYTES_HERE: Final = 16 << 30  # of all the files on this machine at the same time


@dataclass(slots=True)
class BucketSource:
    """A bucket, or what of it lies below a prefix. bytes_here: of its files on this machine at the same time."""

    bucket: Bucket
    bytes_here: int = _BYTES_HERE
    _objects: dict[str, tuple[StoredObject, ...]] = field(default_factory=dict)
    _loose: int = 0

    @property
    def uri(self) -> str:
        """The address; without credentials, which no URI holds."""
        return self.bucket.address.uri

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of its last listing."""
        if not self._loose:
            return ()
        return (
            f"{self._loose} DICOM files of the bucket lie in folders of more than {MOST_FILES} or of more than "
            f"{self._bytes_together >> 30} GiB: each was read by itself, so that slices among them are pictures and "
            "make no volume; put each series into a folder of its own",
        )

    @property
    def _bytes_together(self) -> int:
        return self.bytes_here // FETCHED_AT_ONCE

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item an object; one for the DICOM files of a folder, and for a header and its data. Raises
        ObjectStoreError.
        """
        grouping = Grouping(self.bucket.address, self._bytes_together)
        items = [*grouping.items(self.bucket.listed())]
        self._objects, self._loose = grouping.objects, grouping.loose
        return items_since(iter(items), since)

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        """The item's objects in the versions that were listed, several at a time, in a folder that only this user can
        read; it is removed at the end, or by the next run. Of several those that are not sent lack; none: not-fetched.
        Raises UnreadableImageError, ObjectStoreError, OSError.
        """
        if (objects := self._objects.get(item.name)) is None:  # of another listing
            raise UnreadableImageError("not-fetched")
        if sum(each.size for each in objects) > self._bytes_together:
            raise UnreadableImageError("too-large")
        with Scratch("s3") as scratch:
            folder = scratch.folder / "objects"  # of the item's files alone
            folder.mkdir()
            files = [folder / each.file_name for each in objects]
            with ThreadPoolExecutor(min(OBJECTS_AT_ONCE, len(files)), "s3") as threads:
                sent = list(threads.map(self.bucket.save, objects, files))
            if not any(sent):
                raise UnreadableImageError("not-fetched")
            yield [file for file, is_sent in zip(files, sent, strict=True) if is_sent]

    def single(self, item: Item, name: str) -> Item:
        """One object of an item that was listed, as an item of its own. name: its file's, one of its instances."""
        found = next(each for each in self._objects[item.name] if each.file_name == name)
        single = Item(f"{item.name}/{name}", size=found.size, version=found.version)
        self._objects[single.name] = (found,)
        return single

    def stop(self) -> None:
        """Let what is being fetched fail soon."""
        self.bucket.stop()

    def labels(self) -> LabelTable | None:
        """None: the caller names the table."""
        return None


def open_bucket(uri: str) -> BucketSource:
    """Open the bucket that a URI names; nothing is asked yet. Raises UsageError, MissingExtraError."""
    return BucketSource(Bucket(parse_bucket_address(uri)))
