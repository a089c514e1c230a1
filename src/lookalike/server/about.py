"""What a service says of itself."""

from __future__ import annotations

from typing import Any, Final

from lookalike.encoders import PatchEncoder
from lookalike.gallery import Gallery
from lookalike.server.service import Service
from lookalike.store.browse import count_refused, field_kinds, label_counts
from lookalike.store.patches import kept

DISCLAIMER: Final = "Research software, not a medical device."


def about(service: Service) -> dict[str, Any]:
    """The gallery, its encoder, and what may be asked of them."""
    gallery = service.gallery
    spec, store = gallery.spec, gallery.store
    return {
        "name": gallery.folder.name,
        "records": store.count(),
        "refused": count_refused(store),
        "encoder": {
            "name": spec.name,
            "dim": spec.dim,
            "text": spec.text,
            "note": spec.note,
            "patches": isinstance(gallery.encoder, PatchEncoder),
            "trained_on": sorted(spec.trained_on),
        },
        "spaces": spaces_of(gallery),
        "fields": [{"name": name, "kind": kind} for name, kind in field_kinds(store).items()],
        "labels": [name for name, _ in label_counts(store)],
        "volumes": gallery.holds_volumes(),
        "patches": kept(store),
        "imports": sorted(service.settings.imports),
        "disclaimer": DISCLAIMER,
    }


def spaces_of(gallery: Gallery) -> list[dict[str, str]]:
    """The base space first."""
    rows = sorted(gallery.store.spaces().values(), key=lambda row: (row.adapter is not None, row.name))
    return [{"name": row.name, "kind": "base" if row.adapter is None else "adapter"} for row in rows]
