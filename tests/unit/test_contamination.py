"""Who may judge a tuned encoder: nobody that it was tuned on, nor others of their patients; said in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookalike
from filled import fill, sha256_of
from lookalike import encoders
from lookalike.encoders.families.tuned import learnt_from, write_tuned
from lookalike.encoders.weights.checkpoints import MODELS_FOLDER
from lookalike.evaluation.contamination import untouched, untouched_rows, untouched_splits
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.splits import Split, Splits
from lookalike.gallery import Gallery
from lookalike.store import record_id

LEARNT: Final = {"one": {"r1", "r4", "p2"}, "other": {"r7"}}
KNOWN, NEW = 80, 60
NAMES = st.tuples(st.integers(0, 9).map("r{}".format), st.integers(0, 5).map("p{}".format))


@pytest.fixture(scope="module", autouse=True)
def tuned_encoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two that were tuned on something, and one that was tuned on nothing here."""
    folder = tmp_path_factory.mktemp("models")
    known = {record_id(sha256_of(i), 0) for i in range(KNOWN)}  # as ``fill`` numbers them
    for name, learnt in {**LEARNT, "elsewhere": {"r77"}, "half": known}.items():
        write_tuned(
            folder / name,
            encoders.describe("lite0-inner"),
            {"x": np.zeros(1, np.float32)},
            trained_on=[name],
            note=name,
            training={},
            learnt=learnt_from(learnt),
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODELS_FOLDER, str(folder))
        yield


@settings(max_examples=30)
@given(
    queries=st.lists(NAMES, max_size=8),
    encoder=st.sampled_from(["lite0-inner", "elsewhere", "one", "other", "one+other", "lite0-last+0.5*one"]),
)
def test_who_asks_and_what_is_said(queries: list[tuple[str, str]], encoder: str) -> None:
    members = encoder.replace("*", "+").split("+")
    learnt = set[str]().union(*(LEARNT.get(member, set()) for member in members))
    seen = [bool(learnt & {*names}) for names in queries]
    kept, told = untouched(encoder, queries)
    counts = f"{encoder} was tuned on {sum(seen)} of {len(seen)} queries or their patients"
    if not any(seen):
        assert (kept.all(), told) == (True, "")
    elif all(seen):
        assert (kept.all(), told) == (True, f"{counts}: every score is flattered")
    else:
        assert (kept.tolist(), told) == ([not each for each in seen], f"{counts}: not asked")


@settings(max_examples=20)
@given(rows=st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_splits_lose_the_queries_that_do_not_ask(rows: list[list[tuple[str, str]]]) -> None:
    names = [each for part in rows for each in part]
    ids, patients = zip(*names, strict=True)
    data = Labelled(np.zeros((len(ids), 1), np.float32), (("a",),) * len(ids), patients, ids)
    ends = np.cumsum([0, *map(len, rows)])
    parts = tuple(Split(np.arange(a, b), np.arange(len(ids))) for a, b in pairwise(ends))
    found = untouched_splits("one", data, Splits(parts, "a rule"))
    kept, told = untouched("one", names)
    assert [row for part in found.parts for row in part.queries] == np.flatnonzero(kept).tolist()
    assert all(len(part.queries) and len(part.gallery) == len(ids) for part in found.parts)
    assert found.rule == (f"a rule; {told}" if told else "a rule")


def test_a_query_from_outside_may_be_of_several_groups() -> None:
    data = Labelled(np.zeros((3, 1), np.float32), (("a",),) * 3, ("p8", "p9", "p7"), ("r0", "r2", "r3"))
    groups = (frozenset({"p8", "p2"}), frozenset({"p9"}), frozenset({"p7"}))
    rows, told = untouched_rows("one", Queries(data, groups))
    assert (rows.tolist(), "1 of 3" in told) == ([1, 2], True)


def test_probabilities_are_calibrated_on_what_it_was_not_tuned_on(make_gallery: Callable[..., Gallery]) -> None:
    """What it was tuned on lies by label, what it was not lies anywhere: of new pictures nothing can be told."""
    rng = np.random.default_rng(2)
    place = rng.integers(0, 2, KNOWN + NEW)
    label = np.where(np.arange(KNOWN + NEW) < KNOWN, place, rng.integers(0, 2, KNOWN + NEW))
    surest = {}
    for encoder in ("lite0-inner", "half"):
        gallery = make_gallery(encoder, encoder=encoder)
        vectors = np.eye(gallery.spec.dim)[place] + 0.02 * rng.normal(size=(len(place), gallery.spec.dim))
        ids = fill(gallery, list(vectors), [f"p{i}" for i in range(len(place))], [("ab"[each],) for each in label])
        found = [lookalike.classify(gallery, id=ids[i], set=0.9) for i in range(KNOWN, KNOWN + 10)]
        surest[encoder] = np.mean([answer.labels[0].probability for answer in found])
        told = [note for note in found[0].notes if "tuned on" in note]
        wanted = f"Calibrated on the {NEW - 1} records that the encoder was not tuned on."
        assert told == ([wanted] if encoder == "half" else [])
    assert surest["half"] < 0.65
    assert surest["lite0-inner"] > 0.75
