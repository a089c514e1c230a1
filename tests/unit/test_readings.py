"""Readings apart from each other: kappas against other implementations, what is decided, and what is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from filled import fill
from lookalike.errors import ForbiddenError, NotFoundError, UsageError
from lookalike.evaluation.agreement import cohen_kappa, fleiss_kappa
from lookalike.gallery import Gallery
from lookalike.store.readings import stored_rounds
from lookalike.verbs.curation.adjudicate import adjudicate, reading_agreement
from lookalike.verbs.curation.labelling import label, label_log, undo_labels
from lookalike.verbs.curation.readings import (
    close_round,
    give_readings,
    list_readings,
    list_rounds,
    own_readings,
    remove_readings,
    start_round,
)
from lookalike.verbs.records import browse, facets, record_info, remove

MakeGallery = Callable[..., Gallery]
# Fleiss, Psychological Bulletin 76, 1971, table 1, shortened: categories that each of six readers chose.
COUNTS = [[0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0]]


def test_kappa_of_two_is_that_of_another_implementation() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 60)
    second = np.where(rng.random(60) < 0.6, first, rng.integers(0, 4, 60))
    found = cohen_kappa(first, second, np.arange(60), 0)
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-6)
    assert found.agreed == pytest.approx((first == second).mean())
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.kappa < found.high
    # Drawn by patient: records of one patient are one piece of evidence
    doubled = cohen_kappa(first.repeat(4), second.repeat(4), np.arange(60).repeat(4), 0)
    assert (doubled.kappa, doubled.low, doubled.high) == pytest.approx((found.kappa, found.low, found.high))
    alone = cohen_kappa(first, second, np.zeros(60, int), 0)
    assert (alone.low, alone.high) == (None, None)
    assert cohen_kappa(np.zeros(5, int), np.zeros(5, int), np.arange(5), 0).kappa is None


def test_kappa_of_more_is_that_of_the_formula() -> None:
    said = np.array([np.repeat(np.arange(5), row) for row in COUNTS])
    counts, readers = np.array(COUNTS), 6
    observed = np.mean([sum(n * (n - 1) for n in row) / (readers * (readers - 1)) for row in COUNTS])
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    found = fleiss_kappa(said, np.arange(6), 0)
    assert found.kappa == pytest.approx((observed - expected) / (1 - expected), abs=1e-6)
    assert found.agreed == pytest.approx(observed)


@pytest.fixture
def read(make_gallery: MakeGallery) -> tuple[Gallery, list[str]]:
    """Six records of five patients; of the first five two readers differ about one."""
    gallery = make_gallery(encoder="imported:x:3")
    ids = fill(gallery, list(np.random.default_rng(0).normal(size=(6, 3))), [*"aabcde"], [("known",)] * 6)
    for reader in ("anna", "ben"):
        give_readings(gallery, "pilot", ids[:3], labels=["effusion"], reader=reader)
        give_readings(gallery, "pilot", ids[3:4], reader=reader)
    give_readings(gallery, "pilot", ids[4:], labels=["edema", "effusion"], reader="anna")
    give_readings(gallery, "pilot", ids[4:5], labels=["edema"], reader="ben")
    return gallery, ids


def test_readers_are_apart_until_it_is_decided(read: tuple[Gallery, list[str]]) -> None:
    gallery, ids = read
    assert {each.labels for each in browse(gallery).items} == {("known",)}
    assert [value.value for value in facets(gallery)[0].values] == ["known"]
    assert len(own_readings(gallery, "pilot", reader="anna").items) == 6
    assert len(own_readings(gallery, "pilot", reader="ben").items) == 5
    assert own_readings(gallery, "pilot", reader="eve").items == ()
    for asked in (list_readings, reading_agreement):
        with pytest.raises(ForbiddenError, match="anna reads in this round"):
            asked(gallery, "pilot", by="anna")
    with pytest.raises(ForbiddenError):
        adjudicate(gallery, "pilot", agreed=True, by="ben")
    found = list_readings(gallery, "pilot", by="eve")
    assert found.readers == ("anna", "ben")
    assert [each.agree for each in found.items] == [True, True, True, True, False, None]
    agreement = reading_agreement(gallery, "pilot", by="eve")
    (pair,) = agreement.pairs
    assert (pair.readers, pair.records, agreement.fleiss) == (("anna", "ben"), 5, ())
    assert agreement.notes == ("1 records were read by one reader only and are left out.",)
    by_label = {each.label: each for each in pair.labels}
    assert (by_label["effusion"].first, by_label["effusion"].second) == (4, 3)
    assert by_label["effusion"].kappa.kappa == pytest.approx(cohen_kappa_score([1, 1, 1, 0, 1], [1, 1, 1, 0, 0]))
    assert by_label["edema"].kappa.kappa == pytest.approx(1)
    assert by_label[""].kappa.agreed == pytest.approx(4 / 5)
    give_readings(gallery, "pilot", ids[:5], labels=["effusion"], reader="carl")
    three = reading_agreement(gallery, "pilot")
    assert (len(three.pairs), three.together) == (3, 5)
    assert [each.label for each in three.fleiss] == ["", "edema", "effusion"]


def test_what_is_decided_counts_and_can_be_undone(read: tuple[Gallery, list[str]]) -> None:
    gallery, ids = read
    agreed = adjudicate(gallery, "pilot", agreed=True, by="eve")
    assert (agreed.records, record_info(gallery, ids[0]).labels) == (4, ("effusion",))
    assert record_info(gallery, ids[3]).labels == ()  # both say that there is nothing
    assert record_info(gallery, ids[4]).labels == ("known",)
    adjudicate(gallery, "pilot", ids[4:5], labels=["edema"], by="eve")
    decided = list_readings(gallery, "pilot").items[4]
    assert (decided.decided, decided.by, decided.agree) == (("edema",), "eve", False)
    assert decided.time is not None
    assert label_log(gallery, limit=1).items[0].by == "eve, adjudicating pilot"
    with pytest.raises(UsageError, match="it is decided"):
        give_readings(gallery, "pilot", ids[4:5], labels=["mass"], reader="ben")
    with pytest.raises(UsageError, match="not read by two"):
        adjudicate(gallery, "pilot", ids[5:], labels=["edema"], by="eve")
    undo_labels(gallery, agreed.change)
    assert record_info(gallery, ids[0]).labels == ("known",)
    assert adjudicate(gallery, "pilot", agreed=True, by="eve").records == 0  # these are decided


def test_what_is_removed_leaves_no_reading(read: tuple[Gallery, list[str]]) -> None:
    gallery, ids = read
    remove(gallery, ids[:1])
    assert len(list_readings(gallery, "pilot").items) == 5
    give_readings(gallery, f"of {ids[1]} alone", ids[2:3], reader="anna")
    remove(gallery, ids[1:2])
    assert not any(ids[1] in name for name in stored_rounds(gallery.store))
    assert len(stored_rounds(gallery.store)) == 2
    renamed = next(name for name in stored_rounds(gallery.store) if name != "pilot")
    assert [each.id for each in list_readings(gallery, renamed).items] == ids[2:3]
    assert remove_readings(gallery, "pilot").removed > 0
    with pytest.raises(NotFoundError, match="no round of readings"):
        list_readings(gallery, "pilot")
    with pytest.raises(NotFoundError):
        remove_readings(gallery, "pilot")


def test_what_cannot_be_read_is_said(read: tuple[Gallery, list[str]]) -> None:
    gallery, ids = read
    with pytest.raises(NotFoundError, match="no record"):
        give_readings(gallery, "pilot", [ids[0], "0" * 16], labels=["x"], reader="dora")
    assert own_readings(gallery, "pilot", reader="dora").items == ()
    for name, reader in (("", "anna"), ("x" * 65, "anna"), ("pilot", ""), ("a\nb", "anna")):
        with pytest.raises(UsageError, match="1 to 64"):
            give_readings(gallery, name, ids[:1], reader=reader)
    for ids_, agreed in (((), False), (ids[:1], True)):
        with pytest.raises(UsageError, match="say of which records"):
            adjudicate(gallery, "pilot", ids_, agreed=agreed, by="eve")
    give_readings(gallery, "lone", ids[:1], reader="anna")
    with pytest.raises(UsageError, match="nobody can agree yet"):
        reading_agreement(gallery, "lone")


# Rounds that are started


@pytest.fixture
def started(make_gallery: MakeGallery) -> tuple[Gallery, list[str]]:
    gallery = make_gallery(encoder="imported:x:3")
    vectors = list(np.random.default_rng(0).normal(size=(6, 3)))
    ids = fill(gallery, vectors, [*"aabcde"], [("known",)] * 4 + [("other",)] * 2)
    start_round(gallery, "pilot", where="label=known", labels=["edema", "mass"], readers=["anna", "ben"], by="eve")
    return gallery, ids


def test_a_round_asks_its_readers_for_its_records(started: tuple[Gallery, list[str]]) -> None:
    gallery, ids = started
    (info,) = list_rounds(gallery).items
    assert (info.labels, info.records, info.by, info.closed) == (("edema", "mass"), 4, "eve", None)
    give_readings(gallery, "pilot", ids[1:2], labels=["mass"], reader="anna")
    own = own_readings(gallery, "pilot", reader="anna")
    assert (own.asked, own.labels) == (tuple(ids[:4]), ("edema", "mass"))
    assert [(each.id, each.labels) for each in own.items] == [(ids[1], ("mass",))]
    assert own_readings(gallery, "pilot", reader="ben").items == ()
    (info,) = list_rounds(gallery, reader="anna", own=True).items
    assert [(each.reader, each.read, each.asked) for each in info.readers] == [("anna", 1, 4)]
    assert list_rounds(gallery, reader="eve", own=True).items == ()
    for reader, some in (("eve", ids[:1]), ("anna", ids[3:5])):  # not asked at all; of one of them
        with pytest.raises(ForbiddenError, match="does not ask"):
            give_readings(gallery, "pilot", some, reader=reader)
    assert len(own_readings(gallery, "pilot", reader="anna").items) == 1
    shown = list_readings(gallery, "pilot", by="eve")
    assert [len(each.readings) for each in shown.items] == [0, 1, 0, 0]
    assert shown.readers == ("anna", "ben")
    with pytest.raises(UsageError, match="nobody can agree yet"):
        reading_agreement(gallery, "pilot")
    for by in ("anna", "ben"):  # who is asked is kept apart before it has read anything
        with pytest.raises(ForbiddenError, match="until it is over"):
            list_readings(gallery, "pilot", by=by)


def test_readers_see_all_of_a_closed_round_and_say_no_more(started: tuple[Gallery, list[str]]) -> None:
    gallery, ids = started
    for reader, word in (("anna", "mass"), ("ben", "edema")):
        give_readings(gallery, "pilot", ids[:2], labels=[word], reader=reader)
    closed = close_round(gallery, "pilot")
    assert closed.closed is not None
    assert own_readings(gallery, "pilot", reader="anna").closed == closed.closed
    shown = list_readings(gallery, "pilot", by="anna", as_reader=True)
    assert [one.reader for one in shown.items[0].readings] == ["anna", "ben"]
    assert reading_agreement(gallery, "pilot", by="anna", as_reader=True).pairs[0].records == 2
    with pytest.raises(NotFoundError, match="reads in no round"):
        list_readings(gallery, "pilot", by="eve", as_reader=True)
    with pytest.raises(UsageError, match="is closed: nothing more"):
        give_readings(gallery, "pilot", ids[:1], labels=["edema"], reader="anna")
    with pytest.raises(UsageError, match="closed already"):
        close_round(gallery, "pilot")
    with pytest.raises(ForbiddenError):  # who has read does not decide, also afterwards
        adjudicate(gallery, "pilot", ids[:1], labels=["edema"], by="anna")
    assert adjudicate(gallery, "pilot", ids[:1], labels=["edema"], by="eve").records == 1
    assert list_rounds(gallery).items[0].decided == 1
    assert remove_readings(gallery, "pilot").removed == 5
    assert list_rounds(gallery).items == ()
    start_round(gallery, "pilot", ids[:1], labels=["mass"], readers=["anna", "ben"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"readers": ["anna", "anna"]}, "two readers or more"),
        ({"labels": []}, "labels that there are to choose from"),
        ({"where": "label=none"}, "1 to 10,000 records, and these are 0"),
        ({"ids": ["x"], "where": "label=known"}, "either by their ids or by a filter"),
        ({"round": "pilot"}, "there is a round 'pilot' already"),
    ],
)
def test_a_round_that_cannot_be_is_not_started(
    started: tuple[Gallery, list[str]], options: dict[str, Any], why: str
) -> None:
    asked: dict[str, Any] = {"round": "second", "labels": ["mass"], "readers": ["anna", "ben"], **options}
    with pytest.raises(UsageError, match=why):
        start_round(started[0], asked.pop("round"), **asked)
    assert [each.round for each in list_rounds(started[0]).items] == ["pilot"]
    with pytest.raises(NotFoundError):
        close_round(started[0], "second")


def test_nothing_fixed_of_a_round_names_who_was_erased(started: tuple[Gallery, list[str]]) -> None:
    gallery, ids = started
    label(gallery, ids[:1], add=["rare-word"])
    start_round(gallery, "of rare-word", ids[:2], labels=["rare-word", "mass"], readers=["anna", "ben"])
    start_round(gallery, "alone", ids[:1], labels=["mass"], readers=["anna", "ben"])
    remove(gallery, ids[:1])
    rounds = {each.round: each for each in list_rounds(gallery).items}
    assert len(rounds) == 2
    (renamed,) = rounds.keys() - {"pilot"}
    assert "rare-word" not in renamed
    assert (rounds[renamed].labels, rounds[renamed].records) == (("mass",), 1)
    assert rounds["pilot"].records == 3
    with gallery.store.begin() as connection:
        told = connection.exec_driver_sql("SELECT name, value FROM gallery").all()
    assert not [row for row in told if "rare-word" in str(row) or "alone" in row[0]]
