"""Evidence as files: a web page that prints well, or a PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

from lookalike.errors import UsageError
from lookalike.plots.evidence import SearchEvidence
from lookalike.plots.evidence_page import evidence_page
from lookalike.plots.evidence_pdf import evidence_pdf
from lookalike.text import one_line

EvidenceKind: TypeAlias = Literal["html", "pdf"]
EVIDENCE_KINDS: Final[tuple[EvidenceKind, ...]] = ("html", "pdf")


def evidence_kind(name: str) -> EvidenceKind:
    """By a file's suffix. Raises UsageError."""
    kind = next((each for each in EVIDENCE_KINDS if name.lower().endswith(f".{each}")), None)
    if kind is None:
        raise UsageError(f"evidence is written as .html or .pdf, got {one_line(Path(name).name)!r}")
    return kind


def evidence_bytes(evidence: SearchEvidence, kind: EvidenceKind) -> bytes:
    """Evidence as one file that needs no other. Raises MissingExtraError (no reportlab for a PDF)."""
    return evidence_pdf(evidence) if kind == "pdf" else evidence_page(evidence).encode()


def save_evidence(evidence: SearchEvidence, path: Path) -> Path:
    """Write evidence as .html or .pdf. Raises UsageError, MissingExtraError."""
    data = evidence_bytes(evidence, evidence_kind(path.name))
    try:
        path.write_bytes(data)
    except OSError:
        raise UsageError(f"cannot write {path.name}; name a file in a folder that exists") from None
    return path
