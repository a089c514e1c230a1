"""Earlier studies and time lines: the same from Python, as a command and over HTTP; no UID or date in any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from served import Server, serving, to_json

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.cli import main
from lookalike.gallery import open_gallery
from lookalike.verbs.timeline import timeline

STUDIES = {1: "20190317", 2: "20190401", 3: "20210401"}
UID = "1.2.826.0.91"


def write(folder: Path, patient: str, seed: int) -> None:
    for study, day in STUDIES.items():
        said = {"Modality": "CR", "StudyInstanceUID": f"{UID}.{seed}.{study}", "StudyDate": day, "PatientID": patient}
        picture = data_set(texture(seed + study), SOPInstanceUID=f"{UID}.{seed}.{study}.1", **said)
        save(picture, folder / f"{patient}-{study}.dcm")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("priors")
    (folder / "scans").mkdir()
    for number, patient in enumerate(("ann", "bob")):
        write(folder / "scans", patient, 10 * number)
    with open_gallery(folder / "g", create=True, linked=True) as gallery:
        assert lookalike.index(gallery, [folder / "scans"]).added == 6
    with serving(folder / "g") as running:
        yield running


def ids(server: Server) -> dict[str, str]:
    return {one["source"].removesuffix(".dcm"): one["id"] for one in server.get("/records").json()["items"]}


def told(value: Any) -> Any:
    """Without what may differ: of paths the file's name, no seconds."""
    if isinstance(value, dict):
        kept = {name: told(each) for name, each in value.items() if name != "seconds"}
        return {**kept, **{n: Path(kept[n]).name for n in ("source", "query") if isinstance(kept.get(n), str)}}
    return [told(each) for each in value] if isinstance(value, list) else value


def command(server: Server, *words: str) -> Any:
    done = CliRunner().invoke(main, [*words, "--gallery", str(server.folder), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("asked", "words", "names"),
    [
        ({"only_priors": True}, ["--only-priors"], {"ann-1", "ann-2"}),
        ({"before": 20}, ["--before", "20"], {"ann-1", "ann-2"}),
        ({"before": "2019-04-01"}, ["--before", "2019-04-01"], {"ann-1"}),
        (
            {"same_patient": True, "exclude_priors": True, "group_by": "patient"},
            ["--same-patient", "--exclude-priors", "--per", "patient"],
            {"ann-3", "bob"},
        ),
    ],
)
def test_all_three_ask_alike(server: Server, asked: dict[str, Any], words: list[str], names: set[str]) -> None:
    identity = ids(server)["ann-3"]
    over_http = server.post("/search", {"query": {"ids": [identity]}, "k": 9, **asked})
    assert over_http.status_code == 200, over_http.text
    with open_gallery(server.folder) as gallery:
        in_python = to_json(asdict(lookalike.search(gallery, id=identity, k=9, pictures=False, **asked)))
    assert told(over_http.json()) == told(in_python)
    assert told(over_http.json()) == told(command(server, "search", "--id", identity, "-k", "9", *words))
    found = {hit["source"].removesuffix(".dcm") for hit in over_http.json()["hits"]}
    assert {name if name in names else name.split("-")[0] for name in found} == names
    assert over_http.json()["query_day"] == 746
    assert not [word for word in (UID, *STUDIES.values()) if word in over_http.text]


def test_a_time_line_is_the_same_in_all_three(server: Server) -> None:
    own, other = ids(server)["ann-3"], ids(server)["bob-2"]
    over_http = server.get(f"/records/{own}/timeline", params={"like": other})
    assert [study["day"] for study in over_http.json()["studies"]] == [0, 15, 746]
    with open_gallery(server.folder) as gallery:
        assert over_http.json() == to_json(asdict(timeline(gallery, own, like=other)))
    assert over_http.json() == command(server, "records", "timeline", own, "--like", other)
    assert not [word for word in (UID, *STUDIES.values()) if word in over_http.text]
    assert server.get("/records/nobody/timeline").status_code == 404
    assert server.get(f"/records/{own}/timeline", params={"space": "gone"}).status_code == 404


def test_days_are_printed_where_the_own_patient_answers(server: Server) -> None:
    own = ids(server)["ann-3"]

    def printed(*words: str) -> list[list[str]]:
        done = CliRunner().invoke(main, [*words, "--gallery", str(server.folder)], env={"COLUMNS": "300"})
        assert done.exit_code == 0, done.output
        return [line.split() for line in done.stdout.splitlines() if line.strip()]

    head, *rows = printed("search", "--id", own, "--only-priors", "--per", "study")
    assert head[-3:] == ["day", "others", "source"]
    assert {row[-3] for row in rows[:2]} == {"0", "15"}
    assert "day" not in printed("search", "--id", own)[0]
    head, *rows = printed("records", "timeline", own)
    assert [row[0] for row in rows] == ["0", "15", "746"]


@pytest.mark.parametrize("how", [{"query": {"vector": [1.0] * 384}, "only_priors": True}, {"before": "x"}])
def test_what_cannot_be_said_is_a_problem_in_one_line(server: Server, how: dict[str, Any]) -> None:
    answer = server.post("/search", {"query": {"ids": [ids(server)["ann-1"]]}, **how})
    assert (answer.status_code, "\n" in answer.json()["detail"]) == (400, False)


def test_the_gallery_says_its_kind(server: Server) -> None:
    assert server.get("/gallery").json()["linked"] is True
