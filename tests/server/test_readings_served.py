"""Two readers over HTTP: neither sees the other's labels by any route, and who reads does not decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import API, make_gallery

from lookalike.gallery import open_gallery
from lookalike.server.app import make_app
from lookalike.verbs.keys import add_key
from lookalike.verbs.records import browse

SECRET = "a-word-of-anna-alone"


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:
    """ask(who, method, path, ...) and the ids of the gallery's records."""
    folder = make_gallery(tmp_path)
    roles = {"anna": "contributor", "ben": "admin", "eve": "admin", "looks": "reader"}
    with open_gallery(folder) as gallery:
        keys = {name: add_key(gallery, name, role=role).key for name, role in roles.items()}  # type: ignore[arg-type]
        keys["north"] = add_key(gallery, "north", role="contributor", where="site=north").key
        records = browse(gallery).items
    with TestClient(make_app(folder), base_url="http://127.0.0.1:8765") as client:

        def ask(who: str, method: str, path: str, **options: Any) -> Any:
            headers = {"Authorization": f"Bearer {keys[who]}"}
            return client.request(method, API + path, headers=headers, **options)

        yield ask, [each.id for each in sorted(records, key=lambda each: str(each.attributes["site"]))]


def test_a_blinded_reader_sees_no_label_of_the_other(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    assert ask("looks", "POST", "/readings/pilot", json={"ids": ids[:1], "labels": ["x"]}).status_code == 403
    given = ask("anna", "POST", "/readings/pilot", json={"ids": ids[:3], "labels": [SECRET]})
    assert given.json() == {"round": "pilot", "records": 3, "change": None}
    ask("ben", "POST", "/readings/pilot", json={"ids": ids[:2], "labels": [SECRET]})
    ask("ben", "POST", "/readings/pilot", json={"ids": ids[2:3], "labels": ["another"]})
    assert {each["labels"][0] for each in ask("ben", "GET", "/readings/pilot/own").json()["items"]} == {
        SECRET,
        "another",
    }
    ask("ben", "POST", "/readings/pilot", json={"ids": ids[:3], "labels": ["another"]})  # he has thought again
    refused = [
        ask("ben", "GET", "/readings/pilot"),
        ask("ben", "GET", "/readings/pilot/agreement"),
        ask("ben", "POST", "/readings/pilot/adjudicate", json={"agreed": True}),
    ]
    assert [(each.status_code, each.json()["reason"]) for each in refused] == [(403, "blinded")] * 3
    looks = ["/records", "/facets", "/gallery", "/labels/log", "/labels/table", "/labels/next?by=outlier", "/jobs"]
    looks += [f"/records/{ids[0]}", f"/records/{ids[0]}/timeline", f"/records/{ids[0]}/study", "/readings/pilot/own"]
    answers = [ask("ben", "GET", path) for path in looks]
    answers += [ask("ben", "POST", "/search", json={"query": {"ids": ids[:1]}, "k": 100, "same_patient": True})]
    answers += [ask("ben", "POST", "/search", json={"query": {"ids": ids[:1]}, "where": f"label={SECRET}"})]
    answers += [ask("ben", "POST", "/classify", json={"query": {"ids": ids[:1]}})]
    assert all(each.status_code == 200 for each in answers)
    assert [SECRET in each.text for each in answers] == [False] * len(answers)
    assert answers[-2].json()["hits"] == []


def test_who_may_be_asked_to_read_is_told_to_who_may_ask(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    assert [ask(who, "GET", "/readers").status_code for who in ("looks", "anna", "north")] == [403] * 3
    found = {each["reader"]: each for each in ask("eve", "GET", "/readers").json()["items"]}
    assert list(found) == ["anna", "ben", "eve", "north"]  # who only looks reads none
    before = found["anna"]["rounds"]
    round = {"round": "r", "ids": ids[:2], "labels": ["x", "y"], "readers": ["anna", "oidc:someone"]}
    assert ask("eve", "POST", "/readings", json=round).status_code == 200
    found = {each["reader"]: each for each in ask("eve", "GET", "/readers").json()["items"]}
    assert found["oidc:someone"] == {"reader": "oidc:someone", "role": None, "rounds": 1}  # who signs in has no key
    assert found["anna"] == {"reader": "anna", "role": "contributor", "rounds": before + 1}


def test_somebody_else_decides(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    for who, label in (("anna", "x"), ("ben", "x")):
        ask(who, "POST", "/readings/pilot", json={"ids": ids[:2], "labels": [label]})
    ask("ben", "POST", "/readings/pilot", json={"ids": ids[1:2], "labels": ["y"]})
    assert ask("anna", "GET", "/readings/pilot").json()["reason"] == "blinded"
    (round,) = ask("eve", "GET", "/readings").json()["items"]
    assert (round["round"], round["records"], round["closed"]) == ("pilot", 2, None)
    shown = ask("eve", "GET", "/readings/pilot").json()
    assert [each["agree"] for each in shown["items"]] == [each["id"] == ids[0] for each in shown["items"]]
    (pair,) = ask("eve", "GET", "/readings/pilot/agreement").json()["pairs"]
    assert (pair["records"], pair["labels"][0]["kappa"]["agreed"]) == (2, 0.5)
    assert ask("eve", "POST", "/readings/pilot/adjudicate", json={"agreed": True}).json()["records"] == 1
    decided = ask("eve", "POST", "/readings/pilot/adjudicate", json={"ids": ids[1:2], "labels": ["y"]}).json()
    assert [ask("ben", "GET", f"/records/{one}").json()["labels"] for one in ids[:2]] == [["x"], ["y"]]
    assert ask("anna", "POST", "/readings/pilot", json={"ids": ids[:1], "labels": ["z"]}).status_code == 400
    assert ask("eve", "POST", "/labels/undo", json={"change": decided["change"]}).status_code == 200
    assert ask("eve", "GET", "/readings/none").status_code == 404


def test_a_part_of_the_gallery_is_read(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    south, north = ids[-1], ids[0]  # ordered by site: north first
    assert ask("north", "POST", "/readings/pilot", json={"ids": [north]}).status_code == 200
    assert ask("north", "POST", "/readings/pilot", json={"ids": [north, south]}).status_code == 404
    assert [each["id"] for each in ask("north", "GET", "/readings/pilot/own").json()["items"]] == [north]


def test_a_round_is_started_read_apart_closed_and_decided(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    body = {"round": "pilot", "labels": ["x", "y"], "readers": ["anna", "ben", "north"], "where": None}
    assert ask("anna", "POST", "/readings", json=body).json()["reason"] == "role"
    assert ask("eve", "POST", "/readings", json=body).json()["records"] == len(ids)
    assert ask("eve", "POST", "/readings", json=body).status_code == 400
    (own,) = ask("anna", "GET", "/readings").json()["items"]
    assert [each["reader"] for each in own["readers"]] == ["anna"]
    everyone = ask("ben", "GET", "/readings").json()  # an admin, who reads: how far all are, and nothing that they say
    assert (everyone["reader"], len(everyone["items"][0]["readers"])) == ("ben", 3)
    (part,) = ask("north", "GET", "/readings").json()["items"]
    assert 0 < part["records"] < len(ids)  # of what this key sees
    assert ask("looks", "GET", "/readings").json()["reason"] == "role"
    for who, label in (("anna", "x"), ("ben", SECRET)):
        assert ask(who, "POST", "/readings/pilot", json={"ids": ids[:2], "labels": [label]}).status_code == 200
    assert ask("eve", "POST", "/readings/pilot", json={"ids": ids[:1]}).json()["reason"] == "not-asked"
    mine = ask("anna", "GET", "/readings/pilot/own").json()
    assert (len(mine["asked"]), len(mine["items"]), mine["labels"]) == (len(ids), 2, ["x", "y"])
    for who in ("anna", "ben", "north"):
        for path in ("/readings/pilot", "/readings/pilot/agreement"):
            assert ask(who, "GET", path).json()["reason"] == "blinded"
    assert ask("anna", "POST", "/readings/pilot/close").json()["reason"] == "role"
    assert ask("eve", "POST", "/readings/pilot/close").json()["closed"] is not None
    assert SECRET in ask("anna", "GET", "/readings/pilot").text
    assert len(ask("north", "GET", "/readings/pilot").json()["items"]) == part["records"]
    assert ask("anna", "GET", "/readings/pilot/agreement").json()["pairs"][0]["records"] == 2
    assert ask("anna", "POST", "/readings/pilot", json={"ids": ids[:1], "labels": ["y"]}).status_code == 400
    assert ask("ben", "POST", "/readings/pilot/adjudicate", json={"agreed": True}).json()["reason"] == "blinded"
    decided = ask("eve", "POST", "/readings/pilot/adjudicate", json={"ids": ids[:1], "labels": ["y"]})
    assert decided.json()["records"] == 1
    assert ask("anna", "GET", f"/records/{ids[0]}").json()["labels"] == ["y"]
