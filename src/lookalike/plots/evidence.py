"""A search as evidence: what was asked of which gallery, by what, when, and what was found, for a page to be kept."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import PIL.Image
import PIL.ImageDraw

from lookalike.text import DISCLAIMER, one_line

if TYPE_CHECKING:
    from lookalike.gallery import Gallery
    from lookalike.hits import Hit
    from lookalike.types import Box
    from lookalike.verbs.search import SearchResult

MOST_HITS: Final = 96
"""Hits of one search that a page shows."""

_FACTS: Final = (
    ("Modality", "modality"),
    ("BodyPartExamined", "body_part"),
    ("ViewPosition", "view"),
    ("PatientSex", "sex"),
    ("PatientAge", "age"),
)
_OPTIONS: Final[Mapping[str, str]] = {
    "text": "Words",
    "report": "Words in reports",
    "where": "Filter",
    "positive": "More like",
    "negative": "Less like",
    "box": "Region (left, top, right, bottom)",
    "slice": "Slice of the query",
    "slices": "Slices of the region",
    "group_by": "One hit a",
    "same_patient": "Query's own patient may answer",
    "only_priors": "Only earlier studies of its patient",
    "before": "Only those before",
    "exclude_priors": "Without its patient's earlier studies",
    "rank": "Volumes ranked by",
    "weights": "Weights of slices",
    "report_weight": "Weight of the reports",
    "beside": "Ranked by another gallery too",
}
_USUAL: Final = frozenset((None, "", False, (), "auto", "uniform", 1.0))
_BOX: Final = "#f0a030"


@dataclass(frozen=True, slots=True)
class EvidenceHit:
    """What stands under a picture, as it is read. jpeg: b"" where there is none."""

    jpeg: bytes
    rank: int
    score: str
    percentile: str
    labels: str
    facts: str
    id: str


@dataclass(frozen=True, slots=True)
class SearchEvidence:
    """told: what was asked, of which gallery and by what, as names and values. answer: whether anything is similar
    enough. notes: what must be known to read it, the disclaimer last.
    """

    title: str
    query: str
    picture: bytes
    told: tuple[tuple[str, str], ...]
    answer: str
    hits: tuple[EvidenceHit, ...]
    notes: tuple[str, ...]


def search_evidence(
    gallery: Gallery, result: SearchResult, asked: Mapping[str, Any] | None = None, *, title: str = ""
) -> SearchEvidence:
    """A search that was made with pictures as evidence. asked: the options of ``search`` by name. title: the gallery's
    name for people, by default its folder's. Of the query's file the name alone is told, and of a record its id.
    """
    asked, name = asked or {}, one_line(title or gallery.folder.name)
    pictures = [*result.pictures, *[b""] * (1 + len(result.hits) - len(result.pictures))]
    hits = result.hits[:MOST_HITS]
    return SearchEvidence(
        f"Search in {name}",
        _query_name(result.query),
        with_box(pictures[0], asked.get("box")),
        tuple(_told(gallery, result, asked, name)),
        _answer(result),
        tuple(_hit(result, hit, jpeg) for hit, jpeg in zip(hits, pictures[1:], strict=False)),
        tuple(_notes(gallery, result)),
    )


def with_box(jpeg: bytes, box: Box | None) -> bytes:
    """A picture with a region's box drawn on it, in fractions: left, top, right, bottom."""
    if not jpeg or box is None:
        return jpeg
    with PIL.Image.open(io.BytesIO(jpeg)) as small:
        picture = small.convert("RGB")
    edges = [edge * side for edge, side in zip(box, (picture.width - 1, picture.height - 1) * 2, strict=True)]
    PIL.ImageDraw.Draw(picture).rectangle(edges, outline=_BOX, width=2)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def _query_name(query: str) -> str:
    """Files without their folders, which say where somebody keeps them."""
    parts = (part.rsplit("/", 1)[-1] if "/" in part and " " not in part else part for part in query.split(" + "))
    return one_line(" + ".join(parts))


def _told(gallery: Gallery, result: SearchResult, asked: Mapping[str, Any], name: str) -> Sequence[tuple[str, str]]:
    import lookalike

    spec, given = gallery.spec, [(label, asked.get(option)) for option, label in _OPTIONS.items()]
    options = [(label, _value(value)) for label, value in given if _hashable(value) not in _USUAL]
    searched = "records" if any(hit.region for hit in result.hits) else "vectors"
    preprocessing = f"weights {spec.revision[:12]}, preprocessing {spec.preprocessing.hash[:12]}"
    return [
        *options,
        *([] if asked.get("where") else [("Filter", "none")]),
        ("Gallery", f"{name}: {gallery.store.count():,} records, {result.records:,} {searched} searched"),
        ("Space", result.space),
        ("Encoder", f"{spec.name} ({preprocessing})"),
        ("Made", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by lookalike {lookalike.__version__}"),
    ]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(f"{each:.3f}" if isinstance(each, float) else one_line(str(each)) for each in value)
    return "yes" if value is True else one_line(str(value))


def _answer(result: SearchResult) -> str:
    if not result.hits:
        return "No record may answer this."
    if result.abstained:
        return (
            "Nothing similar here: the nearest record is less alike than what 99 % of the gallery's own records find."
        )
    if result.unfiltered is not None:
        return "Something similar is here, but nothing that the filter leaves."
    near = result.hits[0].nearness
    if near is None:
        return (
            "Whether this is similar enough is not known: the scores are no cosines to hold against the gallery's own."
        )
    return f"The best hit is nearer than {near:.0f} % of this gallery's records are to their own nearest one."


def _hit(result: SearchResult, hit: Hit, jpeg: bytes) -> EvidenceHit:
    fused = any(len(one.placed) > 1 for one in result.hits)
    kind = "fused score" if fused else "cosine of the region" if hit.region else "cosine"
    return EvidenceHit(
        with_box(jpeg, hit.region.box if hit.region else None),
        hit.rank,
        f"{kind} {hit.score:.4f}",
        "" if hit.percentile is None else f"percentile {hit.percentile:.1f}",
        one_line(", ".join(hit.labels)) or "no label",
        _facts(hit),
        hit.id,
    )


def _facts(hit: Hit) -> str:
    found = [next((hit.attributes[name] for name in names if name in hit.attributes), None) for names in _FACTS]
    words = [one_line(f"{value:g}" if isinstance(value, float) else str(value)) for value in found if value is not None]
    place = hit.region.slice if hit.region else hit.match.slice if hit.match else None
    if hit.depth > 1:
        words.append(f"{hit.depth} slices" if place is None else f"slice {place + 1} of {hit.depth}")
    return " · ".join(words)


def _notes(gallery: Gallery, result: SearchResult) -> Sequence[str]:
    spec, compared = gallery.spec, any(hit.percentile is not None for hit in result.hits)
    trained = spec.note or ", ".join(sorted(spec.trained_on)) or "what it was trained on is not recorded"
    percentile = (
        "Percentile: how many of all pairs of this gallery's own records, of different patients, are less alike."
        if compared
        else "No percentile is given: the score is no cosine that pairs of the gallery's own records have."
    )
    return [
        f"Encoder {spec.name}: {trained}.".replace("..", "."),
        percentile,
        "Alike is what the encoder makes of the pixels; it is no finding, and labels are those of the records.",
        *([f"{one_line(result.note).rstrip('.')}."] if result.note else []),
        *([f"The first {MOST_HITS} of {len(result.hits)} hits are shown."] if len(result.hits) > MOST_HITS else []),
        DISCLAIMER,
    ]
