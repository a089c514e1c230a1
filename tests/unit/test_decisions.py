"""Decisions about what audits found: not listed again, undone with what they changed, erased with whom they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from filled import fill
from lookalike.asking.candidates import patients_of_file
from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.store.decisions import groups_joined_to
from lookalike.verbs.audit import audit_metadata, audit_outliers
from lookalike.verbs.curation.decisions import DecidedOf, decide, list_decisions, undo_decision
from lookalike.verbs.curation.labelling import undo_labels
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.gallery import adopt
from lookalike.verbs.records import record_info, remove
from lookalike.verbs.search import search

MakeGallery = Callable[..., Gallery]
UNKNOWN = ""


@pytest.fixture
def found(make_gallery: MakeGallery) -> tuple[Gallery, list[str]]:
    """Seven records: two of patient a, two of b, one of c, two of nobody known."""
    gallery = make_gallery(encoder="imported:x:3")
    views = [{"view": "PA", "slices": 1.0}] * 6 + [{"other": "x"}]
    vectors = list(np.random.default_rng(0).normal(size=(7, 3)))
    return gallery, fill(gallery, vectors, [*"aabbc", UNKNOWN, UNKNOWN], [("n",)] * 4 + [()] * 3, views)


def groups(gallery: Gallery, ids: list[str]) -> list[str]:
    return [record_info(gallery, id).patient for id in ids]


def test_a_decision_is_kept_and_takes_the_place_of_another(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    first = decide(gallery, "duplicates", "keep", [ids[2], ids[0]], by="anna")
    assert (first.decided, first.changed) == (1, 0)
    second = decide(gallery, "duplicates", "different", [ids[0], ids[2]], by="ben")
    decide(gallery, "quality", "keep", ids[:3], about="blank", by="anna")
    (pair,) = list_decisions(gallery, audit="duplicates")
    assert (pair.number, pair.decision, pair.ids, pair.by) == (second.number, "different", (ids[0], ids[2]), "ben")
    assert [each.ids for each in list_decisions(gallery, audit="quality")] == [(id,) for id in ids[:3]]
    assert undo_decision(gallery, second.number).decided == 1
    third = decide(gallery, "outliers", "keep", [ids[0]])
    assert third.number > second.number  # none is ever given the number of another
    with pytest.raises(NotFoundError, match="was undone"):
        undo_decision(gallery, second.number)


def test_what_is_decided_is_not_listed_again_unless_asked(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    first = audit_outliers(gallery, "label=n", limit=2).outliers
    decide(gallery, "outliers", "keep", [first[0].id])
    left = audit_outliers(gallery, "label=n", limit=2)
    assert left.outliers[0] == first[1]
    assert len(left.outliers) == 2  # the next one moves up
    assert left.notes[-1] == "1 more were decided already and are not listed (--decided lists them)."
    assert audit_outliers(gallery, "label=n", limit=2, decided=True).outliers == first
    assert ids


def test_what_is_to_go_is_listed_by_no_audit_and_stays_until_it_is_removed(found: tuple[Gallery, list[str]]) -> None:
    gallery, _ids = found
    far = [each.id for each in audit_outliers(gallery, "label=n").outliers]
    made = decide(gallery, "duplicates", "drop", far[:2], by="anna")
    assert (made.decided, made.changed) == (2, 0)
    assert {each.ids for each in list_decisions(gallery)} == {(id,) for id in far[:2]}
    assert [each.id for each in audit_outliers(gallery, "label=n", limit=1).outliers] == far[2:]  # of another audit
    assert [each.id for each in audit_outliers(gallery, "label=n", decided=True).outliers] == far
    assert DecidedOf(gallery, "duplicates").holds(far[0], far[2])
    with pytest.raises(UsageError, match="of a record, and not about a fault"):
        decide(gallery, "quality", "drop", far[:1], about="blank")
    undo_decision(gallery, made.number)
    decide(gallery, "quality", "drop", far[:1], by="anna")
    assert [each.id for each in audit_outliers(gallery, "label=n").outliers] == far[1:]
    remove(gallery, far[:1])
    assert list_decisions(gallery).items == ()


def test_a_value_is_accepted_rejected_and_given_back(make_gallery: MakeGallery) -> None:
    gallery = make_gallery(encoder="imported:x:8")
    rng = np.random.default_rng(1)
    sides = np.arange(200) % 2
    vectors = np.eye(2, 8)[sides] + rng.normal(size=(200, 8)) * 0.2
    values = [["PA", "AP"][side] for side in sides]
    values[0], values[1] = "AP", "PA"
    ids = fill(gallery, list(vectors), [f"{i}" for i in range(200)], attributes=[{"view": value} for value in values])
    suspects = {each.id: each for each in audit_metadata(gallery, ["view"]).suspects}
    assert suspects.keys() == {ids[0], ids[1]}
    accepted = decide(gallery, "metadata", "accept", [ids[0]], about="view", value="PA", by="anna")
    decide(gallery, "metadata", "reject", [ids[1]], about="view", value="AP")
    assert record_info(gallery, ids[0]).attributes["view"] == "PA"
    assert record_info(gallery, ids[1]).attributes["view"] == "PA"
    assert audit_metadata(gallery, ["view"]).suspects == ()
    assert [each.id for each in audit_metadata(gallery, ["view"], decided=True).suspects] == [ids[1]]
    assert list_decisions(gallery).items[0].before == "AP"
    gallery.store.verify()
    undone = undo_decision(gallery, accepted.number)
    assert (undone.decided, undone.changed) == (1, 1)
    assert record_info(gallery, ids[0]).attributes["view"] == "AP"
    gallery.store.verify()
    new = decide(gallery, "metadata", "accept", [ids[0]], about="view", value="LAT")
    decide(gallery, "metadata", "accept", [ids[0]], about="view", value="LL")
    assert undo_decision(gallery, new.number).changed == 0  # it was changed again since
    assert record_info(gallery, ids[0]).attributes["view"] == "LL"


def test_two_patients_are_one_and_two_again(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    before = groups(gallery, ids)
    hits = search(gallery, id=ids[0], k=10).hits
    assert {hit.id for hit in hits} == set(ids[2:])
    joined = decide(gallery, "duplicates", "same-patient", [ids[0], ids[3]])
    assert joined.changed == 2
    assert groups(gallery, ids)[:4] == [before[0]] * 4
    assert {hit.id for hit in search(gallery, id=ids[0], k=10).hits} == set(ids[4:])
    assert patients_of_file(gallery, "", 0, ["b"])[0] == {before[0], before[2]}  # a file of b's is asked with
    gallery.store.verify()
    remove(gallery, [ids[3]])  # one of the pair goes; the others stay joined, and can be undone
    assert groups(gallery, ids[:3]) == [before[0]] * 3
    assert undo_decision(gallery, joined.number).changed == 1
    assert groups(gallery, ids[:3]) == before[:3]
    gallery.store.verify()


def test_who_is_known_names_who_is_not(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    before = groups(gallery, ids)
    decide(gallery, "duplicates", "same-patient", [ids[5], ids[4]])
    assert groups(gallery, ids)[5] == before[4]
    decide(gallery, "duplicates", "same-patient", [ids[6], ids[5]])
    assert groups(gallery, ids)[6] == before[4]


def test_of_two_unknown_patients_one_is_known(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    number = decide(gallery, "duplicates", "same-patient", [ids[5], ids[6]]).number
    one, two = groups(gallery, ids)[5:]
    assert one == two
    assert one not in ids
    undo_decision(gallery, number)
    assert groups(gallery, ids)[5:] == ids[5:]


@pytest.mark.sqlite_file
def test_an_erasure_finds_whom_a_record_was_of(found: tuple[Gallery, list[str]], tmp_path: Path) -> None:
    gallery, ids = found
    former = groups(gallery, ids)[2]
    decide(gallery, "duplicates", "same-patient", [ids[0], ids[2]])
    decide(gallery, "duplicates", "keep", [ids[1], ids[4]])
    proof = erase_patient(gallery, patient_id="b", proof=tmp_path / "proof.json")
    assert (len(proof.records), proof.clean) == (2, True)
    assert proof.words["patients"] == 1
    assert former.encode() not in (gallery.folder / "gallery.db").read_bytes()
    assert [each.ids for each in list_decisions(gallery)] == [(ids[1], ids[4])]
    decide(gallery, "duplicates", "same-patient", [ids[0], ids[4]])
    proof = erase_patient(gallery, patient_id="a")
    assert (len(proof.records), proof.clean, proof.kept_out) == (3, True, True)
    assert list_decisions(gallery).items == ()
    from lookalike.store.kept_out import kept_out

    assert kept_out(gallery.store).holds(gallery.store.patient_group("c"))  # also under the other name


@pytest.mark.parametrize("undo", [undo_decision, undo_labels])
@pytest.mark.parametrize("number", [0, 7, 1 << 63, 1 << 200])
def test_a_number_of_nothing_is_refused(
    found: tuple[Gallery, list[str]], undo: Callable[[Gallery, int], object], number: int
) -> None:
    with pytest.raises((NotFoundError, UsageError), match=r"no decision|number"):
        undo(found[0], number)


def test_what_names_only_what_is_erased_is_forgotten(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    decide(gallery, "metadata", "reject", [ids[0]], about="other", value="x")
    remove(gallery, [ids[6]])  # the only one that had this value
    assert list_decisions(gallery).items == ()


def test_groups_keep_their_decisions_by_another_key(found: tuple[Gallery, list[str]]) -> None:
    gallery, ids = found
    decide(gallery, "duplicates", "same-patient", [ids[0], ids[2]])
    adopt(gallery.folder)
    joined = groups(gallery, ids)
    assert joined[0] == joined[2]
    assert groups_joined_to(gallery.store, [gallery.store.patient_group("b")]) == {joined[0]}


@pytest.mark.parametrize(
    ("audit", "decision", "count", "about", "value", "said"),
    [
        ("nothing", "keep", 1, "", "", "no audit"),
        ("duplicates", "accept", 2, "", "", "keep, different, same-patient"),
        ("duplicates", "keep", 1, "", "", "two records of a pair"),
        ("outliers", "keep", 1, "blank", "", "only a fault"),
        ("outliers", "keep", 0, "", "", "by their ids"),
        ("quality", "keep", 1, "ugly", "", "no fault"),
        ("metadata", "accept", 1, "view", "", "1 to 200"),
        ("metadata", "accept", 1, "slices", "7", "no field"),
        ("metadata", "accept", 1, "view+other", "PA x", "each field alone"),
        ("metadata", "reject", 1, "vew", "PA", "view"),
    ],
)
def test_what_cannot_be_decided_is_said(
    found: tuple[Gallery, list[str]], audit: str, decision: str, count: int, about: str, value: str, said: str
) -> None:
    gallery, ids = found
    with pytest.raises(UsageError, match=said):
        decide(gallery, audit, decision, ids[:count], about=about, value=value)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        decide(gallery, "outliers", "keep", [ids[0], "0" * 16])
    assert list_decisions(gallery).items == ()
