"""``s3://bucket/prefix``: a bucket of an object store, or what of it lies below a prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lookalike.errors import UsageError

_SCHEME: Final = "s3://"
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_SECRETS: Final = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where objects are. prefix: a folder or an object in the bucket, without slashes at its ends; "" for all of it."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """The URI that it was made from, in one spelling."""
        return self.name_of(self.prefix) if self.prefix else f"{_SCHEME}{self.bucket}"

    def name_of(self, key: str) -> str:
        """The name of an object, or of the folder of some: its URI."""
        return f"{_SCHEME}{self.bucket}/{key}" if key else f"{_SCHEME}{self.bucket}"


def is_bucket_uri(uri: str) -> bool:
    """Whether a URI is one of an object store."""
    return uri.startswith(_SCHEME)


def parse_bucket_address(uri: str) -> BucketAddress:
    """The address that a URI names. Raises UsageError, which quotes nothing of the URI."""
    bucket, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    if "@" in bucket:
        raise UsageError(f"the URI of a bucket holds no name and no secret: they stand in {_SECRETS}")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            "the URI of a bucket is s3://BUCKET/PREFIX; a bucket's name has letters, digits, dots and hyphens"
        )
    prefix = prefix.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise UsageError(
            "the prefix of a bucket's URI is a path without empty parts and dots: s3://BUCKET/FOLDER/FOLDER"
        )
    return BucketAddress(bucket, prefix)
