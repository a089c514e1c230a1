"""Several galleries behind one address: each with its own roles, uploads and jobs; one that fails stops no other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from issuer import CLIENT, SECRET, at_provider, issuing
from served import API, PATIENCE, eventually, make_gallery, problem, serving

from lookalike import cli
from lookalike.audit_log.place import audit_place
from lookalike.audit_log.verify import audit_lines
from lookalike.configuration.setting import GalleryPlace
from lookalike.errors import GalleryError, LookalikeError, UsageError
from lookalike.gallery import open_gallery
from lookalike.roles import ROLES, Role, includes
from lookalike.server.app import service_app
from lookalike.server.people import OidcSettings, PeopleSettings, grants_from, people_from
from lookalike.server.settings import ServerSettings
from lookalike.verbs.gallery import gallery_id
from lookalike.verbs.index import index
from lookalike.verbs.keys import add_key, list_keys
from started import Started

BASE: Final = "http://127.0.0.1:8765"
WHERE: Final = {"chest": ("chest",), "head": ("head",), "both": ("chest", "head"), "none": ()}
AT: Final = {"": "chest", "/g/chest": "chest", "/g/head": "head"}
"""Addresses, and whose they are."""
ASKED: Final[tuple[tuple[Role, str, str], ...]] = (
    ("reader", "GET", "/gallery"),
    ("contributor", "GET", "/labels/log"),
    ("admin", "DELETE", "/spaces/nobody"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two galleries of twelve and of one record."""
    base = tmp_path_factory.mktemp("several")
    chest = make_gallery(base)
    with open_gallery(base / "h", create=True) as gallery:
        index(gallery, [next((base / "pictures").glob("*.png"))])
    return {"chest": chest, "head": base / "h"}


@pytest.fixture
def copies(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The same for a test alone, with a configuration of its own: without keys."""
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(shutil.copytree(os.environ["LOOKALIKE_CONFIG"], tmp_path / "config")))
    return {name: Path(shutil.copytree(folder, tmp_path / name)) for name, folder in folders.items()}


def places(folders: dict[str, Path]) -> tuple[GalleryPlace, ...]:
    return tuple(GalleryPlace(name, folder, name.title() + "s") for name, folder in folders.items())


def asking(folders: dict[str, Path], **options: Any) -> TestClient:
    return TestClient(service_app(ServerSettings(galleries=places(folders), **options)), base_url=BASE)


def listed(client: TestClient, **options: Any) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in client.get(f"{API}/galleries", **options).json()["items"]}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


@pytest.fixture
def keys(copies: dict[str, Path]) -> dict[tuple[Role | None, str], str]:
    """A key of each role for each set of galleries, as ``keys add --gallery A --gallery B`` makes it."""
    made: dict[tuple[Role | None, str], str] = {}
    for role in ROLES:
        for where in ("chest", "head", "both"):
            words = [word for name in WHERE[where] for word in ("--gallery", str(copies[name]))]
            done = CliRunner().invoke(cli.main, ["keys", "add", f"{role}-{where}", "--role", role, "--json", *words])
            made[role, where] = json.loads(done.stdout)["key"]
    return {**made, (None, "none"): ""}


def test_every_cell_of_role_and_gallery(copies: dict[str, Path], keys: dict[tuple[Role | None, str], str]) -> None:
    cells = 0
    with asking(copies) as client:
        for (role, where), key in keys.items():
            found = listed(client, headers=bearer(key))
            assert {name: each["role"] for name, each in found.items()} == dict.fromkeys(WHERE[where], role)
            assert all(each["title"] == f"{name.title()}s" and not each["problem"] for name, each in found.items())
            who = client.get(f"{API}/session", headers=bearer(key)).json()
            assert (who["known"], who["role"]) == (role is not None, role)
            for base, gallery in AT.items():
                own = client.get(f"{base}{API}/session", headers=bearer(key)).json() if base else who
                assert not base or own["known"] == (gallery in WHERE[where])
                for needed, method, path in ASKED:
                    answer = client.request(method, f"{base}{API}{path}", headers=bearer(key))
                    cell = f"{method} {base}{path} as {role} of {where}: {answer.status_code}"
                    cells += 1
                    if gallery not in WHERE[where]:
                        assert answer.status_code in (401, 429), cell  # a key of another gallery is none here
                    elif role is None or not includes(role, needed):
                        problem(answer, 403, "role")
                    else:
                        assert answer.status_code in (200, 404), cell
    assert cells == 10 * 3 * 3


def test_what_is_said_of_each(copies: dict[str, Path]) -> None:
    with asking(copies) as client:
        answer = client.get(f"{API}/galleries").json()
        assert (answer["several"], answer["known"], answer["first_steps"]) == (True, True, [])
        assert answer["items"][0] == {
            "name": "chest",
            "title": "Chests",
            "address": "/g/chest/",
            "records": 12,
            "encoder": "lite0",
            "linked": False,
            "role": "admin",
            "problem": "",
        }
        assert [each["records"] for each in answer["items"]] == [12, 1]
        for base, records, title in (("", 12, "Chests"), ("/g/chest", 12, "Chests"), ("/g/head", 1, "Heads")):
            said = client.get(f"{base}{API}/gallery").json()
            assert (said["records"], said["title"]) == (records, title)
            assert client.get(f"{base}/healthz").status_code == 200
        eventually(lambda: client.get("/readyz").status_code, lambda status: status == 200)
        to_page = client.get("/g/head", follow_redirects=False)
        assert (to_page.status_code, to_page.headers["location"]) == (308, "/g/head/")
        problem(client.get("/g/other"), 404, "no-gallery")
        assert client.get(f"/g/other{API}/gallery").status_code == 404
        assert client.get("/g/head/").text == client.get("/").text  # one page for all


def test_records_uploads_and_jobs_are_of_one_gallery(copies: dict[str, Path], folders: dict[str, Path]) -> None:
    picture = next((folders["chest"].parent / "pictures").glob("*.png"))
    with asking(copies) as client:
        chest = client.get(f"/g/chest{API}/records?limit=20").json()["items"]
        (head,) = client.get(f"/g/head{API}/records").json()["items"]
        other = next(each["id"] for each in chest if each["source"] != head["source"])
        assert client.get(f"/g/chest{API}/records/{other}").status_code == 200
        assert client.get(f"/g/head{API}/records/{other}").status_code == 404
        sent = client.post(f"/g/head{API}/uploads", files={"file": (picture.name, picture.read_bytes())})
        upload = sent.json()["id"]
        statuses = [client.get(f"{base}{API}/uploads/{upload}").status_code for base in ("/g/head", "/g/chest", "")]
        assert statuses == [200, 404, 404]
        asked = {"query": {"image": upload}, "same_patient": True}
        assert client.post(f"/g/chest{API}/search", json=asked).status_code == 404
        assert len(client.post(f"/g/head{API}/search", json=asked).json()["hits"]) == 1
        queued = client.post(f"/g/head{API}/audit/duplicates", json={})
        assert queued.status_code == 202, queued.text
        where = queued.headers["location"]
        assert where == f"/g/head{API}/jobs/{queued.json()['id']}"
        assert client.get(where).status_code == 200
        assert client.get(where.replace("head", "chest")).status_code == 404
        client.delete(where)


def test_outliers_against_another_gallery_take_a_key_for_all_of_it(
    copies: dict[str, Path], keys: dict[tuple[Role | None, str], str]
) -> None:
    with open_gallery(copies["chest"]) as gallery:
        some = add_key(gallery, "some", where="site=north").key
    with open_gallery(copies["head"]) as gallery:
        add_key(gallery, "some", role="contributor", key=some)

    def ask(client: TestClient, key: str, name: str) -> httpx.Response:
        body = {"reference": "label=even", "reference_gallery": name}
        return client.post(f"/g/head{API}/audit/outliers", json=body, headers=bearer(key))

    with asking(copies) as client:
        both, head = keys["contributor", "both"], keys["contributor", "head"]
        for key, name in ((head, "chest"), (both, "other"), (both, str(copies["chest"]))):
            assert ask(client, key, name).status_code in (404, 422)
        problem(ask(client, head, "chest"), 404, "no-gallery")
        problem(ask(client, some, "chest"), 403, "collection")
        queued = ask(client, both, "chest")
        where = queued.headers["location"]
        done = eventually(
            lambda: client.get(where, headers=bearer(both)).json(),
            lambda job: job["state"] not in ("queued", "running"),
        )
        assert done["result"]["reference"] == 6, done["error"]
        assert str(copies["chest"]) not in json.dumps(done)


def test_who_administers_both_merges_one_into_the_other(
    copies: dict[str, Path], keys: dict[tuple[Role | None, str], str]
) -> None:
    def ask(client: TestClient, key: str, *names: str) -> httpx.Response:
        return client.post(f"/g/head{API}/merge", json={"galleries": names}, headers=bearer(key))

    both, head, less = keys["admin", "both"], keys["admin", "head"], keys["contributor", "both"]
    with asking(copies) as client:
        problem(ask(client, less, "chest"), 403, "role")
        problem(ask(client, head, "chest"), 404, "no-gallery")
        problem(ask(client, both, "chest", str(copies["chest"])[:64]), 404, "no-gallery")
        problem(ask(client, both, "head"), 400, "usage")
        where = ask(client, both, "chest").headers["location"]
        done = eventually(
            lambda: client.get(where, headers=bearer(both)).json(),
            lambda job: job["state"] not in ("queued", "running"),
        )
        assert done["state"] == "done", done["error"]
        told = {name: done["result"][name] for name in ("records", "added", "there", "left_out", "folder")}
        assert told == {"records": 12, "added": 11, "there": 1, "left_out": [], "folder": ""}
        assert str(copies["chest"].parent) not in json.dumps(done)
        of = [client.get(f"/g/{name}{API}/records?limit=50", headers=bearer(both)).json() for name in copies]
        assert {each["id"] for each in of[0]["items"]} == {each["id"] for each in of[1]["items"]}


def test_the_audit_log_names_the_gallery(copies: dict[str, Path], tmp_path: Path) -> None:
    ids = {}
    for name, folder in copies.items():
        with open_gallery(folder) as gallery:
            ids[name] = gallery_id(gallery)
    with asking(copies, audit_log=str(tmp_path / "audit")) as client:
        for base in ("/g/head", "/g/chest", ""):
            assert client.get(f"{base}{API}/records").status_code == 200
    place = audit_place(tmp_path / "audit")
    assert place is not None
    told = [line.fields for line in audit_lines(place) if line.fields is not None]
    assert [(each["kind"], each["gallery"]) for each in told] == [
        ("start", ids["chest"]),
        ("start", ids["head"]),
        ("look", ids["head"]),
        ("look", ids["chest"]),
        ("look", ids["chest"]),
        ("stop", ids["chest"]),
        ("stop", ids["head"]),
    ]


def test_grants_may_be_for_one_gallery(copies: dict[str, Path]) -> None:
    people = people_from(
        ["readers=reader", "heads=admin@head", "chests=contributor@chest:site=nowhere"],
        ["10.0.0.0/24"],
        proxy_user_header="X-User",
        proxy_groups_header="X-Groups",
    )
    app = service_app(ServerSettings(galleries=places(copies), people=people))
    cells: dict[str, dict[str, str]] = {
        "readers": {"chest": "reader", "head": "reader"},
        "heads": {"head": "admin"},
        "chests": {"chest": "contributor"},
        "readers,heads": {"chest": "reader", "head": "admin"},
    }
    with TestClient(app, base_url=BASE, client=("10.0.0.7", 5000)) as client:
        for groups, roles in cells.items():
            headers = {"X-User": "jane", "X-Groups": groups}
            found = listed(client, headers=headers)
            assert {name: each["role"] for name, each in found.items()} == roles
            for name in copies:
                status = client.get(f"/g/{name}{API}/gallery", headers=headers).status_code
                assert status == (200 if name in roles else 403)
        assert listed(client, headers={"X-User": "jane", "X-Groups": "chests"})["chest"]["records"] == 0
        problem(client.get(f"{API}/galleries", headers={"X-User": "jane", "X-Groups": "others"}), 403, "no-role")
        assert client.get(f"{API}/galleries").json() == {
            "items": [],
            "several": True,
            "known": False,
            "first_steps": [],
            "next_cursor": None,
        }


def test_who_signs_in_from_a_gallery_comes_back_to_it(copies: dict[str, Path]) -> None:
    """One sign-in for all: the provider knows one address, and the session counts in every gallery."""
    people = PeopleSettings(grants_from(["readers=reader@head", "heads=admin@head"]))
    with issuing(next={"sub": "1", "preferred_username": "jane", "roles": ["readers"]}) as issuer:
        people = replace(people, oidc=OidcSettings(issuer.url, CLIENT, SECRET, check_seconds=0))
        with asking(copies, people=people) as client:
            sent = client.get("/g/head/session/sign-in", follow_redirects=False)
            back = at_provider(sent)
            assert back.startswith(f"{BASE}/session/callback?")
            came = client.get(back, follow_redirects=False)
            assert came.headers["location"] == "/g/head/"
            assert {name: each["role"] for name, each in listed(client).items()} == {"head": "reader"}
            assert client.get(f"/g/head{API}/gallery").status_code == 200
            problem(client.get(f"/g/chest{API}/gallery"), 403, "no-role")
            said = client.get(f"{API}/session").json()
            assert (said["name"], said["role"]) == ("jane", "reader")


def test_a_key_of_one_gallery_is_not_counted_as_wrong_by_the_chooser(
    copies: dict[str, Path], keys: dict[tuple[Role | None, str], str]
) -> None:
    with asking(copies) as client:
        for _ in range(30):
            assert list(listed(client, headers=bearer(keys["reader", "head"]))) == ["head"]
        statuses = [client.get(f"{API}/galleries", headers=bearer("wrong")).status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]
        assert client.get(f"/g/head{API}/gallery", headers=bearer("wrong")).status_code == 429
        assert list(listed(client, headers=bearer(keys["reader", "head"]))) == ["head"]


def test_a_key_of_several_is_removed_from_each(copies: dict[str, Path]) -> None:
    words = [word for folder in copies.values() for word in ("--gallery", str(folder))]
    for change in (["add", "both"], ["remove", "both"]):
        assert CliRunner().invoke(cli.main, ["keys", *change, *words]).exit_code == 0
        for folder in copies.values():
            with open_gallery(folder) as gallery:
                assert [each.name for each in list_keys(gallery)] == (["both"] if change[0] == "add" else [])


def damage(folder: Path) -> None:
    (folder / "gallery.db").write_bytes(b"no database" * 1000)


def forbid(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be", encoding="utf-8")


@pytest.mark.parametrize("harm", [shutil.rmtree, pytest.param(damage, marks=pytest.mark.sqlite_file), forbid])
@pytest.mark.parametrize(("broken", "well"), [("head", "chest"), ("chest", "head")])
def test_one_that_cannot_be_opened_stops_no_other_and_comes_back(
    copies: dict[str, Path], folders: dict[str, Path], harm: Callable[[Path], None], broken: str, well: str
) -> None:
    harm(copies[broken])
    app = service_app(ServerSettings(galleries=places(copies)))
    with TestClient(app, base_url=BASE) as client:
        found = listed(client)
        assert found[well]["role"] == "admin"
        assert (found[broken]["role"], found[broken]["records"]) == (None, 0)
        assert found[broken]["problem"]
        assert client.get(f"/g/{well}{API}/records").status_code == 200
        problem(client.get(f"/g/{broken}{API}/records"), 503, "gallery-closed")
        first = client.get(f"{API}/records")  # the first one's, and never another's
        assert first.status_code == (503 if broken == "chest" else 200)
        assert client.get("/healthz").status_code == 200
        with open_gallery(copies[well]) as gallery:
            key = add_key(gallery, "reader").key
        assert list(listed(client, headers=bearer(key))) == [well]  # a reader of another one is told nothing
        shutil.rmtree(copies[broken]) if copies[broken].is_dir() else copies[broken].unlink(missing_ok=True)
        shutil.copytree(folders[broken], copies[broken].with_name("coming")).rename(copies[broken])  # as a whole
        app.state.galleries.open_those_that_can()
        assert client.get(f"/g/{broken}{API}/records").status_code == 200
        assert app.state.galleries.problems == {}


def test_a_gallery_without_keys_is_not_open_to_a_network(copies: dict[str, Path]) -> None:
    with open_gallery(copies["chest"]) as gallery:
        key = add_key(gallery, "me", role="admin").key
    with asking(copies, behind_proxy=True) as client:
        assert client.get(f"/g/head{API}/gallery").status_code == 503
        assert "needs keys" in listed(client, headers=bearer(key))["head"]["problem"]
        assert listed(client) == {}


def test_the_only_one_raises_unless_it_is_waited_for(tmp_path: Path) -> None:
    missing = (GalleryPlace("chest", tmp_path / "none"),)
    with pytest.raises(GalleryError):
        service_app(ServerSettings(galleries=missing))
    with pytest.raises(UsageError, match="needs TLS"):
        service_app(ServerSettings(host="192.0.2.1", galleries=missing, waits=True))
    (tmp_path / "damaged").mkdir()
    damage(tmp_path / "damaged")
    with pytest.raises(LookalikeError, match="damaged"):
        service_app(ServerSettings(galleries=(GalleryPlace("chest", tmp_path / "damaged"),), waits=True))


def test_where_there_is_none_yet_it_is_said_how_one_comes_about(folders: dict[str, Path], tmp_path: Path) -> None:
    place = GalleryPlace("chest", tmp_path / "chest films")
    app = service_app(ServerSettings(galleries=(place,), waits=True))
    with TestClient(app, base_url=BASE) as client:
        answer = client.get(f"{API}/galleries").json()
        steps = [each["command"] for each in answer["first_steps"]]
        assert steps[0] == f"lookalike index FOLDER --gallery '{place.path}'"
        assert all("serve" not in step for step in steps)
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/")] == [200, 200, 200]
        problem(client.get(f"{API}/gallery"), 503, "gallery-closed")
        place.path.mkdir()
        (place.path / "writing.lock").touch()  # it is being made: nothing can be asked of it yet
        assert client.get(f"{API}/galleries").json()["first_steps"] == answer["first_steps"]
        coming = shutil.copytree(folders["chest"], tmp_path / "coming")
        shutil.rmtree(place.path)
        coming.rename(place.path)  # as a whole: it may be opened as it comes
        eventually(lambda: client.get(f"{API}/gallery").status_code, lambda status: status == 200)
        assert client.get(f"{API}/galleries").json()["first_steps"] == []


def test_without_any_gallery_and_for_strangers(tmp_path: Path) -> None:
    with asking({}) as client:
        answer = client.get(f"{API}/galleries").json()
        assert [each["command"].split()[1] for each in answer["first_steps"]] == ["index", "pull", "receive", "serve"]
        problem(client.get(f"{API}/gallery"), 503, "no-gallery")
        assert client.get(f"{API}/session").json()["known"] is False
    reached = ServerSettings(galleries=(GalleryPlace("c", tmp_path / "secret" / "c"),), behind_proxy=True, waits=True)
    with TestClient(service_app(reached), base_url=BASE) as client:
        told = client.get(f"{API}/galleries")
        assert "keys add" in told.text
        assert "secret" not in told.text  # no path is told to who may be anybody
        assert told.json()["items"] == []


@pytest.mark.sqlite_file  # a copy of the folder is another gallery
def test_the_command_serves_what_the_file_names(copies: dict[str, Path], tmp_path: Path) -> None:
    """A real server: two galleries, and one that is not there."""
    with serving(copies["chest"], "--gallery", f"head={copies['head']}", "--gallery", f"{tmp_path}/gone") as server:
        said = server.get("/galleries").json()["items"]
        assert [(each["name"], each["records"]) for each in said] == [("chest", 12), ("head", 1), ("gone", 0)]
        assert said[2]["problem"] == f"no gallery is there yet: lookalike index FOLDER --gallery {tmp_path}/gone"
        hits = server.http.post(f"/g/head{API}/search", json={"query": {"vector": [1.0] * 384}})
        assert len(hits.json()["hits"]) == 1
    file = tmp_path / "lookalike.toml"
    file.write_text(f'[galleries.only]\npath = "{copies["head"]}"\ntitle = "Only"\n[server]\nport = 0\n', "utf-8")
    process = Started("serve", "--config", file, "--no-browser", "--json")
    with process.stdout:
        address = json.loads(process.stdout.readline())["address"]
        assert httpx.get(f"{address}api/v1/gallery", timeout=PATIENCE).json()["title"] == "Only"
        assert httpx.get(f"{address}g/only/api/v1/gallery", timeout=PATIENCE).json()["records"] == 1
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_two_of_one_name_need_names(copies: dict[str, Path], tmp_path: Path) -> None:
    same = tmp_path / "else" / "chest"
    done = CliRunner().invoke(cli.main, ["serve", "--gallery", str(copies["chest"]), "--gallery", str(same)])
    assert done.exit_code == 1
    assert "two are called chest" in done.output


@pytest.fixture
def running(copies: dict[str, Path]) -> Iterator[TestClient]:
    with asking(copies) as client:
        yield client


def test_no_address_leads_out_of_its_gallery(running: TestClient) -> None:
    """Dots, doubled slashes and nested names are no way from one gallery into another."""
    for path in (
        f"/g/head/../chest{API}/gallery",
        f"/g/head/g/chest{API}/gallery",
        f"/g//chest{API}/gallery",
        f"/g/head%2F..%2Fchest{API}/gallery",
        f"//g/chest{API}/gallery",
    ):
        answer = running.get(f"{BASE}{path}")
        assert answer.status_code == 404 or answer.json()["records"] in (1, 12), path
