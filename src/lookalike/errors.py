"""The errors of the package, and their HTTP statuses.

                                    HTTP
    LookalikeError                  400     refused
    ├── UsageError                  400     an argument that cannot be used as given
    │   ├── SlowFilterError         400     a filter that takes longer than it may
    │   └── UnseenRegionError       400     a region of which the encoder sees nothing
    ├── ForbiddenError              403     the caller may not do this
    ├── NotFoundError               404     no record, space, job, patient, key, upload or import folder of that name
    ├── GalleryError                409     the gallery cannot be used: missing, of another version
    │   ├── ReadOnlyError           409     it may be read, but not written to by this user
    │   ├── ManifestMismatchError   409     encoder, revision or preprocessing differ
    │   ├── LockedError             503     another process is writing; nothing was changed
    │   └── DatabaseGoneError       503     the server that keeps its records gave no answer, or ended the connection
    ├── DamagedFileError            409     a stored file or row does not match its checksum
    ├── UnreadableImageError        422     a source could not be read; carries a reason code
    ├── MissingExtraError           424     an optional package is not installed
    ├── EndpointError               424     a hosted model refused, or gave no answer
    ├── PacsError                   424     a PACS refused, or gave no answer
    ├── ObjectStoreError            424     an object store refused, or gave no answer
    ├── EngineError                 503     an index engine gave no answer, or cannot do what is asked
    ├── ClusterError                503     a Ray cluster gave no answer, or none of its nodes can take images
    │   └── ClusterGoneError        503     its head, or the connection to it, was there and is no longer
    ├── NotWrittenError             503     a file could not be written: the disk is full, or fails
    ├── AuditLogError               503     what is asked cannot be noted in the audit log, so it is not answered
    └── BusyError                   503     too much is asked at the same time

``HTTP`` is this tree as a table. A command ends with exit code 1 after any of them. Every message says what happened,
what was found, what is allowed and what to do next. No message quotes a parser's own message about a file, which may
contain patient data.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REASONS: Final[dict[str, str]] = {
    "not-an-image": "no reader knows this kind of file",
    "no-pixel-data": "a DICOM file without pixel data",
    "no-image": "a segmentation, report, plan, dose or the like, which is no image to search for",
    "archive": "an archive or a compressed file; unpack it and name the folder",
    "other-format": "a format that is known and not read; convert it to DICOM, NIfTI, PNG or TIFF",
    "incomplete-pair": "a header without its data, or data without its header; put both into one folder",
    "points-elsewhere": "a header that names other than a file beside it; put the data into its folder and name it",
    "broken-link": "a link that leads to nothing",
    "empty-file": "the file has no bytes",
    "damaged-header": "the header cannot be parsed",
    "damaged-pixels": "the pixel data cannot be decoded, or are shorter than the header says",
    "unsupported-transfer-syntax": "no decoder for this DICOM transfer syntax",
    "unsupported-pixels": "a pixel format that is not an image (bit depth, samples, photometric)",
    "too-large": "more pixels than the limit",
    "too-many-frames": "more pictures in one file than the limit; split it, or export the pictures that matter",
    "out-of-memory": "decoding went over the memory limit",
    "timeout": "decoding went over the time limit",
    "decoder-crash": "the decoder's process died",
    "not-readable": "the operating system refused to open the file",
    "damaged-geometry": "the affine of a volume is missing, singular or not a number",
    "four-dimensional": "several volumes at one place (times, echoes, b values); make the gallery with --four-d split",
    "incomplete-series": "slices of a series are missing, doubled or of different shapes",
    "mosaic": "a mosaic that does not say how many slices it holds; export it with its private elements",
    "not-one-series": "several files that are not the slices of one series; ask with one of them",
    "not-a-volume": "a picture of one slice, where the gallery's encoder takes whole volumes",
    "burned-in-text": "text is burned into the pixels, and that was to be refused; mask it: --burned-in mask",
    "head-volume": "a volume of a head, from which a face can be made; deface it, then say so: --defaced",
    "not-a-picture": "a volume, where the format holds pictures; export a folder, or a list for MONAI",
    "not-dicom": "no DICOM file, which a key object selection could name; export a folder",
    "no-direction": "an imported vector that is all zeros or not finite",
    "not-fetched": "its PACS or object store did not send it, or sent something else; the next run asks again",
    "needs-volumes": "a volume; reading it needs an optional package: pip install 'lookalike[volumes]'",
}
"""Reason codes of refused files: stored with the file's name, shown in every listing."""

NOT_READ: Final = ("not-fetched", "not-readable")
"""Those that say nothing of what was to be read: it is asked for again."""


class LookalikeError(Exception):
    """The base of all errors; the message is one line."""


class UnreadableImageError(LookalikeError):
    """A source that no image can be read from. ``reason`` is a key of ``REASONS``; detail: further numbers, never text
    from the file.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reason code {reason!r}")
        super().__init__(f"{reason}: {detail or REASONS[reason]}")
        self.reason, self.detail = reason, detail


class DamagedFileError(LookalikeError):
    """A stored file or row that does not match its checksum."""


class GalleryError(LookalikeError):
    """The gallery folder cannot be used in the requested way."""


class ReadOnlyError(GalleryError):
    """A gallery whose folder may not be written to, or that is not this user's."""


class ManifestMismatchError(GalleryError):
    """The vectors were made by another encoder, revision or preprocessing than the query's."""


class LockedError(GalleryError):
    """Another process is writing to the gallery, for longer than was waited; nothing was changed."""


class DatabaseGoneError(GalleryError):
    """The server that keeps the gallery's records gave no answer, or ended the connection; ask again."""


class UsageError(LookalikeError):
    """An argument that cannot be used as given."""


class SlowFilterError(UsageError):
    """A filter that takes longer than it may."""


class UnseenRegionError(UsageError):
    """A region of which the encoder sees nothing: it lies in a margin that is taken off, or is cropped away."""


class BusyError(LookalikeError):
    """Too much is asked at the same time; the same may be asked again. ``reason``: of what, for programs."""

    def __init__(self, message: str, reason: str = "busy") -> None:
        super().__init__(message)
        self.reason = reason


class ForbiddenError(LookalikeError):
    """The caller may not do this. ``reason``: why, for programs."""

    def __init__(self, message: str, reason: str = "forbidden") -> None:
        super().__init__(message)
        self.reason = reason


class NotFoundError(LookalikeError):
    """There is nothing of that name or id. ``reason``: what is missing, for programs."""

    def __init__(self, message: str, reason: str = "not-found") -> None:
        super().__init__(message)
        self.reason = reason


class NotWrittenError(LookalikeError, OSError):
    """A file that could not be written; what was there before is as it was. cause: why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(
            f"a file could not be written: {cause.strerror or type(cause).__name__}; see whether its folder is there, "
            "may be written to and has room on its disk, then do the same again"
        )
        self.errno, self.strerror = cause.errno, cause.strerror

    def __str__(self) -> str:
        return str(self.args[0])  # OSError's own names the number


class AuditLogError(LookalikeError):
    """What is asked cannot be noted in the audit log, so it is not answered."""


class EndpointError(LookalikeError):
    """A hosted model refused the request, or gave no answer or an invalid one."""


class EngineError(LookalikeError):
    """An index engine gave no answer, or refused. Nothing that it says is quoted: it repeats what it was asked."""


class ClusterError(LookalikeError):
    """A Ray cluster gave no answer, or none of its nodes can take images."""


class ClusterGoneError(ClusterError):
    """The head of a Ray cluster, or the connection to it, was there and is no longer."""


class PacsError(LookalikeError):
    """A PACS refused the request, gave no answer, or one that is none. Nothing of the answer is quoted."""


class ObjectStoreError(LookalikeError):
    """An object store refused the request, or gave no answer. Nothing of the answer is quoted."""


class MissingExtraError(LookalikeError):
    """An optional package is missing; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: pip install 'lookalike[{extra}]'")
        self.extra = extra


HTTP: Final[Mapping[type[LookalikeError], tuple[int, str]]] = MappingProxyType(
    {
        LookalikeError: (400, "refused"),
        UsageError: (400, "usage"),
        SlowFilterError: (400, "filter-slow"),
        UnseenRegionError: (400, "region-unseen"),
        ForbiddenError: (403, "forbidden"),
        NotFoundError: (404, "not-found"),
        GalleryError: (409, "gallery"),
        ReadOnlyError: (409, "read-only"),
        ManifestMismatchError: (409, "other-vectors"),
        LockedError: (503, "locked"),
        DatabaseGoneError: (503, "database-gone"),
        DamagedFileError: (409, "damaged"),
        UnreadableImageError: (422, "unreadable"),
        MissingExtraError: (424, "missing-extra"),
        EndpointError: (424, "endpoint"),
        PacsError: (424, "pacs"),
        ObjectStoreError: (424, "object-store"),
        BusyError: (503, "busy"),
        EngineError: (503, "engine"),
        ClusterError: (503, "cluster"),
        ClusterGoneError: (503, "cluster"),
        NotWrittenError: (503, "not-written"),
        AuditLogError: (503, "audit-log"),
    }
)
"""Status and reason of each class over HTTP; an error with a reason of its own takes precedence."""


def http_status(error: LookalikeError) -> tuple[int, str]:
    """The HTTP status (RFC 9110) of an error, and its reason for programs: that of the nearest class of the table."""
    status, reason = next(HTTP[kind] for kind in type(error).__mro__ if kind in HTTP)
    return status, getattr(error, "reason", reason)
