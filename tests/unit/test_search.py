"""search, against a plain NumPy ranking of the stored vectors."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from dicoms import data_set, save
from lookalike import plots
from lookalike.errors import NotFoundError, UnreadableImageError, UsageError
from lookalike.filters import matches, parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.types import Record
from lookalike.verbs.index import index
from lookalike.verbs.search import MAX_K, SearchResult, search

COUNT = 30
HOSTILE = '"><script>alert(1)</script><b onmouseover=x'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty PNGs of seven patients (five of them of none), two pages of a TIFF, two DICOM files of one patient."""
    made = tmp_path_factory.mktemp("collection")
    rows = ["file,label,patient_id,n,site"]
    for i in range(COUNT):
        PIL.Image.fromarray(texture(i)).save(made / f"p{i:02}.png")
        labels = "|".join(["even" if i % 2 == 0 else "odd"] + ["third"] * (i % 3 == 0))
        rows.append(f"p{i:02}.png,{labels},{'' if i < 5 else f'patient-{i % 7}'},{i},{'north' if i < 11 else 'south'}")
    pages = [PIL.Image.fromarray(texture(100 + i)) for i in range(2)]
    pages[0].save(made / "pages.tif", save_all=True, append_images=pages[1:])
    for i in range(2):
        ds = data_set(texture(200 + i), PatientID="MRN-7", Modality="CR")
        save(ds, made / f"d{i}.dcm")
    hostile = f'"{HOSTILE.replace(chr(34), chr(34) * 2)}"'
    rows.append(f"pages.tif,{hostile},,,")
    (made / "labels.csv").write_text("\n".join(rows) + "\n")
    return made


@pytest.fixture(scope="module")
def gallery(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with open_gallery(tmp_path_factory.mktemp("galleries") / "g", create=True) as opened:
        result = index(opened, [folder], labels=folder / "labels.csv")
        assert (result.added, result.refused) == (COUNT + 4, ())
        yield opened


def records(gallery: Gallery) -> dict[str, Record]:
    return {f"{Path(r.source).name}#{r.frame}": r for r in gallery.store.records().values()}


def oracle(
    gallery: Gallery, record: Record, k: int, where: str | None = None, *, same_patient: bool = False
) -> list[tuple[str, float]]:
    """(id, cosine) by sorting every stored vector in plain Python."""
    stored = gallery.store.vectors()
    known = gallery.store.records()
    asked = stored.vectors[stored.records.tolist().index(record.key)].astype(np.float64)
    found = []
    for key, owner, vector in zip(stored.keys, stored.records, stored.vectors.astype(np.float64), strict=True):
        other = known[int(owner)]
        seen = {name: [str(value)] for name, value in other.attributes.items()}
        seen |= {"label": list(other.labels), "id": [other.id], "source": [other.source], "patient": [other.patient]}
        if (same_patient or other.patient != record.patient) and (where is None or matches(parse(where), seen)):
            found.append((-float(asked @ vector), int(key), other.id))
    return [(identity, -score) for score, _, identity in sorted(found)[:k]]


def agree(result: SearchResult, wanted: list[tuple[str, float]]) -> None:
    assert [hit.id for hit in result.hits] == [identity for identity, _ in wanted]
    np.testing.assert_allclose([hit.score for hit in result.hits], [score for _, score in wanted], atol=1e-5)
    assert [hit.rank for hit in result.hits] == list(range(1, len(wanted) + 1))


WHERES = [
    None,
    "label=even",
    "label=even and not label=third",
    "n<3",
    "n>=3",
    "n=17",
    "site=north or Modality=CR",
    "label=nothing",
    "source~p0",
    "Modality!=CR",
    "n>=0 and n<29",
]


# Against the oracle


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("same_patient", [False, True])
def test_search_equals_brute_force(gallery: Gallery, where: str | None, same_patient: bool) -> None:
    for name, record in list(records(gallery).items())[::4]:
        for k in (1, 5, 40):
            result = search(gallery, id=record.id, k=k, where=where, same_patient=same_patient)
            agree(result, oracle(gallery, record, k, where, same_patient=same_patient))
            assert result.query == record.id, name


def test_hits_carry_what_the_record_carries(gallery: Gallery) -> None:
    by_id = {record.id: record for record in gallery.store.records().values()}
    for hit in search(gallery, id=records(gallery)["p09.png#0"].id, k=40).hits:
        record = by_id[hit.id]
        assert (hit.source, hit.labels, hit.attributes) == (record.source, record.labels, record.attributes)


def test_the_query_s_own_patient_never_answers(gallery: Gallery) -> None:
    known = records(gallery)
    for name in ("p08.png#0", "p15.png#0", "d0.dcm#0", "p02.png#0", "pages.tif#0"):
        record = known[name]
        own = {other.id for other in known.values() if other.patient == record.patient}
        answered = {hit.id for hit in search(gallery, id=record.id, k=100).hits}
        assert answered == {other.id for other in known.values()} - own


def test_with_the_same_patient_the_query_itself_comes_first(gallery: Gallery) -> None:
    record = records(gallery)["p08.png#0"]
    first = search(gallery, id=record.id, same_patient=True).hits[0]
    assert first.id == record.id
    assert first.score == pytest.approx(1, abs=1e-5)


def test_fewer_hits_only_where_fewer_may_answer(gallery: Gallery) -> None:
    record = records(gallery)["p00.png#0"]
    assert search(gallery, id=record.id, k=5).note == ""
    result = search(gallery, id=record.id, k=5, where="n<3")
    assert len(result.hits) == 2
    assert result.note == "only 2 records may answer this query"
    assert search(gallery, id=record.id, k=5, where="label=nothing").hits == ()
    assert len(search(gallery, id=record.id, k=MAX_K).hits) == COUNT + 3


# Files, arrays, ids


@pytest.mark.parametrize("name", ["p03.png", "p20.png", "d1.dcm"])
def test_file_and_id_queries_agree(gallery: Gallery, folder: Path, name: str) -> None:
    record = records(gallery)[f"{name}#0"]
    for query in (folder / name, str(folder / name)):
        by_file = search(gallery, query, k=8)
        assert [(h.id, round(h.score, 4)) for h in by_file.hits] == [
            (h.id, round(h.score, 4)) for h in search(gallery, id=record.id, k=8).hits
        ]
        assert by_file.query == str(folder / name)


def test_array_and_file_queries_agree(gallery: Gallery, folder: Path) -> None:
    """An array has no patient, so it finds itself."""
    by_array = search(gallery, texture(20), k=8)
    by_file = search(gallery, folder / "p20.png", k=8, same_patient=True)
    assert [hit.id for hit in by_array.hits] == [hit.id for hit in by_file.hits]
    assert by_array.hits[0].score == pytest.approx(1, abs=1e-4)
    assert by_array.query == "array"


@pytest.mark.parametrize(
    "same",
    [
        lambda a: a.astype(np.float32) / 255,
        lambda a: a.astype(np.uint16) * 16,
        lambda a: np.repeat(a[..., None], 3, -1),
        lambda a: a[..., None],
        lambda a: a.astype(np.int64) * 1000 - 7,
    ],
    ids=["float", "uint16", "RGB", "one channel", "int64"],
)
def test_the_same_picture_in_another_dtype_finds_the_same(gallery: Gallery, same: Any) -> None:
    best = search(gallery, same(texture(20)), k=1).hits[0]
    assert best.id == records(gallery)["p20.png#0"].id
    assert best.score >= 0.9999


def test_a_file_elsewhere_with_the_same_bytes_is_the_same_patient(
    gallery: Gallery, folder: Path, tmp_path: Path
) -> None:
    """The bytes are known, so the patient that only the label table named is known too."""
    (tmp_path / "copy.png").write_bytes((folder / "p08.png").read_bytes())
    agree(search(gallery, tmp_path / "copy.png", k=40), oracle(gallery, records(gallery)["p08.png#0"], 40))


def test_a_new_file_of_a_known_patient_does_not_find_that_patient(gallery: Gallery, tmp_path: Path) -> None:
    known = records(gallery)
    path = save(
        data_set(texture(200), PatientID="MRN-7", Modality="CR", BodyPartExamined="CHEST"), tmp_path / "new.dcm"
    )
    answered = {hit.id for hit in search(gallery, path, k=100).hits}
    assert answered == {record.id for record in known.values()} - {known["d0.dcm#0"].id, known["d1.dcm#0"].id}
    first = search(gallery, path, same_patient=True).hits[0]
    assert (first.id, round(first.score, 3)) == (known["d0.dcm#0"].id, 1.0)


def test_frames_of_a_file(gallery: Gallery, folder: Path, tmp_path: Path) -> None:
    known = records(gallery)
    for frame in (0, 1):
        first = search(gallery, f"{folder / 'pages.tif'}#{frame}", same_patient=True).hits[0]
        assert first.id == known[f"pages.tif#{frame}"].id
    with pytest.raises(UsageError, match="no frame 2"):
        search(gallery, f"{folder / 'pages.tif'}#2")
    odd = tmp_path / "scan#1"
    odd.write_bytes((folder / "p20.png").read_bytes())
    assert search(gallery, odd, same_patient=True).hits[0].id == known["p20.png#0"].id


# What is refused


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1])
def test_k_out_of_range(gallery: Gallery, k: int) -> None:
    with pytest.raises(UsageError, match=f"1 to {MAX_K}, got {k}"):
        search(gallery, texture(0), k=k)


def test_either_a_query_or_an_id(gallery: Gallery) -> None:
    with pytest.raises(UsageError, match="either"):
        search(gallery)
    with pytest.raises(UsageError, match="either"):
        search(gallery, texture(0), id="0" * 16)
    with pytest.raises(UsageError, match="or a NumPy array; got list"):
        search(gallery, [[1, 2], [3, 4]])  # type: ignore[arg-type]


def test_unknown_names(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no record has the id"):
        search(gallery, id="0" * 16)
    with pytest.raises(NotFoundError, match="no space is called 'finding'"):
        search(gallery, texture(0), space="finding")
    with pytest.raises(UsageError, match="no such file"):
        search(gallery, tmp_path / "missing.png")
    with pytest.raises(UsageError, match=r"no record has a field 'sit'.*'site'"):
        search(gallery, texture(0), where="sit=north")


def test_queries_that_cannot_be_read(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnreadableImageError, match="not-an-image"):
        search(gallery, tmp_path / "text.png")
    for array, reason in ((np.zeros((3, 3, 2)), "unsupported-pixels"), (np.full((9, 9), np.nan), "damaged-pixels")):
        with pytest.raises(UnreadableImageError, match=reason):
            search(gallery, array)


def test_an_empty_gallery_answers_nothing(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "empty", create=True) as empty:
        result = search(empty, texture(0))
        assert (result.hits, result.records) == ((), 0)
        assert result.note == "only 0 records may answer this query: the gallery is empty"


# What the result says


def test_every_stage_is_timed(gallery: Gallery, folder: Path) -> None:
    stages = {"open", "read", "encode", "project", "filter", "search", "background", "fetch"}
    for query in (folder / "p03.png", texture(0)):
        assert search(gallery, query).seconds.keys() == stages
    by_id = search(gallery, id=records(gallery)["p03.png#0"].id)
    assert by_id.seconds.keys() == stages - {"encode"}
    assert all(seconds >= 0 for seconds in by_id.seconds.values())


def test_the_result_is_json_without_pictures(gallery: Gallery) -> None:
    said = json.loads(json.dumps(dataclasses.asdict(search(gallery, texture(3), k=2))))
    assert said["space"] == "base"
    assert said["records"] == COUNT + 4
    assert said["encoder"] == gallery.spec.name
    assert [set(hit) >= {"rank", "score", "id", "source", "labels"} for hit in said["hits"]] == [True, True]
    assert "pictures" not in said


def test_pictures_are_the_query_s_and_the_hits(gallery: Gallery) -> None:
    result = search(gallery, texture(20), k=3)
    assert len(result.pictures) == 4
    drawn = [np.asarray(PIL.Image.open(io.BytesIO(jpeg)).convert("L"), float) for jpeg in result.pictures]
    assert np.abs(drawn[0] - drawn[1]).mean() < 2  # it finds itself
    assert np.abs(drawn[0] - drawn[2]).mean() > 10


def test_the_notebook_strip_escapes_what_files_say(gallery: Gallery) -> None:
    result = search(gallery, id=records(gallery)["pages.tif#0"].id, k=3, same_patient=True)
    assert result.hits[0].labels == (HOSTILE,)
    shown = dataclasses.replace(result, query="/tmp/<img src=x onerror=alert(2)>")
    html = shown._repr_html_()
    assert "<script" not in html
    assert "onerror=alert(2)>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;img src=x" in html
    assert set(re.findall(r"<(\w+)", html)) == {"div", "figure", "img", "br"}
    assert html.count("data:image/jpeg;base64,") == 4


# Figures


@pytest.mark.parametrize("suffix", ["png", "jpg", "pdf"])
def test_a_figure_is_written(gallery: Gallery, tmp_path: Path, suffix: str) -> None:
    result = search(gallery, texture(20), k=4)
    path = plots.save_grid([plots.search_cells(result, ["even"])], tmp_path / f"out.{suffix}", "Look-alikes")
    assert path.stat().st_size > 2000


def test_the_figure_shows_each_picture_in_its_place(gallery: Gallery, tmp_path: Path) -> None:
    result = search(gallery, texture(20), k=4)
    cells = plots.search_cells(result, ["even"])
    assert [cell.right for cell in cells] == [None, *["even" in hit.labels for hit in result.hits]]
    plots.save_grid([cells], tmp_path / "out.png")
    with PIL.Image.open(tmp_path / "out.png") as drawn:
        pixels = np.asarray(drawn.convert("L"), float)
    assert pixels.shape[1] == 5 * 170 + 20
    found = []
    for jpeg in result.pictures:
        small = np.asarray(PIL.Image.open(io.BytesIO(jpeg)).convert("L"), float)[8:-8, 8:-8]
        rows, columns = small.shape
        errors = [
            np.abs(pixels[top : top + rows, left : left + columns] - small).mean()
            for top in range(50, 75)
            for left in range(0, pixels.shape[1] - columns)
        ]
        found.append(int(np.argmin(errors)) % (pixels.shape[1] - columns))
        assert min(errors) < 3
    assert sorted(found[1:]) == found[1:]


def test_many_hits_go_on_below(gallery: Gallery, tmp_path: Path) -> None:
    result = search(gallery, texture(20), k=30)
    plots.save_grid([plots.search_cells(result)], tmp_path / "out.png")
    with PIL.Image.open(tmp_path / "out.png") as drawn:
        assert drawn.width == 11 * 170 + 20
        assert drawn.height == 3 * 204 + 10


@pytest.mark.parametrize("name", ["out", "out.xyz", "no/such/folder/out.png"])
def test_a_figure_that_cannot_be_written_says_what_to_do(gallery: Gallery, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"name a \.png"):
        plots.save_grid([plots.search_cells(search(gallery, texture(20), k=1))], tmp_path / name)


def test_labels_of_any_alphabet_and_length_are_drawn(tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    PIL.Image.new("L", (40, 80), 128).save(jpeg, "JPEG")
    labels = ["x" * 500, "émphysème", "肺炎", "a\nb", ""]
    cells = [plots.Cell(jpeg.getvalue(), "1.  0.999", label, right) for label in labels for right in (True, False)]
    plots.save_grid([cells, [plots.Cell(b"", "no picture", "")]], tmp_path / "out.png", "Title")
    assert (tmp_path / "out.png").stat().st_size > 1000
