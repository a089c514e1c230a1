"""Answers: records that are found, and where and by what they are similar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lookalike.types import Attribute, Box


@dataclass(frozen=True, slots=True)
class WeighedSlice:
    """A slice of a volume, numbered along the gallery's plane, and its share in the volume's one vector."""

    slice: int
    weight: float


@dataclass(frozen=True, slots=True)
class Match:
    """Where a volume matches: the pair of slices with the most in common (``ranking.best_pair``) with its cosine, and
    every slice of the hit that is the best match of some slice of the query. Slices are numbered along the gallery's
    plane, from 0. weights: in a space whose adapter weighs the slices of volumes, those of the hit that weigh most,
    heaviest first.
    """

    query_slice: int
    slice: int
    score: float
    slices: tuple[int, ...]
    weights: tuple[WeighedSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """Where a hit matches a region: the most similar window, in the slice ``slice`` (0 in a picture). score: the mean
    cosine of the patches in the window with those of the region. slices: of a region that goes through several slices,
    all that its place goes through, ascending; ``slice`` is then the one that the region's middle slice lies on.
    """

    slice: int
    box: Box
    score: float
    slices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one ranking has a hit. ranking: "picture", "text" (of the encoder's own space), "report", or the name of
    another gallery. rank: from 1. score: its cosine there.
    """

    ranking: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class StudyMatch:
    """A study that is a hit. study: its pseudonym, or the id of a record whose study is not known. records: how many it
    has. kinds: of each kind of series in the query (``ranking.study_scores``) the cosine that counts.
    """

    study: str
    records: int
    kinds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: ``score`` is the cosine, 1 = the same picture. percentile: the percentage of pairs of the gallery's
    own records of different patients that are less similar; None where the score is no such cosine. nearness: the
    percentage of the gallery's own records whose nearest record of another patient is less similar than this hit, 0 to
    100: low means that nothing here is as near as records usually are; of a volume's slices together it is told of the
    best hit alone. patient: the group's hash. depth: slices, 1 for a picture. placed: of fused rankings those that have
    the hit, which say where its score comes from. study: where studies are compared; the hit is the study's record that
    is most similar to the query. study_id, series_id: pseudonyms, or the record's own id where none is known. day: days
    since the patient's first study in the gallery; None where the date or the patient is not known. others: where hits
    are one of each study, series or patient, how many more records of it may answer. links: into the PACS that it came
    from, of a linked gallery where its address is known (``pacs_links.links``).
    """

    rank: int
    score: float
    id: str
    source: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    match: Match | None = None
    region: Region | None = None
    percentile: float | None = None
    patient: str = ""
    depth: int = 1
    nearness: float | None = None
    placed: tuple[Placed, ...] = ()
    study: StudyMatch | None = None
    study_id: str = ""
    series_id: str = ""
    day: int | None = None
    others: int | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyHits:
    """The hits of one study. study_id, patient, day: as in ``Hit``. ranks: of the hits, best first."""

    study_id: str
    patient: str
    day: int | None
    ranks: tuple[int, ...]
