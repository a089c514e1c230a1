"""gallery merge: the answers of one gallery that was indexed from all files, and nothing lost without a word."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile, copytree, rmtree

import nibabel
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

import lookalike
from conftest import texture, write_pictures
from dicoms import data_set, save
from lookalike.cli import main
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.patches import patched_records
from lookalike.store.reports import texts_of_files
from lookalike.verbs.curation.decisions import decide, list_decisions, undo_decision
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.curation.readings import give_readings, list_readings
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.galleries.merge import ROUND, MergeResult
from lookalike.verbs.records import record_info

PEOPLE = ("Ann", "Bob", "Cid", "Dee", "Eve")
Where = str | None


def write_hospital(folder: Path, seed: int, first: int) -> Path:
    """DICOM files that name their patients, pictures of the same people whom only a table names, and a volume."""
    draw, rows = random.Random(seed), [["file", "label", "patient_id", "site"]]
    folder.mkdir()
    for number in range(first, first + 8):
        person = PEOPLE[number % len(PEOPLE)]
        values = {"PatientID": person, "PatientAge": f"0{draw.randint(20, 80)}Y", "Modality": draw.choice(["CR", "DX"])}
        uid = {"StudyInstanceUID": f"1.2.{number % 3}", "SOPInstanceUID": f"1.2.3.{number}"}
        save(data_set(texture(number), **values, **uid), folder / f"d{number}.dcm")
        rows.append([f"d{number}.dcm", draw.choice(["clear", "effusion"]), "", f"site-{seed}"])
    for number in range(first, first + 6):
        PIL.Image.fromarray(texture(100 + number)).save(folder / f"p{number}.png")
        rows.append([f"p{number}.png", draw.choice(["clear", "mass"]), draw.choice(PEOPLE), f"site-{seed}"])
    grown = np.stack([texture(200 + first + slice, 40) for slice in range(6)], -1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(grown, np.eye(4)), folder / "volume.nii.gz")
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def indexed(place: Path, *folders: Path) -> Path:
    with open_gallery(place, create=True) as gallery:
        for folder in folders:
            lookalike.index(gallery, [folder], labels=folder / "labels.csv")
    return place


def answers(gallery: Gallery, where: Where) -> dict[str, list[tuple[str, float]]]:
    """What every record that a filter allows finds, of other patients: all of it, ties by id."""
    found = {}
    for record in gallery.store.records().values():
        hits = lookalike.search(gallery, id=record.id, k=100, where=where).hits
        found[record.id] = sorted(((hit.id, round(hit.score, 5)) for hit in hits), key=lambda hit: (-hit[1], hit[0]))
    return found


def groups(gallery: Gallery) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for record in gallery.store.records().values():
        found.setdefault(record.patient, []).append(record.id)
    return sorted(map(sorted, found.values()))


def described(gallery: Gallery) -> dict[str, tuple[set[str], dict[str, object]]]:
    return {each.id: ({*each.labels}, dict(each.attributes)) for each in gallery.store.records().values()}


@pytest.fixture(scope="module", params=[1, 2])
def merged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, MergeResult]:
    """Two galleries merged, which hold some files in common; and one that was indexed from both folders."""
    folder = tmp_path_factory.mktemp("merged")
    north = write_hospital(folder / "north-files", request.param, 0)
    south = write_hospital(folder / "south-files", request.param + 50, 5)
    for name in ("d5.dcm", "d6.dcm", "p5.png"):  # those in common are told of alike
        copyfile(north / name, south / name)
    rows = {row["file"]: row for row in csv.DictReader((north / "labels.csv").open())}
    told = [rows.get(row["file"], row) for row in csv.DictReader((south / "labels.csv").open())]
    with (south / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, told[0])
        writer.writeheader()
        writer.writerows(told)
    galleries = [indexed(folder / "north", north), indexed(folder / "south", south)]
    return folder / "both", indexed(folder / "one", north, south), lookalike.merge(galleries, folder / "both")


@pytest.mark.parametrize("where", [None, "label=clear", "site=site-1 or PatientAge>=50", "Modality=CR"])
def test_it_answers_as_one_gallery_of_all_files(merged: tuple[Path, Path, MergeResult], where: Where) -> None:
    both, one, _result = merged
    with open_gallery(both) as ours, open_gallery(one) as theirs:
        found, expected = answers(ours, where), answers(theirs, where)
        assert found.keys() == expected.keys()
        for id, hits in expected.items():
            assert [hit for hit, _score in found[id]] == [hit for hit, _score in hits]
            assert [score for _hit, score in found[id]] == pytest.approx([score for _hit, score in hits], abs=2e-5)


def test_patients_labels_and_attributes_are_those_of_one_gallery(merged: tuple[Path, Path, MergeResult]) -> None:
    both, one, result = merged
    with open_gallery(both) as ours, open_gallery(one) as theirs:
        assert groups(ours) == groups(theirs)
        assert described(ours) == described(theirs)
        assert not {each.patient for each in ours.store.records().values()} & {
            each.patient for each in theirs.store.records().values() if each.patient != each.id
        }
        assert ours.store.count() == result.records == result.added
    assert (result.encoded, result.left_out, result.labels_differ, result.patients_differ) == (0, (), (), 0)
    assert result.there == 3
    assert result.reused == result.added + 2 * 5  # the slices of two volumes


def test_a_second_run_finds_nothing_to_do(merged: tuple[Path, Path, MergeResult]) -> None:
    both, _one, result = merged
    with open_gallery(both) as ours:
        before = described(ours), groups(ours)
    again = lookalike.merge([both.parent / "north", both.parent / "south"], both)
    assert (again.added, again.reused, again.encoded) == (0, 0, 0)
    assert again.there == result.added + result.there
    with open_gallery(both) as ours:
        assert (described(ours), groups(ours)) == before


def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two galleries of the same twelve pictures."""
    pictures = write_pictures(tmp_path / "pictures")
    return indexed(tmp_path / "one", pictures), indexed(tmp_path / "two", pictures)


def ids(place: Path) -> list[str]:
    with open_gallery(place) as gallery:
        return sorted(Path(each.source).name + " " + each.id for each in gallery.store.records().values())


def read(gallery: Gallery, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """What each reader said of each record of a round."""
    return {each.id: {one.reader: one.labels for one in each.readings} for each in list_readings(gallery, name).items}


def test_labels_that_differ_are_both_kept_and_told(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    of = [each.split()[1] for each in ids(first)]
    with open_gallery(first) as gallery:
        label(gallery, [of[0]], set=["nodule"], by="Ann")
    with open_gallery(second) as gallery:
        label(gallery, [of[0], of[1]], set=["mass"], by="Bob")
    result = lookalike.merge([first, second], tmp_path / "both")
    assert {(each.gallery, each.id, each.labels, each.other) for each in result.labels_differ} == {
        ("two", of[0], ("nodule",), ("mass",)),  # two persons: the gallery that is named first
        ("two", of[1], ("mass",), ("odd",)),  # a person before a table
    }
    with open_gallery(tmp_path / "both") as both:
        labels = {each.id: each.labels for each in both.store.records().values()}
        assert (labels[of[0]], labels[of[1]], labels[of[2]]) == (("nodule",), ("mass",), ("even",))
        kept = read(both, ROUND)
    assert kept == {
        of[0]: {"here before": ("nodule",), "from two": ("mass",)},
        of[1]: {"here before": ("odd",), "from two": ("mass",)},
    }


def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    (tmp_path / "more").mkdir()
    for number in range(3):
        PIL.Image.fromarray(texture(50 + number)).save(tmp_path / "more" / f"m{number}.png")
    np.savez(tmp_path / "v.npz", vectors=np.eye(3, 384, dtype=np.float32), ids=np.array(["x", "y", "z"]))
    with open_gallery(second) as gallery:
        lookalike.index(gallery, [tmp_path / "more"], vectors=tmp_path / "v.npz")
        found = {Path(each.source).name: each.id for each in gallery.store.records().values()}
    (tmp_path / "more" / "m0.png").unlink()
    PIL.Image.fromarray(texture(99)).save(tmp_path / "more" / "m1.png")
    (tmp_path / "more" / "m2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = lookalike.merge([first, second], tmp_path / "both")
    reasons = {each.id: each.reason for each in result.left_out}
    elsewhere = dict.fromkeys([found[name] for name in "xyz"], "elsewhere")
    assert reasons.keys() == {found["m0.png"], found["m1.png"], found["m2.png"], *elsewhere}
    assert (reasons[found["m0.png"]], reasons[found["m1.png"]]) == ("gone", "changed")
    assert reasons[found["m2.png"]] in ("damaged-pixels", "damaged-header", "not-an-image")
    assert elsewhere.items() <= reasons.items()
    with open_gallery(tmp_path / "both") as both:
        assert both.store.count() == 12 == result.records
        assert lookalike.index(both, [tmp_path / "more"]).added == 1  # what is there now was not taken for read


def test_who_was_erased_does_not_come_back_by_the_other_gallery(tmp_path: Path) -> None:
    folder = write_hospital(tmp_path / "files", 3, 0)
    first, second = indexed(tmp_path / "one", folder), indexed(tmp_path / "two", folder)
    with open_gallery(first) as gallery:
        ann = gallery.store.patient_group("Ann")
        erase_patient(gallery, patient=ann)
    result = lookalike.merge([first, second], tmp_path / "both")
    assert {each.reason for each in result.left_out} == {"erased"}
    with open_gallery(tmp_path / "both") as both:
        assert both.store.patient_group("Ann") not in {each.patient for each in both.store.records().values()}
        assert both.store.count() == 15 - len(result.left_out)
    assert any("was left out" in note for note in result.notes)


def test_cohorts_and_readings_come_and_the_rest_is_told(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    of = [each.split()[1] for each in ids(first)]
    with open_gallery(first) as gallery:
        lookalike.save_cohort(gallery, "evens", where="label=even", by="Ann")
        lookalike.save_cohort(gallery, "chosen", ids=of[:3])
        give_readings(gallery, "pilot", of[:2], labels=["even"], reader="Ann")
    with open_gallery(second) as gallery:
        lookalike.save_cohort(gallery, "evens", where="label=even and site=north")
        lookalike.save_cohort(gallery, "chosen", ids=of[:3])
        give_readings(gallery, "pilot", of[:2], labels=["odd"], reader="Bob")
        lookalike.adapt(gallery, "mine", kind="linear")
    result = lookalike.merge([first, second], tmp_path / "both")
    assert [(each.gallery, each.name, each.merged_as, each.members) for each in result.cohorts] == [
        ("one", "chosen", "chosen", 3),
        ("one", "evens", "evens", 6),
        ("two", "chosen", "chosen", 3),
        ("two", "evens", "evens of two", 3),
    ]
    assert any("adapted spaces of two stay there: mine" in note for note in result.notes)
    with open_gallery(tmp_path / "both") as both:
        said = {
            each.id: {one.reader: one.labels for one in each.readings} for each in list_readings(both, "pilot").items
        }
        assert said == {id: {"Ann": ("even",), "Bob": ("odd",)} for id in of[:2]}
        assert {each.name: each.by for each in lookalike.list_cohorts(both)}["evens"] == "Ann"
    assert result.readings == 4


def test_decisions_come_and_can_be_undone_and_erased_by_either_name(tmp_path: Path) -> None:
    folder = write_hospital(tmp_path / "files", 4, 0)
    with open_gallery(tmp_path / "one", create=True) as gallery:
        lookalike.index(gallery, [folder], labels=folder / "labels.csv")
        dicom = {Path(each.source).name: each for each in gallery.store.records().values()}
        ann, bob, cid = (dicom[f"d{number}.dcm"].id for number in range(3))
        decide(gallery, "duplicates", "same-patient", [ann, bob], by="anna")
        decide(gallery, "duplicates", "different", [bob, cid], by="ben")
        decide(gallery, "metadata", "accept", [cid], about="Modality", value="MG", by="anna")
        decide(gallery, "metadata", "reject", [cid], about="site", value="x")
        decide(gallery, "quality", "drop", [cid], by="anna")
        theirs = list_decisions(gallery).items
        joined = groups(gallery)
    result = lookalike.merge([tmp_path / "one"], tmp_path / "both")
    assert result.decisions == 5
    assert lookalike.merge([tmp_path / "one"], tmp_path / "both").decisions == 0
    with open_gallery(tmp_path / "both") as both:
        said = [(each.audit, each.decision, each.ids, each.about, each.by, each.time) for each in list_decisions(both)]
        assert said == [(each.audit, each.decision, each.ids, each.about, each.by, each.time) for each in theirs]
        assert groups(both) == joined
        there = {Path(each.source).name: each for each in both.store.records().values()}
        assert there["d0.dcm"].patient == there["d1.dcm"].patient == both.store.patient_group("Ann")
        assert there["d2.dcm"].attributes["Modality"] == "MG"
        made = next(each for each in list_decisions(both) if each.decision == "accept")
        assert undo_decision(both, made.number).changed == 1
        again = {Path(each.source).name: each for each in both.store.records().values()}
        assert again["d2.dcm"].attributes["Modality"] == dicom["d2.dcm"].attributes["Modality"]
    copytree(tmp_path / "both", tmp_path / "undone")
    with open_gallery(tmp_path / "undone") as both:
        same = next(each for each in list_decisions(both) if each.decision == "same-patient")
        undo_decision(both, same.number)
        assert record_info(both, bob).patient == both.store.patient_group("Bob")
    gone = []
    for name in ("both", "one"):  # what was indexed under it
        with open_gallery(tmp_path / name) as gallery:
            before = {each.id for each in gallery.store.records().values()}
            erase_patient(gallery, patient=gallery.store.patient_group("Bob"))
            gone.append(before - {each.id for each in gallery.store.records().values()})
    assert bob in gone[0] == gone[1]
    assert ann not in gone[0]


def test_reports_come_with_their_words(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    rows = [["file", "Report"], *([f"p{number:02}.png", f"Finding {number}: a small nodule."] for number in range(6))]
    (tmp_path / "words.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    rows[1][1] = "Something else."
    (tmp_path / "others.csv").write_text("\n".join(",".join(row) for row in rows[:3]) + "\n")
    for name in ("words", "others"):
        with open_gallery(tmp_path / name, create=True) as gallery:
            lookalike.index(gallery, [pictures], labels=tmp_path / f"{name}.csv", report_columns=["Report"])
    result = lookalike.merge([tmp_path / "words", tmp_path / "others"], tmp_path / "both")
    assert result.reports == 6
    assert "1 reports of others are other ones here, and these were kept" in result.notes
    with open_gallery(tmp_path / "both") as both, open_gallery(tmp_path / "words") as one:
        assert texts_of_files(both.store) == texts_of_files(one.store)
        asked = [lookalike.search(each, report="nodule 3", k=6).hits for each in (both, one)]
        assert [hit.id for hit in asked[0]] == [hit.id for hit in asked[1]]


def test_another_encoder_encodes_anew_and_own_files_are_copied(
    tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "one", create=True, encoder="lite0-last") as gallery:
        own = gallery.folder / "sources" / "upload"
        own.mkdir(parents=True)
        for picture in sorted(pictures.glob("*.png"))[:4]:
            picture.rename(own / picture.name)
        lookalike.index(gallery, [own])
    into = make_gallery("into")
    lookalike.index(into, [pictures], labels=pictures / "labels.csv")
    into.close()
    result = lookalike.merge([tmp_path / "one"], into.folder)
    assert (result.added, result.reused, result.encoded) == (4, 0, 4)
    assert any("encoded anew by lite0" in note for note in result.notes)
    rmtree(tmp_path / "one")
    with open_gallery(into.folder) as gallery:
        assert gallery.store.count() == 12
        assert all(gallery.places.is_there(each.source) for each in gallery.store.records().values())
        fresh = lookalike.search(gallery, own_copy(gallery), k=3).hits
        assert len(fresh) == 3


def test_patches_are_taken_over_where_the_first_keeps_them(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    (other := tmp_path / "other").mkdir()
    PIL.Image.fromarray(texture(70)).save(other / "q.png")
    with open_gallery(tmp_path / "one", create=True) as gallery:
        lookalike.index(gallery, [pictures], patches=True)
    with open_gallery(tmp_path / "two", create=True) as gallery:
        lookalike.index(gallery, [other])
    result = lookalike.merge([tmp_path / "one", tmp_path / "two"], tmp_path / "both")
    assert (result.added, result.reused, result.encoded) == (13, 12, 1)
    with open_gallery(tmp_path / "both") as both, open_gallery(tmp_path / "one") as one:
        assert patched_ids(both) == {each.id for each in both.store.records().values()}
        asked = pictures / "p03.png"
        ours, theirs = (lookalike.search(each, asked, box=(0.1, 0.1, 0.6, 0.6), k=12).hits for each in (both, one))
        known = {hit.id: hit.score for hit in theirs}
        shared = {hit.id: hit.score for hit in ours if hit.id in known}
        assert len(shared) > 5
        assert shared == pytest.approx({id: known[id] for id in shared}, abs=1e-5)


def patched_ids(gallery: Gallery) -> set[str]:
    records = gallery.store.records()
    return {records[int(key)].id for key in patched_records(gallery.store)}


def own_copy(gallery: Gallery) -> Path:
    return next((gallery.folder / "sources").rglob("*.png"))


def test_the_command_tells_and_refuses(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    done = CliRunner().invoke(main, ["gallery", "merge", str(first), str(second), "--into", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    assert "12 records added, 12 were there" in done.output
    as_json = ["gallery", "merge", str(first), "--into", str(tmp_path / "both"), "--json"]
    assert json.loads(CliRunner().invoke(main, as_json).stdout)["there"] == 12
    refused = CliRunner().invoke(main, ["gallery", "merge", str(first), "--into", str(first)])
    assert refused.exit_code == 1
    assert "another one" in refused.stderr
    none = CliRunner().invoke(main, ["gallery", "merge", str(tmp_path / "no"), "--into", str(tmp_path / "x")])
    assert none.exit_code == 1
    assert not (tmp_path / "x").exists()
    with pytest.raises(UsageError):
        lookalike.merge([], tmp_path / "x")
