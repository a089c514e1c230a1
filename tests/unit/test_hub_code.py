"""The code that DreamSim's package would have torch.hub run is run only if it is the known one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lookalike import encoders
from lookalike.encoders.families import packaged
from lookalike.errors import DamagedFileError, LookalikeError

FILES = {file: f"# {file}\n" for file in ("hubconf.py", "utils.py", "vision_transformer.py")}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with all that is looked for; its code is the known one."""
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    sums = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in FILES.items()}
    monkeypatch.setattr(packaged, "_HUB_FILES", sums)
    folder = tmp_path / "dreamsim"
    for file in (packaged.DREAMSIM.files[0], *packaged._BASES):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(file.encode())
    hub = folder / packaged._HUB_CODE
    hub.mkdir()
    for file, text in FILES.items():
        (hub / file).write_text(text)
    return hub


def test_the_known_code_may_run(code: Path) -> None:
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "utils.cpython-311.pyc").write_bytes(b"compiled from what?")
    (code / "eval_knn.py").write_text("")
    (code / ".github").mkdir()
    packaged.check_hub_code(code)
    assert not (code / "__pycache__").exists()


@pytest.mark.parametrize("file", ["hubconf.py", "torchvision/__init__.py", "utils.so", "more/x.py"])
def test_other_code_is_not_run(code: Path, file: str) -> None:
    (code / file).parent.mkdir(exist_ok=True)
    (code / file).write_text("raise SystemExit")
    with pytest.raises(DamagedFileError, match=r"not run: take it from .* at commit 7c446df5b9f4"):
        packaged.check_hub_code(code)


def test_every_file_belongs_to_the_revision(code: Path) -> None:
    """The downloaded DINO weights and the code count, beside the adapter and the three networks."""
    before = encoders.describe("dreamsim").revision
    weights = code.parent / "checkpoints" / "dino_vitbase16_pretrain.pth"
    weights.write_bytes(b"other weights")
    assert len({before, encoders.describe("dreamsim").revision, "v0.2.0"}) == 3
    weights.unlink()
    assert not encoders.entry("dreamsim").here  # type: ignore[attr-defined]
    with pytest.raises(LookalikeError):
        encoders.load("dreamsim")
