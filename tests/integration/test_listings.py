"""What commands list, in every form: the same values in the table, CSV, JSON and Parquet; and labels read back."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from filled import fill
from lookalike import cli
from lookalike.errors import NotFoundError, UsageError
from lookalike.flat import csv_text, flat_columns
from lookalike.gallery import open_gallery
from lookalike.verbs.curation.labelling import import_labels, label_log, undo_labels
from lookalike.verbs.records import list_records

LABELS = [("effusion", "left, large"), (), ("normal",), ("normal",)]
FIELDS: list[dict[str, str | float]] = [
    {"Modality": "CR", "PatientAge": 63.0},
    {"Modality": "CT"},
    {"note": 'a "b"\nc'},
    {},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("listed") / "g"
    with open_gallery(place, create=True) as gallery:
        vectors = np.random.default_rng(0).normal(size=(4, gallery.spec.dim))
        fill(gallery, [*vectors], ["a", "a", "b", "b"], LABELS, FIELDS)
    return place


def run(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli.main, [str(each) for each in words])
    assert done.exit_code == 0, done.output
    return done


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_form_says_the_same(folder: Path) -> None:
    words = ("records", "list", "--gallery", folder)
    items = json.loads(run(*words, "--output", "json").stdout)["items"]
    assert json.loads(run(*words, "--json").stdout)["items"] == items
    listed = rows_of(run(*words, "-o", "csv").stdout)
    table = parquet.read_table(io.BytesIO(run(*words, "-o", "parquet").stdout_bytes)).to_pylist()
    for item, line, row in zip(items, listed, table, strict=True):
        assert line["id"] == row["id"] == item["id"]
        assert line["labels"].split("|") == (item["labels"] or [""])
        assert row["labels"] == item["labels"]
        for name, value in item["attributes"].items():
            assert line[f"attributes.{name}"] == str(value)
            assert row[f"attributes.{name}"] == value
        assert row["day"] is item["day"] is None
        assert line["day"] == ""
    shown = run(*words, "--field", "Modality").stdout
    assert all(item["id"] in shown for item in items)
    assert "CT" in shown


def test_a_filter_and_a_limit(folder: Path) -> None:
    assert len(rows_of(run("records", "list", "-g", folder, "--where", "label=normal", "-o", "csv").stdout)) == 2
    assert "The first 3 records" in run("records", "list", "-g", folder, "--limit", "3").stdout
    with open_gallery(folder) as gallery:
        assert len(list_records(gallery, limit=0).items) == 4
        assert list_records(gallery, limit=4).next_cursor is None
        with pytest.raises(UsageError):
            list_records(gallery, limit=-1)


def test_one_record(folder: Path) -> None:
    identity = rows_of(run("records", "list", "-g", folder, "-o", "csv").stdout)[0]["id"]
    assert json.loads(run("records", "show", identity, "-g", folder, "--json").stdout)["attributes"]["PatientAge"] == 63
    assert "63" in run("records", "show", identity, "-g", folder).stdout


def test_labels_go_out_and_come_back(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "records.csv"
    table.write_text(run("records", "list", "-g", folder, "--limit", "0", "-o", "csv").stdout, encoding="utf-8")
    assert "have these labels already" in run("records", "import", table, "-g", folder).stdout
    rows = rows_of(table.read_text(encoding="utf-8"))
    changed = f"id,labels\n{rows[0]['id']},\n{rows[1]['id']},nodule|mass\n{rows[2]['id']},normal\n"
    table.write_text(changed, encoding="utf-8")
    with open_gallery(folder) as gallery:
        done = import_labels(gallery, table, by="a reader")
        assert done.changed == 2
        assert [each.labels for each in list_records(gallery).items[:3]] == [(), ("mass", "nodule"), ("normal",)]
        last = label_log(gallery, limit=1).items[0]
        assert (last.by, last.records, last.added) == ("a reader", 2, ("mass", "nodule"))
        undo_labels(gallery)
        assert [sorted(each.labels) for each in list_records(gallery).items] == [sorted(each) for each in LABELS]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("id,finding\na,b\n", UsageError, "it has id, finding"),
        ("id,labels\n{0},a\n{0},b\n", UsageError, "twice"),
        ("id,labels\n{0},a\nffffffffffffffff,b\n", NotFoundError, "ffffffffffffffff"),
        ("id,labels\n{0}," + "x" * 201 + "\n", UsageError, "200"),
    ],
)
def test_a_table_that_is_wrong_changes_nothing(
    folder: Path, tmp_path: Path, text: str, error: type[Exception], says: str
) -> None:
    with open_gallery(folder) as gallery:
        before = list_records(gallery)
        table = tmp_path / "wrong.csv"
        table.write_text(text.format(before.items[0].id), encoding="utf-8")
        with pytest.raises(error, match=says):
            import_labels(gallery, table)
        assert list_records(gallery) == before


def test_parquet_is_not_poured_into_a_terminal(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [Path(sys.executable).with_name("lookalike"), "records", "list", "-g", folder, "-o", "parquet"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "send it into a file" in done.stderr


def test_numbers_and_texts_of_one_name_are_texts(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        items = list_records(gallery).items
    mixed = [
        type(each)(**{**_fields(each), "attributes": {"x": value}})
        for each, value in zip(items[:2], (1, "a"), strict=True)
    ]
    columns = flat_columns(mixed)
    assert columns["attributes.x"] == ["1", "a"]
    assert flat_columns([]) == {}
    assert csv_text({}) == "\n"


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}


def listing_commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from listing_commands(command, (*words, name))
        elif any("--output" in parameter.opts for parameter in command.params):
            yield (*words, name)


def test_commands_that_list() -> None:
    loaded = {name: cli.main.get_command(click.Context(cli.main), name) for name in cli.main.list_commands(None)}  # type: ignore[arg-type]
    found = {" ".join(each) for each in listing_commands(click.Group(commands=loaded))}  # type: ignore[arg-type]
    lists = {"search", "classify", "doctor", "config show", "encoders list", "keys list"}
    lists |= {f"records {each}" for each in ("list", "log", "next", "study", "timeline")}
    lists |= {f"readings {each}" for each in ("list", "own", "readers", "rounds")}
    lists |= {"decisions list"}
    lists |= {f"audit {each}" for each in ("drift", "duplicates", "metadata", "outliers", "quality")} | {
        "cohort list",
        "cohort show",
        "gallery backups",
        "gallery list",
        "gallery schedules",
        "jobs list",
    }
    assert found == lists
