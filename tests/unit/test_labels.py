"""Label tables: which columns are what, and which row a file gets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.sources.labels import LabelRow, LabelTable, labels_of_folders, read_label_table
from lookalike.verbs.index import index


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., LabelTable]:
    """Write a CSV and read it as a label table."""

    def read(text: str, *columns: str, encoding: str = "utf-8", **options: str) -> LabelTable:
        (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
        return read_label_table(tmp_path / "labels.csv", columns, **options)

    return read


Table = Callable[..., LabelTable]


def labels(found: LabelTable) -> dict[str, tuple[str, ...]]:
    return {name: row.labels for name, row in found.items()}


# Columns


@pytest.mark.parametrize("file_column", ["file", "path", "filename", "image", "File", "PATH"])
@pytest.mark.parametrize("label_column", ["label", "labels", "class", "Label", "CLASS"])
def test_the_columns_are_found_by_name(table: Table, file_column: str, label_column: str) -> None:
    assert labels(table(f"other,{label_column},{file_column}\n1,effusion,a.png\n")) == {"a.png": ("effusion",)}


def test_several_labels_in_a_cell(table: Table) -> None:
    found = table("file,label\na.png, Mass |effusion||Mass\nb.png,\nc.png,|\n")
    assert labels(found) == {"a.png": ("Mass", "effusion"), "b.png": (), "c.png": ()}
    assert found.label_count == 2


def test_one_column_a_label(table: Table) -> None:
    found = table("file,mass,effusion,site\na,1,0,x\nb,1.0, 1 ,y\nc,,0.0,z\n", "mass", "effusion")
    assert labels(found) == {"a": ("mass",), "b": ("mass", "effusion"), "c": ()}
    assert dict(found.items())["a"].attributes == {"site": "x"}


def test_a_chosen_column_goes_before_the_usual_one(table: Table) -> None:
    found = table("file,label,finding\na,x,y\n", "finding")
    assert labels(found) == {"a": ("y",)}
    assert dict(found.items())["a"].attributes == {"label": "x"}


def test_one_chosen_column_of_digits_is_labels(table: Table) -> None:
    assert labels(table("file,grade\na,0\nb,1\n", "grade")) == {"a": ("0",), "b": ("1",)}


def test_patients_and_attributes(table: Table) -> None:
    rows = dict(table("file,label,patient_id,age,site,empty\na.png,x, p-1 ,061,north,\n").items())
    assert rows == {"a.png": LabelRow(("x",), "p-1", {"age": "061", "site": "north"})}
    rows = dict(table("file,label,patient_id,Subject\na,x,p-1,s-1\n", patient_column="Subject").items())
    assert rows == {"a": LabelRow(("x",), "s-1", {"patient_id": "p-1"})}


def test_several_rows_of_one_file_are_taken_together(table: Table) -> None:
    rows = dict(table("file,label,patient_id,site,age\na,mass,,north,\na,effusion,p,south,50\na,mass,q,,\n").items())
    assert rows == {"a": LabelRow(("mass", "effusion"), "p", {"site": "north", "age": "50"})}


def test_a_table_without_labels(table: Table) -> None:
    found = table("file,patient_id\na,p\n")
    assert (labels(found), found.label_count, len(found)) == ({"a": ()}, 0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "\ufefffile,label\na,x\n",
        "file,label\r\na,x\r\n",
        "file,label\ra,x\r",
        'file,label\n"a","x"\n',
        " file , label \n a , x \n",
        "file,label,\na,x,spare,more\n",
        "file,label\n\na,x\n\n",
        "label,file\nx,a",
    ],
    ids=["BOM", "CRLF", "CR", "quotes", "spaces", "ragged", "blank lines", "no last newline"],
)
def test_every_dialect_says_the_same(table: Table, text: str) -> None:
    assert labels(table(text)) == {"a": ("x",)}


def test_hostile_cells_are_one_printable_line(table: Table) -> None:
    evil = "<script>\x1b[31m" + "x" * 500
    (row,) = (row for _, row in table(f'file,label,note\x07\na,"{evil}","two\nlines"\n').items())
    (label,) = row.labels
    assert label.isprintable()
    assert len(label) == 200
    assert row.attributes == {"note": "two lines"}


# Bad tables


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", (), "no column that names the file.*it has: none"),
        ("name,label\na,x\n", (), "no column that names the file.*file, path, filename, image.*it has: name, label"),
        ("file;label\na;x\n", (), "it has: file;label"),
        ("file,label\na,x\n", ("lable",), "no column 'lable'.*Did you mean 'label'"),
        ("file,label\na,x\n", ("grading",), "no column 'grading'.*file, label"),
        ("file,a,b\nx,1,2\n", ("a", "b"), "'b' does not"),
        ("file,a,b\nx,1,yes\n", ("a", "b"), "0 and 1 only; 'b' does not"),
    ],
)
def test_bad_tables_say_what_is_there(table: Table, text: str, columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table(text, *columns)


@pytest.mark.parametrize(
    "data", [b"\xff\xfef\0i\0l\0e\0", b"file,label\na,\xe9\n", b'file,label\na,"' + b"x" * 200_000]
)
def test_no_csv_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(UsageError, match="no UTF-8 CSV"):
        read_label_table(tmp_path / "labels.csv")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot be opened"):
            read_label_table(path)


# Which row a file gets


def test_paths_relative_to_the_table(table: Table, tmp_path: Path) -> None:
    found = table("file,label\na/x.png,one\nb/x.png,two\n./c/x.png,three\n")
    for folder, label in (("a", "one"), ("b", "two"), ("c", "three")):
        row = found.row(tmp_path / folder / "x.png")
        assert row is not None
        assert row.labels == (label,)
    assert found.row(tmp_path / "d" / "x.png") is None
    assert found.row(tmp_path / "a" / "y.png") is None


def test_paths_above_the_table_and_whole_ones(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "labels.csv"
    path.write_text(f"file,label\n../images/a.png,up\n{tmp_path}/images/b.png,whole\n")
    found = read_label_table(path)
    for name, label in (("a.png", "up"), ("b.png", "whole")):
        row = found.row(tmp_path / "images" / name)
        assert row is not None
        assert row.labels == (label,)


def test_tails_of_paths(table: Table) -> None:
    found = table("file,label\ns1/IM1,one\ns2/IM1,two\nonly.png,three\n")
    for path, label in (("/x/s1/IM1", "one"), ("/y/z/s2/IM1", "two"), ("/anywhere/only.png", "three")):
        row = found.row(Path(path))
        assert row is not None
        assert row.labels == (label,)
    for path in ("/x/s3/IM1", "/x/1/IM1", "/x/ss1/IM1", "/x/xonly.png"):
        assert found.row(Path(path)) is None


def test_windows_paths(table: Table) -> None:
    row = table("file,label\nscans\\s1\\a.dcm,one\n").row(Path("/data/scans/s1/a.dcm"))
    assert row is not None
    assert row.labels == ("one",)


def test_ambiguous_names_match_the_file_beside_the_table_only(table: Table, tmp_path: Path) -> None:
    found = table("file,label\na.png,here\nsub/a.png,there\n")
    assert found.row(Path("/elsewhere/sub/a.png")) is None  # both are tails of it
    here, there = found.row(tmp_path / "a.png"), found.row(tmp_path / "sub" / "a.png")
    assert here is not None
    assert there is not None
    assert (here.labels, there.labels) == (("here",), ("there",))


def test_rows_that_no_file_asks_for_are_counted(table: Table, tmp_path: Path) -> None:
    found = table("file,label\na,x\nb,x\nc,x\n")
    for name in ("a", "a", "b", "nothing"):
        found.row(tmp_path / name)
    assert found.unused() == 1


def test_labels_of_folders(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("mass/1.png", "mass/deep/2.png", "none/3.png", "4.png")]
    found = labels_of_folders(tmp_path, files)
    given = [row.labels if (row := found.row(file)) else None for file in files]
    assert given == [("mass",), ("mass",), ("none",), None]
    assert found.label_count == 2


# Tables and galleries


def by_name(gallery: Gallery) -> dict[str, tuple[tuple[str, ...], str, dict[str, object]]]:
    return {
        Path(record.source).name: (record.labels, record.patient, dict(record.attributes))
        for record in gallery.store.records().values()
    }


def test_a_second_table_brings_labels_up_to_date(picture_folder: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    result = index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
    assert (result.added, result.skipped, result.ignored, result.unmatched) == (12, 0, 1, 0)
    before = by_name(gallery)
    assert before["p03.png"] == (("odd",), gallery.store.patient_group("patient-3"), {"site": "north"})

    again = index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
    assert (again.added, again.skipped, by_name(gallery)) == (0, 12, before)

    second = picture_folder / "second.csv"
    second.write_text("file,label,site\np03.png,three|odd,east\np04.png,,\nmissing.png,x,\n")
    result = index(gallery, [picture_folder], labels=second)
    assert (result.added, result.skipped, result.unmatched) == (0, 12, 1)
    after = by_name(gallery)
    assert after["p03.png"] == (("odd", "three"), before["p03.png"][1], {"site": "east"})
    assert after["p04.png"][0] == ()
    assert {name: row for name, row in after.items() if name not in ("p03.png", "p04.png")} == {
        name: row for name, row in before.items() if name not in ("p03.png", "p04.png")
    }


def test_a_table_of_patients_leaves_labels_alone(picture_folder: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
    before = by_name(gallery)
    patients = picture_folder / "patients.csv"
    patients.write_text("file,patient_id\n" + "".join(f"p{i:02}.png,other-{i}\n" for i in range(12)))
    index(gallery, [picture_folder], labels=patients)
    after = by_name(gallery)
    assert {name: row[0] for name, row in after.items()} == {name: row[0] for name, row in before.items()}
    assert after["p07.png"][1] == gallery.store.patient_group("other-7")


def test_the_same_bytes_twice_are_one_record_with_the_first_one_s_labels(
    picture_folder: Path, make_gallery: Callable[..., Gallery]
) -> None:
    shutil.copy(picture_folder / "p00.png", picture_folder / "zz.png")
    (picture_folder / "labels.csv").write_text("file,label\np00.png,first\nzz.png,second\n")
    gallery = make_gallery()
    for added, skipped in ((12, 1), (0, 13)):
        result = index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
        assert (result.added, result.skipped, result.records) == (added, skipped, 12)
        assert by_name(gallery)["p00.png"][0] == ("first",)
