"""The sentence encoder of a gallery's reports, and a report as the vectors of its passages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

import numpy as np

from lookalike.encoders.families.sentences import MINILM, describe_sentences, load_sentences
from lookalike.encoders.protocols import SentenceEncoder, SentenceSpec
from lookalike.errors import GalleryError, ManifestMismatchError, UsageError
from lookalike.gallery import Gallery
from lookalike.ownership import allow_encoder, ownership_of
from lookalike.store import Batch
from lookalike.store.database import damaged
from lookalike.store.reports import texts_of_files
from lookalike.text import one_line
from lookalike.types import EncodedReport

_FACT: Final = "sentences"  # of the gallery: the identity of the sentence encoder
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n")
_DENIAL: Final = re.compile(
    r"(\w+:\s*)?(there (is|are|was|were) |with |shows? )?"
    r"(no|not|without|neither|never|denie[sd]|negative for|absence of|free of|ruled out|rule out)\b",
    re.IGNORECASE,
)
"""How a sentence begins that says what is not there: the commonest triggers of Chapman et al., "A simple algorithm for
identifying negated findings", Journal of Biomedical Informatics 34, 2001. To a sentence encoder it means the same as
what it denies.
"""
_MOST_PASSAGES: Final = 64
_TOGETHER: Final = 1000  # reports read at once


def declare_sentences(gallery: Gallery, name: str | None) -> SentenceEncoder:
    """The sentence encoder of a gallery's reports, noted when the first reports come. name: ``MINILM`` by default.

    Raises UsageError (another one than was noted), and as ``sentences.load_sentences``.
    """
    noted = gallery.store.noted(_FACT)
    spec = describe_sentences(name or (_name(noted) if noted else MINILM))
    if spec.name != MINILM:
        allow_encoder(gallery.store.id, spec.name)
    if json.loads(gallery.store.fact(_FACT, json.dumps(spec.identity))) != spec.identity:
        raise UsageError(
            f"the reports of this gallery are read by the sentence encoder {one_line(_name(noted))!r}, of another "
            "revision or name than this one; index into a new gallery to use another"
        )
    return load_sentences(spec.name)


def sentence_encoder(gallery: Gallery) -> SentenceEncoder:
    """The sentence encoder that a gallery's reports were read by. Raises UsageError where the gallery keeps none,
    GalleryError for one that only the gallery names, ManifestMismatchError for another revision.
    """
    if not (noted := gallery.store.noted(_FACT)):
        raise UsageError(
            "this gallery keeps no reports; run `lookalike index` on its sources again with --reports or "
            "--report-column"
        )
    spec = _trusted(gallery, _name(noted))
    if json.loads(noted) != spec.identity:
        raise ManifestMismatchError(
            f"the sentence encoder {spec.name!r} differs from the one that read this gallery's reports; install the "
            "earlier version, or index into a new gallery"
        )
    return load_sentences(spec.name)


def bring_reports(gallery: Gallery, other: Gallery) -> tuple[int, int]:
    """Give the files of a gallery the reports that another one keeps of them, where it has none: of how many, and of
    how many it has another. They are read anew: by this gallery's sentence encoder, by the other's where it has none.

    Raises as ``declare_sentences``; GalleryError for an encoder that only the other gallery names.
    """
    theirs, there = texts_of_files(other.store), texts_of_files(gallery.store)
    files = gallery.store.files() & theirs.keys()
    new = sorted(files - there.keys())
    if new:
        noted = other.store.noted(_FACT)
        own = gallery.store.noted(_FACT)
        encoder = declare_sentences(gallery, None if own else _trusted(other, _name(noted)).name)
        for start in range(0, len(new), _TOGETHER):
            some = {sha256: theirs[sha256] for sha256 in new[start : start + _TOGETHER]}
            encoded = encoded_reports(encoder, some.values())
            gallery.store.write(Batch(reports={sha256: encoded[text] for sha256, text in some.items()}))
    return len(new), sum(there[each] != theirs[each] for each in files & there.keys())


def _name(noted: str) -> str:
    try:
        return str(json.loads(noted)["name"])
    except (ValueError, LookupError, TypeError):
        raise damaged() from None


def _trusted(gallery: Gallery, name: str) -> SentenceSpec:
    if name != MINILM and name not in ownership_of(gallery.store.id).encoders:
        raise GalleryError(
            f"this gallery names the sentence encoder {one_line(name)!r}, and a model of this machine is not loaded "
            "since a gallery names it; if you trust it: lookalike gallery adopt G --encoder NAME"
        )
    return describe_sentences(name)


def passages(text: str) -> list[str]:
    """The passages that a report is found by: the whole text, and each of its first sentences that denies nothing."""
    sentences = [part.strip() for part in _SENTENCE.split(text)]
    said = (part for part in sentences if len(part) > 2 and not _DENIAL.match(part))
    return list(dict.fromkeys([text, *said]))[:_MOST_PASSAGES]


def encoded_reports(encoder: SentenceEncoder, texts: Iterable[str]) -> dict[str, EncodedReport]:
    """Every different text as a report, by the text; those with the same sentence share its vector."""
    parts = {text: passages(text) for text in texts}
    every = list(dict.fromkeys(part for some in parts.values() for part in some))
    vectors = dict(zip(every, encoder.encode_sentences(every), strict=True))
    return {text: EncodedReport(text, np.stack([vectors[part] for part in some])) for text, some in parts.items()}
