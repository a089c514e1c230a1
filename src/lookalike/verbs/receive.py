"""receive: take what a PACS or a modality sends by C-STORE, and index every series once it is complete."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from lookalike.erasing import note_inbox
from lookalike.errors import GalleryError, LockedError, LookalikeError, MissingExtraError
from lookalike.gallery import INBOX, Gallery
from lookalike.receiving.folder import (
    LOCK,
    WaitingSeries,
    make_inbox,
    move_apart,
    parts_of_name,
    remove_objects,
    waiting_series,
)
from lookalike.receiving.known import KnownObjects
from lookalike.receiving.settings import REFUSALS, Deadlines, ReceiverSettings, allowed_peers
from lookalike.sources.inbox import STABLE_SECONDS, InboxSource, item_name
from lookalike.sources.stored_items import StoredItems
from lookalike.text import absolute
from lookalike.types import Item, Refusal
from lookalike.verbs.index import index

_LOOK_EVERY: Final = 0.5  # seconds
_TOGETHER: Final = 256  # series that are indexed by one run, so that their files can go soon
_TRIES: Final = 3  # of a series that could not be read for a reason that may pass
_MAY_PASS: Final = ("timeout", "out-of-memory", "decoder-crash")
_NOT_FETCHED: Final = "not-readable"  # by this process: the disk is full, say. It is tried for as long as it takes.
_AGAIN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ReceiveResult:
    """What was done so far. address: where it listens, "" where it does not. received: objects that were kept as they
    came; repeated: that were here or indexed already; apart: other objects with the UID of one of these, which are kept
    and not indexed. refused: connections and objects, by reason. indexed: objects whose series were indexed, and
    removed from the inbox; records: what came of them. left_out: files and series among them that no record was made
    from, by reason. late: series of which more came after they were indexed. waiting: objects in the inbox. echoes: how
    often a peer asked whether this is here. restarts: of the receiving process. trouble: why nothing is indexed at the
    moment, or "".
    """

    address: str
    received: int
    repeated: int
    apart: int
    refused: dict[str, int]
    indexed: int
    records: int
    left_out: dict[str, int]
    late: int
    waiting: int
    echoes: int
    restarts: int
    trouble: str


def receive(
    gallery: Gallery,
    *,
    aet: str = "LOOKALIKE",
    host: str = "127.0.0.1",
    port: int = 11112,
    allow: Sequence[str] = (),
    tls_cert: str | os.PathLike[str] | None = None,
    tls_key: str | os.PathLike[str] | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    inbox: str | os.PathLike[str] | None = None,
    stable: float = STABLE_SECONDS,
    idle: float = 8.0,
    associations: int = 64,
    max_object_mb: int = 1024,
    quota_gb: float = 20.0,
    once: bool = False,
    say: Callable[[ReceiveResult], None] | None = None,
    stopped: threading.Event | None = None,
) -> ReceiveResult:
    """Receive DICOM objects (C-STORE, C-ECHO) and index them into a gallery, until ``stopped`` is set or Ctrl-C.

    An object is on the disk before its sender is told of success. It waits in the inbox under a pseudonym until
    nothing of its series came for ``stable`` seconds; then the series is indexed, and its files are removed. The same
    object again is passed over, also after it was indexed; another object with the same UID is kept in
    ``apart/`` of the inbox.

    aet: the AE title that peers must call. allow: who may send: addresses or networks, with an AE title before an
    ``@`` where only that may; by default any peer of this machine. tls_cert, tls_key, tls_ca: PEM files; with the last
    one, peers need a certificate of that authority. inbox: a folder; by default in the gallery's. idle: seconds of
    silence after which an association is ended. associations: at the same time, half of them from one address.
    max_object_mb, quota_gb: the most that an object, and that the inbox may hold; beyond it peers are told A700.
    once: index what waits, without receiving, and return. say: called with what was done, whenever it has changed.

    Raises UsageError, LockedError (another process receives into that inbox), GalleryError, MissingExtraError.
    """
    if find_spec("pynetdicom") is None:
        raise MissingExtraError("receiving DICOM objects", "pacs")
    gallery.store.check_writable()
    settings = ReceiverSettings(
        aet,
        allowed_peers(allow),
        tls_cert=_named(tls_cert),
        tls_key=_named(tls_key),
        tls_ca=_named(tls_ca),
        associations=associations,
        most_object=max_object_mb << 20,
        quota=int(quota_gb * (1 << 30)),
        deadlines=Deadlines(idle=idle),
    )
    folder = absolute(inbox) if inbox is not None else gallery.folder / INBOX
    note_inbox(gallery, folder)
    told = say or (lambda _result: None)
    if once:
        with _alone(folder):
            return _Run(gallery, folder, 0.0, told).index_all()
    from lookalike.receiving.receiver import Receiver

    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(settings, folder, _inbox_key(gallery), host, port))
        stack.enter_context(_alone(folder))
        run = _Run(gallery, folder, stable, told, receiver.address, receiver.counts)
        receiver.start()
        run.go_on(stopped or threading.Event())
        stack.close()
        return run.result()


def _named(file: str | os.PathLike[str] | None) -> str:
    return "" if file is None else str(absolute(file))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold an inbox, made where it is missing, for this process alone."""
    make_inbox(folder)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(
                f"another process receives into {folder}; stop it, or name another folder with --inbox"
            ) from None
        yield


def _inbox_key(gallery: Gallery) -> bytes:
    """A key for the names in an inbox, which is not the one that names patients. Raises GalleryError."""
    key = gallery.store.identity.key
    if key is None:
        raise GalleryError(gallery.store.identity.closed)
    return hmac.new(key, b"names of received objects", hashlib.sha256).digest()


@dataclass
class _Run:
    """counts: of the receiving process."""

    gallery: Gallery
    folder: Path
    wait: float
    say: Callable[[ReceiveResult], None]
    address: str = ""
    counts: Callable[[], dict[str, int]] = dict
    done: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)  # by item, those that could not be read
    later: dict[str, float] = field(default_factory=dict)  # when they are tried again
    trouble: str = ""
    said: ReceiveResult | None = None

    def __post_init__(self) -> None:
        self.known = KnownObjects(self.folder)
        self.forget_removed()

    def index_all(self) -> ReceiveResult:
        """Index all that is complete."""
        while self.index_some():
            self.tell()
        return self.result()

    def go_on(self, stopped: threading.Event) -> None:
        """Index what is complete until this is to stop, by the event or by Ctrl-C."""
        try:
            while not stopped.is_set():
                if not self._index_or_say_why():
                    stopped.wait(_LOOK_EVERY)
                self.tell()
        except KeyboardInterrupt:
            return

    def _index_or_say_why(self) -> bool:
        try:
            found, self.trouble = self.index_some(), ""
        except LookalikeError as error:  # another writes, the disk is full: what waits is not lost
            found, self.trouble = False, str(error)
        except OSError as error:
            found, self.trouble = False, f"nothing can be indexed now ({error.strerror}); what comes waits"
        return found

    def index_some(self) -> bool:
        """Index some of the series that are complete, and remove them; whether there were any."""
        complete, now = InboxSource(self.folder, self.wait).series(), time.monotonic()
        due = [each for each in complete if self.later.get(item_name(each), now) <= now]
        if not due:
            return False
        self.forget_removed()
        new = tuple(filter(None, map(self._without_known, due[:_TOGETHER])))
        if new:
            self._index(InboxSource(self.folder, self.wait, listed=new))
        return True

    def forget_removed(self) -> None:
        """Forget what was indexed and is no longer in the gallery: it may come again."""
        items = StoredItems(self.gallery.store, self.gallery.places.is_there, with_patches=False)
        self.known.forget(item for item in self.known.items() if not items.item(Item(item)))

    def _without_known(self, series: WaitingSeries) -> WaitingSeries | None:
        """A series without the objects that were indexed, which are removed, and others with their UIDs."""
        digests, new = self.known.digests(series), []
        for file in series.files:
            instance, digest = parts_of_name(file)
            if instance not in digests:
                new.append(file)
            elif digests[instance] == digest:
                remove_objects((file,))
                self.done["repeated"] += 1
            else:
                move_apart(self.folder, file)
                self.done["apart"] += 1
        self.done["late"] += bool(new) and self.known.has_series(series.name)
        return WaitingSeries(series.name, tuple(new), series.arrived) if new else None

    def _index(self, source: InboxSource) -> None:
        """Index series. They are noted as known before, so that what comes after a kill is told apart from them."""
        listed = {item_name(each): each for each in source.series()}
        for name, series in listed.items():
            self.known.add(series, name)
        result = index(self.gallery, [source])
        self.forget_removed()
        again = self._refused(result.refused, listed, self.known.items())
        self.left_out["erased-patient"] += result.kept_out
        self.left_out.update(result.kinds)
        self.done["records"] += result.added
        for name in listed.keys() - again:
            self.later.pop(name, None)
            remove_objects(listed[name].files)
            self.done["indexed"] += len(listed[name].files)

    def _refused(self, refused: Sequence[Refusal], listed: Mapping[str, WaitingSeries], stored: Set[str]) -> set[str]:
        """Count what could not be read. Returns the items of which nothing could be, for a reason that may pass."""
        again: set[str] = set()
        for each in refused:
            item = each.source if each.source in listed else each.source.rpartition("/")[0]
            may_pass = each.reason == _NOT_FETCHED or (each.reason in _MAY_PASS and self.tries[item] < _TRIES - 1)
            if may_pass and item not in stored:
                again.add(item)
            else:
                self.left_out[each.reason] += 1
        self.tries.update(again)
        self.later.update(dict.fromkeys(again, time.monotonic() + _AGAIN_SECONDS))
        return again

    def tell(self) -> None:
        """Say what was done if something was."""
        result = self.result()
        if result != self.said:
            self.said = result
            self.say(result)

    def result(self) -> ReceiveResult:
        """What was done so far."""
        counts = Counter(self.counts())
        return ReceiveResult(
            address=self.address,
            **{name: counts[name] + self.done[name] for name in ("received", "repeated", "apart")},
            refused={reason: counts[reason] for reason in REFUSALS if counts[reason]},
            indexed=self.done["indexed"],
            records=self.done["records"],
            left_out=dict(+self.left_out),
            late=self.done["late"],
            waiting=sum(len(each.files) for each in waiting_series(self.folder)),
            echoes=counts["echoes"],
            restarts=counts["restarts"],
            trouble=self.trouble,
        )
