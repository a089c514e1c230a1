"""Galleries to be migrated, and everything that they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
from running import answers, described, ids_of, patients

from conftest import grained, texture, write_pictures
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import patches as stored_patches
from lookalike.verbs.index import index

OLD, NEW = "lite0-inner", "lite0-last"


def write_sources(root: Path) -> Path:
    """Twelve pictures with a table, a file of three pages, and a volume of six slices."""
    folder = write_pictures(root)
    pages = [PIL.Image.fromarray(texture(100 + i)) for i in range(3)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    volume = np.stack([grained(i, 40) for i in range(6)], axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.0, 1.0, 4.0, 1.0])), folder / "volume.nii.gz")
    return folder


def filled(folder: Path, sources: Path, encoder: str = OLD) -> Gallery:
    gallery = open_gallery(folder, create=True, encoder=encoder)
    index(gallery, [sources], labels=sources / "labels.csv", patches=True)
    return gallery


def vectors_by_id(gallery: Gallery) -> dict[str, list[bytes]]:
    stored, records = gallery.store.vectors(), gallery.store.records()
    found: dict[str, list[tuple[int, bytes]]] = {}
    for record, view, vector in zip(stored.records.tolist(), stored.views.tolist(), stored.vectors, strict=True):
        found.setdefault(records[record].id, []).append((view, vector.tobytes()))
    return {identity: [data for _view, data in sorted(rows)] for identity, rows in found.items()}


def patches_by_id(gallery: Gallery) -> dict[str, list[bytes]]:
    records = gallery.store.records()
    return {
        records[key].id: [one.codes.tobytes() for one in stored_patches.patches_of(gallery.store, key).values()]
        for key in stored_patches.patched_records(gallery.store).tolist()
    }


def everything(gallery: Gallery) -> dict[str, Any]:
    """What a gallery says in which its keys do not show."""
    ids = ids_of(gallery)
    return {
        "records": described(gallery),
        "patients": patients(gallery),
        "vectors": vectors_by_id(gallery),
        "patches": patches_by_id(gallery),
        "hits": answers(gallery, ids),
        "filtered": answers(gallery, ids[:3], where="label=even"),
        "regions": answers(gallery, ids[:3], box=(0.1, 0.1, 0.6, 0.7)),
        "encoder": gallery.spec.name,
    }
