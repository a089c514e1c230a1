"""The answers of the routes. Those of verbs are the verbs' own; here stands what only the service says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from lookalike.evaluation.confound_report import ConfoundAudit
from lookalike.evaluation.protocols.classifiers import ClassifierReport
from lookalike.evaluation.protocols.khun_jush import VolumeReport
from lookalike.evaluation.protocols.localisation import LocalisationReport
from lookalike.evaluation.report import Report
from lookalike.roles import Role
from lookalike.text import DISCLAIMER
from lookalike.verbs.adapt import AdaptResult
from lookalike.verbs.gallery import GalleryInfo, SpaceInfo
from lookalike.verbs.index import IndexResult
from lookalike.verbs.jobs import JobInfo
from lookalike.verbs.records import Facet


@dataclass(frozen=True)
class GalleryAnswer(GalleryInfo):
    """imports: names of the folders that may be indexed. role: the caller's."""

    imports: tuple[str, ...]
    disclaimer: str
    role: Role


def gallery_answer(info: GalleryInfo, imports: tuple[str, ...], role: Role) -> GalleryAnswer:
    """What a gallery is, as one caller is told."""
    told = {field.name: getattr(info, field.name) for field in fields(info)}
    return GalleryAnswer(**told, imports=imports, disclaimer=DISCLAIMER, role=role)


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
    width) that the file names. viewer: which kind of viewer can open it. A table of labels is no picture: its
    numbers are 0, and nothing opens it. files: how many.
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
    viewer: Literal["dicom", "volume", "picture"] | None = None


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files behind a record: how many, and which kind of viewer can open them."""

    viewer: Literal["dicom", "volume", "picture"]
    count: int


@dataclass(frozen=True, slots=True)
class Changed:
    """How many records are no longer what they were."""

    changed: int


@dataclass(frozen=True, slots=True)
class Removed:
    """How many records are no longer there."""

    records: int


@dataclass(frozen=True, slots=True)
class MapSummary:
    """A map that has been drawn: ``GET /map`` has the points."""

    method: str
    space: str
    records: int


@dataclass(frozen=True, slots=True)
class MapPoints:
    """x, y: of each record in the plane."""

    method: str
    space: str
    ids: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class JobAnswer(JobInfo):
    """result: what the verb of the job's kind answered, once it is done; a list of jobs leaves it out. A protocol
    that a plug-in brings answers a report of its own.
    """

    result: (
        IndexResult
        | AdaptResult
        | Report
        | ClassifierReport
        | VolumeReport
        | LocalisationReport
        | MapSummary
        | ConfoundAudit
        | None
    ) = None


@dataclass(frozen=True, slots=True)
class JobListing:
    """items: the newest first, without results. next_cursor: where to go on, None at the end."""

    items: tuple[JobAnswer, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the process answers, or is ready to be asked."""

    status: Literal["ok", "ready"]


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """RFC 9457: what happened, for people (``detail``) and for programs (``reason``)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
