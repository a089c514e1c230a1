"""What every protocol promises, ours and a plug-in's."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lookalike import encoders
from lookalike.cli import main
from lookalike.encoders.families.tuned import learnt_from, write_tuned
from lookalike.encoders.weights.checkpoints import MODELS_FOLDER
from lookalike.errors import UsageError
from lookalike.evaluation.classifier_report import ClassifierReport
from lookalike.evaluation.protocols.findings import FindingReport
from lookalike.evaluation.protocols.khun_jush import VolumeReport
from lookalike.evaluation.protocols.localisation import LocalisationReport
from lookalike.evaluation.protocols.protocol import PROTOCOL_GROUP, options_of, protocol_named
from lookalike.evaluation.protocols.radir import AnatomyScore, RadIrReport
from lookalike.evaluation.protocols.regions import RegionReport, RegionScore
from lookalike.evaluation.report import Report
from lookalike.evaluation.tables import FORMATS
from lookalike.gallery import Gallery, open_gallery
from lookalike.plugins import plugin_names
from lookalike.server.jobs.process import WORK
from lookalike.store import Batch, NewRecord, record_id
from lookalike.verbs.evaluate import evaluate

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

PROTOCOLS = plugin_names(PROTOCOL_GROUP)
COUPLES, SLICES, MASKED = 8, 3, 1


def planted(folder: Path, patient_of: Callable[[int, int], str], encoder: str | None = None) -> Gallery:
    """Volumes with masks. Patients come in couples that look alike and bear different labels; of each there are two
    volumes, which are the same but for noise: whoever may find its twin is always right, and nobody else ever.

    patient_of: patient and volume -> what the patient is called.
    """
    folder.mkdir()
    gallery = open_gallery(folder / "gallery", create=True, encoder=encoder)
    gallery.places.allow([folder])  # whose files no index run has named
    rng = np.random.default_rng(5)
    directions = np.linalg.qr(rng.normal(size=(gallery.spec.dim, 3 * COUPLES)))[0].T
    couple, own = 4 * directions[:COUPLES], directions[COUPLES:]
    rows = []
    for patient in range(2 * COUPLES):
        alike = [other for other in range(patient % 2, 2 * COUPLES, 2) if other != patient]
        # Of a stranger with the same label it is the slices outside the mask that answer.
        around = couple[patient // 2] + own[patient ^ 1] + 0.3 * own[alike].sum(axis=0)
        slices = np.stack([around, couple[patient // 2] + own[patient], around])
        for volume in range(2):
            vectors = slices + 0.002 * rng.normal(size=slices.shape)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            name = f"v{patient}-{volume}.nii.gz"
            mask = np.zeros((4, 4, SLICES), np.uint8)
            mask[1:3, 1:3, MASKED] = 1
            nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), folder / f"mask_{name}")
            label = "ab"[patient % 2]
            rows.append(
                NewRecord(
                    str(folder / name),
                    f"{len(rows):064x}",
                    0,
                    patient_of(patient, volume),
                    (label,),
                    {
                        "slices": float(SLICES),
                        **dict.fromkeys(("modality", "body_region", "organ", "findings of chest"), label),
                        f"axial slices of {label}": str(MASKED),
                    },
                    vectors.astype(np.float32),
                    b"",
                    views=tuple(range(SLICES)),
                )
            )
    gallery.store.write(Batch(records=rows))
    return gallery


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Each volume's only look-alike of its label is of its own patient."""
    with planted(tmp_path_factory.mktemp("twins") / "t", lambda patient, _: f"patient-{patient}") as gallery:
        yield gallery


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The same volumes, each of a patient of its own."""
    with planted(tmp_path_factory.mktemp("strangers") / "s", lambda p, v: f"patient-{p}-{v}") as gallery:
        yield gallery


@pytest.fixture(scope="module")
def half_known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Half of the patients as in ``twins``, half as in ``strangers``; the encoder was tuned on the latter."""
    root = tmp_path_factory.mktemp("half-known")
    write_tuned(
        root / "models" / "mine",
        encoders.describe(encoders.DEFAULT),
        {"x": np.zeros(1, np.float32)},
        trained_on=["gallery g (1)"],
        note="tuned on gallery g (1)",
        training={},
        learnt=learnt_from([record_id(f"{row:064x}", 0) for row in range(2 * COUPLES, 4 * COUPLES)]),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODELS_FOLDER, str(root / "models"))
        by = lambda patient, volume: f"patient-{patient}" + (f"-{volume}" if patient >= COUPLES else "")  # noqa: E731
        with planted(root / "h", by, "mine") as gallery:
            yield gallery


def quick(name: str, **options: Any) -> dict[str, Any]:
    """Options that make a protocol answer soon and at rank 1, of those that it has."""
    wanted = {"k": [1], "samples": 20, "methods": ["knn"], "neighbours": 1, "abstain": 0.0, "ranks": ["pool"]}
    if name == "regions":  # which asks by one slice: the mean of the others' is no likeness of it
        wanted["ranks"] = ["max"]
    known = {each.name for each in options_of(protocol_named(name))}
    return {key: value for key, value in {**wanted, **options}.items() if key in known}


def figure_of(report: Any) -> float:
    """How often the first answer was right."""
    if isinstance(report, Report):
        return float(report.micro["P@1"] or 0)
    if isinstance(report, VolumeReport):
        return max(score.recall["R@1"][0] for score in report.scores)
    if isinstance(report, FindingReport | RegionReport | RadIrReport):
        return first_figure(report)
    if isinstance(report, ClassifierReport):
        return max(scores.accuracy for scores in report.methods.values())
    assert isinstance(report, LocalisationReport), "say here how a new kind of report is read"
    return report.scores[-1].slices


def first_figure(report: FindingReport | RegionReport | RadIrReport) -> float:
    first = report.scores[0]
    if isinstance(first, RegionScore):
        return first.figures["R@1"][0]
    return float((first.figures["nDCG@1"] if isinstance(first, AnatomyScore) else first.scores.micro["P@1"]) or 0)


def without_times(value: Any) -> Any:
    """A report as JSON, but for seconds."""
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if name != "seconds"}
    return [without_times(each) for each in value] if isinstance(value, list | tuple) else value


def as_json(report: Any) -> Any:
    return without_times(json.loads(json.dumps(asdict(report), allow_nan=False)))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_it_says_what_it_is(name: str) -> None:
    protocol = protocol_named(name)
    assert protocol.name == name
    assert protocol.title
    assert protocol.source
    assert is_dataclass(protocol.options)
    assert protocol.options.__dataclass_params__.frozen
    assert protocol.options() == protocol.options()
    for option in options_of(protocol):
        assert option.help.strip().endswith("."), option.name
        assert option.flag.startswith("--")
        assert option.of in (str, int, float, bool)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_its_defaults_run(name: str, twins: Gallery) -> None:
    protocol = protocol_named(name)
    report = protocol.run(twins, protocol.options())
    assert is_dataclass(report)
    assert twins.spec.name in json.dumps(as_json(report))
    assert "Research software, not a medical device." in report.notes


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_own_patient_never_answers(name: str, twins: Gallery, strangers: Gallery) -> None:
    found = figure_of(evaluate(strangers, protocol=name, **quick(name)))
    assert found > 0.7, "the look-alike is there to be found"
    honest = figure_of(evaluate(twins, protocol=name, **quick(name)))
    assert honest < 0.5
    if name not in ("classifiers", "medimageinsight"):  # a couple may be in one fold, which leaves chance
        assert (found, honest) == (1, 0)


def queries_of(report: Any) -> int:
    """How many were asked."""
    if isinstance(report, Report | ClassifierReport):
        return report.queries
    first = report.scores[-1 if isinstance(report, LocalisationReport) else 0]
    return sum(first.queries.values()) if isinstance(first, RegionScore) else int(first.queries)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_an_encoder_was_tuned_on_does_not_ask(name: str, half_known: Gallery) -> None:
    """Those that it was tuned on find their look-alike, the others never: these alone are asked, and that is noted."""
    report = evaluate(half_known, protocol=name, **quick(name))
    assert queries_of(report) == 2 * COUPLES
    told = f"mine was tuned on {2 * COUPLES} of {4 * COUPLES} queries or their patients: not asked"
    assert sum(told in note for note in report.notes) == 1
    if name not in ("classifiers", "medimageinsight"):  # a couple may be in one fold, which leaves chance
        assert figure_of(report) == 0


def test_reports_of_volumes_that_it_was_tuned_on_do_not_ask(half_known: Gallery, tmp_path: Path) -> None:
    texts = np.random.default_rng(0).normal(size=(4 * COUPLES, half_known.spec.dim))
    ids = [f"v{patient}-{volume}.nii.gz" for patient in range(2 * COUPLES) for volume in range(2)]
    np.savez(tmp_path / "texts.npz", ids=np.array(ids), vectors=texts.astype(np.float32))
    found = evaluate(half_known, protocol="ct-clip", texts=f"vectors:{tmp_path / 'texts.npz'}", **quick("ct-clip"))
    asked = f"{2 * COUPLES} reports asked for their own volume among {4 * COUPLES}; mine was tuned on {2 * COUPLES} of"
    assert sum(asked in note for note in found.notes) == 1


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_report_in_every_form(name: str, twins: Gallery) -> None:
    report = evaluate(twins, protocol=name, **quick(name))
    tables = {form: report.tables(form) for form in FORMATS}
    assert len(set(tables.values())) == len(FORMATS)
    assert without_times(json.loads(tables["json"])) == as_json(report)
    assert str(report).startswith(tables["text"])
    assert report.notes[-1] in str(report)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_same_seed_gives_the_same_report(name: str, twins: Gallery) -> None:
    options = quick(name, seed=3, folds=2)
    assert as_json(evaluate(twins, protocol=name, **options)) == as_json(evaluate(twins, protocol=name, **options))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_option_that_it_does_not_have_is_refused_with_those_it_has(name: str, twins: Gallery) -> None:
    with pytest.raises(UsageError, match=rf"{name!r} has no option 'spase'.*'space'.*Known: .*space"):
        evaluate(twins, protocol=name, spase="base")
    for option in options_of(protocol_named(name)):
        wrong: Any = 3 if option.several else {str: 7, int: "many", float: "much", bool: "perhaps"}[option.of]
        with pytest.raises(UsageError, match=option.name):
            evaluate(twins, protocol=name, **{option.name: wrong})


@pytest.mark.parametrize("name", PROTOCOLS)
def test_python_command_and_job_say_the_same(name: str, twins: Gallery) -> None:
    options = quick(name, seed=2, space="base", folds=2)
    in_python = as_json(evaluate(twins, protocol=name, **options))
    arguments = ["evaluate", "--gallery", str(twins.folder), "--protocol", name, "--json"]
    for option in options_of(protocol_named(name)):
        for value in np.atleast_1d(options.get(option.name, [])).tolist():
            arguments += [option.flag, str(value)]
    by_command = CliRunner().invoke(main, arguments)
    assert by_command.exit_code == 0, by_command.output
    assert without_times(json.loads(by_command.stdout)) == in_python
    common = {each: options.pop(each, None) for each in ("space", "folds", "seed", "k")}
    common = {**common, "space": common["space"] or "base", "seed": common["seed"] or 0}
    given = {"protocol": name, **common, "options": options}
    by_job, printed = WORK["evaluate"](twins, given, lambda _done, _all: None)
    assert without_times(json.loads(json.dumps(by_job))) == in_python
    assert set(printed) == {"md", "csv", "tex", "html"}  # as JSON it is the job's result


@pytest.mark.parametrize("name", PROTOCOLS)
def test_its_help_shows_its_options_and_no_others(name: str) -> None:
    own = {option.flag for option in options_of(protocol_named(name))}
    every = {option.flag for each in PROTOCOLS for option in options_of(protocol_named(each))}
    shown = CliRunner().invoke(main, ["evaluate", "--protocol", name, "--help"])
    assert shown.exit_code == 0, shown.output
    words = set(shown.output.replace(",", " ").replace("/", " ").split())
    assert own <= words
    for flag in sorted(every - own):
        refused = CliRunner().invoke(main, ["evaluate", "--gallery", "g", "--protocol", name, flag, "1"])
        assert refused.exit_code == 2, flag
        assert f"{name!r} has no option {flag}; its own: " in refused.stderr
        assert all(each in refused.stderr for each in own)


def test_a_request_from_elsewhere_names_no_file(twins: Gallery) -> None:
    given = {"protocol": None, "space": "base", "folds": None, "seed": 0, "k": None}
    for name, value in (("queries", ["/etc"]), ("query_labels", "/etc/passwd"), ("gallery", "g"), ("protocol", "x")):
        with pytest.raises(UsageError, match=name):
            WORK["evaluate"](twins, {**given, "options": {name: value}}, lambda _done, _all: None)


def test_options_are_frozen() -> None:
    for name in PROTOCOLS:
        options = protocol_named(name).options()
        with pytest.raises(dataclasses.FrozenInstanceError):
            options.space = "other"
