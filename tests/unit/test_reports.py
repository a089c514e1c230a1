"""Reports beside images: kept where asked for, found by their words, fused with pictures, and gone when removed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import pytest
import transformers
from pydicom.dataset import Dataset

import lookalike
from conftest import texture
from dicoms import data_set, item, save
from lookalike.encoders.families.sentences import MINILM, describe_sentences, load_sentences
from lookalike.errors import DamagedFileError, GalleryError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.readers import report_in
from lookalike.sources.labels import read_label_table
from lookalike.store.reports import count_reports, report_texts
from lookalike.store.studies import studies_of
from lookalike.verbs.records import read_report, remove

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
REPORTS: Final = (
    "FINDINGS: Large left pleural effusion. The heart is of normal size.",
    "Right sided pneumothorax with collapse of the lung.",
    "The heart is enlarged. No fluid in the chest.",
    "Fracture of the distal radius, in plaster.",
    "Normal chest. Zyxquartz was informed by telephone.",
    "Multiple nodules in both lungs, suspicious of metastases.",
)
CANARY: Final = b"Zyxquartz"


def write_reports(folder: Path) -> Path:
    folder.mkdir()
    rows = ["file,label,patient_id,study_id,Report"]
    for i, words in enumerate(REPORTS):
        PIL.Image.fromarray(texture(i)).save(folder / f"p{i}.png")
        rows.append(f'p{i}.png,{"even" if i % 2 == 0 else "odd"},patient-{i},study-{i},"{words}"')
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reports(tmp_path_factory.mktemp("reports") / "pictures")


@pytest.fixture(scope="module")
def gallery(folder: Path) -> Iterator[Gallery]:
    with open_gallery(folder.parent / "g", create=True) as made:
        told = lookalike.index(made, [folder], labels=folder / "labels.csv", report_columns=["Report"])
        assert (told.added, told.reports) == (len(REPORTS), len(REPORTS))
        yield made


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def numbers(found: lookalike.verbs.search.SearchResult) -> list[int]:  # type: ignore[name-defined]
    return [int(Path(hit.source).stem[1:]) for hit in found.hits]


# The sentence encoder


def test_minilm_gives_the_cosines_that_its_authors_show() -> None:
    """On the model's card at the hub: .695, .943, .257."""
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = load_sentences().encode_sentences(texts)
    assert (vectors[0] @ vectors[1:].T).round(3).tolist() == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)
    assert vectors[0, :4].tolist() == pytest.approx([-0.033877, 0.091942, 0.048701, -0.034884], abs=2e-5)
    alone = load_sentences().encode_sentences(texts[:1])
    np.testing.assert_allclose(alone, vectors[:1], atol=1e-5)
    assert load_sentences().encode_sentences([]).shape == (0, 384)


@pytest.mark.parametrize("pooling", [{"pooling_mode_mean_tokens": True}, {"pooling_mode": "cls"}])
def test_a_folder_of_sentence_transformers_is_used_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: dict[str, object]
) -> None:
    write_sentence_model(tmp_path / "models" / "tiny", pooling)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "models"))
    spec = describe_sentences("tiny")
    assert (spec.pooling, spec.tokens) == ((next(iter(pooling)) == "pooling_mode" and "cls") or "mean", 16)
    model = load_sentences("tiny")
    vectors = model.encode_sentences(["a heart", "a lung, and then another heart"])
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def write_sentence_model(folder: Path, pooling: dict[str, object], *further: str) -> Path:
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(letters) + "\n")
    config = transformers.BertConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    steps = ["Transformer", "Pooling", *further]
    modules = [{"idx": i, "type": f"sentence_transformers.models.{step}"} for i, step in enumerate(steps)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    return folder


@pytest.mark.parametrize(
    ("pooling", "further"),
    [
        ({"pooling_mode_max_tokens": True}, ()),
        ({"pooling_mode": "mean", "pooling_mode_cls_token": True}, ()),
        ({"pooling_mode": "mean"}, ("Dense",)),
    ],
)
def test_a_model_that_is_read_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: dict[str, object], further: tuple[str, ...]
) -> None:
    write_sentence_model(tmp_path / "tiny", pooling, *further)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="sentence encoder"):
        describe_sentences("tiny")


def test_what_is_no_sentence_encoder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="no sentence encoder is called 'nobody'"):
        describe_sentences("nobody")


# Kept only where asked for


def test_words_that_nobody_asked_for_are_neither_kept_nor_an_attribute(folder: Path, tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as made:
        told = lookalike.index(made, [folder], labels=folder / "labels.csv")
        assert any("Report" in note and "--report-column" in note for note in told.notes)
        assert (told.reports, count_reports(made.store)) == (0, 0)
        assert all({*record.attributes} == set() for record in made.store.records().values())
        with pytest.raises(UsageError, match="keeps no reports"):
            lookalike.search(made, report="effusion")
    assert CANARY not in bytes_of(tmp_path / "g")


def test_a_run_again_brings_only_what_is_new(gallery: Gallery, folder: Path) -> None:
    again = lookalike.index(gallery, [folder], labels=folder / "labels.csv", report_columns=["Report"])
    assert (again.added, again.reports) == (0, 0)
    without = lookalike.index(gallery, [folder], labels=folder / "labels.csv")
    assert (without.reports, count_reports(gallery.store)) == (0, len(REPORTS))


def test_columns_of_reports_need_a_table_and_must_be_there(gallery: Gallery, folder: Path) -> None:
    with pytest.raises(UsageError, match="label table"):
        lookalike.index(gallery, [folder], report_columns=["Report"])
    with pytest.raises(UsageError, match="no column 'report text'"):
        lookalike.index(gallery, [folder], labels=folder / "labels.csv", report_columns=["report text"])


def test_several_columns_are_one_report(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        'file,findings,impression,StudyInstanceUID\na.png,"Big heart.\n\nClear lungs.",Cardiomegaly,1.2.3\n'
    )
    row = dict(read_label_table(table, report_columns=["findings", "impression"]).items())["a.png"]
    assert (row.report, row.study, row.attributes) == ("Big heart.\nClear lungs.\nCardiomegaly", "1.2.3", {})


# Search


def test_reports_are_found_by_what_they_mean(gallery: Gallery) -> None:
    asked = {"cardiomegaly": 2, "fluid in the pleural space": 0, "broken arm": 3, "cancer spread to the lungs": 5}
    assert {words: numbers(lookalike.search(gallery, report=words, k=1))[0] for words in asked} == asked


def test_a_picture_and_words_are_fused_and_say_where_a_hit_comes_from(gallery: Gallery, folder: Path) -> None:
    def fused(weight: float) -> lookalike.verbs.search.SearchResult:  # type: ignore[name-defined]
        return lookalike.search(
            gallery, folder / "p1.png", report="broken arm", report_weight=weight, k=6, same_patient=True
        )

    alone = [
        lookalike.search(gallery, folder / "p1.png", k=6, same_patient=True),
        lookalike.search(gallery, report="broken arm", k=6),
    ]
    ranks = [{number: rank for rank, number in enumerate(numbers(each), 1)} for each in alone]
    for weight in (1.0, 0.25, 40.0):
        found = fused(weight)
        expected = {n: 1 / (60 + ranks[0][n]) + weight / (60 + ranks[1][n]) for n in range(len(REPORTS))}
        assert [hit.score for hit in found.hits] == pytest.approx(sorted(expected.values(), reverse=True))
        for hit, number in zip(found.hits, numbers(found), strict=True):
            assert hit.score == pytest.approx(expected[number])
            told = [(each.ranking, each.rank) for each in hit.placed]
            assert told == [("picture", ranks[0][number]), ("report", ranks[1][number])]
        assert f"picture 1, report {weight:g}" in found.note
    assert numbers(fused(40.0))[0] == 3
    assert lookalike.search(gallery, report="broken arm", k=1).hits[0].placed == ()


def test_filters_and_the_own_patient_count(gallery: Gallery, folder: Path) -> None:
    assert set(numbers(lookalike.search(gallery, report="heart", where="label=odd"))) == {1, 3, 5}
    own = lookalike.search(gallery, folder / "p3.png", report="broken arm", k=6)
    assert 3 not in numbers(own)


@pytest.mark.parametrize(
    "wrong",
    [
        {"report": " "},
        {"report": "x", "report_weight": 0.0},
        {"report": "x", "report_weight": float("nan")},
        {"id": "0" * 16, "report_weight": 2.0},
        {"report": "x", "positive": ["0" * 16]},
    ],
)
def test_wrong_use_is_named(gallery: Gallery, wrong: dict[str, object]) -> None:
    known = next(iter(gallery.store.records().values())).id
    ids = {"id": known, "positive": [known]}
    given = {name: ids.get(name, value) for name, value in wrong.items()}
    with pytest.raises(UsageError):
        lookalike.search(gallery, **given)  # type: ignore[arg-type]


def test_records_without_a_report_are_counted(gallery: Gallery, tmp_path: Path) -> None:
    folder = write_reports(tmp_path / "pictures")
    table = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join(table[:4]) + "\n")
    with open_gallery(tmp_path / "g", create=True) as made:
        lookalike.index(made, [folder], labels=folder / "labels.csv", report_columns=["Report"])
        found = lookalike.search(made, report="heart")
        assert len(found.hits) == 3
        assert "3 records have no report" in found.note


# Files


def test_a_text_file_is_a_pictures_or_its_folders(tmp_path: Path) -> None:
    images, texts = tmp_path / "files", tmp_path / "reports"
    for study in ("s1", "s2"):
        (images / "p1" / study).mkdir(parents=True)
        for number in range(2):
            PIL.Image.fromarray(texture((7 if study == "s1" else 70) + number)).save(
                images / "p1" / study / f"{study}-{number}.png"
            )
    (texts / "p1").mkdir(parents=True)
    (texts / "p1" / "s1.txt").write_text("Of the first study.")
    (texts / "p1" / "s2.txt").write_bytes("Ödem.".encode("cp1252"))
    (texts / "s2-1.txt").write_text("Of the second picture alone.")
    (texts / "nobody.txt").write_text("Of nobody.")
    with open_gallery(tmp_path / "g", create=True) as made:
        assert lookalike.index(made, [images], reports=texts).reports == 4
        records = {Path(record.source).stem: record for record in made.store.records().values()}
        words = {name: read_report(made, record.id).text for name, record in records.items()}
    assert words == {
        "s1-0": "Of the first study.",
        "s1-1": "Of the first study.",
        "s2-0": "Ödem.",
        "s2-1": "Of the second picture alone.",
    }


def test_a_folder_without_reports_is_named(gallery: Gallery, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="text file called"):
        lookalike.index(gallery, [folder], reports=folder)
    with pytest.raises(UsageError, match="sr or a folder"):
        lookalike.index(gallery, [folder], reports=tmp_path / "gone")


# Structured reports


def structured(study: str, *lines: str, number: int = 1) -> Dataset:
    """A Basic Text SR with a name, a date and a code beside its words, which stand two levels deep."""
    ds = data_set(np.zeros((2, 2), np.uint8))
    for keyword in ("PixelData", "Rows", "Columns", "PhotometricInterpretation"):
        delattr(ds, keyword)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.9.{number}"
    ds.Modality, ds.StudyInstanceUID, ds.PatientName = "SR", study, "Zyxquartz^Name"
    words = [item(RelationshipType="CONTAINS", ValueType="TEXT", TextValue=line) for line in lines]
    said = item(RelationshipType="CONTAINS", ValueType="CONTAINER", ContentSequence=words)
    named = item(RelationshipType="HAS OBS CONTEXT", ValueType="PNAME", PersonName="Zyxquartz^Observer")
    dated = item(RelationshipType="CONTAINS", ValueType="DATE", Date="20200131")
    ds.ValueType, ds.ContentSequence = "CONTAINER", [named, dated, said]
    return ds


def test_structured_reports_are_joined_by_study_whichever_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, study in enumerate(("1.5.1", "1.5.1", "1.5.2")):
        header = {"StudyInstanceUID": study, "PatientID": study, "SOPInstanceUID": f"1.4.{number}", "Modality": "CR"}
        save(data_set(texture(number), **header), folder / f"m{number}.dcm")
    save(structured("1.5.1", "Large effusion.", "Small heart."), folder / "a-before.dcm")
    save(structured("1.5.2", "Fracture."), folder / "z-behind.dcm")
    save(structured("1.5.9", "Of no image here."), folder / "z-other.dcm")
    with open_gallery(tmp_path / "g", create=True) as made:
        plain = lookalike.index(made, [folder])
        assert (plain.added, plain.reports, plain.kinds) == (3, 0, {"SR": 3})
        told = lookalike.index(made, [folder], reports="sr")
        assert (told.added, told.reports) == (0, 3)
        texts = report_texts(made.store, made.store.records())
        by_name = {Path(made.store.records()[key].source).stem: text for key, text in texts.items()}
        assert by_name == {
            "m0": "Large effusion.\nSmall heart.",
            "m1": "Large effusion.\nSmall heart.",
            "m2": "Fracture.",
        }
        assert len(set(studies_of(made.store).values())) == 2
        assert lookalike.index(made, [folder], reports="sr").reports == 0
    stored = bytes_of(tmp_path / "g")
    assert not any(word in stored for word in (CANARY, b"20200131", b"1.5.1", b"Of no image"))


def test_words_of_real_structured_reports(shared_data: Path) -> None:
    files = shared_data / "odd-dicom" / "files"
    study, words = report_in(next((files / "highdicom").glob("*_sr_document_with_multiple_groups.dcm"))) or ("", "")
    assert study == "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
    assert words.splitlines() == ["Image0001", "LungNodule0001", "Aorta0001", "Vertebra0001"]
    _study, words = report_in(next((files / "dcmqi").glob("*_sr.dcm"))) or ("", "")
    assert words.splitlines()[:3] == ["1", "primary tumor", "1"]
    assert report_in(next((shared_data / "chest-xray-dicom5").rglob("*.dcm"))) is None


# Gone


@pytest.mark.sqlite_file
def test_a_report_goes_with_its_record(folder: Path, tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as made:
        lookalike.index(made, [folder], labels=folder / "labels.csv", report_columns=["Report"])
        lookalike.search(made, report="telephone")
        assert CANARY in bytes_of(tmp_path / "g")
        record = next(r for r in made.store.records().values() if r.source.endswith("p4.png"))
        assert remove(made, [record.id]).erased
        assert CANARY not in bytes_of(tmp_path / "g")
        assert 4 not in numbers(lookalike.search(made, report="telephone", k=6))
        assert len(studies_of(made.store)) == len(REPORTS) - 1


@pytest.mark.sqlite_file
def test_a_damaged_report_is_named_and_mended(folder: Path, tmp_path: Path) -> None:
    options = {"labels": folder / "labels.csv", "report_columns": ["Report"]}
    with open_gallery(tmp_path / "g", create=True) as made:
        lookalike.index(made, [folder], **options)
    with closing(sqlite3.connect(tmp_path / "g" / "gallery.db")) as connection, connection:
        connection.execute("UPDATE reports SET data = zeroblob(length(data)) WHERE rowid = 2")
    with open_gallery(tmp_path / "g") as made:
        with pytest.raises(DamagedFileError, match="index"):
            lookalike.search(made, report="heart")
        assert lookalike.index(made, [folder], **options).reports == 1
        assert len(lookalike.search(made, report="heart").hits) == 5


def test_a_gallery_from_elsewhere_names_no_model_of_this_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sentence_model(tmp_path / "models" / "tiny", {"pooling_mode": "mean"})
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "models"))
    with open_gallery(tmp_path / "g", create=True) as made:
        options = {"labels": folder / "labels.csv", "report_columns": ["Report"]}
        lookalike.index(made, [folder], **options, sentences="tiny")
        assert len(lookalike.search(made, report="heart").hits) == 5
        with pytest.raises(UsageError, match="another"):
            lookalike.index(made, [folder], **options, sentences=MINILM)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "elsewhere"))
    with (
        open_gallery(tmp_path / "g") as foreign,
        pytest.raises(GalleryError, match="not loaded since a gallery names it"),
    ):
        lookalike.search(foreign, report="heart")
