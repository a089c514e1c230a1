"""The answers that only the service gives; every other route answers with its verb's own result type."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pydantic.dataclasses import dataclass as schema_once  # a dozen routes share it; others' schemas are made anew

from lookalike.audit_log.events import Means
from lookalike.evaluation.classifier_report import ClassifierReport
from lookalike.evaluation.confound_report import ConfoundAudit
from lookalike.evaluation.drift import DriftAudit
from lookalike.evaluation.duplicate_report import DuplicateAudit
from lookalike.evaluation.metadata_report import MetadataAudit
from lookalike.evaluation.outlier_report import OutlierAudit
from lookalike.evaluation.protocols.findings import FindingReport
from lookalike.evaluation.protocols.khun_jush import VolumeReport
from lookalike.evaluation.protocols.localisation import LocalisationReport
from lookalike.evaluation.protocols.radir import RadIrReport
from lookalike.evaluation.protocols.regions import RegionReport
from lookalike.evaluation.quality_report import QualityAudit
from lookalike.evaluation.report import Report
from lookalike.exporting.folder import ExportResult
from lookalike.roles import Role
from lookalike.text import DISCLAIMER
from lookalike.verbs.adapt import AdaptResult
from lookalike.verbs.backup import BackupResult, VerifyResult
from lookalike.verbs.cohorts.export import CohortExported
from lookalike.verbs.cohorts.split import CohortSplit
from lookalike.verbs.galleries.merge import MergeResult
from lookalike.verbs.gallery import GalleryInfo, SpaceInfo
from lookalike.verbs.index import IndexResult
from lookalike.verbs.jobs import JobInfo
from lookalike.verbs.migrate import MigrateResult
from lookalike.verbs.pull import PullResult
from lookalike.verbs.records import Facet
from lookalike.verbs.reminder import TrainingReminder
from lookalike.verbs.tune import TuneResult


@dataclass(frozen=True)
class GalleryAnswer(GalleryInfo):
    """title: for people. imports: names of the folders that may be indexed. role: the caller's."""

    title: str
    imports: tuple[str, ...]
    disclaimer: str
    role: Role


def gallery_answer(info: GalleryInfo, title: str, imports: tuple[str, ...], role: Role) -> GalleryAnswer:
    """What a gallery is, with what one caller may do."""
    values = {field.name: getattr(info, field.name) for field in fields(info)}
    return GalleryAnswer(**values, title=title, imports=imports, disclaimer=DISCLAIMER, role=role)


@dataclass(frozen=True, slots=True)
class ImportFolders:
    """items: names of the folders in an import folder, or in a folder of it. left_out: how many more there are."""

    items: tuple[str, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """Who asks. known: whether the service knows them; name: for people; means: how they are known; role: the highest.
    sign_in: whether somebody can sign in at an identity provider (``/session/sign-in``).
    """

    known: bool
    name: str
    means: Means
    role: Role | None
    sign_in: bool


@dataclass(frozen=True, slots=True)
class GalleryChoice:
    """A gallery that somebody may see. address: of its page. records: that they see. role: their highest in it; None
    where it cannot be opened, and ``problem`` says why and what to do.
    """

    name: str
    title: str
    address: str
    records: int
    encoder: str
    linked: bool
    role: Role | None
    problem: str


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What can be done where there is no gallery yet, as a command."""

    about: str
    command: str


@dataclass(frozen=True, slots=True)
class GalleryList:
    """several: whether addresses have to say which gallery is meant. known: whether the service knows who asks.
    first_steps: where there is no gallery yet.
    """

    items: tuple[GalleryChoice, ...]
    several: bool
    known: bool
    first_steps: tuple[FirstStep, ...]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """address: of the identity provider, to sign out there too; "" where it has none."""

    address: str


@dataclass(frozen=True, slots=True)
class SpacePage:
    """The base space first."""

    items: tuple[SpaceInfo, ...]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class FacetPage:
    """The labels first."""

    items: tuple[Facet, ...]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """What an upload is. rows, columns: of the picture at its own size. depth: slices or frames. window: (center,
    width) given in the file. plane: that a volume is cut along, "" for a picture. viewer: the kind of viewer that can
    open it. units: of its values, "HU" where they can only be Hounsfield units, else "". files: how many. A label table
    is no picture: its numbers are 0, and no viewer opens it.
    """

    id: str
    name: str
    files: int
    kind: Literal["image", "volume", "table"]
    rows: int = 0
    columns: int = 0
    depth: int = 0
    modality: str = ""
    window: tuple[float, float] | None = None
    plane: str = ""
    viewer: Literal["dicom", "volume", "picture"] | None = None
    units: str = ""


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files behind a record: how many, the kind of viewer that can open them, the plane (axial, coronal,
    sagittal) that a volume is cut along, "" for a picture, and rows, columns and units as of an upload.
    """

    viewer: Literal["dicom", "volume", "picture"]
    count: int
    plane: str
    rows: int
    columns: int
    units: str


@dataclass(frozen=True, slots=True)
class MapSummary:
    """A finished map without its points, which ``GET /map`` has."""

    method: str
    space: str
    records: int


@dataclass(frozen=True, slots=True)
class MapPoints:
    """x, y: each record's coordinates in the plane."""

    method: str
    space: str
    ids: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]


@schema_once(frozen=True, slots=True)
class JobAnswer(JobInfo):
    """result: what the verb of the job's kind returned, once it is done; a list of jobs leaves it out. The protocol
    of a plug-in returns a report of its own type.
    """

    result: (
        IndexResult
        | AdaptResult
        | TuneResult
        | Report
        | ClassifierReport
        | VolumeReport
        | LocalisationReport
        | FindingReport
        | RegionReport
        | RadIrReport
        | MapSummary
        | ConfoundAudit
        | DuplicateAudit
        | OutlierAudit
        | DriftAudit
        | MetadataAudit
        | QualityAudit
        | MigrateResult
        | MergeResult
        | ExportResult
        | CohortExported
        | CohortSplit
        | PullResult
        | BackupResult
        | VerifyResult
        | TrainingReminder
        | None
    ) = None


@dataclass(frozen=True, slots=True)
class JobListing:
    """items: newest first, without results and points. next_cursor: where the next page starts, None on the last."""

    items: tuple[JobAnswer, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the process is alive, or ready for queries."""

    status: Literal["ok", "ready"]


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """RFC 9457: what happened, for people (``detail``) and for programs (``reason``)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
