"""Results in Python and in a notebook: what they list, tables, pictures; queries that are bytes; vectors; progress."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import lookalike
import lookalike.verbs
from conftest import write_pictures
from lookalike.errors import NotFoundError, UnreadableImageError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.listed import ListResult
from lookalike.verbs.records import browse

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("results")
    pictures = write_pictures(folder / "pictures")
    with open_gallery(folder / "g", create=True) as opened:
        lookalike.index(opened, [pictures], labels=pictures / "labels.csv")
        yield opened


@pytest.fixture
def picture(gallery: Gallery) -> Path:
    return min((gallery.folder.parent / "pictures").glob("*.png"))


def test_a_result_is_what_it_lists(gallery: Gallery, picture: Path) -> None:
    found = lookalike.search(gallery, picture, k=4)
    assert len(found) == 4
    assert [hit.rank for hit in found] == [1, 2, 3, 4]
    assert found[0] == found.hits[0]
    assert found[-2:] == found.hits[2:]
    assert repr(found) == f"<SearchResult: 4 of {found.records} records, best {found[0].score:.3f}>"
    none = lookalike.search(gallery, picture, where="label=nobody")
    assert none
    assert (len(none), list(none)) == (0, [])
    assert repr(browse(gallery, limit=3)) == "<RecordPage: 3 items>"


def test_a_result_is_a_table_of_pandas(gallery: Gallery, picture: Path) -> None:
    found = lookalike.search(gallery, picture, k=4)
    table = found.to_pandas()
    assert table["id"].tolist() == [hit.id for hit in found]
    assert table["score"].to_numpy() == pytest.approx([hit.score for hit in found])
    assert table["labels"].tolist() == [list(hit.labels) for hit in found]
    assert "attributes.site" in table
    by_class = lookalike.evaluate(gallery, k=(1, 3)).to_pandas()
    assert by_class.index.tolist() == ["macro", "micro", "even", "odd"]
    assert by_class.loc["macro", "P@1"] == pytest.approx(by_class.loc[["even", "odd"], "P@1"].mean(), abs=1e-6)


def test_a_notebook_shows_pictures_and_tables(gallery: Gallery, picture: Path) -> None:
    found = lookalike.search(gallery, picture, k=3)
    assert found._repr_html_().count("<img") == 4
    plain = lookalike.search(gallery, picture, k=3, pictures=False)
    table = ElementTree.fromstring(plain._repr_html_())
    place = [head.text for head in table.iter("th")].index("id")
    assert [row[place].text for row in table.iterfind("tbody/tr")] == [hit.id for hit in plain]
    report = lookalike.evaluate(gallery, k=(1, 3))
    page = report._repr_html_()
    assert lookalike.chart(report)._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no chart of a SearchResult"):
        lookalike.chart(found)  # type: ignore[arg-type]
    by_class = ElementTree.fromstring(page[: page.index("</table>") + 8])
    assert [row[0].text for row in by_class.iterfind("tbody/tr")] == ["even", "odd"]
    assert repr(report).startswith(f"<Report: {report.queries} queries in base, macro P@1 ")


def test_a_label_is_no_markup_in_a_notebook(gallery: Gallery) -> None:
    from lookalike.listed import html_table

    assert html_table({"label": ["<b>&"], "none": [None]}) == (
        "<table><thead><tr><th>label</th></tr></thead><tbody><tr><td>&lt;b&gt;&amp;</td></tr></tbody></table>"
    )


def test_bytes_and_open_files_ask_like_the_file(gallery: Gallery, picture: Path) -> None:
    expected = [(hit.id, hit.score) for hit in lookalike.search(gallery, picture, k=5)]
    with picture.open("rb") as opened:
        opened.read(7)  # it is read from its beginning all the same
        for query in (picture.read_bytes(), bytearray(picture.read_bytes()), io.BytesIO(picture.read_bytes()), opened):
            found = lookalike.search(gallery, query, k=5)
            assert [(hit.id, hit.score) for hit in found] == expected
            assert found.query == (str(picture) if query is opened else "bytes")
        assert lookalike.classify(gallery, opened).labels == lookalike.classify(gallery, picture).labels
    with pytest.raises(UnreadableImageError):
        lookalike.search(gallery, b"no picture")
    with pytest.raises(UsageError, match="no bytes"):
        lookalike.search(gallery, b"")
    with pytest.raises(UsageError, match="binary mode"), (picture.parent / "labels.csv").open() as text:
        lookalike.search(gallery, text)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="got int"):
        lookalike.search(gallery, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["volumes/*/*.nii.gz", "chest-xray-dicom5/**/*.dcm"])
def test_bytes_of_a_volume_and_of_dicom(gallery: Gallery, name: str) -> None:
    file = next(iter(sorted(SHARED.glob(name))), None)
    if file is None:
        pytest.skip("../shared/data is not here")
    of_file = lookalike.search(gallery, file, k=3)
    of_bytes = lookalike.search(gallery, file.read_bytes(), k=3)
    assert [(hit.id, hit.score) for hit in of_bytes] == [(hit.id, hit.score) for hit in of_file]


def test_the_vectors_of_a_gallery(gallery: Gallery) -> None:
    ids, slices, vectors = gallery.vectors()
    assert (len(ids), slices.tolist(), vectors.shape) == (12, [0] * 12, (12, gallery.spec.dim))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(12), abs=1e-3)
    found = lookalike.search(gallery, id=ids[3], k=12, same_patient=True)
    cosines = vectors @ vectors[3]
    assert {hit.id: hit.score for hit in found} == pytest.approx(
        dict(zip(ids, cosines.tolist(), strict=True)), abs=1e-4
    )
    with pytest.raises(NotFoundError, match="no space"):
        gallery.vectors("nothing")


def test_progress_is_drawn_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    draw = lookalike.bar("pictures")
    for done in range(4):
        draw(done, 3)
    for done in range(3):
        draw(done, 2)
    told = capsys.readouterr().err
    assert re.search(r"3/3.* pictures/s", told)
    assert "2/2" in told


def test_every_result_with_items_is_a_list() -> None:
    for module in pkgutil.walk_packages(lookalike.verbs.__path__, "lookalike.verbs."):
        for name, each in vars(importlib.import_module(module.name)).items():
            if isinstance(each, type) and each.__module__ == module.name and is_dataclass(each):
                assert issubclass(each, ListResult) or "items" not in {field.name for field in fields(each)}, name
