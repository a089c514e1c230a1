"""Images that are decoded and encoded on the hosts of a real Ray cluster, against the same on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from test_volumes import write_series

from awaited import PATIENCE, eventually
from conftest import texture
from lookalike.errors import GalleryError, MissingExtraError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.plugins import _declared
from lookalike.store.patches import patches_of
from lookalike.verbs.index import index
from peers.ray import Host, RayCluster, ray_cluster, said
from plugged import install

_FATAL = '''
import os
import numpy as np
from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Preprocessing

class Squares:
    """The picture itself, 8 x 8. A picture of one grey ends the process."""
    spec = EncoderSpec("squares", "1", 192, 2, "CC0-1.0", Preprocessing(size=(64, 64)), frozenset())
    def build(self):
        return self
    def encode_inputs(self, inputs):
        if any(each.min() == each.max() for each in inputs):
            os._exit(9)
        means = inputs.reshape(len(inputs), 8, 8, 8, 8, 3).mean((2, 4), dtype=np.float32).reshape(len(inputs), 192)
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    def encode_images(self, images):
        return self.encode_inputs(np.stack([prepare(image, self.spec.preprocessing) for image in images]))

SQUARES = Squares()
'''

_TESTS = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
_PACS = """
import sys
sys.path[:0] = sys.argv[1:]
from peers.dicomweb import radiograph, serving
from test_pull import slices
with serving() as pacs:
    for made in [*(radiograph(number) for number in range(20)), *slices(21), radiograph(30, Rows=0)]:
        pacs.store(made)
    print(pacs.uri, flush=True)
    sys.stdin.read()
"""

_ASKED = """
import json, sys, httpx
method, path, body = sys.argv[1:]
answer = httpx.request(method, f"http://127.0.0.1:8765/api/v1{path}", json=json.loads(body), timeout=60)
print(answer.raise_for_status().text)
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    points = {"lookalike.encoders": {"squares": "of_squares:SQUARES"}}
    return install(tmp_path_factory.mktemp("plugins"), "of-squares", points, {"of_squares": _FATAL})


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that one of the hosts does not see, or sees another one in its place."""
    return tmp_path_factory.mktemp("hidden")


@pytest.fixture(scope="module")
def cluster(plugins: Path, hidden: Path) -> Iterator[RayCluster]:
    path = os.pathsep.join([str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])])
    with ray_cluster({"PYTHONPATH": path}) as started:
        started.join(hidden=[hidden])
        yield started


def drawn(folder: Path, count: int, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        PIL.Image.fromarray(texture(number)).save(folder / f"{number:05}.png")
    return folder


def every_kind(folder: Path) -> Path:
    """Pictures, a copy, a series, and what is refused for various reasons or passed over."""
    drawn(folder, 80)
    shutil.copy(folder / "00003.png", folder / "copy.png")
    write_series(folder / "series", depth=40)  # more than a worker is given at once
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (folder / "empty.dcm").touch()
    (folder / "link.png").symlink_to("nowhere.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def described(gallery: Gallery) -> dict[str, Any]:
    """Everything of the records but whose they are, which each gallery names by a key of its own."""
    store = gallery.store
    return {
        record.id: (record.source, record.frame, record.labels, record.attributes, store.thumbnail(record.key))
        for record in store.records().values()
    }


def assert_same(one: Gallery, other: Gallery) -> None:
    assert described(one) == described(other)
    assert one.store.refused() == other.store.refused()
    theirs = {record.id: record.key for record in other.store.records().values()}
    for record in one.store.records().values():
        (views, vectors), (also, same) = one.store.slices_of(record.key), other.store.slices_of(theirs[record.id])
        assert views == also
        np.testing.assert_allclose(vectors, same, atol=1e-5)


@pytest.mark.slow  # Ray gives its client thirty seconds to start, which a busy machine does not
def test_a_cluster_gives_what_this_machine_gives(cluster: RayCluster, hidden: Path, tmp_path: Path) -> None:
    """The host sees other files at the same paths, which do not count; then nothing is new, or read again."""
    folder = every_kind(hidden / "every")
    cluster.hosts[1].run("cp", "-r", str(drawn(tmp_path / "others", 80, first=500)), str(folder))
    with open_gallery(tmp_path / "here", create=True) as here:
        expected = index(here, [folder], patches=True)
        there = str(tmp_path / "there")
        words = ["index", str(folder), "--gallery", there, "--on", cluster.address, "--patches", "--json"]
        result = json.loads(said(cluster.lookalike(*words)))
        for name in ("added", "skipped", "files", "ignored", "kinds"):
            assert result[name] == getattr(expected, name), name
        assert {each["source"]: each["reason"] for each in result["refused"]} == {
            each.source: each.reason for each in expected.refused
        }
        encoded, shipped, warned = result["notes"]
        assert encoded == "encoded on 1 node: 10.77.0.2"
        assert shipped.endswith("files were sent to nodes that do not see them at their path")
        assert "keep it in a network of its own" in warned
        with open_gallery(there) as gallery:
            assert_same(here, gallery)
            key = min(gallery.store.records())
            assert len(patches_of(gallery.store, key)) == len(patches_of(here.store, key)) > 0
        again = json.loads(said(cluster.lookalike(*words)))
        assert (again["added"], again["skipped"]) == (0, expected.added + expected.skipped)


@pytest.fixture
def installed_here(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plug-ins of the hosts, in this process too: it may have looked for some before."""
    monkeypatch.syspath_prepend(str(plugins))
    _declared.cache_clear()
    yield
    _declared.cache_clear()


def stored(folder: Path) -> int:
    """How many records a gallery has; 0 before it is one."""
    if not (folder / "gallery.db").exists():
        return 0
    try:
        with open_gallery(folder) as gallery:
            return gallery.store.count()
    except GalleryError:
        return 0


@pytest.mark.slow
def test_a_host_that_is_killed_half_way_loses_and_doubles_nothing(
    cluster: RayCluster, installed_here: None, tmp_path: Path
) -> None:
    """10,000 pictures; another host does what the killed one had, and one that comes later takes part."""
    count = 10_000
    folder, there = drawn(tmp_path / "pictures", count), tmp_path / "there"
    killed = cluster.join()
    asked = cluster.lookalike(
        *("index", str(folder), "--gallery", str(there), "--encoder", "squares", "--on", "ray", "--json")
    )
    eventually(lambda: stored(there) > count // 4)
    assert killed.processes("ray::Worker")
    eventually(lambda: stored(there) > count // 2)
    killed.kill()
    at = stored(there)
    result = json.loads(said(asked))
    print(f"killed at {at} of {count}; {result['seconds']:.0f} s; {result['notes'][0]}")
    assert count // 2 < at < count
    assert (result["added"], result["skipped"], result["refused"], result["records"]) == (count, 0, [], count)
    with open_gallery(there) as gallery, open_gallery(tmp_path / "here", create=True, encoder="squares") as here:
        index(here, [folder])
        assert len(gallery.index()) == gallery.store.count() == count
        assert_same(here, gallery)


def answered(cluster: RayCluster, method: str, path: str, body: Any = None) -> Any:
    """What the service on the head says; None while it says nothing."""
    words = [sys.executable, "-c", _ASKED, method, path, json.dumps(body)]
    process = cluster.head.start(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out, _ = process.communicate(timeout=PATIENCE)
    return json.loads(out) if process.returncode == 0 else None


@pytest.mark.slow
def test_a_services_job_goes_on_when_a_host_is_killed(
    cluster: RayCluster, installed_here: None, tmp_path: Path
) -> None:
    """While it is asked; it encodes where the configuration says."""
    count, before = 2_000, 200
    folder, there = drawn(tmp_path / "pictures", count), tmp_path / "there"
    with open_gallery(there, create=True, encoder="squares") as gallery:
        index(gallery, sorted(folder.iterdir())[:before])  # what answers until the job is done
    killed = cluster.join()
    words = ("serve", "--gallery", str(there), "--port", "8765", "--no-browser", "--import", f"all={folder}")
    service = cluster.lookalike(*words, LOOKALIKE_RAY="ray")
    try:
        eventually(lambda: answered(cluster, "GET", "/gallery"))
        job = f"/jobs/{answered(cluster, 'POST', '/index', {'import': 'all'})['id']}"
        eventually(lambda: stored(there) > count // 4)
        assert killed.processes("ray::Worker")
        killed.kill()
        at, started, counts = stored(there), time.monotonic(), []
        while (said_ := answered(cluster, "GET", job))["state"] in ("queued", "running"):
            hits = answered(cluster, "POST", "/search", {"query": {"vector": [1.0] * 192}, "k": before})["hits"]
            counts.append(len({hit["id"] for hit in hits}))
            assert len(hits) == counts[-1] == before
            assert time.monotonic() < started + PATIENCE
    finally:
        service.terminate()
        service.communicate()
    seconds = time.monotonic() - started
    print(f"killed at {at} of {count}; done after {seconds:.0f} s, {len(counts)} searches answered meanwhile")
    assert (said_["state"], at < count, len(counts) > 0) == ("done", True, True)
    with open_gallery(there) as gallery, open_gallery(tmp_path / "here", create=True, encoder="squares") as here:
        index(here, [folder])
        assert len(gallery.index()) == gallery.store.count() == count
        assert_same(here, gallery)


@pytest.mark.slow
def test_a_file_with_which_workers_end_is_refused_and_no_other(cluster: RayCluster, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "pictures", 70)
    PIL.Image.new("L", (64, 64), 255).save(folder / "00020w.png")
    words = ("index", str(folder), "--gallery", str(tmp_path / "g"), "--encoder", "squares", "--on", "ray", "--json")
    result = json.loads(said(cluster.lookalike(*words)))
    assert [(each["source"], each["reason"]) for each in result["refused"]] == [
        (str(folder / "00020w.png"), "decoder-crash")
    ]
    assert result["added"] == result["records"] == 70


@pytest.mark.slow
@pytest.mark.parametrize("on", ["ray", "address"])
def test_a_run_that_is_killed_stops_its_workers(cluster: RayCluster, tmp_path: Path, on: str) -> None:
    """As a service does with the process of a cancelled job; the next run finishes it."""
    folder, there = drawn(tmp_path / "pictures", 300), tmp_path / "there"
    words = ("index", str(folder), "-g", str(there), "--on", cluster.address if on == "address" else "ray", "--json")
    asked = cluster.lookalike(*words)
    eventually(lambda: stored(there) > 0)
    working = [each for host in cluster.hosts for each in host.processes("ray::Worker")]
    assert working
    asked.send_signal(signal.SIGKILL)
    asked.communicate()
    eventually(lambda: not any(each.is_running() and each.status() != "zombie" for each in working))
    result = json.loads(said(cluster.lookalike(*words)))
    assert result["added"] > 0
    assert result["records"] == 300


@pytest.mark.slow
def test_hosts_that_cannot_encode_say_why(cluster: RayCluster, plugins: Path, tmp_path: Path) -> None:
    """An encoder that is on the machine that asks alone; and nothing waits where no host can do it."""
    folder = drawn(tmp_path / "pictures", 3)
    shutil.copytree(plugins, tmp_path / "plugins")
    module = tmp_path / "plugins" / "of_squares.py"
    module.write_text(module.read_text().replace('"squares", "1"', '"squares", "2"'))
    path = os.pathsep.join([str(tmp_path / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])])
    asked = cluster.lookalike(
        *("index", str(folder), "--gallery", str(tmp_path / "g"), "--encoder", "squares", "--on", "ray"),
        PYTHONPATH=path,
    )
    _out, error = asked.communicate(timeout=PATIENCE)
    assert asked.returncode == 1
    assert "(10.77.0.2: its encoder 'squares' is another one than the gallery's" in " ".join(error.split())


@pytest.mark.slow
def test_a_host_without_the_package_is_told_and_the_others_go_on(cluster: RayCluster, tmp_path: Path) -> None:
    packages = [package for entry in sys.path if (package := Path(entry) / "lookalike").is_dir()]
    lacking = cluster.join(hidden=packages)
    folder = drawn(tmp_path / "pictures", 300)
    words = ("index", str(folder), "--gallery", str(tmp_path / "g"), "--on", "ray", "--json")
    result = json.loads(said(cluster.lookalike(*words)))
    lacking.kill()
    assert (result["added"], result["refused"]) == (300, [])
    assert any(
        note.startswith(f"the node {lacking.address} took no images")
        and note.endswith("is this version of lookalike there?")
        for note in result["notes"]
    )


@pytest.mark.slow
def test_what_a_pacs_holds_is_fetched_by_whoever_asks(cluster: RayCluster, tmp_path: Path) -> None:
    """DICOMweb over HTTP, which no host but that one reaches: pictures, a series, and an object that is none."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    pacs = cluster.head.start(sys.executable, "-c", _PACS, *_TESTS, **pipes)
    assert pacs.stdout is not None
    uri = pacs.stdout.readline().strip()
    try:
        results = {}
        for name, on in (("here", "here"), ("there", cluster.address)):
            words = ("index", uri, "--gallery", str(tmp_path / name), "--on", on, "--json")
            results[name] = json.loads(said(cluster.lookalike(*words)))
            again = json.loads(said(cluster.lookalike(*words)))
            assert (again["added"], again["records"]) == (0, 21)
    finally:
        pacs.kill()
        pacs.communicate()
    assert results["here"]["added"] == results["there"]["added"] == 21
    reasons = [[each["reason"] for each in result["refused"]] for result in results.values()]
    assert reasons[0] == reasons[1] != []
    with open_gallery(tmp_path / "here") as here, open_gallery(tmp_path / "there") as there:
        one, other = (
            {record.id: each.store.slices_of(record.key) for record in each.store.records().values()}
            for each in (here, there)
        )
        assert sorted(len(views) for views, _ in one.values()) == [1] * 20 + [6]
        assert one.keys() == other.keys()
        for identity, (views, vectors) in one.items():
            assert views == other[identity][0]
            np.testing.assert_allclose(vectors, other[identity][1], atol=1e-5)


@pytest.mark.slow
def test_records_go_into_postgresql(cluster: RayCluster, postgresql_server: Any, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "pictures", 60)
    words = ["index", str(folder), "--gallery", str(tmp_path / "g"), "--on", cluster.address, "--json"]
    result = json.loads(said(cluster.lookalike(*words, "--store", postgresql_server.url())))
    assert result["records"] == 60
    with open_gallery(tmp_path / "g") as there, open_gallery(tmp_path / "here", create=True) as here:
        index(here, [folder])
        assert_same(here, there)


def asked_by(host: Host, *words: str) -> subprocess.Popen[str]:
    """The command, started on a host that is not the head."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return host.start(sys.executable, "-m", "lookalike", *words, **pipes)


@pytest.mark.slow
def test_a_head_that_is_killed_and_started_again_loses_and_doubles_nothing(
    plugins: Path, installed_here: None, tmp_path: Path
) -> None:
    """Ray's processes on the head are killed half-way, and started again by what watches over them."""
    count = 4_000
    folder, there = drawn(tmp_path / "pictures", count), tmp_path / "there"
    path = os.pathsep.join([str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])])
    with ray_cluster({"PYTHONPATH": path}) as cluster:
        words = ("index", str(folder), "--gallery", str(there), "--encoder", "squares", "--json")
        asked = asked_by(cluster.join(), *words, "--on", cluster.address)
        eventually(lambda: stored(there) > count // 2)
        cluster.head.end_ray()
        at = stored(there)
        out, error = asked.communicate(timeout=2 * PATIENCE)
    assert asked.returncode == 0, error
    result = json.loads(out)
    print(f"head killed at {at} of {count}; {result['seconds']:.0f} s in all")
    assert count // 2 < at < count
    assert (result["added"], result["skipped"], result["refused"], result["records"]) == (count, 0, [], count)
    assert "the cluster was gone 1 time, and came back" in result["notes"]
    assert "the cluster is gone: waiting for its head to be started again" in error
    with open_gallery(there) as gallery, open_gallery(tmp_path / "here", create=True, encoder="squares") as here:
        index(here, [folder])
        assert len(gallery.index()) == gallery.store.count() == count
        assert_same(here, gallery)


@pytest.mark.slow
def test_a_cluster_that_is_gone_is_said(tmp_path: Path) -> None:
    """Its head is killed for good, while another host asks; what was stored stays, and is not made again."""
    folder, there = drawn(tmp_path / "pictures", 400), tmp_path / "there"
    with ray_cluster() as cluster:
        asked = asked_by(cluster.join(), "index", str(folder), "--gallery", str(there), "--on", cluster.address)
        eventually(lambda: stored(there) > 0)
        cluster.head.kill()
        _out, error = asked.communicate(timeout=2 * PATIENCE)
    told = " ".join(error.split())
    assert asked.returncode == 1
    assert f"the cluster {cluster.address} is gone" in told
    assert "did not come back within 180 s" in told
    assert "the same command goes on from there" in told
    assert not list(Path("/tmp/ray").glob(f"session_*_{asked.pid}"))  # it has started no cluster of its own
    with open_gallery(there) as gallery:
        count = gallery.store.count()
        assert 0 < count < 400
        result = index(gallery, [folder])
        assert (result.added, result.records, result.refused) == (400 - count, 400, ())


def test_an_address_is_one_of_a_cluster(make_gallery: Callable[..., Gallery], picture_folder: Path) -> None:
    for wrong in (
        "10.0.0.1:10001",
        "ray://host",
        "ray://host:0",
        "ray://host:99999",
        "ray://me:secret@host:1",
        "here ",
    ):
        with pytest.raises(UsageError, match="ray://HOST:PORT; got"):
            index(make_gallery(), [picture_folder], on=wrong)
    assert make_gallery().store.count() == 0


def test_where_to_encode_can_be_configured(
    make_gallery: Callable[..., Gallery], picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run that says where goes before it."""
    monkeypatch.setenv("LOOKALIKE_RAY", "nonsense")
    with pytest.raises(UsageError, match="got 'nonsense'"):
        index(make_gallery(), [picture_folder])
    assert index(make_gallery(), [picture_folder], on="here").added == 12


def test_ray_is_an_extra(
    make_gallery: Callable[..., Gallery], picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"encoding on ray needs .* pip install 'lookalike\[ray\]'"):
        index(make_gallery(), [picture_folder], on="ray")
