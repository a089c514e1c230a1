"""All requests to one bucket: few at the same time, again where that may help, and nothing of an answer is quoted.

Who asks is proved by what AWS's own programs take from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN, a web identity, the roles of a container or of a machine; AWS_SKIP_SIGNATURE=true asks a public one.
Another store than AWS is named by AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.runtimes.addresses import check_address
from lookalike.encoders.runtimes.patience import FIRST_WAIT, LONGEST_WAIT, TRIES
from lookalike.errors import MissingExtraError, ObjectStoreError
from lookalike.sources.s3.address import BucketAddress
from lookalike.sources.s3.objects import StoredObject

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import RetryConfig, S3Store

OBJECTS_AT_ONCE: Final = 16
"""Objects that are on their way at the same time."""
_PAGE: Final = 1000  # keys that a store lists at once
_CHUNK: Final = 1 << 20  # bytes that are written at once
_SECONDS: Final = 900  # of one object, all in all
_SILENCE: Final = 30  # seconds that nothing may come
_IN_A_ROW: Final = 8  # objects that are not sent before a store is taken for one that does not work
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_CODE: Final = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_STATUS: Final = re.compile(r"status code: ([0-9]{3})")
_LOGIN: Final = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and what they may read"
_TOLD: Final = {
    "NoSuchBucket": "the object store has no such bucket; check its name, AWS_REGION and AWS_ENDPOINT_URL_S3",
    "PermanentRedirect": "the bucket is in another region; set AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION",
    "RequestTimeTooSkewed": "this machine's clock and the object store's differ; set the clock",
    "AccessDenied": f"the object store refused who asks; {_LOGIN}",
    "InvalidAccessKeyId": f"the object store does not know who asks; {_LOGIN}",
    "SignatureDoesNotMatch": f"the object store refused the secret of who asks; {_LOGIN}",
    "ExpiredToken": f"the session of who asks has ended; {_LOGIN}",
}


class Bucket:
    """A bucket that is listed and read. tries, first_wait: how often an object is asked for, and how many seconds pass
    before the second time, twice as long each time.

    Raises UsageError for an address of a store that is neither https nor this machine's, MissingExtraError.
    """

    def __init__(self, address: BucketAddress, *, tries: int = TRIES, first_wait: float = FIRST_WAIT) -> None:
        self.address, self._tries = address, tries
        self._store = _opened(address.bucket, tries, first_wait)
        self._turns = threading.BoundedSemaphore(OBJECTS_AT_ONCE)
        self._stopped = threading.Event()
        self._missed = 0  # objects in a row

    def listed(self) -> Iterator[StoredObject]:
        """The object that the address names, and those below it, page by page. Raises ObjectStoreError."""
        with self._told_of_lists():
            if self.address.prefix:
                yield from self._named()
            for page in self._store.list(self.address.prefix or None, chunk_size=_PAGE):
                yield from (_stored(each) for each in page if not each["path"].endswith("/"))

    def _named(self) -> Iterator[StoredObject]:
        try:
            yield _stored(self._store.head(self.address.prefix))
        except FileNotFoundError:  # a folder
            return

    def save(self, each: StoredObject, file: Path) -> bool:
        """Whether an object came, in the version that was listed. Raises UnreadableImageError "too-large", OSError, and
        ObjectStoreError where one object after the other does not come.
        """
        with self._turns:
            try:
                self._write(each, file)
            except FileNotFoundError:
                return False
            except _errors() as error:
                return self._not_sent(error)
        self._missed = 0
        return True

    def _write(self, each: StoredObject, file: Path) -> None:
        if self._stopped.is_set():
            raise FileNotFoundError
        left = each.size
        found = self._store.get(each.key, options={"if_match": each.tag} if each.tag else None)
        with file.open("wb") as opened:
            for chunk in found.stream(min_chunk_size=_CHUNK):
                left -= len(chunk)
                if left < 0 or self._stopped.is_set():
                    raise FileNotFoundError  # another one than was listed, or nobody waits for it
                opened.write(chunk)
        if left:
            raise FileNotFoundError

    def _not_sent(self, error: Exception) -> bool:
        """False for an object that did not come. Raises ObjectStoreError where none does."""
        if type(error).__name__ == "PreconditionError":  # it has changed since: the next run lists it anew
            return False
        self._missed += 1
        if self._missed >= _IN_A_ROW:
            raise self._told(error) from None
        return False

    def stop(self) -> None:
        """Let what is on its way fail at its next piece, and nothing begin again."""
        self._stopped.set()

    @contextmanager
    def _told_of_lists(self) -> Iterator[None]:
        """Whatever goes wrong with a list, as ObjectStoreError."""
        try:
            yield
        except ValueError:
            raise ObjectStoreError(
                "the bucket has a key that is no path (an empty part, or dots), and cannot be listed with it; name the "
                "folders beside it: s3://BUCKET/FOLDER"
            ) from None
        except _errors() as error:
            raise self._told(error) from None

    def _told(self, error: Exception) -> ObjectStoreError:
        """The error for a store that does not work, in our words. error: its last failure."""
        text = str(error)
        code, status = _CODE.search(text), _STATUS.search(text)
        if code is not None and code[1] in _TOLD:
            return ObjectStoreError(_TOLD[code[1]])
        if status is not None and status[1] in ("401", "403"):
            return ObjectStoreError(f"the object store refused who asks (status {status[1]}); {_LOGIN}")
        what = f"status {status[1]}" if status is not None else "no connection, or one that broke off"
        return ObjectStoreError(
            f"the object store gave no answer in {self._tries} tries ({what}); "
            "what is stored is kept, the next run goes on from there"
        )


def _opened(bucket: str, tries: int, first_wait: float) -> S3Store:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise MissingExtraError("an object store as a source", "s3") from None
    endpoint = ""
    for name in _ENDPOINTS:
        if address := os.environ.get(name, ""):
            check_address(address, name)
            endpoint = endpoint or address
    again: RetryConfig = {
        "max_retries": tries - 1,
        "retry_timeout": timedelta(seconds=_SECONDS),
        "backoff": {
            "init_backoff": timedelta(seconds=first_wait),
            "max_backoff": timedelta(seconds=LONGEST_WAIT),
            "base": 2,
        },
    }
    return S3Store(
        bucket,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={
            "allow_http": endpoint.startswith("http:"),
            "connect_timeout": timedelta(seconds=_SILENCE),
            "read_timeout": timedelta(seconds=_SILENCE),
            "timeout": timedelta(seconds=_SECONDS),
            "user_agent": "lookalike",
        },
        retry_config=again,
    )


def _stored(listed: ObjectMeta) -> StoredObject:
    tag = listed["e_tag"] or ""
    asked = "" if tag.startswith("W/") else tag  # a weak one names no version (RFC 9110, 13.1.1)
    return StoredObject(listed["path"], listed["size"], tag.strip('"') or f"modified {listed['last_modified']}", asked)


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return BaseError, ValueError
