"""Evidence of a search: one file that says what was asked and found, and neither runs nor loads anything."""

from __future__ import annotations

import base64
import html
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

import lookalike
from conftest import write_pictures
from lookalike import plots
from lookalike.errors import MissingExtraError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.plots.evidence import SearchEvidence, with_box
from lookalike.plots.evidence_files import evidence_bytes
from lookalike.plots.self_contained import policy_hash
from lookalike.verbs.index import index
from lookalike.verbs.search import SearchResult, search

HOSTILE = '<script>alert("x")</script>'
WHERE = "site=north or site=south"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures") / "p")


@pytest.fixture(scope="module")
def gallery(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with open_gallery(tmp_path_factory.mktemp("evidence") / "g", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        yield opened


@pytest.fixture(scope="module")
def found(gallery: Gallery, pictures: Path) -> SearchResult:
    return search(gallery, pictures / "p00.png", k=5, where=WHERE)


@pytest.fixture(scope="module")
def evidence(gallery: Gallery, found: SearchResult) -> SearchEvidence:
    made = plots.search_evidence(gallery, found, {"where": WHERE, "positive": (), "k": 5, "group_by": None})
    return replace(made, hits=(replace(made.hits[0], labels=HOSTILE), *made.hits[1:]))


def test_a_page_says_what_was_asked_and_found(gallery: Gallery, found: SearchResult, evidence: SearchEvidence) -> None:
    page = evidence_bytes(evidence, "html").decode()
    text = html.unescape(page)
    for hit in found.hits:
        assert hit.percentile is not None
        for words in (f"cosine {hit.score:.4f}", f"percentile {hit.percentile:.1f}", hit.id):
            assert words in text
    for words in (WHERE, "p00.png", gallery.spec.name, "g: 12 records", f"lookalike {lookalike.__version__}"):
        assert words in text
    for words in ("trained on photographs", "Research software, not a medical device.", "UTC by lookalike"):
        assert words in text
    assert not re.search(rf"{found.hits[0].source.rpartition('/')[0]}", text)  # where files lie is nobody's business
    pictures = [PIL.Image.open(io.BytesIO(base64.b64decode(each))) for each in re.findall(r"base64,([^\"]+)", page)]
    assert [picture.format for picture in pictures] == ["JPEG"] * (1 + len(found.hits))


def test_a_page_runs_and_loads_nothing(evidence: SearchEvidence) -> None:
    page = evidence_bytes(evidence, "html").decode()
    assert html.escape(HOSTILE) in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert f"default-src 'none'; img-src data:; style-src '{policy_hash(style[1])}'" in page


def test_a_pdf_has_every_picture_and_fits_a_page(evidence: SearchEvidence) -> None:
    many = replace(evidence, hits=(evidence.hits * 3)[:12], query="приклад")  # letters that its fonts do not have
    data = evidence_bytes(many, "pdf")
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    assert len(re.findall(rb"/Subtype /Image", data)) == 1 + len({hit.jpeg for hit in many.hits})


def test_a_pdf_without_its_package_says_what_to_install(
    evidence: SearchEvidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "reportlab.platypus", None)
    with pytest.raises(MissingExtraError, match=r"lookalike\[pdf\]"):
        plots.save_evidence(evidence, tmp_path / "e.pdf")
    assert not (tmp_path / "e.pdf").exists()
    assert plots.save_evidence(evidence, tmp_path / "e.HTML").stat().st_size > 5000
    with pytest.raises(UsageError, match=r"\.html or \.pdf"):
        plots.save_evidence(evidence, tmp_path / "e.doc")


def test_a_region_is_drawn_where_it_is(found: SearchResult) -> None:
    boxed = PIL.Image.open(io.BytesIO(with_box(found.pictures[0], (0.25, 0.25, 0.75, 0.75)))).convert("RGB")
    width, height = boxed.size

    def orange(x: float, y: float) -> bool:
        red, _, blue = boxed.getpixel((round(x * (width - 1)), round(y * (height - 1))))
        return bool(red - blue > 60)

    assert all(orange(*at) for at in ((0.25, 0.5), (0.75, 0.5), (0.5, 0.25), (0.5, 0.75)))
    assert not any(orange(*at) for at in ((0.1, 0.5), (0.5, 0.5), (0.5, 0.9)))
    assert with_box(b"", (0, 0, 1, 1)) == b""
