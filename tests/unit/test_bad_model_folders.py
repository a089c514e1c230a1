"""A folder of a model that is damaged, or holds something else, costs that model and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny_checkpoints as tiny
from lookalike import encoders
from lookalike.errors import LookalikeError
from lookalike.verbs.encoders import list_encoders


def write(file: str, content: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        if isinstance(content, bytes):
            (folder / file).write_bytes(content)
        else:
            (folder / file).write_text(json.dumps(content), "utf-8")

    return spoil


def update(file: str, **changes: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        said = json.loads((folder / file).read_text("utf-8"))
        (folder / file).write_text(json.dumps({**said, **changes}), "utf-8")

    return spoil


def replace_by_folder(file: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).mkdir()

    return spoil


def index_of_shards(weight_map: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        write("model.safetensors.index.json", {"weight_map": weight_map})(folder)

    return spoil


def link_to_nothing(file: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).symlink_to("gone")

    return spoil


PROCESSOR, CONFIG = "preprocessor_config.json", "config.json"
KINDS: dict[str, Callable[[Path], None]] = {
    "a processor that is empty": write(PROCESSOR, b""),
    "a processor in another encoding": write(PROCESSOR, "\ud7ff{}".encode("utf-16")),
    "a processor that is a list": write(PROCESSOR, [1, 2]),
    "a processor nested without end": write(PROCESSOR, b'{"size":' + b"[" * 100_000),
    "a processor of another kind": update(PROCESSOR, image_processor_type="LayoutLMv3ImageProcessor"),
    "a processor whose type is a number": update(PROCESSOR, image_processor_type=7),
    "a size in words": update(PROCESSOR, size="large"),
    "a size of nothing": update(PROCESSOR, size={"height": 0, "width": 0}, do_center_crop=False),
    "a mean of two": update(PROCESSOR, image_mean=[0.5, 0.5]),
    "a mean in words": update(PROCESSOR, image_mean="ImageNet"),
    "a mean that is no number": update(PROCESSOR, image_mean=[float("nan")] * 3),
    "a deviation of nothing": update(PROCESSOR, image_std=[0.0, 0.0, 0.0]),
    "a factor of nothing": update(PROCESSOR, rescale_factor=0.0),
    "a filter that is a list": update(PROCESSOR, resample=[3]),
    "a folder for a processor": replace_by_folder(PROCESSOR),
    "a configuration that is empty": write(CONFIG, b""),
    "a configuration of words": update(CONFIG, hidden_size="wide"),
    "a configuration with a list for its picture tower": update(CONFIG, vision_config=["a"]),
    "a folder for a configuration": replace_by_folder(CONFIG),
    "an index of shards that are a list": index_of_shards(["model-1.safetensors"]),
    "an index of shards elsewhere": index_of_shards({"a": "../../secret.safetensors"}),
    "an index of shards that are not there": index_of_shards({"a": "model-1.safetensors"}),
    "a record that is a list": write("checksums.json", {"files": ["model.safetensors"]}),
    "a record of numbers": write("checksums.json", {"files": {"model.safetensors": 7}}),
    "a record of another file": write("checksums.json", {"files": {"model.safetensors": "0" * 64}}),
    "a link that leads nowhere": link_to_nothing(CONFIG),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.dinov2(tmp_path_factory.mktemp("sound"))


def test_one_bad_folder_costs_no_other_encoder(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds in one process; the list is made with each of them."""
    import shutil

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for number, (kind, spoil) in enumerate(KINDS.items()):
        models = tmp_path / str(number)
        monkeypatch.setenv("LOOKALIKE_MODELS", str(models))
        for name in ("dinov2-b", "dinov2-s"):
            shutil.copytree(sound, models / name)
        spoil(models / "dinov2-b")
        listed = {item.name: item for item in list_encoders()}
        assert listed["dinov2-s"].here, kind
        assert not listed["dinov2-s"].broken, kind
        assert listed["lite0-inner"].here, kind
        assert "\n" not in listed["dinov2-b"].broken, kind
        assert "when its spec was read" not in listed["dinov2-b"].broken, kind
        if kind != "a folder for a processor":  # then the catalogue's declaration counts
            with pytest.raises(LookalikeError, match=r"\A[^\n]+\Z"):
                encoders.load("dinov2-b")


def test_a_folder_of_models_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    names = encoders.names()
    for models in (tmp_path / "file", tmp_path / "gone", tmp_path / "file" / "below"):
        monkeypatch.setenv("LOOKALIKE_MODELS", str(models))
        assert encoders.names() == names
