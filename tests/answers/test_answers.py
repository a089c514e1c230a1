"""What was asked before is answered as it was: commands, calls and requests on real images, and a kept gallery.

``record.py`` records the answers anew; ``questions.py`` says how the questions are written; ``make_kept.py`` made
the gallery.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from differences import differences
from questions import ask
from record import KEPT, PARTS, recorded

SLOW: Final = ("collections", "jobs", "pictures", "served", "volumes")

_PROGRESS: Final = {"json.progress": "a job says how many parts are done"}
_AUDIT: Final = {
    "json.audit": "near-duplicates are found by registration; nothing is claimed of patients nobody knows",
    "json.notes": "the sentence of the audit",
}
_JOB_AUDIT: Final = {**_PROGRESS, **{name.replace("json.", "json.result."): why for name, why in _AUDIT.items()}}
_PATIENTS: Final = {**_AUDIT, "json.patients": "patients that are known are counted"}
_LEARNT: Final = {"json.note": "a space that was trained on the query's own patient says so"}
_NEAR: Final = {"lines": "a column says how near a hit is among the gallery's own nearest distances"}
_PAIR: Final = {"json.hits": "the best pair is of slices that show something"}
_VOTE: Final = {"json.hits": "each query slice has one vote"}
_CENTRE: Final = "the centre of Gaussian weights may be given"
_CONFUSED: Final = "which label is taken for which is printed too"
_ALIKE: Final = {"json.items": "what two fields say alike is listed once"}
_PUBLISHED: Final = "entries say what is published: licences, collections, what to know"

_ENCODER: Final = {"json.checks.2": "the default encoder is another one"}
_ELSEWHERE: Final = "its folder is none that was allowed"
DIFFERENT: Final[dict[str, dict[str, dict[str, str]]]] = {
    "kept": {
        "doctor": _ENCODER,
        "search: by a label that was given by hand": {
            "json.note": "it says that the filter leaves nothing similar",
            "json.abstained": "something similar is here: the filter alone leaves nothing of it",
        },
        "search: by a volume": _PAIR,
        "classify: the adapter's own head": {"error": "--replace trains an existing space anew"},
        **dict.fromkeys(["evaluate", "evaluate: the space on folds"], _AUDIT),
        "region: of a record without patches, whose file is gone": dict.fromkeys(["error"], _ELSEWHERE),
        "served: a picture whose file is gone": dict.fromkeys(["json.detail", "json.reason"], _ELSEWHERE),
        "served: a file that is gone": dict.fromkeys(
            ["status", "json.title", "json.status", "json.detail", "json.reason"],
            "a volume of a part of the body that nobody knows: none but an admin is given it as a file",
        ),
        "keys": {"json": "keys are in the configuration of whoever serves, not in the gallery"},
    },
    "collections": {
        "index: every odd DICOM": {
            "json.added": "82 frames are no images: 34 of SEG, 48 of doses",
            "json.records": "and so they are no records",
            "json.ignored": "34 files are set apart by kind",
            "json.refused": "and so those 21 of them without pixels that can be read are not refused",
        },
        "adapt: mlp": {"json.patients": "patients that are known are counted"},
        "search: in a space that learnt with gradients": _LEARNT,
        "evaluate: a space that learnt with gradients": {**_PATIENTS, "json.split": "no patient is known: by record"},
    },
    "volumes": {
        "refused: weights that do not exist": {"error": _CENTRE},
        **{
            f"evaluate: khun-jush{more}": {
                "json.notes.0": "a new gallery cuts volumes in the plane they were taken in",
                "json.scores": "count and sum give each query slice one vote",
            }
            for more in ("", ", its options")
        },
        "evaluate: khun-jush, printed": {"lines": "intervals and precision are printed too"},
        **dict.fromkeys(
            [
                *(
                    f"search: by {what}"
                    for what in ("a volume's file", "id, its patient left out", "id, its patient too")
                ),
                *(f"search: {what}" for what in ("one a patient", "examples")),
                *("rank: pool, Gaussian weights", "rank: pool by the median", "rank: pool by the maximum, a filter"),
                *("rank: the best slice", "rank: MaxSim, Gaussian weights, a filter"),
            ],
            _PAIR,
        ),
        "search: in a space": {**_PAIR, **_LEARNT},
        "search: printed": _NEAR,
        "rank: count": _VOTE,
        "rank: the sum, Gaussian weights": _VOTE,
        **dict.fromkeys(["evaluate: plain", "evaluate: outside volumes", "evaluate: 3d-mir"], _AUDIT),
        "index: series, along another plane": {
            "json.added": "mosaics of two time points are two volumes at the same places",
            "json.refused": "and so they are refused",
            "json.records": "and so they are no records",
        },
        "index: a series of several time points is refused": {
            "json.refused.1.reason": "as a file of several time points is",
            "json.records": "two mosaics less",
        },
        "search: by the folder of a series": {
            "json.records": "two mosaics less",
            "json.hits": "and so other percentiles",
        },
        "refused: a series of several time points as a query": {"error": "it may be echoes or b values as well"},
    },
    "pictures": {
        "doctor: a gallery": _ENCODER,
        "keys: remove": {"lines": "it says what the removal of the last key means"},
        "index: odd DICOM": {
            "json.added": "39 frames are no images: 20, 3 and 1 of SEG, 15 of a dose",
            "json.records": "and so they are no records",
            "json.ignored": "these four files are set apart by kind, with three SR and an annotation",
            "json.refused": "and so these four without pixels are not refused",
        },
        "refused: a label column that is not there": {"error": "the columns there are stand beside the nearest one"},
        "refused: a region in a space": {"error": "what asks with a study or a report is named, too"},
        "refused: another encoder for this gallery": {"error": "a gallery can change its encoder"},
        "audit: everything recorded": {
            "json.fields": "values are told by a ridge regression that permutations can repeat; indices have nulls",
            "json.warnings": "association and the range of the null are said",
        },
        "audit: one field, in a space": {"lines": "indices stand beside their nulls"},
        "search: printed": _NEAR,
        "evaluate: printed as CSV": {"lines": _CONFUSED},
        "refused: nothing to index": {"error": "vectors of one's own may be brought"},
        "benchmark: indexes": {"json.rows.1.file_mb": "files of indexes are packed otherwise"},
        "evaluate: printed as LaTeX": {"lines": "the precision that the authors' code counts stands beside the capped"},
        "search: fewer than k satisfy the filter": {"json.note": "it says that the filter leaves nothing"},
        **dict.fromkeys(["search: in a space", "search: in a space, with examples and a filter"], _LEARNT),
        **dict.fromkeys(
            [
                *("evaluate: plain", "evaluate: plain, several labels a record", "evaluate: folds in a space"),
                *("evaluate: denner", "evaluate: medimageinsight", "evaluate: multilabel"),
                "evaluate: outside queries in a space, of patients who are there",
            ],
            _AUDIT,
        ),
        "evaluate: outside queries": _PATIENTS,
        "encoders: list": {
            **dict.fromkeys([f"json.{place}.trained_on" for place in (0, 14, 17, 18, 20)], _PUBLISHED),
            **dict.fromkeys([f"json.{place}.note" for place in (15, 17, 19, 20, 23)], _PUBLISHED),
            **dict.fromkeys([f"json.{place}.license" for place in (15, 16, 23)], _PUBLISHED),
            "json.19.checkpoint": "the copy there is of MedSAM's weights; the other's image encoder is not",
        },
    },
    "jobs": {
        "job: evaluate classifiers": _PROGRESS,
        "job: adapt": _PROGRESS,
        **dict.fromkeys(["job: evaluate a space on folds", "job: evaluate by a protocol"], _JOB_AUDIT),
        "job: audit": {"json.result": "a field that goes with the label is said"},
    },
    "served": {
        "refused: weights that do not exist": {"json.detail": _CENTRE},
        "refused: a region with examples": {
            "json.detail": "one refusal for all that a region cannot be asked with; it names what to leave out"
        },
        "refused: two queries at once": {"json.detail": "words to be found in reports, or a study, may ask as well"},
        "remove: while another process writes": dict.fromkeys(
            ["status", "json."], "a long writer gives way to a removal"
        ),
        "remove: a record": dict.fromkeys(["status", "json."], "it was removed while another process wrote"),
        "job: adapt": _PROGRESS,
        "job: evaluate": _JOB_AUDIT,
        "job: index an upload with its table": {"json.result.unmatched": "its row meets the upload by the file's name"},
        "jobs": {"json.items": "a job says how many parts are done"},
        "search: in a space": _LEARNT,
        "report: JSON": _AUDIT,
        "report: HTML": {"lines": "the sentence of the audit"},
        "report: Markdown": {"lines": _CONFUSED},
        **dict.fromkeys(["facets", "facets: filtered"], _ALIKE),
        **dict.fromkeys(["volumes: search", "volumes: search by MaxSim with Gaussian weights"], _PAIR),
        "volumes: explain": dict.fromkeys(["json.query", "json.hit", "json.match"], "the pair that a search reports"),
    },
}
"""Answers that are meant to differ from those recorded: part -> question -> field (``json.hits``, ``error``) -> why."""


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders have other names in each run: nothing may be cut to a width."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.mark.parametrize("part", [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in PARTS])
def test_answers_are_those_recorded(
    part: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(part, shared_data, tmp_path, capsys)


def test_a_gallery_of_an_earlier_version_answers_as_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(KEPT, tmp_path, tmp_path, capsys)


def check(part: str, data: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ask a part and compare; what is equal is counted for whoever reads the run."""
    expected, folders = recorded(part), {"data": data, "work": work}
    found = {
        question["name"]: differences(expected.get(question["name"]), answer, folders)
        for question, answer in ask(part, data, work)
    }
    with capsys.disabled():
        print(f"\n{part}: {sum(not lines for lines in found.values())} of {len(expected)} answers equal")
    assert found.keys() == expected.keys()
    lines = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    meant = [f"{name}: {field}" for name, fields in DIFFERENT.get(part, {}).items() for field in fields]
    other = [line for line in lines if not line.startswith(tuple(meant))]
    equal_again = [field for field in meant if not any(line.startswith(field) for line in lines)]
    assert not other, "\n".join(["answers differ", *other])
    assert not equal_again, "\n".join(["declared different, and equal", *equal_again])
