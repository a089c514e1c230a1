"""tune: train the encoder's own network on a gallery; kept as an encoder if it is better on what it has not seen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lookalike import encoders
from lookalike.adapters import Criterion
from lookalike.asking.patients import count_patients
from lookalike.encoders import EncoderEntry, elsewhere
from lookalike.encoders.families.tuned import called_in_tuned, learnt_from, write_tuned
from lookalike.encoders.weights.checkpoints import MODELS_FOLDER
from lookalike.encoders.weights.packages import require
from lookalike.errors import GalleryError, NotFoundError, UsageError
from lookalike.evaluation.labelled import chosen_criterion, every_record, some_patients
from lookalike.evaluation.scores import narrow_note
from lookalike.gallery import Gallery
from lookalike.progress import Progress, followed_by
from lookalike.scratch import Scratch
from lookalike.store.spaces import SPACE_NAME
from lookalike.tuning.judged import TuningJudgement
from lookalike.tuning.parts import MOST_TUNED, Parts, TuningMethod, choose_parts, may_mirror
from lookalike.types import EncoderSpec

if TYPE_CHECKING:
    from lookalike.tuning.fit import TuningFit

Mirror: TypeAlias = Literal["auto", "on", "off"]

NO_BETTER: Final = (
    "Not accepted: the gain in P@5 may be chance (its interval holds 0, or p is above .05), so nothing was kept. Base, "
    "or an adapter on it (lookalike adapt), serves as well."
)
_REMOVED: Final = (
    "records that it learns from were removed meanwhile, so nothing was kept; run it again once no more are removed"
)


@dataclass(frozen=True, slots=True)
class TuneResult:
    """encoder: the new encoder's name; base: what it was tuned from. accepted: it is better than base on what it did
    not learn from, the interval of the gain in P@5 lies above 0 and its p is at most .05; only then it was kept, in
    ``folder``.

    records, patients: learnt from. unread: records whose files are gone. mirrored: mirrored views were learnt from too.
    field, labels: what it was tuned on, the values that were chosen.
    """

    encoder: str
    base: str
    method: TuningMethod
    accepted: bool
    judgement: TuningJudgement
    records: int
    patients: int
    unread: int
    epochs: int
    mirrored: bool
    device: str
    seed: int
    folder: str
    notes: tuple[str, ...]
    seconds: float
    field: str = "label"
    labels: tuple[str, ...] = ()

    @property
    def criterion(self) -> Criterion:
        """What was learnt, and judged by."""
        return Criterion(self.field, self.labels)

    def sentences(self) -> Iterator[str]:
        """What came of it, and what to do next, for people."""
        yield (
            f"Learnt {self.criterion} from {self.records} records of {self.patients} patients in {self.epochs} epochs, "
            f"{self.seconds:.0f} s; judged on {self.judgement.queries} untouched records of "
            f"{self.judgement.patients} patients."
        )
        if self.accepted:
            yield f"Accepted: the encoder {self.encoder!r} is kept in {self.folder}. {self.judgement.beside_adapter}"
            yield f"It is for pictures like these: {elsewhere(self.base)}"
        else:
            yield NO_BETTER
        if few := narrow_note(self.judgement.patients):
            yield few
        yield from self.notes


def tune(
    gallery: Gallery,
    name: str,
    *,
    method: TuningMethod = "labels",
    field: str = "label",
    labels: Sequence[str] = (),
    to: str | os.PathLike[str] | None = None,
    mirror: Mirror = "auto",
    epochs: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> TuneResult:
    """Tune the gallery's encoder to its pictures, and keep it as the encoder ``name`` if it has become better.

    A quarter of the labelled records, whole patients, is left untouched, and chosen first. What was learnt is judged
    there alone: the network is kept as it was judged, or thrown away. The gallery and its vectors stay as they are.

    method: ``labels`` draws records of one label together; ``views`` needs no labels to learn, since two views of each
    picture do, only to be judged. field: what makes two images alike, the label or any attribute (a DICOM keyword, a
    column of a table). labels: the values to tell apart, all by default; records with others count as unlabelled. to:
    the folder of models, by default ``LOOKALIKE_MODELS``. mirror: whether mirrored views are learnt from; ``auto``:
    unless a label speaks of a side. epochs: by default as many as suit the gallery's size. The same seed gives the same
    encoder on the same machine. A GPU is used where torch sees one.

    Raises UsageError (no labels, an unknown field or value, too few patients, an encoder that cannot be tuned, a name
    that is taken, no folder), MissingExtraError (torch), GalleryError (records were removed meanwhile).
    """
    started, place = time.monotonic(), _place(name, to)
    entry, criterion = _tunable(gallery), chosen_criterion(gallery, field, labels)
    if epochs is not None and epochs < 1:
        raise UsageError(f"epochs must be at least 1, got {epochs}")
    require("tuning", "mlp", "torch")
    from lookalike.tuning.fit import fit
    from lookalike.tuning.networks import trainable
    from lookalike.tuning.pictures import read_pictures
    from lookalike.tuning.training import TrainingRecipe, device_here

    network = trainable(entry, seed)  # what cannot be tuned is told first
    with followed_by(progress), Scratch("tune") as scratch:
        chosen = choose_parts(some_patients(every_record(gallery, criterion), MOST_TUNED, seed), method, seed)
        try:
            pictures = read_pictures(gallery, chosen.data.ids, scratch.folder)
        except NotFoundError:
            raise GalleryError(_REMOVED) from None
        parts = chosen.only(pictures.there)
        mirrored = mirror == "on" or (mirror == "auto" and may_mirror(parts.labels))
        done = fit(entry, network, parts, pictures.renumbered(), method, TrainingRecipe(seed, mirrored, epochs))
        judgement = done.judged(parts, entry.spec.identity, seed)
    if gallery.spec.preprocessing != entry.spec.preprocessing:
        raise GalleryError("the gallery's encoder was changed while this learnt, so nothing was kept; run it again")
    if {*chosen.data.ids} - {each.id for each in gallery.store.records().values()}:
        raise GalleryError(_REMOVED)
    count = count_patients(*parts.patients_and_ids(parts.trained))
    result = TuneResult(
        encoder=name,
        base=entry.spec.name,
        method=method,
        accepted=judgement.better,
        judgement=judgement,
        records=len(parts.trained),
        patients=count.patients,
        unread=len(chosen.data.ids) - len(parts.data.ids),
        epochs=done.epochs,
        mirrored=mirrored,
        device=device_here(),
        seed=seed,
        folder=str(place) if judgement.better else "",
        notes=(count.sentence,) if count.sentence else (),
        seconds=time.monotonic() - started,
        field=criterion.field,
        labels=criterion.labels,
    )
    if result.accepted:
        _keep(gallery, place, entry.spec, parts, done, result)
    return result


def _place(name: str, to: str | os.PathLike[str] | None) -> Path:
    """Where the encoder will lie. Raises UsageError: a bad name, one that is taken, no folder of models."""
    if not SPACE_NAME.fullmatch(name):
        raise UsageError(f"an encoder's name is made of letters, digits, '-' and '_', got {name!r}")
    models = to or os.environ.get(MODELS_FOLDER)
    if not models:
        raise UsageError(
            f"a tuned encoder is kept in a folder of models: give --to DIR, or set {MODELS_FOLDER}=DIR, where it is "
            "then found by its name"
        )
    place = Path(models).expanduser().absolute() / name
    if place.exists() or encoders.is_declared(name):
        raise UsageError(f"there is an encoder {name!r} already, and galleries may use it; name a new one")
    return place


def _tunable(gallery: Gallery) -> EncoderEntry:
    """What is tuned: the gallery's encoder, or what that was tuned from. Raises UsageError for one of volumes."""
    entry = encoders.untuned(gallery.spec.name)
    if entry.spec.ndim != 2:
        raise UsageError(f"{entry.spec.name!r} encodes whole volumes; only encoders of pictures can be tuned")
    return entry


def _keep(gallery: Gallery, place: Path, base: EncoderSpec, parts: Parts, done: TuningFit, result: TuneResult) -> None:
    """Write the encoder as it was judged."""
    patients, ids = parts.patients_and_ids(parts.trained)
    called = called_in_tuned(gallery.folder.name, gallery.store.id)
    who = f" of {result.patients} patients" if result.patients else ""
    by = "" if result.field == "label" else f" by {result.field}"
    told = replace(result, folder="", notes=(), labels=())  # where it lies is no fact of it, and no value is kept
    write_tuned(
        place,
        base,
        done.changes,
        trained_on=[called],
        note=f"{base.name} tuned on {called}{by}: {result.records} records{who}, on {datetime.now(UTC):%Y-%m-%d}",
        training=asdict(told),
        learnt=learnt_from({*patients, *ids}),
    )
