"""Options of readings, decisions and cohorts."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, LISTED, SEED, SPACE, Command, Told

CURATING: Final[dict[str, Command]] = {
    "decisions make": Command(
        {"": "quality keep {id} --gallery {g} --about blank"},
        {
            "audit": Told("", "audit", "quality"),
            "decision": Told("", "decision", "keep"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--about": Told("--about clipped", "about", "clipped"),
            "--value": Told("--value x", "value", "x"),
            "--json": JSON,
        },
        answer=True,
    ),
    "decisions list": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--audit": Told("--audit quality", "audit", "quality"),
            "--decision": Told("--decision drop", "decision", "drop"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "decisions undo": Command(
        {"": "1 --gallery {g}"}, {"number": Told("", "number", 1), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "readings give": Command(
        {"": "r {id} --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--label": Told("--label a --label b", "labels", ("a", "b")),
            "--reader": Told("--reader anna", "reader", "anna"),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings start": Command(
        {"": "s --gallery {g} --label a --reader anna --reader ben"},
        {
            "round": Told("", "round", "s"),
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--where": Told("--where label=even", "where", "label=even"),
            "--label": Told("--label b", "labels", "b"),
            "--reader": Told("--reader eve", "readers", "eve"),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings close": Command(
        {"": "r2 --gallery {g}"}, {"round": Told("", "round", "r2"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "readings own": Command(
        {"": "r --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "--gallery": GALLERY,
            "--reader": Told("--reader anna", "reader", "anna"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "readings readers": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "readings rounds": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "readings list": Command(
        {"": "r --gallery {g}"},
        {"round": Told("", "round", "r"), "--gallery": GALLERY, "--json": JSON, "--output": LISTED},
    ),
    "readings agreement": Command(
        {"": "r --gallery {g}"}, {"round": Told("", "round", "r"), "--gallery": GALLERY, "--seed": SEED, "--json": JSON}
    ),
    "readings adjudicate": Command(
        {"": "r {id} --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--label": Told("--label a --label b", "labels", ("a", "b")),
            "--agreed": Told("--agreed", "agreed", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings remove": Command(
        {"": "r --gallery {g}"}, {"round": Told("", "round", "r"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "cohort save": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--every": Told("--every", "every", True),
            "--where": Told("--where site=north", "where", "site=north"),
            "--id": Told("--id a --id b", "ids", ("a", "b")),
            "--table": Told("--table {table}", "table", "{table}"),
            "--like": Told("--like a --like b", "like", ("a", "b")),
            "--text": Told("--text t", "text", "t"),
            "--k": Told("-k 7", "k", 7),
            "--space": SPACE,
            "--replace": Told("--replace", "replace", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "cohort combine": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--all-of": Told("--all-of a --all-of b", "all_of", ("a", "b")),
            "--any-of": Told("--any-of a --any-of b", "any_of", ("a", "b")),
            "--none-of": Told("--none-of a --none-of b", "none_of", ("a", "b")),
            "--replace": Told("--replace", "replace", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "cohort list": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "cohort show": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--limit": Told("--limit 7", "limit", 7),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "cohort split": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--sizes": Told("--sizes 80,0,20", "sizes", (0.8, 0.0, 0.2)),
            "--field": Told("--field site", "field", "site"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "cohort export": Command(
        {"": "c --gallery {g} --out {out} --burned-in keep"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--out": Told("--out {out}-else", "out", "{out}-else"),
            "--format": Told("--format coco", "format", "coco"),
            "--burned-in": Told("--burned-in refuse", "burned_in", "refuse"),
            "--dates": Told("--dates shifted", "dates", "shifted"),
            "--characteristics": Told("--characteristics", "characteristics", True),
            "--column": Told("--column site", "columns", "site"),
            "--defaced": Told("--defaced", "defaced", True),
            "--json": JSON,
        },
    ),
    "cohort remove": Command(
        {"": "c --gallery {g}"}, {"name": Told("", "name", "c"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
}
