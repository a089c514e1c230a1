"""What lies in the buckets that a gallery may read, by the sources that its records name."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.roots import lies_below
from lookalike.sources.s3.source import BucketSource, open_bucket
from lookalike.types import Item


class ListedBuckets:
    """Buckets of which each is listed once, as an index lists it, as soon as something of it is wanted. uris: theirs,
    none within another.
    """

    def __init__(self, uris: Sequence[str]) -> None:
        self._uris = uris
        self._listed: dict[str, tuple[BucketSource, dict[str, Item]]] = {}

    def may_read(self, source: str) -> bool:
        """Whether what a record's source names is in one of them."""
        return any(lies_below(source, uri) for uri in self._uris)

    def holding(self, source: str, depth: int) -> tuple[BucketSource, Item] | None:
        """The item that a record of so many slices can be read of, with the bucket that gives it: of a picture among
        the files of a folder its object alone. None where it is gone, and where ``may_read`` says no. Raises
        ObjectStoreError, UsageError, MissingExtraError.
        """
        for uri in (each for each in self._uris if lies_below(source, each)):
            bucket, items = self._list(uri)
            if (item := items.get(source)) is not None:
                return bucket, item
            folder, _, name = source.rpartition("/")
            if (item := items.get(folder)) is not None and name in item.instances:
                return bucket, item if depth > 1 else bucket.single(item, name)
        return None

    def _list(self, uri: str) -> tuple[BucketSource, dict[str, Item]]:
        if uri not in self._listed:
            bucket = open_bucket(uri)
            self._listed[uri] = bucket, {item.name: item for item in bucket.items() if not item.apart}
        return self._listed[uri]
