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
        ("name;label\na;x\n", (), "it has: name, label"),
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
    ("data", "message"),
    [
        (b'file,label\na,"' + b"x" * 200_000, "no CSV table"),
        (b"f\0i\0l\0e\0", "no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\x81", "no text"),
        (b"\xff\xfef\0i", "no text"),
        (b"PK\x03\x04\x14\0", "Excel workbook; save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel workbook; save it as CSV"),
    ],
)
def test_no_table_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        read_label_table(tmp_path / "labels.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_program_s_table(tmp_path: Path, encoding: str, separator: str) -> None:
    age = "6,1" if separator != "," else "6.1"
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    for start in ("", "\n", f"sep={separator}\r\n", f'"sep={separator}"\n'):
        lines = ["file|label|age", f"ä.png|Mass/Größe|{age}"]
        text = mark + start + "\n".join(lines).replace("|", separator).replace("/", "|")
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        found = read_label_table(tmp_path / "t.csv")
        assert dict(found.items()) == {"ä.png": LabelRow(("Mass", "Größe"), "", {"age": age})}
        assert ["Windows-1252" in note for note in found.notes] == [True] * (encoding == "cp1252")


def test_missing_values_are_no_labels_no_patients_and_no_attributes(table: Table) -> None:
    for word in ("", "nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "#N/A", "<NA>", " nan "):
        rows = dict(table(f"file,label,patient_id,age\na,{word},{word},{word}\nb,x|{word},p,1\n").items())
        assert rows == {"a": LabelRow((), "", {}), "b": LabelRow(("x",), "p", {"age": "1"})}, word
    found = labels(table("file,label\na,none\nb,-\nc,Normal\nNA,x\n"))
    assert found == {"a": ("none",), "b": ("-",), "c": ("Normal",)}
    assert labels(table("file,m,n\na,nan,1\nb,1.0,NA\n", "m", "n")) == {"a": ("n",), "b": ("m",)}


def test_the_patient_column_is_found_by_its_usual_names(table: Table) -> None:
    for column in (
        "patient_id",
        "Patient ID",
        "PatientID",
        "patient",
        "Subject",
        "subject_id",
        "participant_id",
        "PATIENT-ID",
    ):
        assert dict(table(f"file,label,{column}\na,x,7\n").items()) == {"a": LabelRow(("x",), "7", {})}


def test_a_patient_column_that_is_not_there(table: Table) -> None:
    for asked in ("Patient Id", "Patient_ID"):
        with pytest.raises(UsageError, match=f"no column '{asked}'.*'Patient ID'.*It has: file, label, Patient ID"):
            table("file,label,Patient ID\na,x,7\n", patient_column=asked)


def test_a_table_without_a_label_column_says_so(table: Table) -> None:
    (note,) = table("file,finding\na,x\n").notes
    assert "no label column (label, labels or class)" in note
    assert "--label-column" in note
    assert not table("file,finding\na,x\n", "finding").notes


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
    assert found.row(tmp_path / "a" / "y.png") is None
    names = [str(tmp_path / folder / "x.png") for folder in "abcd"]
    assert found.match(names).rows.keys() == {*names[:3]}


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
    assert found.row(Path("/x/xonly.png")) is None
    with pytest.raises(UsageError, match="ambiguous: the rows s1/IM1, s2/IM1 and the file /x/s3/IM1 fit"):
        found.row(Path("/x/s3/IM1"))


def test_windows_paths(table: Table) -> None:
    row = table("file,label\nscans\\s1\\a.dcm,one\n").row(Path("/data/scans/s1/a.dcm"))
    assert row is not None
    assert row.labels == ("one",)


def test_a_path_from_the_table_s_folder_goes_before_a_tail(table: Table, tmp_path: Path) -> None:
    found = table("file,label\na.png,here\nsub/a.png,there\n")
    elsewhere = found.row(Path("/elsewhere/sub/a.png"))
    assert elsewhere is not None
    assert elsewhere.labels == ("there",)
    here, there = found.row(tmp_path / "a.png"), found.row(tmp_path / "sub" / "a.png")
    assert here is not None
    assert there is not None
    assert (here.labels, there.labels) == (("here",), ("there",))


def test_rows_that_fit_one_file_and_agree(table: Table) -> None:
    found = table("file,label,n,site\nD:/a/1.png,x,1,s\nD:/b/1.png,x,2,s\n").match(["/r/1.png"])
    assert found.rows == {"/r/1.png": LabelRow(("x",), "", {"site": "s"})}
    assert found.used == {"D:/a/1.png", "D:/b/1.png"}


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


def test_what_met_what_is_told(picture_folder: Path, make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    named = [f"D:\\study\\P{n:02}.PNG;odd" for n in range(8)]
    table.write_text("\n".join(["file;label", *named, *(f"gone/{n};x" for n in range(5))]))
    gallery = make_gallery()
    for _ in range(2):
        result = index(gallery, [picture_folder], labels=table)
        found = result.labels
        assert found is not None
        assert (found.rows, found.rows_met, found.images, found.images_met, found.by_end) == (13, 8, 12, 8, 8)
        assert [each.source for each in found.rows_left] == ["gone/0", "gone/1", "gone/2"]
        assert [Path(each.source).name for each in found.images_left] == ["p08.png", "p09.png", "p10.png"]
        assert result.unmatched == 5
        assert not result.unread_tables
    assert by_name(gallery)["p07.png"][0] == ("odd",)
    unnamed = index(make_gallery("other"), [picture_folder])
    assert [Path(each.source).name for each in unnamed.unread_tables] == ["labels.csv"]
    assert unnamed.labels is None


def test_an_ambiguous_table_stops_before_anything_is_stored(
    picture_folder: Path, make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("file,label\nD:/a/p00.png,x\nD:/b/p00.png,y\n")
    gallery = make_gallery()
    with pytest.raises(UsageError, match=r"ambiguous.*D:/a/p00.png, D:/b/p00.png.*p00.png fit"):
        index(gallery, [picture_folder], labels=table)
    assert gallery.store.count() == 0


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
