"""What the routes share: the open gallery, access, uploads, drawing processes, jobs and metrics."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from fastapi import Request

from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog
from lookalike.configuration.setting import GalleryPlace
from lookalike.erasing import Named, Removal, Removed
from lookalike.errors import AuditLogError, NotFoundError
from lookalike.gallery import Gallery, open_gallery
from lookalike.pictures import Pictures
from lookalike.roles import Role
from lookalike.server.access import Access
from lookalike.server.addressed import service_at
from lookalike.server.callers import Caller
from lookalike.server.decoding import Decoding
from lookalike.server.jobs.runner import Runner
from lookalike.server.jobs.scheduler import Scheduler
from lookalike.server.metrics import Metrics
from lookalike.server.outgoing import Outgoing
from lookalike.server.settings import ServerSettings, check_closed_to_strangers
from lookalike.server.uploads.forget import forget_uploads
from lookalike.server.uploads.store import Uploads
from lookalike.server.wrong_keys import WrongKeys
from lookalike.together import Together
from lookalike.verbs.gallery import gallery_id, part_of, renew_verification, verify_rows, warm
from lookalike.verbs.keys import check_keys
from lookalike.verbs.records import check_files, check_there, remove_each

if TYPE_CHECKING:
    from lookalike.server.signin.signed_in import SignedIn

_FILTER_SECONDS: Final = 2.0  # a caller waits for a filter no longer, nor does anybody else for that caller
_PARTS: Final = 32  # of the gallery that are kept open
# Times as long as an erasure takes, searches have the machine until the next one, if many are asked for.
_REST: Final = 4.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What all galleries of a process share. signed_in: None where there is no identity provider. audit: None where
    nothing is noted.
    """

    metrics: Metrics
    decoding: Decoding
    signed_in: SignedIn | None
    wrong_keys: WrongKeys
    audit: AuditLog | None


@dataclass
class Service:
    """One served gallery. title: for people. training: held while a classifier is trained for a caller; submitting:
    while a job is; opening: while a part is opened; warming: while what searches need is loaded. parts: of the gallery,
    by the filters that name them. audit: None where nothing is noted. removing: removes what callers ask for, all who
    wait in one erasure.
    """

    name: str
    title: str
    gallery: Gallery
    settings: ServerSettings
    metrics: Metrics
    access: Access
    uploads: Uploads
    pictures: Pictures
    runner: Runner
    scheduler: Scheduler
    decoding: Decoding
    training: threading.Lock = field(default_factory=threading.Lock)
    submitting: threading.Lock = field(default_factory=threading.Lock)
    outgoing: Outgoing = field(default_factory=Outgoing)
    parts: OrderedDict[tuple[str, ...], Gallery] = field(default_factory=OrderedDict)
    opening: threading.Lock = field(default_factory=threading.Lock)
    warming: threading.Lock = field(default_factory=threading.Lock)
    audit: AuditLog | None = None
    ready: bool = False
    closed: bool = False
    stop_noted: bool = False
    removing: Together[Removal, Removed] = field(init=False)

    def __post_init__(self) -> None:
        work = partial(remove_each, self.gallery, forget=self.forget, tell=self.runner.tell_erasure)
        self.removing = Together(work, rest=_REST)

    def seen_by(self, caller: Caller) -> Gallery:
        """The gallery as a caller sees it in the role that it acts in: whatever is answered is answered from it."""
        part = caller.part
        if part is None:
            return self.gallery
        with self.opening:
            if part not in self.parts:
                self.parts[part] = part_of(self.gallery, part)
            self.parts.move_to_end(part)
            while len(self.parts) > _PARTS:
                self.parts.popitem(last=False)[1].close()
            return self.parts[part]

    def check_seen(self, caller: Caller, ids: Sequence[str], *, file: bool = False) -> None:
        """Raise NotFoundError unless a caller sees every one of some records, before something is done with them in the
        whole gallery. file: that the file of each holds no other record, unless the caller sees that one too.
        """
        seen = self.seen_by(caller)
        if seen is not self.gallery:
            check_there(seen, ids)
            if file:
                check_files(self.gallery, seen, ids)

    def sees_as(self, caller: Caller, role: Role, ids: Sequence[str]) -> bool:
        """Whether a caller has a role for every one of some records."""
        if not caller.may(role):
            return False
        with suppress(NotFoundError):
            self.check_seen(caller.acts(role), ids)
            return True
        return False

    def warm(self) -> None:
        """Load what the first query would otherwise wait for, unless that is being done."""
        if self.warming.acquire(blocking=False):
            try:
                warm(self.gallery, encoder=self.settings.writer is None)
                self.ready = True
                verify_rows(self.gallery)
            finally:
                self.warming.release()

    def verify_again(self) -> None:
        """Verify the rows again where that was long ago: of several processes one does. Raises DamagedFileError."""
        if self.ready and self.settings.writer is None:
            renew_verification(self.gallery)

    def forget(self, named: Named) -> None:
        """Drop from memory and from the temporary folder what was removed from the gallery."""
        self.pictures.forget()
        forget_uploads(self.uploads, self.gallery, named)

    def start_jobs(self) -> None:
        """Take up what waits, and look at the clock; not where nothing may be written, and no job comes; of several
        processes one does.
        """
        if self.gallery.store.writable and self.settings.writer is None:
            self.runner.start()
            self.scheduler.start()

    def stop_jobs(self) -> None:
        """Begin nothing more, and let what runs wait for the next service."""
        self.scheduler.stop()
        self.runner.stop()

    def close(self) -> None:
        """Stop the processes and remove the uploads; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self.stop_jobs()
        self.pictures.close()
        self.uploads.close()
        for part in self.parts.values():
            part.close()
        self.access.close()
        self.gallery.close()
        self.note_stop()

    def note_stop(self) -> None:
        """Note in the audit log that the service ends; once."""
        noted, self.stop_noted = self.stop_noted, True
        if self.audit is not None and not noted:
            with suppress(AuditLogError):
                self.audit.note(AuditEvent("stop", "lookalike", "service", gallery=gallery_id(self.gallery)))


def open_service(place: GalleryPlace, settings: ServerSettings, shared: Shared) -> Service:
    """Open a gallery to be served.

    Raises GalleryError, ManifestMismatchError, UsageError (open to a network without keys), AuditLogError.
    """
    gallery = open_gallery(place.path)
    try:
        return _served(gallery, place, settings, shared)
    except BaseException:
        gallery.close()
        raise


def _served(gallery: Gallery, place: GalleryPlace, settings: ServerSettings, shared: Shared) -> Service:
    gallery.store.limit_filters(_FILTER_SECONDS)
    keys = check_keys(gallery)
    check_closed_to_strangers(settings, keys=bool(keys))
    if gallery.store.writable:
        gallery.places.allow([*settings.imports.values(), *place.roots])
    if shared.audit is not None and settings.writer is None:
        shared.audit.note(AuditEvent("start", "lookalike", "service", gallery=gallery_id(gallery)))
    runner = Runner(gallery, settings.workers)
    return Service(
        place.name,
        place.title or place.name,
        gallery,
        settings,
        shared.metrics,
        Access(keys, settings, place.name, shared.signed_in, shared.wrong_keys),
        Uploads(settings.max_uploads),
        Pictures(gallery),
        runner,
        Scheduler(gallery, runner, settings.schedules),
        shared.decoding,
        audit=shared.audit,
        stop_noted=settings.writer is not None,
    )


async def service_of(request: Request) -> Service:
    """The service of the gallery that a request is for; a dependency of routes. Raises Problem 503."""
    found: Service = service_at(request)
    return found
