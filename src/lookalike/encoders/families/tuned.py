"""Encoders that were tuned on somebody's own gallery: another encoder, and what its weights were changed to.

    MODELS/NAME/tuned.json             the base's identity, what was learnt from, how it was judged; the other's SHA-256
    MODELS/NAME/changed.safetensors    arrays only: nothing in it can run

A tuned encoder is the base with changes. Of EfficientNet-Lite these are other weights for some layers, by the graph's
names; of a network in torch, low-rank updates of some linear layers (``runtimes.low_rank``). The base must be here, in
the very version.

Which records it has learnt from is kept as keyed digests of their ids and of their patients' groups, so that an
evaluation can leave them out: whoever has a record can tell whether it was among them, and nobody can list them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.atomic import write_atomically
from lookalike.encoders.families.lite import Lite
from lookalike.encoders.protocols import Encoder, EncoderEntry, facts_of
from lookalike.encoders.weights import checkpoints
from lookalike.errors import DamagedFileError, ManifestMismatchError, UsageError
from lookalike.types import EncoderSpec

DESCRIPTION: Final = "tuned.json"
_CHANGED: Final = "changed.safetensors"
_FORMAT: Final = 1
_TEXTS: Final = ("sha256", "note", "salt")
_LISTS: Final = ("trained_on", "learnt")

WeightChanges: TypeAlias = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What an encoder has learnt from. salt: of the digests, 32 hex digits. digests: of record ids and patients."""

    salt: str
    digests: frozenset[str]

    def includes(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which of some record ids, or patients' groups, it has learnt from."""
        return np.array([_digest(self.salt, name) in self.digests for name in names], np.bool_)


def learnt_from(names: Collection[str]) -> Learnt:
    """Record ids and patients' groups, as what an encoder keeps of them."""
    salt = secrets.token_hex(16)
    return Learnt(salt, frozenset(_digest(salt, name) for name in names))


def called_in_tuned(name: str, gallery: str) -> str:
    """What ``trained_on`` calls a gallery of this name and id."""
    return f"gallery {name} ({gallery})"


def _digest(salt: str, name: str) -> str:
    return hmac.new(bytes.fromhex(salt), name.encode(), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The catalogue entry of a tuned encoder."""

    name: str
    folder: Path
    base: EncoderEntry

    @property
    def checkpoint(self) -> str:
        """Its folder."""
        return str(self.folder)

    @property
    def parameters(self) -> float:
        """Those of the base."""
        return facts_of(self.base).parameters

    @property
    def gmacs(self) -> float:
        """Those of the base."""
        return facts_of(self.base).gmacs

    @property
    def here(self) -> bool:
        """Whether the base can be built."""
        return facts_of(self.base).here

    @property
    def spec(self) -> EncoderSpec:
        """The base's with another name and revision. Text is left out: the pictures have moved away from it.

        Raises ManifestMismatchError if the base is of another version, DamagedFileError.
        """
        described, base = read_tuned(self.folder), self.base.spec
        changed = [key for key, value in base.identity.items() if described["base"].get(key) != value]
        if changed and not self.here:
            raise UsageError(gone(self.name, base.name))
        if changed:
            raise ManifestMismatchError(
                f"{self.name} was tuned from another version of {base.name!r} ({', '.join(changed)} differs); install "
                "that version, or tune again: lookalike tune"
            )
        return replace(
            base,
            name=self.name,
            revision=checkpoints.digest(self.folder, [self.folder / DESCRIPTION, self.folder / _CHANGED]),
            trained_on=base.trained_on | frozenset(map(str, described["trained_on"])),
            text=False,
            note=described["note"],
        )

    def was_tuned_on(self, gallery: str) -> bool:
        """Whether that was the gallery of this id."""
        return any(str(each).endswith(f" ({gallery})") for each in read_tuned(self.folder)["trained_on"])

    @property
    def learnt(self) -> Learnt:
        """What it has learnt from."""
        described = read_tuned(self.folder)
        return Learnt(described["salt"], frozenset(map(str, described["learnt"])))

    def build(self) -> Encoder:
        """Load the base, and the changes into it. Raises as the base does; DamagedFileError for damaged changes."""
        return changed_encoder(self.base, self.spec, _read_changes(self.folder))


def gone(name: str, base: str) -> str:
    """What to say where the encoder that one was tuned from is not here any more."""
    return (
        f"{name} was tuned from {base!r}, which is gone from this machine; bring it back to the folder of models "
        "(lookalike encoders pull, or a copy), or tune again: lookalike tune"
    )


def changed_encoder(base: EncoderEntry, spec: EncoderSpec, changes: WeightChanges) -> Encoder:
    """The base with these changes, as an encoder of another identity. Raises as ``Tuned.build``."""
    if isinstance(base, Lite):
        return base.with_weights(spec, changes)
    from lookalike.encoders.runtimes.low_rank import add_low_rank
    from lookalike.encoders.runtimes.torch import TorchEncoder

    encoder = base.build()
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(f"{spec.name} was tuned from {encoder.spec.name}, which does not run in torch here")
    add_low_rank(encoder.tower, changes)
    return TorchEncoder(spec, encoder.tower)


def read_tuned(folder: Path) -> dict[str, Any]:
    """The description in the folder of a tuned encoder. Raises DamagedFileError."""
    found = checkpoints.read_json(folder / DESCRIPTION)
    kinds = {**dict.fromkeys(_TEXTS, str), **dict.fromkeys(_LISTS, list), "base": dict, "training": dict}
    well = found.get("format") == _FORMAT and all(isinstance(found.get(name), kind) for name, kind in kinds.items())
    if not well or not isinstance(found["base"].get("name"), str):
        raise DamagedFileError(
            f"{DESCRIPTION} in {folder} is none, or of another version of this program; copy the folder again, or "
            "tune again: lookalike tune"
        )
    return found


def _read_changes(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays, verified. Raises DamagedFileError."""
    from safetensors.numpy import load as deserialise

    path = checkpoints.verified(folder / _CHANGED, read_tuned(folder)["sha256"])
    try:
        arrays: dict[str, NDArray[Any]] = deserialise(path.read_bytes())
    except Exception:  # the reader raises many types
        arrays = {}
    if not arrays or any(a.dtype != np.float32 or not np.isfinite(a).all() for a in arrays.values()):
        raise DamagedFileError(f"{path.name} in {folder} holds no weights; copy the folder again")
    return arrays


def write_tuned(
    folder: Path,
    base: EncoderSpec,
    changes: WeightChanges,
    *,
    trained_on: Iterable[str],
    note: str,
    training: Mapping[str, Any],
    learnt: Learnt,
) -> None:
    """Write a tuned encoder as a folder that is complete as soon as it is there.

    training: how it was trained and judged, as JSON. Raises UsageError if something is there already, OSError.
    """
    from safetensors.numpy import save as serialise

    data = serialise({name: np.ascontiguousarray(array, np.float32) for name, array in changes.items()})
    described = {
        "format": _FORMAT,
        "base": base.identity,
        "sha256": hashlib.sha256(data).hexdigest(),
        "trained_on": sorted(trained_on),
        "note": note,
        "training": dict(training),
        "salt": learnt.salt,
        "learnt": sorted(learnt.digests),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    made.mkdir()
    try:
        write_atomically(made / _CHANGED, data)
        write_atomically(made / DESCRIPTION, json.dumps(described, indent=1).encode())
        made.rename(folder)
    except OSError:
        if folder.exists():
            raise UsageError(f"{folder} is there already; give the encoder another name") from None
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
