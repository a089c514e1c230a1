"""The plug-ins for other programs, asked to ask a real service; FiftyOne's own run where a Python has it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from types import ModuleType

import nibabel
import numpy as np
import pytest
from served import Server, make_gallery, serving

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

PLUGINS = Path(__file__).parents[2] / "plugins"
WITH_FIFTYONE = "FIFTYONE_PYTHON"


def loaded(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


service = loaded("service", PLUGINS / "fiftyone" / "service.py")
slicer = loaded("lookalikes", PLUGINS / "slicer" / "LookalikeSearch" / "lookalikes.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("g")
    made = make_gallery(folder)
    with open_gallery(made) as gallery:
        index(gallery, [write_volume(folder / f"volume-{seed}.nii.gz", seed) for seed in (1, 2)])
    with serving(made) as started:
        yield started


@pytest.fixture
def asked(server: Server) -> object:
    return service.Service(f"http://127.0.0.1:{server.port}")


def write_volume(file: Path, seed: int) -> Path:
    slices = np.stack([texture(seed + number, 48) for number in range(5)], -1)
    nibabel.save(nibabel.Nifti1Image(slices.astype(np.int16), np.eye(4)), file)
    return file


def pictures(server: Server) -> list[Path]:
    return sorted((server.folder.parent / "pictures").glob("*.png"))


def test_each_is_whole_in_itself() -> None:
    """Both have the same file, as a file: a link is lost in a ZIP archive, and where a folder is copied alone."""
    ours = [PLUGINS / "fiftyone" / "service.py", PLUGINS / "slicer" / "LookalikeSearch" / "service.py"]
    assert not any(each.is_symlink() for each in PLUGINS.rglob("*"))
    assert ours[0].read_bytes() == ours[1].read_bytes(), "make plugins copies the first one"


def test_a_picture_a_text_and_labels(server: Server, asked: object) -> None:
    picture = pictures(server)[3]
    hits = asked.search([picture], k=3, where="label=odd")
    assert [hit["id"] for hit in hits] == [
        hit["id"]
        for hit in server.post(
            "/search", {"query": {"image": server.upload(picture)}, "k": 3, "where": "label=odd"}
        ).json()["hits"]
    ]
    own = service.record_id(picture)
    assert server.get(f"/records/{own}").json()["source"].endswith(picture.name)
    assert asked.labels([own, "0" * 16]) == {own: ["odd"]}
    assert service.votes(hits) == {"odd": 1.0}
    assert asked.about()["encoder"]["name"] == "lite0"


def test_what_is_wrong_is_told_in_words(server: Server, asked: object, tmp_path: Path) -> None:
    with pytest.raises(service.ServiceError, match="lite0"):
        asked.search(text="a large effusion")
    (tmp_path / "note.png").write_text("no picture")
    with pytest.raises(service.ServiceError):
        asked.search([tmp_path / "note.png"])
    with pytest.raises(service.ServiceError, match="no service answers"):
        service.Service("http://127.0.0.1:9").about()
    with pytest.raises(service.ServiceError, match="begins with http"):
        service.Service("file:///etc/passwd").about()


def test_a_volume_of_slicer_finds_its_like(server: Server, asked: object) -> None:
    """What the module does but for Slicer's own: it writes the volume, asks, and lists."""
    written: list[str] = []

    def save(file: str) -> bool:
        written.append(file)
        write_volume(Path(file), 3)
        return True

    rows, said = slicer.lookalikes(save, asked, k=4)
    assert len(rows[0]) == len(slicer.HEAD)
    assert [row[0] for row in rows] == ["1", "2", "3", "4"][: len(rows)]
    volumes = {each["id"] for each in server.get("/records").json()["items"] if each["depth"] > 1}
    assert {rows[0][4], rows[1][4]} == volumes
    assert said.startswith(f"Of the {len(rows)} nearest")
    assert not Path(written[0]).exists()
    with pytest.raises(ValueError, match="could not be written"):
        slicer.lookalikes(lambda _file: False, asked)


def test_fiftyone_runs_the_operators(server: Server, tmp_path: Path) -> None:
    """In the Python that FIFTYONE_PYTHON names, with FiftyOne's database."""
    python = os.environ.get(WITH_FIFTYONE)
    if not python:
        pytest.skip("FIFTYONE_PYTHON does not name a Python with FiftyOne and a database")
    (tmp_path / "samples").mkdir()
    for picture in pictures(server)[:8]:
        copyfile(picture, tmp_path / "samples" / picture.name)
    script = Path(__file__).with_name("run_fiftyone.py")
    done = subprocess.run(
        [python, script, f"http://127.0.0.1:{server.port}", tmp_path / "samples", PLUGINS],
        capture_output=True,
        text=True,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, "HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    asked_with = service.record_id(tmp_path / "samples" / "p03.png")
    query = {"ids": [asked_with]}
    hits = server.post("/search", {"query": query, "k": 6}).json()["hits"]
    ours = {service.record_id(each): each.name for each in (tmp_path / "samples").iterdir()}
    assert said["shown"] == [ours[hit["id"]] for hit in hits if hit["id"] in ours]
    assert said["result"]["shown"] + said["result"]["elsewhere"] == len(said["result"]["hits"]) == 6
    assert said["labels"] == {name: ["even" if int(name[1:3]) % 2 == 0 else "odd"] for name in ours.values()}
    assert said["votes"] == pytest.approx(service.votes(hits))
