"""Decisions over HTTP: contributors decide, readers look, whoever sees a part changes no record by them."""

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


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:
    """ask(who, method, path, ...) and the ids of the gallery's records, those of the north first."""
    folder = make_gallery(tmp_path)
    with open_gallery(folder) as gallery:
        roles = {"anna": "contributor", "looks": "reader", "admin": "admin"}
        keys = {name: add_key(gallery, name, role=role).key for name, role in roles.items()}  # type: ignore[arg-type]
        keys["north"] = add_key(gallery, "north", role="contributor", where="site=north").key
        keys["part"] = add_key(gallery, "part", role="admin", where="site=north").key
        records = browse(gallery).items
    with TestClient(make_app(folder), base_url="http://127.0.0.1:8765") as client:

        def ask(who: str, method: str, path: str, **options: Any) -> Any:
            headers = {"Authorization": f"Bearer {keys[who]}"}
            return client.request(method, API + path, headers=headers, **options)

        yield ask, [each.id for each in sorted(records, key=lambda each: str(each.attributes["site"]))]


def decision(audit: str, what: str, ids: list[str], **more: str) -> dict[str, Any]:
    return {"json": {"audit": audit, "decision": what, "ids": ids, **more}}


def test_contributors_decide_and_readers_look(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    pair = decision("duplicates", "different", [ids[0], ids[-1]])
    assert ask("looks", "POST", "/decisions", **pair).status_code == 403
    made = ask("anna", "POST", "/decisions", **pair).json()
    assert (made["decided"], made["changed"]) == (1, 0)
    (told,) = ask("looks", "GET", "/decisions", params={"audit": "duplicates"}).json()["items"]
    assert (told["number"], {*told["ids"]}, told["by"]) == (made["number"], {ids[0], ids[-1]}, "anna")
    assert ask("looks", "POST", f"/decisions/{made['number']}/undo").status_code == 403
    assert ask("anna", "POST", f"/decisions/{made['number']}/undo").json()["decided"] == 1
    assert ask("anna", "POST", f"/decisions/{made['number']}/undo").json()["reason"] == "no-decision"
    assert ask("anna", "POST", "/decisions", **decision("quality", "keep", ids[:1])).json()["reason"] == "usage"
    assert ask("anna", "POST", "/decisions", **decision("quality", "remove", ids[:1])).status_code == 422


def test_a_value_is_recorded_and_given_back(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    found = ask("looks", "GET", f"/records/{ids[-1]}").json()
    accept = decision("metadata", "accept", ids[-1:], about="site", value="east")
    made = ask("anna", "POST", "/decisions", **accept).json()
    assert ask("looks", "GET", f"/records/{ids[-1]}").json()["attributes"]["site"] == "east"
    assert [each["id"] for each in ask("looks", "GET", "/records?where=site%3Deast").json()["items"]] == ids[-1:]
    ask("anna", "POST", f"/decisions/{made['number']}/undo")
    assert ask("looks", "GET", f"/records/{ids[-1]}").json() == found


def test_of_a_part_only_what_is_seen_and_changes_nothing(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    (north, other), south = ids[:2], ids[-1]
    assert ask("north", "POST", "/decisions", **decision("outliers", "keep", [south])).status_code == 404
    inside = ask("north", "POST", "/decisions", **decision("duplicates", "keep", [north, other])).json()
    across = ask("anna", "POST", "/decisions", **decision("duplicates", "keep", [north, south])).json()
    seen = ask("north", "GET", "/decisions").json()["items"]
    assert [each["number"] for each in seen] == [inside["number"]]  # of a pair only where both are seen
    assert ask("north", "POST", f"/decisions/{across['number']}/undo").status_code == 404
    for body in (
        decision("duplicates", "same-patient", [north, other]),
        decision("metadata", "accept", [north], about="site", value="south"),
    ):
        refused = ask("north", "POST", "/decisions", **body)
        assert (refused.status_code, refused.json()["reason"]) == (403, "part")
    changed = ask("anna", "POST", "/decisions", **decision("metadata", "accept", [north], about="site", value="north"))
    assert ask("north", "POST", f"/decisions/{changed.json()['number']}/undo").status_code == 404
    assert ask("north", "POST", f"/decisions/{inside['number']}/undo").status_code == 200


def test_what_is_removed_takes_its_decisions_with_it(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    ask("anna", "POST", "/decisions", **decision("outliers", "keep", ids[3:5]))
    assert ask("anna", "DELETE", f"/records/{ids[3]}").status_code == 403  # to drop a record is to remove it
    assert ask("admin", "DELETE", f"/records/{ids[3]}").json()["records"] == 1
    left = ask("looks", "GET", "/decisions", params={"audit": "outliers"}).json()["items"]
    assert [each["ids"] for each in left] == [ids[4:5]]


def test_contributors_mark_what_is_to_go_and_admins_remove_it(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    south = ids[-2]
    assert ask("looks", "POST", "/decisions", **decision("quality", "drop", ids[:1])).status_code == 403
    assert ask("north", "POST", "/decisions", **decision("quality", "drop", [south])).status_code == 404
    own = ask("north", "POST", "/decisions", **decision("outliers", "drop", ids[:1])).json()
    assert ask("north", "POST", f"/decisions/{own['number']}/undo").status_code == 200
    made = ask("anna", "POST", "/decisions", **decision("duplicates", "drop", [south])).json()
    assert (made["decided"], made["changed"]) == (1, 0)
    assert ask("anna", "GET", f"/records/{south}").status_code == 200
    assert ask("anna", "POST", "/records/remove", json={"ids": [south]}).status_code == 403
    kept = ask("anna", "POST", "/decisions", **decision("outliers", "keep", ids[1:2])).json()
    every, told = (ask("admin", "GET", f"/decisions{asked}").json()["items"] for asked in ("", "?decision=drop"))
    assert kept["number"] in {each["number"] for each in every} - {each["number"] for each in told}
    marked = [id for each in told for id in each["ids"]]
    assert marked == [south]
    assert ask("admin", "GET", "/decisions?decision=dorp").status_code == 422
    assert ask("admin", "POST", "/records/remove", json={"ids": marked}).json()["records"] == 1
    assert ask("anna", "GET", f"/records/{south}").status_code == 404
    assert ask("admin", "GET", "/decisions?decision=drop").json()["items"] == []


def test_many_are_removed_at_once_or_none(asked: tuple[Any, list[str]]) -> None:
    ask, ids = asked
    there = [each["id"] for each in ask("admin", "GET", "/records").json()["items"]]
    assert ask("anna", "POST", "/records/remove", json={"ids": ids[1:3]}).status_code == 403
    assert ask("part", "POST", "/records/remove", json={"ids": [ids[1], ids[-1]]}).status_code == 404
    assert ask("admin", "POST", "/records/remove", json={"ids": [ids[1], "0" * 16]}).status_code == 404
    assert [each["id"] for each in ask("admin", "GET", "/records").json()["items"]] == there
    assert ask("admin", "POST", "/records/remove", json={"ids": ids[1:3]}).json()["records"] == 2
    left = [each["id"] for each in ask("admin", "GET", "/records").json()["items"]]
    assert left == [each for each in there if each not in ids[1:3]]


def test_records_are_listed_in_an_order(asked: tuple[Any, list[str]]) -> None:
    ask, _ids = asked

    def listed(order: str) -> list[dict[str, Any]]:
        found, cursor = [], None
        while not found or cursor is not None:
            page = ask("looks", "GET", "/records", params={"order": order, "limit": 4, "cursor": cursor}).json()
            found += page["items"]
            cursor = page["next_cursor"]
        return found

    whole = listed("indexed")
    assert listed("-indexed") == whole[::-1]
    for order, value in (
        ("source", lambda one: one["source"]),
        ("patient", lambda one: one["patient"]),
        ("label", lambda one: min(one["labels"])),
        ("site", lambda one: str(one["attributes"]["site"])),
    ):
        assert [value(one) for one in listed(order)] == sorted(map(value, whole))
        assert [value(one) for one in listed(f"-{order}")] == sorted(map(value, whole), reverse=True)
        assert {one["id"] for one in listed(order)} == {one["id"] for one in whole}
    assert ask("looks", "GET", "/records", params={"order": "nothing"}).json()["reason"] == "usage"
