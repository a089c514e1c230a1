"""Cohorts: saved with what chose them, combined, told what has changed, split, and gone with whom they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

import lookalike
from conftest import grained, write_pictures
from lookalike import cli
from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.store.cohorts import cohort_members, stored_cohort
from lookalike.verbs.cohorts.cohorts import combine_cohorts, list_cohorts, remove_cohort, save_cohort, show_cohort
from lookalike.verbs.cohorts.split import split_cohort
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.gallery import part_of
from lookalike.verbs.index import index
from lookalike.verbs.records import browse

pytestmark = pytest.mark.both_databases

MakeGallery = Callable[..., Gallery]


@pytest.fixture
def gallery(tmp_path: Path, make_gallery: MakeGallery) -> Gallery:
    pictures = write_pictures(tmp_path / "pictures")
    made = make_gallery()
    index(made, [pictures], labels=pictures / "labels.csv")
    return made


def members(gallery: Gallery, name: str) -> set[str]:
    return {each.id for each in show_cohort(gallery, name, limit=0).items}


def ids_where(gallery: Gallery, where: str | None = None) -> set[str]:
    return {each.id for each in browse(gallery, where=where).items}


# Saved, combined, evaluated again


def test_a_filter_a_list_and_a_search_are_saved_and_give_the_same_again(gallery: Gallery) -> None:
    ids = sorted(ids_where(gallery))
    save_cohort(gallery, "even", where="label=even", by="me")
    save_cohort(gallery, "chosen", ids=ids[:3])
    save_cohort(gallery, "alike", like=ids[:1], k=4, where="site=north")
    save_cohort(gallery, "all", every=True)
    assert members(gallery, "even") == ids_where(gallery, "label=even")
    assert members(gallery, "chosen") == {*ids[:3]}
    found = lookalike.search(gallery, ids=ids[:1], k=4, where="site=north", pictures=False)
    assert members(gallery, "alike") == {hit.id for hit in found.hits}
    assert members(gallery, "all") == {*ids}
    shown = [show_cohort(gallery, each.name) for each in list_cohorts(gallery).items]
    assert [each.cohort.name for each in shown] == ["alike", "all", "chosen", "even"]
    assert all(each.changes is not None and each.changes.same and not each.note for each in shown)
    again = save_cohort(gallery, "even")
    assert (again.cohort.version, again.cohort.definition) == (1, "label=even")


def test_cohorts_are_combined_by_and_or_and_not(gallery: Gallery) -> None:
    for name, where in (("even", "label=even"), ("north", "site=north"), ("south", "site=south")):
        save_cohort(gallery, name, where=where)
    even, north = ids_where(gallery, "label=even"), ids_where(gallery, "site=north")
    combine_cohorts(gallery, "both", all_of=["even", "north"])
    combine_cohorts(gallery, "either", any_of=["even", "north"])
    combine_cohorts(gallery, "rest", none_of=["even"])
    assert members(gallery, "both") == even & north
    assert members(gallery, "either") == even | north
    assert members(gallery, "rest") == ids_where(gallery) - even
    saved = combine_cohorts(gallery, "nested", all_of=["either"], any_of=["north", "south"], none_of=["both"])
    assert members(gallery, "nested") == (even | north) - (even & north)
    assert saved.cohort.definition == (
        "((label=even) or (site=north)) and ((site=north) or (site=south)) and not ((label=even) and (site=north))"
    )
    remove_cohort(gallery, "even")  # what was combined has its own definition
    assert members(gallery, "both") == even & north
    with pytest.raises(NotFoundError, match="no cohort is called 'evn'"):
        combine_cohorts(gallery, "x", all_of=["evn"])


def test_what_has_changed_is_told_and_saved_as_the_next_version(gallery: Gallery) -> None:
    save_cohort(gallery, "even", where="label=even")
    even = sorted(ids_where(gallery, "label=even"))
    odd = sorted(ids_where(gallery, "label=odd"))
    label(gallery, even[:1], set=["odd"])
    label(gallery, odd[:1], set=["even"])
    label(gallery, even[1:2], add=["both"])
    shown = show_cohort(gallery, "even")
    assert shown.changes is not None
    assert (shown.changes.added, shown.changes.removed) == ((odd[0],), (even[0],))
    ((id, before, after),) = [(each.id, each.before, each.after) for each in shown.changes.relabelled]
    assert (id, before, after) == (even[1], ("even",), ("both", "even"))
    assert {each.id for each in shown.items} == {*even}  # nothing is changed by looking
    saved = save_cohort(gallery, "even")
    assert (saved.changes, saved.cohort.version) == (shown.changes, 2)
    assert saved.cohort.digest != shown.cohort.digest
    assert show_cohort(gallery, "even").changes is not None
    assert members(gallery, "even") == ids_where(gallery, "label=even")


def test_what_cannot_be_saved(gallery: Gallery, tmp_path: Path) -> None:
    ids = sorted(ids_where(gallery))
    save_cohort(gallery, "even", where="label=even")
    for options in (
        {"where": "label=odd"},
        {"where": "label=odd", "ids": ids[:1], "replace": True},
        {"every": True, "ids": ids[:1], "replace": True},
        {"where": "nofield=1", "replace": True},
        {"like": ids[:1], "k": 0, "replace": True},
        {"replace": True},
    ):
        with pytest.raises(UsageError):
            save_cohort(gallery, "even", **options)
    for name in ("", "../x", "a" * 65, "a\nb"):
        with pytest.raises(UsageError, match="a cohort's name"):
            save_cohort(gallery, name, every=True)
    with pytest.raises(NotFoundError, match="no record"):
        save_cohort(gallery, "new", ids=["0" * 16])
    with pytest.raises(NotFoundError, match="no cohort"):
        save_cohort(gallery, "new")
    table = tmp_path / "ids.csv"
    table.write_text("ID\n" + "\n".join(ids[:2]) + "\n")
    assert save_cohort(gallery, "even", table=table, replace=True).cohort.members == 2


# Who is erased, and who sees a part


def test_who_is_erased_leaves_cohorts_and_their_definitions(gallery: Gallery) -> None:
    own = [each for each in browse(gallery).items if each.patient == gallery.store.patient_group("patient-1")]
    label(gallery, [own[0].id], set=["only-theirs"])
    group = own[0].patient
    ids = sorted(ids_where(gallery))
    save_cohort(gallery, "all", every=True)
    save_cohort(gallery, "chosen", ids=ids)
    save_cohort(gallery, "of one", where=f"patient={group} or label=even")
    save_cohort(gallery, "by label", where="label=only-theirs or site=north")
    save_cohort(gallery, "alike", like=[own[0].id], k=3)
    combine_cohorts(gallery, "combined", all_of=["all"], none_of=["of one"])
    save_cohort(gallery, f"case {group}", ids=ids[:2])
    split_cohort(gallery, "all")
    proof = erase_patient(gallery, patient_id="patient-1")
    assert proof.clean
    assert proof.rows["cohort_members"] >= 6
    assert proof.rows["cohort_chosen"] >= 4
    left = ids_where(gallery)
    for each in list_cohorts(gallery).items:
        assert members(gallery, each.name) <= left
    assert members(gallery, "all") == left
    shown = show_cohort(gallery, "chosen")
    assert shown.changes is not None
    assert (shown.changes.erased, shown.cohort.erased, shown.changes.added) == (3, 3, ())
    for name in ("of one", "by label", "alike", "combined"):
        gone = show_cohort(gallery, name)
        assert (gone.changes, gone.note) == (None, "the definition named what was removed; save it anew")
        with pytest.raises(UsageError, match="was removed"):
            save_cohort(gallery, name)
    assert not any(group in each.name for each in list_cohorts(gallery).items)
    assert save_cohort(gallery, "chosen").cohort.version == 2


def test_who_sees_a_part_sees_the_members_in_it(gallery: Gallery) -> None:
    save_cohort(gallery, "even", where="label=even")
    save_cohort(gallery, "south", where="site=south")
    split_cohort(gallery, "even", sizes=(0.5, 0, 0.5))
    part = part_of(gallery, ["site=north"])
    (seen,) = list_cohorts(part).items
    assert (seen.name, seen.definition, seen.members, seen.erased) == ("even", "", 3, 0)
    assert members(part, "even") == ids_where(gallery, "label=even and site=north")
    assert show_cohort(part, "even").changes is None
    with pytest.raises(NotFoundError):
        show_cohort(part, "south")
    part.close()


# Train, val, test


def write_copies(folder: Path) -> Path:
    """Twenty pictures of ten patients, and six copies under other patients: cut, mirrored, JPEG."""
    folder.mkdir()
    rows = ["file,label,patient_id"]
    for number in range(20):
        PIL.Image.fromarray(grained(number)).save(folder / f"p{number:02}.png")
        rows.append(f"p{number:02}.png,{'ab'[number % 2]},patient-{number // 2}")
    for number in range(6):
        picture = grained(number)
        copy = (picture[:, ::-1], picture[6:-6, 6:-6], np.pad(picture, 8))[number % 3]
        PIL.Image.fromarray(np.ascontiguousarray(copy)).save(folder / f"c{number:02}.jpg", quality=85)
        rows.append(f"c{number:02}.jpg,{'ab'[number % 2]},other-{number}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_no_patient_and_no_copy_is_on_two_sides_and_indexing_again_gives_the_same(
    tmp_path: Path, make_gallery: MakeGallery
) -> None:
    pictures = write_copies(tmp_path / "pictures")
    one, other = make_gallery("one"), make_gallery("other")
    index(one, [pictures], labels=pictures / "labels.csv")
    files = sorted(pictures.glob("*.[jp]*g"), reverse=True)
    index(other, files[:9], labels=pictures / "labels.csv")  # in another order, and in two runs
    index(other, files[9:], labels=pictures / "labels.csv")
    found = []
    for gallery in (one, other):
        save_cohort(gallery, "all", every=True)
        found.append(split_cohort(gallery, "all", sizes=(0.6, 0.2, 0.2)))
    assert found[0].of_others == 6  # those that were planted, and nothing else
    assert (found[0].patients_across, found[0].duplicates_across) == (0, 0)
    assert found[0].error < 0.12
    assert [each.got for each in found[0].parts] == pytest.approx([0.6, 0.2, 0.2], abs=0.07)
    # Not by what the split says of itself:
    part = {each.id: each.part for each in show_cohort(one, "all", limit=0).items}
    by_name = {Path(each.source).name: (part[each.id], each.patient) for each in browse(one, limit=50).items}
    assert {by_name[f"c{number:02}.jpg"][0] == by_name[f"p{number:02}.png"][0] for number in range(6)} == {True}
    sides: dict[str, set[str]] = {}
    for side, patient in by_name.values():
        sides.setdefault(patient, set()).add(side)
    assert {len(each) for each in sides.values()} == {1}
    assert found[0].cohort.digest == found[1].cohort.digest
    assert {each.id: each.part for each in show_cohort(other, "all", limit=0).items} == part


def test_a_member_keeps_its_part_and_a_new_one_has_none(gallery: Gallery) -> None:
    ids = sorted(ids_where(gallery, "label=even"))
    save_cohort(gallery, "even", where="label=even")
    split_cohort(gallery, "even", sizes=(0.5, 0.0, 0.5), field="site")
    part = {each.id: each.part for each in show_cohort(gallery, "even").items}
    label(gallery, sorted(ids_where(gallery, "label=odd"))[:1], add=["even"])
    save_cohort(gallery, "even")
    now = {each.id: each.part for each in show_cohort(gallery, "even").items}
    assert {id: now[id] for id in ids} == part
    assert [now[id] for id in now.keys() - part.keys()] == [""]
    for sizes in ((0.5, 0.5), (0.5, 0.2, 0.2), (1.2, -0.2, 0.0)):
        with pytest.raises(UsageError, match="sizes are the shares"):
            split_cohort(gallery, "even", sizes=sizes)
    with pytest.raises(UsageError, match="no record has a field 'sit'"):
        split_cohort(gallery, "even", field="sit")


# As a command


def test_the_commands(gallery: Gallery) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(cli.main, ["cohort", *words, "--gallery", str(gallery.folder)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "even, version 1: 6 records (label=even)." in run("save", "even", "--where", "label=even")
    assert "(label=even) and not" in run("combine", "both", "--all-of", "even", "--none-of", "even")
    told = run("split", "even", "--sizes", "50,0,50")
    assert "0 patients, 0 pairs" in told
    assert "train 3, test 3" in run("list")
    assert "The definition gives the same members" in run("show", "even")
    listed = json.loads(run("show", "even", "--json"))
    assert {each["part"] for each in listed["items"]} == {"train", "test"}
    assert "its 6 records stay" in run("remove", "even")
    stored = stored_cohort(gallery.store, "both")
    assert cohort_members(gallery.store, stored.number) == []
