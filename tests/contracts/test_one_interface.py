"""A verb has the same names and defaults from Python, as a command and over HTTP. What differs stands here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

import click
import pytest
from pydantic import BaseModel

import lookalike
from lookalike.evaluation.protocols.protocol import PRECISION, options_of, protocol_named
from lookalike.server.contract import bodies, job_bodies
from lookalike.verbs.audit_log import export_audit_log, verify_audit_log
from lookalike.verbs.backup import list_backups
from lookalike.verbs.cohorts.cohorts import combine_cohorts, list_cohorts, remove_cohort, save_cohort, show_cohort
from lookalike.verbs.cohorts.export import export_cohort
from lookalike.verbs.cohorts.split import split_cohort
from lookalike.verbs.curation.adjudicate import adjudicate, reading_agreement
from lookalike.verbs.curation.decisions import decide, list_decisions, undo_decision
from lookalike.verbs.curation.labelling import import_labels, label, label_log, undo_labels
from lookalike.verbs.curation.readings import (
    close_round,
    give_readings,
    list_readers,
    list_readings,
    list_rounds,
    own_readings,
    remove_readings,
    start_round,
)
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.galleries.places import copy_gallery, list_galleries, rename_gallery
from lookalike.verbs.gallery import adopt, gallery_info, relocate, secret_key
from lookalike.verbs.jobs import job_info, list_jobs, list_schedules
from lookalike.verbs.keys import add_key, list_keys, remove_key
from lookalike.verbs.records import list_records, read_report, record_info, remove, study_records
from lookalike.verbs.timeline import timeline


class Verb(NamedTuple):
    """name: "keys add" is a command of a group."""

    name: str
    function: Callable[..., Any]
    body: type[BaseModel] | None = None
    command: bool = True


VERBS: Final = (
    Verb("search", lookalike.search, bodies.SearchBody),
    Verb("explain", lookalike.explain, bodies.ExplainBody, command=False),
    Verb("classify", lookalike.classify, bodies.ClassifyBody),
    Verb("index", lookalike.index, job_bodies.IndexBody),
    Verb("pull", lookalike.pull),
    Verb("adapt", lookalike.adapt, job_bodies.AdaptBody),
    Verb("tune", lookalike.tune, job_bodies.TuneBody),
    Verb("evaluate", lookalike.evaluate, job_bodies.EvaluateBody),
    Verb("draft", lookalike.draft),
    Verb("send", lookalike.send, bodies.SendBody),
    Verb("map", lookalike.map, job_bodies.MapBody),
    Verb("audit confounds", lookalike.audit, job_bodies.AuditBody),
    Verb("audit duplicates", lookalike.audit_duplicates, job_bodies.DuplicatesBody),
    Verb("audit outliers", lookalike.audit_outliers, job_bodies.OutliersBody),
    Verb("audit metadata", lookalike.audit_metadata, job_bodies.MetadataBody),
    Verb("audit drift", lookalike.audit_drift, job_bodies.DriftBody),
    Verb("audit quality", lookalike.audit_quality, job_bodies.QualityBody),
    Verb("gallery info", gallery_info),
    Verb("gallery migrate", lookalike.migrate, job_bodies.MigrateBody),
    Verb("receive", lookalike.receive),
    Verb("demo", lookalike.demo),
    Verb("doctor", lookalike.doctor),
    Verb("records list", list_records),
    Verb("records show", record_info),
    Verb("records import", import_labels),
    Verb("records label", label, bodies.ChangeLabelsBody),
    Verb("records remove", remove, bodies.RemoveBody),
    Verb("records report", read_report),
    Verb("records study", study_records),
    Verb("records timeline", timeline),
    Verb("records export", lookalike.export_records, job_bodies.ExportBody),
    Verb("records next", lookalike.label_next),
    Verb("records undo", undo_labels, bodies.UndoLabelsBody),
    Verb("records log", label_log),
    Verb("cohort save", save_cohort, bodies.SaveCohortBody),
    Verb("cohort combine", combine_cohorts, bodies.CombineCohortsBody),
    Verb("readings start", start_round, bodies.StartRoundBody),
    Verb("readings close", close_round),
    Verb("readings give", give_readings, bodies.GiveReadingsBody),
    Verb("readings own", own_readings),
    Verb("readings readers", list_readers),
    Verb("readings rounds", list_rounds),
    Verb("readings list", list_readings),
    Verb("readings agreement", reading_agreement),
    Verb("readings adjudicate", adjudicate, bodies.AdjudicateBody),
    Verb("readings remove", remove_readings),
    Verb("decisions make", decide, bodies.DecideBody),
    Verb("decisions list", list_decisions),
    Verb("decisions undo", undo_decision),
    Verb("cohort list", list_cohorts),
    Verb("cohort show", show_cohort),
    Verb("cohort split", split_cohort, bodies.SplitCohortBody),
    Verb("cohort export", export_cohort, bodies.ExportCohortBody),
    Verb("cohort remove", remove_cohort),
    Verb("gallery adopt", adopt),
    Verb("gallery key", secret_key),
    Verb("gallery backup", lookalike.backup),
    Verb("gallery backups", list_backups),
    Verb("gallery restore", lookalike.restore),
    Verb("gallery verify", lookalike.verify),
    Verb("jobs list", list_jobs),
    Verb("jobs show", job_info),
    Verb("gallery schedules", list_schedules),
    Verb("gallery relocate", relocate),
    Verb("gallery list", list_galleries),
    Verb("gallery rename", rename_gallery),
    Verb("gallery copy", copy_gallery),
    Verb("gallery merge", lookalike.merge, job_bodies.MergeBody),
    Verb("erase", erase_patient),
    Verb("audit-log verify", verify_audit_log),
    Verb("audit-log export", export_audit_log),
    Verb("keys add", add_key),
    Verb("keys list", list_keys),
    Verb("keys remove", remove_key),
)

SHOWN: Final = {
    "json",
    "output",
    "field",
    "figure",
    "format",
    "out",
    "curves",
    "bars",
    "evidence",
    "confusion",
    "color",
    "table",
}
"""Options of commands that say how an answer is printed, drawn or kept, or which gallery is opened."""

_LONG: Final = (
    "index",
    "pull",
    "adapt",
    "tune",
    "evaluate",
    "classify",
    "audit confounds",
    "audit duplicates",
    "audit metadata",
    "audit quality",
)
_BARS: Final = (
    "map",
    "gallery migrate",
    "gallery backup",
    "gallery copy",
    "gallery restore",
    "gallery verify",
    "gallery merge",
)
_AUDITS: Final = ("audit confounds", "audit duplicates", "audit metadata", "audit quality")
_JOBS: Final = ("map", "index", "adapt", "tune", "evaluate", *_AUDITS)  # those with a body

NO_COMMAND: Final = {
    "search ids": "several records are asked with by --id and --like",
    "search vector": "hundreds of numbers are no option",
    "search explain": "the background is a picture of the page's",
    "search pictures": "thumbnails are for notebooks; --figure draws them",
    "classify weighting": "for comparisons in Python",
    "classify multi_label": "seen from the labels",
    "classify templates": "for comparisons in Python",
    "classify abstain": "for comparisons in Python",
    **dict.fromkeys([f"{name} progress" for name in (*_LONG, *_BARS)], "the command has a bar"),
    "audit confounds other_field": "--against says it in words",
    "audit confounds label_field": "--label says it in words",
    "keys add key": "of the first of several --gallery",
    "records label by": "the log names the command line",
    "records import by": "the log names the command line",
    **dict.fromkeys(["records log cursor", "jobs list cursor"], "--limit shows more"),
    **dict.fromkeys(["jobs list of", "jobs show of"], "whoever may read the gallery's files sees all"),
    **dict.fromkeys(
        [f"readings {name} by" for name in ("start", "list", "agreement", "adjudicate")], "who runs the command"
    ),
    **dict.fromkeys([f"readings {name} as_reader" for name in ("list", "agreement")], "for readers of a service"),
    **dict.fromkeys(["readings rounds reader", "readings rounds own"], "for readers of a service"),
    **dict.fromkeys(["cohort save by", "cohort combine by"], "the command line"),
    "decisions make by": "who runs the command",
    **dict.fromkeys(["cohort split progress", "cohort export progress"], "the command has a bar"),
    "records export progress": "the command has a bar",
    "records remove forget": "for the caches of a server",
    "receive say": "the command prints",
    "receive stopped": "SIGTERM and Ctrl-C",
    "erase forget": "for the caches of a server",
    "erase by": "who runs the command",
    "erase noted": "the command notes it in the audit log",
    **dict.fromkeys(["audit-log verify folder", "audit-log export folder"], "--audit-log, as of lookalike serve"),
    "demo folder": "--out, as of every command that writes",
    "demo say": "the command prints",
}
COMMAND_ONLY: Final = {
    "map groups": "in Python map_groups",
    "search one_per_patient": "the same as --per patient",
    "classify each": "in Python classify_each",
    "classify folds": "measures: in Python evaluate(protocol='classifiers')",
    "index dataset": "in Python index_dataset",
    **dict.fromkeys(
        [
            f"index {name}"
            for name in (
                *("encoder", "plane", "slices", "window", "index", "engine", "four_d", "burned_in", "linked"),
                "store",
            )
        ],
        "of the gallery that is made: in Python open(..., create=True)",
    ),
    **dict.fromkeys(
        ["receive linked", "receive store", "pull encoder", "pull linked", "pull store"],
        "of the gallery that is made: in Python open(..., create=True)",
    ),
    **dict.fromkeys([f"records export {name}" for name in ("to", "space")], "in Python export_vectors"),
    **dict.fromkeys(["pull follow", "pull every"], "in Python a loop over follow(...)"),
    "gallery migrate store": "in Python move_store",
    "index verbose": "lists set_apart, which the result holds",
    "evaluate more_queries": "what follows --queries",
    "evaluate cell": "what of the report is printed",
    "audit confounds against": "other_field",
    "audit confounds label": "label_field",
    "erase check": "in Python check_erasure",
    "erase may_return": "in Python may_return",
    **dict.fromkeys(["audit-log verify audit_log", "audit-log export audit_log"], "folder"),
}
NO_HTTP: Final = {
    **dict.fromkeys(
        [f"search {name}" for name in ("text", "report", "study", "id", "ids", "vector", "box", "slice", "slices")],
        "part of the body's query",
    ),
    **dict.fromkeys([f"explain {name}" for name in ("id", "box", "slice", "slices")], "part of the body's query"),
    **dict.fromkeys([f"classify {name}" for name in ("id", "box", "slice", "slices")], "part of the body's query"),
    **dict.fromkeys(["search mask", "explain mask"], "a mask would be a file"),
    **dict.fromkeys(["search context", "explain context"], "the page judges a region with its surroundings"),
    "search pictures": "pictures have routes of their own",
    "search beside": "another gallery is a folder",
    **dict.fromkeys(
        [
            f"classify {name}"
            for name in (
                *("weighting", "multi_label", "labels", "templates", "modality"),
                *("body_part", "view", "abstain", "seed"),
            )
        ],
        "the page asks the neighbours or an adapter",
    ),
    "index sources": "uploads or the name of an import folder: never a path",
    "index labels": "labels_csv, an upload",
    "index vectors": "a file of the server's machine",
    "index patient_column": "a table that is uploaded names it patient_id",
    "index sentences": "a model of the server's machine; who administers it chooses by command",
    "index on": "the server's LOOKALIKE_RAY: a client names no machines",
    "index patches": "a gallery keeps patches from its first index on",
    **dict.fromkeys([f"{name} progress" for name in (*_JOBS, "gallery migrate", "gallery merge")], "the job has it"),
    "gallery merge into": "the gallery of the address",
    "tune to": "the server's LOOKALIKE_MODELS: never a path",
    "classify progress": "an answer, not a job",
    **dict.fromkeys(
        [f"evaluate {name}" for name in ("queries", "query_labels", "label_columns", "patient_column")],
        "outside queries are files",
    ),
    "evaluate samples": "for tests in Python",
    "evaluate queries_from": "another gallery is a folder",
    **dict.fromkeys(
        [f"evaluate {name}" for name in ("against", "fused", "by", "levels", "sizes", "draws")], "in options"
    ),
    **dict.fromkeys(["records label by", "decisions make by"], "the caller's key"),
    "records remove patient": "in the address of a route of its own",
    "records remove forget": "for the caches of a server",
    **dict.fromkeys(["readings give round", "readings adjudicate round"], "in the address"),
    **dict.fromkeys(["readings give reader", "readings adjudicate by", "readings start by"], "the caller's key"),
    "send id": "in the address",
    "send pacs": "the service's own, pacs.sources: callers name no address",
    "map seed": "a kept map is asked for by method and space",
    "map where": "a kept map is asked for by method and space",
    "audit confounds label_field": "fields[0]",
    "audit confounds other_field": "fields[1]",
    "audit confounds seed": "for comparisons in Python",
    "audit metadata seed": "for comparisons in Python",
    **dict.fromkeys(["cohort save by", "cohort combine by"], "the caller's key"),
    "cohort save table": "ids",
    **dict.fromkeys(["cohort split name", "cohort export name"], "in the address"),
    **dict.fromkeys(["cohort split progress", "cohort export progress"], "the job has it"),
    "cohort export out": "a ZIP archive, which the job's route /export gives",
    "audit quality seed": "for comparisons in Python",
    "records export out": "a ZIP archive, which the job's route /export gives",
    "records export progress": "the job has it",
}
HTTP_ONLY: Final = {
    "index uploads": "sources",
    "index labels_csv": "labels",
    "index import": "sources",
    "index subfolders": "sources",
    "evaluate options": "**options of the protocol",
    "audit confounds fields": "label_field, other_field",
}
OTHER_DEFAULTS: Final = {
    "HTTP search k": "callers of /api/v1 count on twelve, the page's grid",
    "HTTP evaluate protocol": "None: the same as precision",
    "command cohort split sizes": "the same, as text",
    "command evaluate k": "what precision makes of Python's None",
}


def ids(verb: Verb) -> str:
    return verb.name


def in_python(verb: Verb) -> dict[str, Any]:
    parameters = inspect.signature(verb.function).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "gallery" and p.kind is not p.VAR_KEYWORD}


def command_of(verb: Verb) -> click.Command:
    first, *rest = verb.name.split()
    command: Any = import_module(f"lookalike.cli.{first.replace('-', '_')}").command
    for name in rest:
        command = command.commands[name]
    return command  # type: ignore[no-any-return]


def named(parameter: click.Parameter, wanted: dict[str, Any]) -> str:
    """The name under which Python knows it: any of its spellings, or one of several values that it gives."""
    spelt = [each.lstrip("-").replace("-", "_") for each in parameter.opts]
    plural = {f"{each}s" for each in spelt} & wanted.keys() if parameter.multiple or parameter.nargs == -1 else set()
    return next((each for each in spelt if each in wanted), next(iter(plural), spelt[0]))


def default_of(verb: Verb, name: str, parameter: click.Parameter) -> Any:
    """The options of a protocol have theirs in the protocol."""
    declared = {each.name: each.default for each in options_of(protocol_named(PRECISION))}
    if verb.name == "evaluate" and name in declared:
        return declared[name]
    return parameter.default() if callable(parameter.default) else parameter.default  # a setting's


def as_command(verb: Verb) -> dict[str, Any]:
    wanted = in_python(verb)
    command = command_of(verb)
    found = {named(each, wanted): each for each in command.get_params(click.Context(command))}
    left_out = {"gallery", "h", "help", *(({"galleries"} | SHOWN) - wanted.keys())}
    return {name: default_of(verb, name, each) for name, each in found.items() if name not in left_out}


def over_http(verb: Verb) -> dict[str, Any]:
    fields = {} if verb.body is None else verb.body.model_fields
    return {field.alias or name: field.get_default() for name, field in fields.items()}


def listed(exceptions: dict[str, str], verb: Verb) -> set[str]:
    return {name.rpartition(" ")[2] for name in exceptions if name.rpartition(" ")[0] == verb.name}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.command], ids=ids)
def test_python_and_command(verb: Verb) -> None:
    python, command = in_python(verb).keys(), as_command(verb).keys()
    assert python - command == listed(NO_COMMAND, verb)
    assert command - python == listed(COMMAND_ONLY, verb)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.body], ids=ids)
def test_python_and_http(verb: Verb) -> None:
    python, http = in_python(verb).keys(), over_http(verb).keys()
    assert python - http == listed(NO_HTTP, verb)
    assert http - python == listed(HTTP_ONLY, verb)


def nothing(value: Any) -> Any:
    """One word for what stands for "not given"."""
    empty = value is None or value is inspect.Parameter.empty or value in ((), [], {}, False)
    return None if empty or type(value).__name__ in ("Sentinel", "PydanticUndefinedType") else value


@pytest.mark.parametrize("verb", VERBS, ids=ids)
def test_defaults(verb: Verb) -> None:
    python, other = in_python(verb), set()
    if verb.command:
        for name, default in as_command(verb).items():
            if name in python and nothing(default) != nothing(python[name]):
                other.add(f"command {verb.name} {name}")
    for name, default in over_http(verb).items():
        if name in python and nothing(default) != nothing(python[name]):
            other.add(f"HTTP {verb.name} {name}")
    assert other == {name for name in OTHER_DEFAULTS if name.split(" ", 1)[1].rpartition(" ")[0] == verb.name}


def test_every_exception_is_of_a_verb_and_has_a_reason() -> None:
    names = {verb.name for verb in VERBS}
    for exceptions in (NO_COMMAND, COMMAND_ONLY, NO_HTTP, HTTP_ONLY):
        assert all(name.rpartition(" ")[0] in names and reason for name, reason in exceptions.items())


def test_one_limit_for_k() -> None:
    from lookalike.verbs.search import MAX_K

    limits = [limit.le for limit in bodies.SearchBody.model_fields["k"].metadata if hasattr(limit, "le")]
    assert limits == [MAX_K]
