"""Options of galleries and their jobs."""

from __future__ import annotations

from typing import Final

from options.row import ELSEWHERE, GALLERY, JSON, LISTED, Command, Shown, Told

KEEPING: Final[dict[str, Command]] = {
    "gallery backup": Command(
        {"": "{out} --gallery {g}"}, {"to": Told("", "to", "{out}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery restore": Command(
        {"": "{folder} --gallery {g}"},
        {
            "source": Told("", "source", "{folder}"),
            "--gallery": Told("--gallery {other}", "gallery", "{other}"),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery backups": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "gallery list": Command(
        {"": "{folder}"}, {"folders": Told("", "folders", "{folder}"), "--json": JSON, "--output": LISTED}
    ),
    "gallery rename": Command(
        {"": "new --gallery {g}"},
        {
            "name": Told("", "name", "new"),
            "--gallery": Told("--gallery {other}", "gallery", "{other}"),
            "--json": Shown("--json", "elsewhere", "test_gallery_places.py::test_the_commands_say_where_it_is"),
        },
    ),
    "gallery copy": Command(
        {"": "{out} --gallery {g}"}, {"to": Told("", "to", "{out}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery merge": Command(
        {"": "{g} --into {out}"},
        {
            "galleries": Told("", "galleries", "{g}"),
            "--into": Told("--into {out}-else", "into", "{out}-else"),
            "--json": JSON,
        },
    ),
    "jobs list": Command(
        {"": "--gallery {g}"},
        {"--gallery": GALLERY, "--limit": Told("--limit 3", "limit", 3), "--json": JSON, "--output": LISTED},
    ),
    "jobs show": Command(
        {"": "{job} --gallery {g}"}, {"id": Told("", "id", "{job}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery schedules": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "gallery verify": Command({"": "{g}"}, {"source": Told("", "source", "{g}"), "--json": JSON}),
    "gallery adopt": Command(
        {"": "{other}"},
        {
            "gallery": Told("", "gallery", "{other}"),
            "--root": Told("--root /a --root /b", "root", ("/a", "/b")),
            "--key-file": Told("--key-file /k", "key_file", "/k"),
            "--encoder": Told("--encoder e.onnx", "encoder", ("e.onnx",)),
            "--store": Told(f"--store {ELSEWHERE}", "store", ELSEWHERE),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery info": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON}),
    "gallery migrate": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--encoder": Told("--encoder lite0-last", "encoder", "lite0-last"),
            "--back": Told("--back", "back", True),
            "--drop": Told("--drop", "drop", True),
            "--without-missing": Told("--without-missing", "without_missing", True),
            "--store": Shown("", "elsewhere", "test_postgresql.py::test_a_gallery_moves_there_and_back"),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery key": Command(
        {"": "{g}"},
        {"gallery": Told("", "folder", "{g}"), "--out": Told("--out /k", "out", "/k"), "--json": JSON},
        answer=True,
    ),
    "gallery relocate": Command(
        {"": "/old /new --gallery {g}"},
        {"old": Told("", "old", "/old"), "new": Told("", "new", "/new"), "--gallery": GALLERY, "--json": JSON},
        answer=True,
    ),
}
