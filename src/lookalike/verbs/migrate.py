"""migrate: encode every record of a gallery with another encoder, beside what answers, then let that answer."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

from lookalike import encoders
from lookalike.erasing import PATIENCE
from lookalike.errors import REASONS, EngineError, GalleryError, LockedError, LookalikeError, UsageError
from lookalike.gallery import Gallery, gallery_folder, spec_fields, spec_of_stored
from lookalike.locks import Turn, migrating
from lookalike.ownership import allow_encoder, ownership_of
from lookalike.progress import Progress
from lookalike.reencoding import TOGETHER, Reencoding
from lookalike.sources.again import NOT_AGAIN
from lookalike.store import Store
from lookalike.store.moving import finish_move, move_to_folder, move_to_postgresql
from lookalike.store.place import checked_url, named_place
from lookalike.store.second_encoder import (
    BesideCounts,
    BesideEncoder,
    beside_counts,
    beside_encoder,
    drop_beside,
    switch_to_beside,
)
from lookalike.store.traces import empty_log, write_anew
from lookalike.text import one_line
from lookalike.types import EncoderSpec

_PLAIN: Final = re.compile(r"[A-Za-z0-9][\w-]*")
_IN_FOLDER: Final = "sqlite"
_MOMENT: Final = 2.0  # seconds that another writer is waited for, before records that came are encoded


@dataclass(frozen=True, slots=True)
class MigrateResult:
    """encoder: whose vectors answer now. beside: the encoder whose vectors are kept beside them, "" if none are.
    switched: whether this run changed which of the two answers. encoded: how many records this run encoded. left_out:
    how many have no vectors of the encoder, so that no answer holds them, by reason. spaces: adapted ones that were
    trained on another encoder's vectors: refused until they are trained anew or that encoder answers again. freed:
    bytes on the disk.
    """

    encoder: str
    beside: str
    switched: bool
    encoded: int
    left_out: Mapping[str, int]
    spaces: tuple[str, ...]
    freed: int
    seconds: float


def migrate(
    gallery: Gallery,
    encoder: str | None = None,
    *,
    back: bool = False,
    drop: bool = False,
    without_missing: bool = False,
    progress: Progress | None = None,
) -> MigrateResult:
    """Encode every record again with another encoder, beside the vectors that answer, then let the new ones answer.

    Until then everything goes on as before: searches, labels, removals, and ``index``, whose records are encoded too.
    An interrupted run is finished by running it again. The switch is one transaction; whoever has the gallery open sees
    it at the next question. The former vectors stay: ``back`` lets them answer again, after records that came since
    have been encoded by that encoder too; ``drop`` removes the vectors that do not answer, also of an unfinished run.

    without_missing: switch although some records cannot be read again (``sources.again.NOT_AGAIN``, ``REASONS``): they
    keep their labels and have no vectors of the new encoder, so that no answer holds them, until ``index`` finds their
    files. Without it nothing is switched then.

    Adapted spaces stay with the encoder that they were trained on. Patches are kept where the new encoder gives them.

    Raises UsageError (no such encoder, one of another kind, nothing to go back to), GalleryError (records that cannot
    be read again, a gallery that may only be read), LockedError (another process migrates it).
    """
    started = time.monotonic()
    gallery.store.check_writable()
    _check_wanted(encoder, back, drop)
    with migrating(gallery.locks, gallery.patience):
        if drop:
            return _result(gallery, started, freed=_drop(gallery))
        target = _target(gallery, encoder)
        if target is None:
            return _result(gallery, started)
        with Reencoding(gallery, target, progress) as run:
            left_out = _switched(run, without_missing=without_missing)
    return _result(gallery, started, switched=True, encoded=run.encoded, left_out=left_out)


@dataclass(frozen=True, slots=True)
class MoveResult:
    """store: the address of the PostgreSQL that the records are in now, "" for a file in the gallery's folder. rows:
    how many were copied and compared, by table; none where an earlier move was finished.
    """

    store: str
    rows: Mapping[str, int]
    seconds: float


def move_store(gallery: str | os.PathLike[str], to: str) -> MoveResult:
    """Move a gallery's records into a PostgreSQL, or back into its folder. They are copied as of one moment, every row
    is compared, and only then the others count and those of before are removed. Nobody may have it open meanwhile. A
    move that was killed as the others counted already is finished: nothing is copied again.

    gallery: its folder. to: the address, postgresql://USER@HOST/DATABASE, or "sqlite" for a file in the folder.

    Raises UsageError (no such store, or they are there already), ReadOnlyError, LockedError (somebody has it open),
    GalleryError (that database holds records of this gallery already, or cannot be used): nothing is moved then.
    """
    started, folder = time.monotonic(), gallery_folder(gallery)
    place, url = named_place(folder), "" if to == _IN_FOLDER else checked_url(to)
    with closing(Store(folder)) as store:
        store.check_writable()
    if url == ("" if place is None else place.url):
        if place is not None and finish_move(folder, PATIENCE):
            return MoveResult(url, {}, time.monotonic() - started)
        raise UsageError("the records of this gallery are there already")
    if url and place is not None:
        raise UsageError(f"the records are in a PostgreSQL; move them into the folder first: --store {_IN_FOLDER}")
    rows = move_to_postgresql(folder, url, PATIENCE) if url else move_to_folder(folder, PATIENCE)
    return MoveResult(url, rows, time.monotonic() - started)


def migration_asked_for(
    gallery: Gallery, *, encoder: str | None, back: bool, drop: bool, without_missing: bool
) -> dict[str, Any]:
    """The arguments of a migration that is asked for over a network, which can be run again after it was interrupted:
    the encoder to go back to by its name.

    Raises ReadOnlyError, and UsageError: nothing or several things are wanted, there is nothing to go back to, or the
    encoder is a file or a repository, which only who sits at this machine may name.
    """
    gallery.store.check_writable()
    _check_wanted(encoder, back, drop)
    if back:
        encoder = _former(gallery).name
    if encoder is not None and not (_is_here(encoder) or encoder in ownership_of(gallery.store.id).encoders):
        raise UsageError(
            f"no encoder that is installed is called {one_line(encoder)!r}; who sits at the server can name others: "
            "lookalike gallery migrate --encoder NAME"
        )
    return {"encoder": encoder, "drop": drop, "without_missing": without_missing}


def _is_here(encoder: str) -> bool:
    """Whether a name stands for what is installed, or for a folder of models by its plain name."""
    with suppress(LookalikeError):
        return encoders.is_declared(encoder) or (
            _PLAIN.fullmatch(encoder) is not None and encoders.describe(encoder).name == encoder
        )
    return False


def _check_wanted(encoder: str | None, back: bool, drop: bool) -> None:
    if (encoder is not None) + back + drop != 1:
        raise UsageError("say what is wanted: an encoder (--encoder NAME), the one of before (--back), or --drop")


def _former(gallery: Gallery) -> BesideEncoder:
    """The encoder of before. Raises UsageError if its vectors are not kept."""
    beside = beside_encoder(gallery.store)
    if beside is None or not beside.former:
        raise UsageError(
            "no vectors of an encoder that answered before are kept; lookalike gallery info says which are"
        )
    return beside


def _result(
    gallery: Gallery,
    started: float,
    *,
    switched: bool = False,
    encoded: int = 0,
    left_out: Mapping[str, int] | None = None,
    freed: int = 0,
) -> MigrateResult:
    beside = beside_encoder(gallery.store)
    spaces = tuple(sorted(filter(gallery.is_of_another_encoder, gallery.store.spaces())))
    return MigrateResult(
        str(gallery.encoding["name"]),
        "" if beside is None else beside.name,
        switched,
        encoded,
        dict(left_out or {}),
        spaces,
        freed,
        time.monotonic() - started,
    )


def _target(gallery: Gallery, encoder: str | None) -> BesideEncoder | None:
    """The encoder to go to, or back to for None, whose vectors may be put beside now; None where it answers already."""
    if encoder is None:
        former = _former(gallery)
        spec_of_stored(former.encoder, gallery.store.id)
        return former
    beside = beside_encoder(gallery.store)
    spec = encoders.present(encoder)
    if spec.identity == gallery.identity:
        return None
    if beside is not None and beside.identity != spec.identity:
        what = "answered before" if beside.former else "an unfinished migration goes to"
        raise UsageError(
            f"vectors of {beside.name!r}, which {what}, are kept beside, and there is room for one encoder's: "
            "remove them first (lookalike gallery migrate --drop)"
        )
    _check_kind(gallery, spec)
    if not encoders.is_declared(spec.name):
        allow_encoder(gallery.store.id, spec.name)
    return beside or BesideEncoder(spec_fields(spec), patches=False, former=False)


def _check_kind(gallery: Gallery, spec: EncoderSpec) -> None:
    if gallery.encoding.get("ndim", 2) != spec.ndim:
        kinds = {2: "pictures and slices", 3: "whole volumes"}
        raise UsageError(
            f"{spec.name!r} encodes {kinds[spec.ndim]} and this gallery's encoder {kinds[5 - spec.ndim]}: its records "
            "would be others; index into a new gallery"
        )


def _switched(run: Reencoding, *, without_missing: bool) -> Mapping[str, int]:
    """Encode what is to be encoded, and switch when nobody else is writing; how many records are left out, by
    reason. Raises GalleryError.
    """
    run.begin()
    run.encode_pending()
    if run.forget_damaged():
        run.encode_pending()
    while True:
        _check_missing(beside_counts(run.gallery.store), without_missing=without_missing)
        run.fill_engine()
        with suppress(LockedError), run.gallery.writing(_MOMENT) as turn:
            if (left_out := _switch_now(run, turn, without_missing=without_missing)) is not None:
                return left_out
        if run.begun != run.patches:
            run.begin()
        run.encode_pending()


def _switch_now(run: Reencoding, turn: Turn, *, without_missing: bool) -> Mapping[str, int] | None:
    """Switch, unless many records have come: nobody else should wait while they are encoded."""
    if turn.is_awaited:
        turn.give_way()
    store = run.gallery.store
    if run.begun != run.patches or beside_counts(store).pending > TOGETHER:
        return None
    run.held = True
    run.encode_pending()
    counts = beside_counts(store)
    _check_missing(counts, without_missing=without_missing)
    switch_to_beside(store, without_missing=without_missing)
    turn.leave()
    run.gallery.index()
    return counts.missing


def _check_missing(counts: BesideCounts, *, without_missing: bool) -> None:
    """Raise GalleryError where records cannot be encoded again, unless they are to be left out."""
    if not counts.missing or without_missing:
        return
    told = {**REASONS, **NOT_AGAIN}
    why = ", ".join(
        f"{many} {reason} ({told.get(reason, 'no known reason')})" for reason, many in counts.missing.items()
    )
    raise GalleryError(
        f"{sum(counts.missing.values())} of {counts.records} records cannot be encoded again: {why}. Nothing is "
        f"switched, and the {counts.encoded} that are encoded are kept: bring the files back and run it again, or "
        "leave these records out of answers: --without-missing"
    )


def _drop(gallery: Gallery) -> int:
    """Remove the vectors beside, and give their place on the disk back; how many bytes that was."""
    before = gallery.store.database.size()
    with gallery.erasing(PATIENCE):
        if beside_encoder(gallery.store) is None:
            raise UsageError("no vectors are kept beside those that answer")
        drop_beside(gallery.store)
        if (engine := gallery.engine.spaces) is not None:
            with suppress(EngineError):  # it may be gone
                engine.forget_prepared()
        with suppress(LookalikeError):  # the disk may be full, or somebody may still read an earlier state
            write_anew(gallery.store)
            empty_log(gallery.store)
    return max(before - gallery.store.database.size(), 0)
