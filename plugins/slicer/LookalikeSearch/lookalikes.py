"""What the module asks and shows, without Slicer: tested by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from service import Service, votes

HEAD = ("Rank", "Cosine", "Percentile", "Labels", "Record")


def lookalikes(
    save: Callable[[str], object], service: Service, k: int = 10, where: str = ""
) -> tuple[list[tuple[str, ...]], str]:
    """The rows of a table of the k records most like a volume, and a sentence about their labels. save: writes the
    volume into a file of a name; it is gone when this returns, and its name tells nothing of the patient.
    """
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        file = Path(folder) / "volume.nii.gz"
        if save(str(file)) is False or not file.is_file():
            raise ValueError("the volume could not be written as NIfTI; is it a scalar volume?")
        hits = service.search([file], k=k, where=where)
    rows = [
        (
            str(hit["rank"]),
            f"{hit['score']:.3f}",
            "" if hit.get("percentile") is None else f"{hit['percentile']:.1f}",
            ", ".join(hit["labels"]),
            hit["id"],
        )
        for hit in hits
    ]
    return rows, _said(votes(hits), len(hits))


def _said(shares: dict[str, float], count: int) -> str:
    if not count:
        return "The gallery holds nothing that may answer."
    told = ", ".join(f"{label} {share:.0%}" for label, share in list(shares.items())[:5])
    return f"Of the {count} nearest: {told or 'none is labelled'}. For research, not for diagnosis."
