"""Pulling an encoder's files from a hub: a small one on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tiny_checkpoints as tiny
from lookalike import encoders
from lookalike.encoders.catalogue import pull
from lookalike.encoders.catalogue.pull import wanted
from lookalike.encoders.runtimes import patience
from lookalike.errors import DamagedFileError, UsageError
from lookalike.verbs.encoders import pull_encoder, verify_encoder
from started import ran

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in found]


def sibling(file: tuple[str, bytes]) -> dict[str, object]:
    """As the hub describes a file: large ones by SHA-256, others by git's own hash."""
    name, content = file
    said: dict[str, object] = {"rfilename": name, "size": len(content)}
    if name.endswith((".safetensors", ".bin", ".pt")):
        return said | {"lfs": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 1}}
    return said | {"blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}


class Hub(ThreadingHTTPServer):
    """As much of the hub's protocol as its client library asks for, over folders on disk."""

    daemon_threads = True

    def __init__(self, repositories: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.repositories = repositories
        self.gated: set[str] = set()
        self.commits: dict[str, str] = {}  # of branches and tags; a commit is its own
        self.cut: int | None = None  # a file's answer ends after so many bytes, once
        self.forged = False  # whether a byte is changed on the way
        self.asked: list[str] = []
        self.begun: list[int] = []  # where the answers to requests for files began
        self.files = next(iter(repositories.values()))  # what lies under /files, beside the repositories
        self.address = f"http://127.0.0.1:{self.server_port}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "files":
            return self._file((self.server.files / parts[1]).read_bytes())
        listed = parts[0] == "api"
        kind = "datasets/" if "datasets" in parts[:2] else ""
        parts = parts[2 * listed or len(kind) // len("datasets/") :]
        repository = kind + "/".join(parts[:2])
        folder = self.server.repositories.get(repository)
        if folder is None:
            return self._send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        revision = parts[3] if parts[2:] else "main"
        commit = {"main": COMMIT, COMMIT: COMMIT, OTHER: OTHER, **self.server.commits}.get(revision)
        if commit is None:
            return self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"{}")
        if listed:
            info = {"id": repository, "sha": commit, "private": False, "siblings": [*map(sibling, files_of(folder))]}
            return self._send(200, {"Content-Type": "application/json"}, json.dumps(info).encode())
        if repository in self.server.gated:
            return self._send(403, {"X-Error-Code": "GatedRepo"}, b"{}")
        return self._file((folder / "/".join(parts[4:])).read_bytes())

    def _file(self, content: bytes) -> None:
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.begun.append(begin)
        if self.server.forged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        rest, cut = content[begin:], self.server.cut
        self.server.cut = None
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(rest[:cut])
        if cut is not None:
            self.close_connection = True

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tiny.dinov2(tmp_path / "published")
    (folder / "pytorch_model.bin").write_bytes(b"the same weights in another format")
    (folder / "tf_model.h5").write_bytes(b"and in a third")
    server = Hub({"facebook/dinov2-base": folder})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def pulled_elsewhere(name: str, to: Path, address: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's client reads its address when it is imported."""
    code = (
        "import sys, json, dataclasses\nfrom lookalike.verbs.encoders import pull_encoder\n"
        "from lookalike.errors import LookalikeError\n"
        "try: print(json.dumps(dataclasses.asdict(pull_encoder(*sys.argv[1:]))))\n"
        "except LookalikeError as error: sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    told = {"HF_ENDPOINT": address, "HF_HOME": str(to.parent / "hf-home"), "HF_HUB_DISABLE_XET": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in told.items():
            patch.setenv(variable, value)
        return ran("-c", code, name, to)


def test_pull_brings_what_is_needed_and_a_record(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    done = pulled_elsewhere("dinov2-b", models, hub.address)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["files"] == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert (said["commit"], said["checkpoint"]) == (COMMIT, "facebook/dinov2-base")
    folder = models / "dinov2-b"
    assert sorted(p.name for p in folder.iterdir()) == ["checksums.json", *said["files"]]
    assert [p.name for p in models.iterdir()] == ["dinov2-b"]
    record = json.loads((folder / "checksums.json").read_text())
    assert (
        record["files"]["model.safetensors"]
        == hashlib.sha256((hub.repositories["facebook/dinov2-base"] / "model.safetensors").read_bytes()).hexdigest()
    )
    monkeypatch.setenv("LOOKALIKE_MODELS", str(models))
    assert verify_encoder("dinov2-b").sound
    with pytest.raises(UsageError, match="is there already"):
        pull_encoder("dinov2-b", models)
    (folder / "preprocessor_config.json").write_text("{}")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DamagedFileError):
        encoders.load("dinov2-b")


def test_pull_any_repository_with_shards(hub: Hub, tmp_path: Path) -> None:
    folder = tiny.clip(tmp_path / "theirs")
    tiny.shard(folder)
    hub.repositories["someone/their-clip"] = folder
    done = pulled_elsewhere("someone/their-clip", tmp_path / "models", hub.address)
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)["files"]
    assert {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json"} <= set(files)
    assert (tmp_path / "models" / "someone--their-clip" / "model.safetensors.index.json").is_file()


def test_pull_an_encoder_of_whole_volumes(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = encoders.entry("merlin")
    (weights,) = entry.files  # type: ignore[attr-defined]
    published = tmp_path / "merlin-published"
    published.mkdir()
    for file in (weights, "resnet_gpt2_report_generation.pt", "README.md"):
        (published / file).write_bytes(file.encode())
    hub.repositories["stanfordmimi/Merlin"] = published
    done = pulled_elsewhere("merlin", tmp_path / "models", hub.address)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == ["README.md", weights]
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "models"))
    assert entry.here
    with pytest.raises(DamagedFileError, match="not a checkpoint with an I3ResNet-152"):
        entry.build()


def test_pull_says_in_one_line_why_not(hub: Hub, tmp_path: Path) -> None:
    hub.gated.add("facebook/dinov2-base")
    cases = {
        ("dinov2-b", hub.address): "wants its terms accepted",
        ("someone/nothing", hub.address): "no repository someone/nothing",
        ("swin-b", "http://127.0.0.1:9"): "copy the folder, and set LOOKALIKE_MODELS",
    }
    for (name, address), said in cases.items():
        done = pulled_elsewhere(name, tmp_path / "models", address)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("UsageError: ")
        assert said in last
        assert "Traceback" not in done.stderr
    assert list((tmp_path / "models").iterdir()) == []


def test_pull_from_a_zip_file(hub: Hub, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("weights.bin", bytes(10_000))
    hub.files = tmp_path / "files"
    hub.files.mkdir()
    (hub.files / "model.zip").write_bytes(packed.getvalue())
    (hub.files / "no.zip").write_bytes(b"<html>")
    (tmp_path / "to").mkdir()
    hub.cut = 50
    pull._from_zip("medclip", f"{hub.address}/files/model.zip", ["weights.bin"], tmp_path / "to")
    assert hub.begun == [0, 50]
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["weights.bin"]
    with pytest.raises(UsageError, match="no zip file"):
        pull._from_zip("medclip", f"{hub.address}/files/no.zip", ["other.bin"], tmp_path / "to")
    with pytest.raises(UsageError, match=r"holds none of other\.bin"):
        pull._from_zip("medclip", f"{hub.address}/files/model.zip", ["other.bin"], tmp_path / "to")


@pytest.fixture
def at_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, asked from this process."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.address)
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(patience.wait, "__defaults__", ("", 0.001))
    return hub


def test_pull_goes_on_where_it_stopped(at_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same commit, though the branch has moved on; nothing that came is brought again."""
    models = tmp_path / "models"
    at_hub.cut = 1000
    monkeypatch.setattr(patience, "TRIES", 1)
    with pytest.raises(UsageError, match="copy the folder, and set LOOKALIKE_MODELS"):
        pull_encoder("dinov2-b", models)
    assert [p.name for p in models.iterdir()] == [".dinov2-b.partial"]
    assert "dinov2-b" not in {p.name for p in models.iterdir()}
    at_hub.commits["main"] = OTHER
    at_hub.asked.clear()
    pulled = pull_encoder("dinov2-b", models)
    assert pulled.commit == COMMIT
    assert 1000 in at_hub.begun
    assert [p.name for p in models.iterdir()] == ["dinov2-b"]
    assert sorted(p.name for p in (models / "dinov2-b").iterdir()) == ["checksums.json", *pulled.files]
    assert all(OTHER not in asked for asked in at_hub.asked)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(models))
    assert encoders.load("dinov2-b").spec.dim == 32


def test_pull_tries_again_by_itself(at_hub: Hub, tmp_path: Path) -> None:
    at_hub.cut = 1000
    assert pull_encoder("dinov2-b", tmp_path).commit == COMMIT
    assert 1000 in at_hub.begun


def test_pull_a_revision(at_hub: Hub, tmp_path: Path) -> None:
    at_hub.commits["v2"] = OTHER
    assert pull_encoder("dinov2-b", tmp_path, revision="v2").commit == OTHER
    with pytest.raises(UsageError, match="has no revision 'v3'"):
        pull_encoder("dinov2-b", tmp_path / "other", revision="v3")


def test_pull_refuses_what_the_hub_does_not_describe(at_hub: Hub, tmp_path: Path) -> None:
    at_hub.forged = True
    with pytest.raises(DamagedFileError, match="is not what the server describes; pull again"):
        pull_encoder("dinov2-b", tmp_path)
    at_hub.forged = False
    assert pull_encoder("dinov2-b", tmp_path).files


def test_pull_from_a_dataset_repository(at_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "dataset" / "models" / "CT-CLIP-Related" / "CT-CLIP_v2.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    at_hub.repositories["datasets/ibrahimhamamci/CT-RATE"] = tmp_path / "dataset"
    pulled = pull_encoder("ct-clip", tmp_path / "to")
    assert pulled.files == ("models/CT-CLIP-Related/CT-CLIP_v2.pt",)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "to"))
    assert encoders.entry("ct-clip").checkpoint_folder() == tmp_path / "to" / "ct-clip"  # type: ignore[attr-defined]
    assert not encoders.entry("ct-clip").here


def test_what_is_wanted_of_a_repository() -> None:
    weights = ("model.safetensors", "pytorch_model.bin")
    there = {"pytorch_model.bin", "flax_model.msgpack", "config.json", "README.md", "eval/plot.png"}
    assert wanted("m", "o/m", there, weights) == ["pytorch_model.bin", "config.json", "README.md"]
    assert wanted("m", "o/m", there | {"model.safetensors"}, weights)[0] == "model.safetensors"
    deep = {"2024/vision/weights.pt", "2024/language/vocab.json", "2024/language/merges.txt", "other/vocab.json"}
    assert wanted("m", "o/m", deep, ["2024/vision/weights.pt"]) == [
        "2024/vision/weights.pt",
        "2024/language/merges.txt",
        "2024/language/vocab.json",
    ]
    for every in (False, True):
        with pytest.raises(UsageError, match="holds none of"):
            wanted("m", "o/m", {"README.md"}, weights, every=every)
    both = {"a.pt", "b.pt", "modeling_own.py", "README.md"}
    assert wanted("m", "o/m", both, ["a.pt", "b.pt"], every=True) == ["a.pt", "b.pt", "README.md"]


@pytest.mark.parametrize(
    ("name", "said"), [("lite0-inner", "efficientnet_lite0"), ("medimageinsight-endpoint", "LOOKALIKE_ENDPOINT")]
)
def test_what_cannot_be_pulled(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot be pulled.*{said}"):
        pull_encoder(name, tmp_path)
