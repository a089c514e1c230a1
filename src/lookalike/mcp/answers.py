"""What a tool tells of the verbs' results: no path of this machine, no patient's group, no report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lookalike.hits import Hit
from lookalike.verbs.classify import ClassifyResult
from lookalike.verbs.gallery import GalleryInfo
from lookalike.verbs.records import Facet, RecordInfo
from lookalike.verbs.search import SearchResult

PICTURE = "lookalike://records/{id}/picture"


def told_search(result: SearchResult) -> dict[str, Any]:
    """The hits, and what must be known to read them."""
    return {
        "hits": [told_hit(hit) for hit in result.hits],
        "nothing_similar": result.abstained,
        "note": result.note,
        "searched": result.records,
        "space": result.space,
        "encoder": result.encoder,
    }


def told_hit(hit: Hit) -> dict[str, Any]:
    """One hit."""
    told = {
        "rank": hit.rank,
        "id": hit.id,
        "cosine": round(hit.score, 4),
        "percentile": hit.percentile,
        "nearness": hit.nearness,
        "labels": list(hit.labels),
        "attributes": dict(hit.attributes),
        "picture": PICTURE.format(id=hit.id),
    }
    return {**told, "slices": asdict(hit.match)} if hit.match else told


def told_record(record: RecordInfo) -> dict[str, Any]:
    """One record."""
    return {
        "id": record.id,
        "labels": list(record.labels),
        "attributes": dict(record.attributes),
        "slices": record.depth,
        "day": record.day,
        "picture": PICTURE.format(id=record.id),
    }


def told_classes(result: ClassifyResult) -> dict[str, Any]:
    """Probabilities and the records that say so; or that nothing can be said."""
    evidence = [
        {"id": each.id, "cosine": round(each.score, 4), "labels": list(each.labels)} for each in result.evidence
    ]
    return {
        "abstained": result.abstained,
        "reason": result.reason,
        "labels": [{"label": each.label, "probability": round(each.probability, 4)} for each in result.labels],
        "evidence": evidence,
        "set": list(result.set.labels) if result.set else None,
        "notes": list(result.notes),
        "method": result.method,
        "encoder": result.encoder,
    }


def told_gallery(info: GalleryInfo, facets: tuple[Facet, ...]) -> dict[str, Any]:
    """What a gallery holds, and what may be asked of it in filters."""
    fields = [
        {
            "field": each.field,
            "kind": each.kind,
            "values": {value.value: value.count for value in each.values},
            **({"min": each.min, "max": each.max} if each.kind == "number" else {}),
        }
        for each in facets
    ]
    return {
        "records": info.records,
        "encoder": info.encoder.name,
        "spaces": [space.name for space in info.spaces if space.answers],
        "regions": info.patches,
        "fields": fields,
    }
