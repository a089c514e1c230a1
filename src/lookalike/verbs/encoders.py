"""encoders list, pull, verify, export, runtimes: the models that turn pictures into vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.encoders.catalogue.export import Exported, export
from lookalike.encoders.catalogue.lookup import Described, TunedHere
from lookalike.encoders.catalogue.pull import Pulled, pull_weights
from lookalike.encoders.catalogue.runtime_choice import (
    RuntimeFound,
    can_choose,
    choose_precision,
    find_runtimes,
    runtime_asked_for,
)
from lookalike.encoders.catalogue.verify import Checked, Verified, verify, verify_all
from lookalike.errors import UsageError
from lookalike.gallery import is_gallery
from lookalike.plugins import Broken
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool
from lookalike.sources.files import FileSource, walk
from lookalike.sources.source import Source
from lookalike.text import absolute
from lookalike.types import Preprocessing

_MOST_PICTURES: Final = 512  # to measure the quality of an export on
_SAMPLE: Final = 128  # pictures of a new gallery, to choose a precision on

_SIZES: Final = ((10, "tiny"), (50, "small"), (150, "base"), (500, "large"))
_SPEEDS: Final = ((1, "very fast"), (10, "fast"), (50, "medium"), (200, "slow"))


@dataclass(frozen=True, slots=True)
class Listed:
    """One encoder. here: it can be used on this machine as it is. gated: its terms must be accepted on the hub.

    size: by the parameters of the image tower: tiny < 10 million, small < 50, base < 150, large < 500, huge. speed: by
    the multiply-adds for a picture: very fast < 1 thousand million, fast < 10, medium < 50, slow < 200, very slow. dim:
    0 if its authors do not say it. tuned_from: of one that ``tune`` made, the encoder that it was made from. broken:
    why it cannot be used at all; "" for an encoder that can. The other fields are then empty, but for what a tuned one
    says of itself (tuned_from, trained_on, note).
    """

    name: str
    dim: int = 0
    text: bool = False
    here: bool = False
    gated: bool = False
    size: str = ""
    speed: str = ""
    input: str = ""
    license: str = ""
    trained_on: tuple[str, ...] = ()
    checkpoint: str = ""
    note: str = ""
    broken: str = ""
    tuned_from: str = ""


def list_encoders() -> tuple[Listed, ...]:
    """Every encoder that a plug-in declares, then every one that ``tune`` made in the folder of models, each in
    alphabetical order; broken ones with the reason.
    """
    declared = (_listed(name, found) for name, found in encoders.descriptions().items())
    return (*declared, *map(_tuned, encoders.tuned_here()))


def _tuned(one: TunedHere) -> Listed:
    said = _listed(one.name, one.found)
    trained_on = said.trained_on or one.trained_on
    return replace(said, tuned_from=one.base, trained_on=trained_on, note=one.note)


def _listed(name: str, found: Described | Broken) -> Listed:
    if isinstance(found, Broken):
        return Listed(name, broken=found.reason)
    spec, facts = found
    rows, columns = spec.preprocessing.size
    deep = "" if spec.preprocessing.volume is None else f"{spec.preprocessing.volume.depth} x "
    return Listed(
        name=name,
        dim=spec.dim,
        text=spec.text,
        here=facts.here,
        gated=facts.gated,
        size=_class(facts.parameters, _SIZES, "huge"),
        speed=_class(facts.gmacs, _SPEEDS, "very slow"),
        input=f"{deep}{rows} x {columns}",
        license=spec.license,
        trained_on=tuple(sorted(spec.trained_on)),
        checkpoint=facts.checkpoint,
        note=spec.note,
    )


def _class(amount: float, classes: Iterable[tuple[float, str]], beyond: str) -> str:
    if amount == 0:
        return ""
    return next((name for limit, name in classes if amount < limit), beyond)


def pull_encoder(name: str, to: str | os.PathLike[str], *, revision: str = "") -> Pulled:
    """Download a model's files into a folder of models; what was interrupted goes on where it stopped.

    revision: a commit, branch or tag of its repository; by default the head of the main branch. Raises UsageError if
    that cannot be done from here, DamagedFileError if what came is not what the hub describes.
    """
    return pull_weights(name, Path(to).expanduser(), revision)


def verify_encoder(name: str) -> Verified:
    """Check what the encoder promises: unit rows, repeatable, independent of the batch, published
    preprocessing, golden vector. Raises as ``encoders.load`` does."""
    return verify(name)


def verify_encoders() -> tuple[Checked, ...]:
    """Check every declared encoder that can be built here; of the others, say in one line what they need."""
    return tuple(verify_all())


def export_encoder(
    name: str, to: str | os.PathLike[str], *, int8: bool = False, pictures: Iterable[str | os.PathLike[str]] = ()
) -> Exported:
    """Write the image tower as an ONNX file, with int8 also an 8-bit version. The network of a model whose code is its
    authors' own is built with their package, which must be installed; the file then stands for that model.

    pictures: files or folders of the collection that it will be used on, to measure its quality; at most 512
    pictures are read, evenly spread. int8 needs at least 20.
    """
    sources = list(pictures)
    inputs = _inputs(sources, encoders.describe(name).preprocessing) if sources else None
    return export(name, Path(to).expanduser(), inputs=inputs, int8=int8)


def encoder_runtimes(name: str, *, pictures: Iterable[str | os.PathLike[str]] = ()) -> tuple[RuntimeFound, ...]:
    """Measure an encoder in every runtime and precision that is installed, in turns, beside itself as it is made.

    pictures: files or folders of the collection that it will be used on, at least 20 pictures, of which at most 512 are
    read, evenly spread; without them the lower precisions are left out. What is found lets ``--encoder NAME@bf16`` be
    used on this machine. Raises UsageError as ``encoders.load`` does.
    """
    sources = list(pictures)
    inputs = _inputs(sources, encoders.describe(name).preprocessing) if sources else None
    return tuple(find_runtimes(encoders.entry(name), inputs))


def encoder_in_runtime(
    folder: str | os.PathLike[str], encoder: str | None, sources: Sequence[Source]
) -> tuple[str | None, str]:
    """The encoder of a new gallery in the precision that is fastest in the runtime asked for, of those that keep the
    ten nearest on a sample of the sources' pictures; and a sentence that says so. Of a gallery that is there, and where
    no runtime is asked for, what was given.
    """
    name = encoder or encoders.DEFAULT
    local = [source.path for source in sources if isinstance(source, FileSource)]
    if not runtime_asked_for() or is_gallery(absolute(folder)) or name == encoders.BY_ITSELF or not local:
        return encoder, ""
    found = encoders.entry(name)
    if not can_choose(found):
        return encoder, ""
    try:
        inputs = _inputs(local, found.spec.preprocessing, _SAMPLE)
    except UsageError:  # no picture, which the run itself will say
        return encoder, ""
    return choose_precision(found, inputs)


def _inputs(
    sources: Iterable[str | os.PathLike[str]], recipe: Preprocessing, most: int = _MOST_PICTURES
) -> NDArray[np.uint8]:
    files = walk(sources)
    chosen = files[:: max(1, len(files) // most)][:most]
    with ReaderPool(recipe) as pool:
        frames = [event.input for event in pool.read(chosen) if isinstance(event, Frame) and event.frame == 0]
    if not frames:
        raise UsageError("no picture can be read there; name files or folders with pictures")
    return np.stack(frames)
