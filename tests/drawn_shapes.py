"""Discs and stripes that are labelled as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.index import index


def drawn(kind: str, seed: int) -> NDArray[np.uint8]:
    """A disc, or stripes, or both: somewhere, of some size, under noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96]
    plane = np.full((96, 96), 60.0)
    if kind in ("stripes", "both"):
        plane += 60 * np.sin((x + rng.uniform(-0.4, 0.4) * y) * rng.uniform(0.5, 0.7) + rng.uniform(0, 6))
    if kind in ("disc", "both"):
        row, column = rng.uniform(36, 60, 2)
        plane[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(18, 26) ** 2] = 200
    return (plane + rng.normal(0, 8, plane.shape)).clip(0, 255).astype(np.uint8)


def write(folder: Path, count: int, *, several: bool = False, seed: int = 0) -> Path:
    """``count`` pictures a kind, two of each patient, with a table."""
    folder.mkdir()
    rows = ["file,label,patient_id"]
    for kind in ("disc", "stripes", "both") if several else ("disc", "stripes"):
        for i in range(count):
            name = f"{kind}{i:02}.png"
            PIL.Image.fromarray(drawn(kind, seed + 1000 * len(kind) + i)).save(folder / name)
            rows.append(f"{name},{'disc|stripes' if kind == 'both' else kind},{kind}-{i // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def shown_to(folder: Path, pictures: Path) -> Gallery:
    """A new gallery in ``folder`` of pictures that were written with their table."""
    gallery = open_gallery(folder, create=True)
    index(gallery, [pictures], labels=pictures / "labels.csv")
    return gallery
