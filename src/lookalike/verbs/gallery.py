"""gallery: what a gallery holds and can do, and its spaces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final, Literal

from lookalike.adapters import criterion_of, is_accepted
from lookalike.asking.background import space_background
from lookalike.collection import Collection
from lookalike.encoders import PatchEncoder, superseded_by
from lookalike.erasing import PATIENCE
from lookalike.errors import DamagedFileError, EngineError, GalleryError, ManifestMismatchError, UsageError
from lookalike.filters import Or
from lookalike.gallery import Gallery, gallery_folder, open_gallery
from lookalike.ownership import add_buckets, add_roots, allow_encoder, ownership_of
from lookalike.secret_key import read_secret
from lookalike.sources.item_labels import NamedSource
from lookalike.sources.s3.address import is_bucket_uri, parse_bucket_address
from lookalike.sources.stored_items import is_there
from lookalike.store import SpaceRow, Store
from lookalike.store.adoption import adopt_store
from lookalike.store.browse import count_refused, field_kinds, label_counts
from lookalike.store.databases import database_of
from lookalike.store.edit import all_sources, move_sources, remove_space
from lookalike.store.patches import kept
from lookalike.store.place import allow_store, named_place
from lookalike.store.reports import count_reports
from lookalike.store.second_encoder import beside_counts, beside_encoder, count_without_vectors
from lookalike.store.studies import count_studies
from lookalike.store.within import checked_part
from lookalike.text import absolute
from lookalike.types import BASE

_NAMED: Final = 3  # sources that are not at their new place


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """text, patches: whether it encodes text, and gives a vector for each patch. trained_on: names of collections."""

    name: str
    dim: int
    text: bool
    note: str
    patches: bool
    trained_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A space: the encoder's own vectors, or those vectors projected by an adapter, which was trained on a field (the
    label, or an attribute) and some of its values, all if empty. answers: false where the adapter was trained on the
    vectors of another encoder than the gallery's: it is refused until it is trained anew. accepted: whether it may be
    searched by default; so may an adapter that is surely better than base on folds of its own records. note: why its
    adapter cannot be read.
    """

    name: str
    kind: Literal["base", "adapter"]
    answers: bool
    field: str = ""
    labels: tuple[str, ...] = ()
    accepted: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """An attribute that a filter can name."""

    name: str
    kind: Literal["text", "number"]


@dataclass(frozen=True, slots=True)
class BesideInfo:
    """Vectors of another encoder, kept beside those that answer. former: it answered before, and can again
    (``migrate`` with ``back``); else an unfinished migration goes to it. encoded: of how many records; missing: how
    many could not be encoded, by reason code.
    """

    encoder: str
    former: bool
    encoded: int
    missing: Mapping[str, int]


@dataclass(frozen=True)
class GalleryInfo:
    """records, refused: how many. spaces: the base space first. labels: the most frequent first. volumes: whether
    there are any. patches: whether regions can be searched. beside: the vectors that a migration made or left. better:
    an encoder that is better for new pictures, "" if none is known. without_vectors: records that a migration left out,
    which no answer holds. linked: whether it keeps who its records are in a PACS, encrypted, and not pseudonyms alone.
    reports: how many records have one. studies: how many are known. store: the address of the PostgreSQL that the
    records are in; "" for a file in the gallery's folder.
    """

    name: str
    records: int
    refused: int
    encoder: EncoderInfo
    spaces: tuple[SpaceInfo, ...]
    fields: tuple[FieldInfo, ...]
    labels: tuple[str, ...]
    volumes: bool
    patches: bool
    beside: BesideInfo | None
    better: str
    without_vectors: int
    linked: bool
    reports: int
    studies: int
    store: str


def gallery_info(gallery: Gallery) -> GalleryInfo:
    """The gallery, its encoder, and what they can do."""
    spec, store = gallery.spec, gallery.store
    patches = isinstance(gallery.encoder, PatchEncoder)
    return GalleryInfo(
        gallery.folder.name,
        store.count(),
        count_refused(store),
        EncoderInfo(spec.name, spec.dim, spec.text, spec.note, patches, tuple(sorted(spec.trained_on))),
        list_spaces(gallery),
        tuple(FieldInfo(name, kind) for name, kind in field_kinds(store).items()),
        tuple(name for name, _ in label_counts(store)),
        gallery.holds_volumes(),
        kept(store),
        beside_info(gallery),
        superseded_by(spec.name),
        count_without_vectors(store),
        gallery.linked,
        count_reports(store),
        count_studies(store),
        "" if (place := named_place(gallery.folder)) is None else place.url,
    )


def beside_info(gallery: Gallery) -> BesideInfo | None:
    """The vectors beside those that answer; None if there are none."""
    found = beside_encoder(gallery.store)
    if found is None:
        return None
    counts = beside_counts(gallery.store)
    return BesideInfo(found.name, found.former, counts.encoded, counts.missing)


def beside_sentence(beside: BesideInfo, records: int) -> str:
    """What is to be said of the vectors beside. records: of the gallery."""
    if beside.former:
        more = "" if beside.encoded >= records else f", of {beside.encoded} of {records} records"
        return (
            f"the vectors of {beside.encoder}, which answered before, are kept{more}: lookalike gallery migrate --back "
            "lets them answer again, --drop removes them"
        )
    missing = "".join(f", {many} {reason}" for reason, many in beside.missing.items())
    return (
        f"unfinished: {beside.encoded} of {records} records are encoded by {beside.encoder}{missing}; go on: lookalike "
        f"gallery migrate --encoder {beside.encoder}, or give it up: --drop"
    )


def encoder_sentence(name: str, better: str) -> str:
    """What is to be said of a gallery's encoder. better: what is better for new pictures, or ""."""
    if not better:
        return name
    return f"{better} is better than {name} for new pictures: lookalike gallery migrate --encoder {better}"


def gallery_id(gallery: Gallery) -> str:
    """By which a gallery is named wherever it lies."""
    return gallery.store.id


def part_of(gallery: Gallery, wheres: Sequence[str]) -> Collection:
    """The part of an open gallery whose records satisfy one of some filters, as a gallery of its own to be looked at.
    Raises UsageError.
    """
    return Collection(gallery, Or(tuple(map(checked_part, wheres))))


def count_records(gallery: Gallery) -> int:
    """How many records there are."""
    return gallery.store.count()


def encoder_name(gallery: Gallery) -> str:
    """The name of the encoder whose vectors answer; nothing is loaded for it."""
    return str(gallery.encoding["name"])


def list_spaces(gallery: Gallery) -> tuple[SpaceInfo, ...]:
    """The encoder's own space first, then the adapted ones by name."""
    rows = sorted(gallery.store.spaces().values(), key=lambda row: (row.adapter is not None, row.name))
    return tuple(_space_info(gallery, row) for row in rows)


def _space_info(gallery: Gallery, row: SpaceRow) -> SpaceInfo:
    if row.adapter is None:
        return SpaceInfo(row.name, "base", True)
    answers = not gallery.is_of_another_encoder(row.name)
    try:
        adapter = gallery.adapter(row.name)
    except (DamagedFileError, ManifestMismatchError) as error:  # a list of spaces must not fail for one of them
        return SpaceInfo(row.name, "adapter", answers, accepted=False, note=str(error))
    criterion = criterion_of(adapter)
    accepted = adapter is not None and is_accepted(adapter.training)
    return SpaceInfo(row.name, "adapter", answers, criterion.field, criterion.labels, accepted)


def drop_space(gallery: Gallery, name: str) -> None:
    """Remove an adapted space with its adapter and index. Raises NotFoundError, UsageError for the base space."""
    if gallery.space(name).adapter is None or name == BASE:
        raise UsageError(f"{name!r} is the encoder's own space and stays; only adapted spaces can be removed")
    with gallery.erasing(PATIENCE):
        remove_space(gallery.store, name)
        for folder in ("adapters", "indexes", "maps"):
            for file in (gallery.folder / folder).glob(f"{name}.*"):
                with suppress(OSError):
                    file.unlink()
    if gallery.engine.address:
        with suppress(EngineError):  # doctor and the next erasure take it out
            gallery.check_engine()


@dataclass(frozen=True, slots=True)
class RelocateResult:
    """relocated: how many sources have their new place. missing: how many stay, since nothing is at the new place; the
    first three of them.
    """

    relocated: int
    missing: int
    first_missing: tuple[NamedSource, ...]


def relocate(gallery: Gallery, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> RelocateResult:
    """Tell a gallery that the files at and below ``old`` lie at ``new`` now: of every record from there the source is
    changed if something is at its new place. Nothing is read or encoded.

    Raises UsageError where no record is from there, GalleryError (another process is writing).
    """
    before, after = str(absolute(old)), str(absolute(new))
    with gallery.writing():
        moved, left = move_sources(gallery.store, before, lambda source: _new_place(source, before, after))
    if not moved and not left:
        raise UsageError(f"no record is from {before}; lookalike doctor --gallery G names sources that are missing")
    gallery.places.allow([after])
    return RelocateResult(moved, len(left), tuple(map(NamedSource, left[:_NAMED])))


def _new_place(source: str, old: str, new: str) -> str | None:
    place = new + source[len(old) :]
    return place if is_there(place) else None


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder that records come from. allowed: how many of its files and series the gallery may open."""

    folder: str
    sources: int
    allowed: int


@dataclass(frozen=True, slots=True)
class AdoptResult:
    """owned: whether the gallery is this user's now; false where its folder may only be read. roots, buckets: the
    folders and files, and the object stores, that may be read for it. folders: where its records come from. jobs,
    keys: open jobs that were dropped, API keys that stood in it and were removed. same_patients: whether pictures that
    come are grouped with those of the same patient that are here. engine: the index engine that it named, which is not
    asked any more; "" for none.
    """

    owned: bool
    roots: tuple[str, ...]
    folders: tuple[SourceFolder, ...]
    jobs: int
    keys: int
    same_patients: bool
    engine: str = ""
    buckets: tuple[str, ...] = ()


def adopt(
    gallery: str | os.PathLike[str],
    *,
    root: Sequence[str | os.PathLike[str]] = (),
    key_file: str | os.PathLike[str] | None = None,
    encoder: Sequence[str] = (),
    store: str | None = None,
) -> AdoptResult:
    """Make a gallery that came from elsewhere, or was made by an earlier version, this user's own: from now on it may
    be written to. Jobs, API keys and the index engine that it brings are dropped.

    root: folders and files whose pictures may be opened for it, and buckets (s3://BUCKET/PREFIX). key_file: the secret
    key that it was made with (``secret_key``): without it, pictures that come cannot be matched with those of the same
    patient that are here. encoder: references to files, folders or repositories that it may name as its encoder. store:
    the address of the PostgreSQL that its records are in, as it is from this machine.

    Raises GalleryError (no gallery, or a configuration that cannot be written to), UsageError (a root or a key that is
    none), DamagedFileError.
    """
    path, secret = gallery_folder(gallery), "" if key_file is None else read_secret(key_file)
    buckets = [parse_bucket_address(str(each)).uri for each in root if is_bucket_uri(str(each))]
    folders = [absolute(each) for each in root if not is_bucket_uri(str(each))]
    if missing := [str(each) for each in folders if not each.exists()]:
        raise UsageError(f"no such file or folder: {missing[0]}; give folders that exist")
    if store is not None:
        named = named_place(path)
        if named is None:
            raise UsageError("the records of this gallery are in its folder; leave --store out")
        allow_store(named.gallery, store)
    done = adopt_store(path, secret) if database_of(path).may_write() else None
    with closing(Store(path)) as opened_store:
        for name in encoder:
            allow_encoder(opened_store.id, name)
        add_roots(opened_store.id, folders)
        add_buckets(opened_store.id, buckets)
    with open_gallery(path) as opened:
        return AdoptResult(
            opened.owned,
            ownership_of(opened.store.id).roots,
            source_folders(opened),
            0 if done is None else done.jobs,
            0 if done is None else done.keys,
            opened.store.identity.names_patients,
            "" if done is None else done.engine,
            opened.places.buckets,
        )


def source_folders(gallery: Gallery) -> tuple[SourceFolder, ...]:
    """The folders of this machine that records come from, by name."""
    found: dict[str, list[bool]] = {}
    for source in filter(os.path.isabs, all_sources(gallery.store)):
        found.setdefault(os.path.dirname(source), []).append(gallery.places.may_open(source))  # noqa: PTH120
    return tuple(SourceFolder(folder, len(each), sum(each)) for folder, each in sorted(found.items()))


@dataclass(frozen=True, slots=True)
class SecretKey:
    """key: 64 hex digits, "" where it was written to a file. file: "" where it was not."""

    key: str
    file: str


def secret_key(gallery: Gallery, out: str | os.PathLike[str] | None = None) -> SecretKey:
    """The secret key that a gallery's patients are grouped by, for a backup, or for colleagues who share the gallery.

    out: a new file for it, which only this user may read. Raises GalleryError where the key is not here, UsageError
    where the file cannot be made.
    """
    key = gallery.store.identity.key
    if key is None or not gallery.owned:
        raise GalleryError(f"the secret key is not here: {gallery.store.identity.closed}")
    if out is None:
        return SecretKey(key.hex(), "")
    try:
        with os.fdopen(os.open(absolute(out), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{key.hex()}\n")
    except OSError as error:
        raise UsageError(f"{out} cannot be made ({error.strerror}); name a new file") from None
    return SecretKey("", str(absolute(out)))


def warm(gallery: Gallery, *, encoder: bool = True) -> None:
    """Load what the first of many queries would wait for, and keep the records in memory from now on. encoder: whether
    there will be queries that need it.
    """
    gallery.store.hold()
    gallery.index()
    space_background(gallery, BASE)
    if encoder:
        _ = gallery.encoder


def verify_rows(gallery: Gallery) -> None:
    """Verify every row, for which the first filter would wait. Raises DamagedFileError."""
    gallery.store.verify()


def renew_verification(gallery: Gallery) -> None:
    """Verify every row of a large gallery once more before what was verified is believed no longer, so that no process
    waits for it. Raises DamagedFileError.
    """
    gallery.store.renew_verification()
