"""Options of commands about records."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, LISTED, SEED, SPACE, Command, Shown, Told, these

RECORDED: Final[dict[str, Command]] = {
    "records label": Command(
        {"": "someone --gallery {g} --set one"},
        {
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--set": Told("--set two", "set", "two"),
            "--add": Told("--add three", "add", "three"),
            "--remove": Told("--remove four", "remove", "four"),
            "--json": JSON,
        },
        answer=True,
    ),
    "records remove": Command(
        {"": "someone --gallery {g}"},
        {
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--patient": Told("--patient group", "patient", "group"),
            "--json": JSON,
        },
        answer=True,
    ),
    "erase": Command(
        {"": "--gallery {g} --patient group", "check": "--gallery {g} --check {table}"},
        {
            "--gallery": GALLERY,
            "--patient": Told("--patient other", "patient", "other"),
            "--patient-id": Told("--patient-id someone", "patient_id", "someone"),
            "--proof": Told("--proof {out}", "proof", "{out}"),
            "--check": Told("--check {folder}", "proof", "{folder}"),
            "--may-return": Shown("--may-return", "elsewhere", "test_kept_out.py::test_by_command"),
            "--json": Shown("--json", "elsewhere", "test_erase_proof.py::test_by_command"),
        },
        {"check": these("--patient --patient-id --proof --may-return --json")},
    ),
    "audit-log verify": Command(
        {"": ""},
        {
            "--audit-log": Told("--audit-log {folder}", "folder", "{folder}"),
            "--expect": Told("--expect 1:x", "expect", "1:x"),
            "--first": Told("--first 7", "first", 7),
            "--json": JSON,
        },
    ),
    "audit-log export": Command(
        {"": "{out}"},
        {
            "out": Told("", "out", "{out}"),
            "--audit-log": Told("--audit-log {folder}", "folder", "{folder}"),
            "--since": Told("--since 2027-01-31", "since", "2027-01-31"),
            "--until": Told("--until 2027-01-31", "until", "2027-01-31"),
            "--json": JSON,
        },
    ),
    "records report": Command(
        {"": "{id} --gallery {g}"}, {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "records study": Command(
        {"": "{id} --gallery {g}"},
        {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON, "--output": LISTED},
    ),
    "records timeline": Command(
        {"": "{id} --gallery {g}"},
        {
            "id": Told("", "id", "{id}"),
            "--gallery": GALLERY,
            "--like": Told("--like {id}", "like", "{id}"),
            "--space": SPACE,
            "--k": Told("-k 7", "k", 7),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records export": Command(
        {"": "--gallery {g} --out {out} --burned-in keep"},
        {
            "--gallery": GALLERY,
            "--out": Told("--out {out}-else", "out", "{out}-else"),
            "--to": Shown("", "elsewhere", "test_export_vectors.py::test_the_command_writes_a_file"),
            "--space": Shown("", "elsewhere", "test_export_vectors.py::test_the_command_writes_a_file"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--burned-in": Told("--burned-in refuse", "burned_in", "refuse"),
            "--dates": Told("--dates shifted", "dates", "shifted"),
            "--characteristics": Told("--characteristics", "characteristics", True),
            "--column": Told("--column site", "columns", "site"),
            "--defaced": Told("--defaced", "defaced", True),
            "--json": JSON,
        },
    ),
    "records list": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--where": Told("--where site=north", "where", "site=north"),
            "--limit": Told("--limit 7", "limit", 7),
            "--order": Told("--order -source", "order", "-source"),
            "--field": Shown("--field site", "text", "south"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records show": Command(
        {"": "{id} --gallery {g}"}, {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "records import": Command(
        {"": "{table} --gallery {g}"},
        {"table": Told("", "table", "{table}"), "--gallery": GALLERY, "--json": JSON},
        answer=True,
    ),
    "records next": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--budget": Told("--budget 7", "budget", 7),
            "--by": Told("--by outlier", "by", "outlier"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--seed": SEED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records undo": Command(
        {"": "--gallery {g}"}, {"change": Told("7", "change", 7), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "records log": Command(
        {"": "--gallery {g}"},
        {"--gallery": GALLERY, "--limit": Told("--limit 7", "limit", 7), "--json": JSON, "--output": LISTED},
    ),
}
