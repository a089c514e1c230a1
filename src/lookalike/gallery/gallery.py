"""An open gallery: its store, encoder, spaces and indexes. State and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from lookalike import adapters, encoders, indexes
from lookalike.configuration.resolve import setting_value
from lookalike.errors import GalleryError, ManifestMismatchError, NotFoundError, UsageError
from lookalike.filters import Filter
from lookalike.gallery.engine import GalleryEngine
from lookalike.gallery.places import OWN, SOURCES, GalleryPlaces
from lookalike.gallery.spec import spec_fields, spec_of_stored
from lookalike.gallery.vectors import GalleryVectors
from lookalike.indexes.column_file import ColumnFile
from lookalike.indexes.milvus.address import EMBEDDED, engine_address
from lookalike.indexes.milvus.spaces import EngineSpaces
from lookalike.indexes.spaces import AUTO, SpaceIndexes
from lookalike.locks import ERASING, Locks, Turn, erasing, filling_engine, writing
from lookalike.ownership import allow_encoder
from lookalike.plugins import suggestion
from lookalike.store import BASE, SpaceRow, Store
from lookalike.store.database import READ_ONLY, check_shape
from lookalike.store.second_encoder import count_without_vectors
from lookalike.types import EncoderSpec, Vectors, VolumeRecipe

if TYPE_CHECKING:
    from lookalike.readers.pool import ReaderPool

_Turned = TypeVar("_Turned")

_PATIENCE: Final = 2.0  # seconds that a writer waits for another one
_FILLING: Final = 3600.0  # seconds for which a search waits until another process has filled the engine


class Gallery:
    """Made by ``lookalike.open``; a context manager that stops its processes at the end. within: only the records that
    satisfy this filter are there (``collection``).
    """

    def __init__(
        self,
        folder: Path,
        encoder: str | None = None,
        volumes: VolumeRecipe | None = None,
        index: str = AUTO,
        linked: bool | None = None,
        *,
        engine: str | None = None,
        within: Filter | None = None,
        create: bool = False,
    ) -> None:
        self.folder, self._volumes = folder, volumes
        if engine not in (None, EMBEDDED):
            engine_address(str(engine))
        check_shape(folder, SOURCES, *OWN)
        self.store = Store(folder, linked=linked, within=within)
        self.places = GalleryPlaces(folder, self.store.id)
        self.engine = GalleryEngine(self.store, self._filling_engine)
        if within is None and self.store.identity.owned and not self.store.database.is_shared:
            self.store.keep_columns(ColumnFile(folder / "indexes", self.store))
        self._counted: tuple[int, bool] | None = None
        self._own_turn = False
        self.patience, self.encoder_note = _PATIENCE, ""
        self._adapters: dict[str, tuple[str, adapters.Adapter]] = {}
        self._spec: tuple[Any, EncoderSpec] | None = None
        self._encoder: tuple[Any, encoders.Encoder] | None = None
        self._readers: ReaderPool | None = None
        self._loading = threading.Lock()
        self._declare_base(encoder, engine, create=create)
        self.index_kind = self.store.fact("index", index)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Gallery {self.folder.name!r}: {self.store.count()} records, encoder {self.spec.name}>"

    @property
    def part(self) -> str:
        """What tells the records that are there from others of the same folder; "" where all are."""
        return ""

    @property
    def keeps_maps(self) -> bool:
        """Whether maps may be kept in the folder."""
        return self.store.writable

    @property
    def owned(self) -> bool:
        """Whether it was made or adopted by this user: its secret key is here."""
        return self.store.identity.owned

    @property
    def linked(self) -> bool:
        """Whether it keeps who its records are in a PACS, encrypted; an anonymous gallery keeps pseudonyms alone."""
        return self.store.identity.linked

    @property
    def locks(self) -> Locks:
        """By which those who write to it take turns."""
        return self.store.database.locks

    def close(self) -> None:
        """Stop the decoding processes and close the database."""
        if self._readers is not None:
            self._readers.close()
            self._readers = None
        self.store.close()

    def _declare_base(self, encoder: str | None, engine: str | None, *, create: bool) -> None:
        """Store the encoder and the engine of a new gallery; an existing one must be opened with the same encoder, or
        without. create: whether this process makes it: one that looks on while another does must choose no encoder.
        """
        spaces = self.store.spaces()
        if BASE not in spaces and not create:
            raise GalleryError(
                f"the gallery {self.folder.name} is being made, or making it was cut short: try again, or finish it: "
                f"lookalike index FOLDER --gallery {self.folder.name}"
            )
        if encoder == encoders.BY_ITSELF:
            encoder, self.encoder_note = (None, "") if BASE in spaces else encoders.choose_encoder()
        if BASE not in spaces:
            self.store.check_writable()
            spec = encoders.present(encoder or encoders.DEFAULT)
            if not encoders.is_declared(spec.name):
                allow_encoder(self.store.id, spec.name)
            address = engine or setting_value("engine.address") or EMBEDDED
            if address != EMBEDDED:
                engine_address(address)  # raises, before it counts as made
            if self.store.declare_base(spec_fields(spec)):
                self.engine.name(address)
                return
            spaces = self.store.spaces(now=True)
        if engine is not None:
            self.engine.name(engine)
        stored = str(spaces[BASE].encoder["name"])
        if encoder is not None and encoder != stored and encoders.describe(encoder).name != stored:
            raise UsageError(
                f"this gallery was made with the encoder {stored!r}, got {encoder!r}; "
                "leave --encoder out, index into a new gallery, or change this one: lookalike gallery migrate"
            )

    @property
    def encoding(self) -> Mapping[str, Any]:
        """The encoder of the vectors, as stored; another one after each switch (``verbs.migrate``), also back."""
        return self.store.spaces()[BASE].encoder

    @property
    def identity(self) -> Mapping[str, str]:
        """By what vectors can be compared with this gallery's (``EncoderSpec.identity``)."""
        found: Mapping[str, str] = self.encoding["identity"]
        return found

    def was_switched(self, since: Mapping[str, Any]) -> bool:
        """Whether other vectors answer at this moment than when ``encoding`` was that."""
        return self.store.spaces(now=True)[BASE].encoder != since

    @property
    def spec(self) -> EncoderSpec:
        """The spec of this gallery's encoder. Raises ManifestMismatchError if the encoder has changed."""
        stored, held = self.encoding, self._spec
        if held is None or held[0] != stored["identity"]:
            self._spec = held = stored["identity"], spec_of_stored(stored, self.store.id)
        return held[1]

    @property
    def encoder(self) -> encoders.Encoder:
        """The loaded encoder."""
        spec, identity = self.spec, self.identity
        with self._loading:
            if self._encoder is None or self._encoder[0] != identity:
                self._encoder = identity, encoders.load(spec.name)
            return self._encoder[1]

    @property
    def readers(self) -> ReaderPool:
        """The decoding processes, started on first use. Raises MissingExtraError where text in pixels is to be found
        and nothing that reads it is installed.
        """
        from lookalike.readers.burned_in import check_reader_of_text
        from lookalike.readers.pool import ReaderPool

        recipe, volumes = self.spec.preprocessing, self.volume_recipe
        check_reader_of_text(volumes.burned_in)
        with self._loading:
            if self._readers is not None and self._readers.recipe != recipe:
                self._readers.close()  # whoever reads by it comes to an end
                self._readers = None
            if self._readers is None:
                self._readers = ReaderPool(recipe, volumes=volumes)
            return self._readers

    @cached_property
    def volume_recipe(self) -> VolumeRecipe:
        """How volumes are sliced, those of queries too; stored when first used."""
        noted = self.store.fact("volumes", json.dumps(asdict(self._volumes or VolumeRecipe())))
        return VolumeRecipe.from_stored(noted)

    def space(self, name: str) -> SpaceRow:
        """A space by name. Raises NotFoundError, with the names there are."""
        spaces = self.store.spaces()
        if name not in spaces:
            raise NotFoundError(f"no space is called {name!r}.{suggestion(name, spaces)}", "no-space")
        return spaces[name]

    def adapter(self, name: str) -> adapters.Adapter | None:
        """The adapter of a space; None for the base space. Raises DamagedFileError."""
        sha256 = self.space(name).adapter
        if sha256 is None:
            return None
        held = self._adapters.get(name)
        if held is None or held[0] != sha256:
            held = sha256, adapters.load_adapter(self.folder / "adapters", name, sha256)
            self._adapters[name] = held
        if dict(held[1].encoder) != self.identity:
            raise ManifestMismatchError(
                f"the adapter {name!r} was trained on other vectors than this gallery's; "
                f"train it again: lookalike adapt --name {name} --replace"
            )
        return held[1]

    def is_of_another_encoder(self, space: str) -> bool:
        """Whether a space's adapter was trained on the vectors of an encoder that does not answer now, so that it is
        refused until it is trained anew, or until that encoder answers again.
        """
        row = self.space(space)
        return row.adapter is not None and row.encoder["identity"] != self.identity

    def vectors(self, space: str = BASE) -> GalleryVectors:
        """Every vector of a space, a row for each picture or slice of a volume, in the order of indexing, in memory:
        four bytes a number. ``export_vectors`` writes those that a filter allows into a file.

        Raises NotFoundError (no such space), DamagedFileError.
        """
        self.space(space)
        stored = self.store.vectors()
        records = self.store.records(stored.records)
        ids = tuple(records[key].id for key in stored.records.tolist())
        return GalleryVectors(ids, stored.views, self.project(stored.vectors, space))

    def project(self, vectors: Vectors, space: str) -> Vectors:
        """Base vectors (n, dim) -> the space's vectors (n, dim of the space)."""
        adapter = self.adapter(space)
        return vectors if adapter is None else adapters.transform(adapter, vectors)

    def holds_volumes(self) -> bool:
        """Whether some record has more than one vector; counted again when the vectors have changed."""
        version = self.space(BASE).version
        if self._counted is None or self._counted[0] != version:
            self._counted = version, len(self.index()) > self.store.count() - count_without_vectors(self.store)
        return self._counted[1]

    @property
    def engine_away(self) -> bool:
        """Whether the gallery's own index answered last, in the place of an engine."""
        return self.engine.is_away

    def check_engine(self) -> str:
        """Bring every space in the engine in step, and take out what is of none; what it holds, in words.

        Raises EngineError, whatever may answer instead; UsageError where there is no engine.
        """
        there = self.engine.spaces_or_refused()
        spaces = [name for name in self.store.spaces() if not self.is_of_another_encoder(name)]
        held = [f"{len(self._from_engine(there, name))} vectors in {name}" for name in spaces]
        there.keep_only(spaces)
        return f"{there.connection.address.text} answers and is in step: {', '.join(held)}"

    def index(self, space: str = BASE) -> indexes.AnyIndex:
        """The index of a space: in the engine, from memory, from its file, or rebuilt from the store.

        Raises EngineError where the engine gives no answer, unless the configuration says that the gallery's own index
        shall answer then.
        """
        found = self._in_engine(space)
        return self._indexes.held(self.space(space)).index if found is None else found

    def index_base(self, space: str = BASE) -> indexes.AnyIndex:
        """The index of a space as it was made, without what has changed since: what was measured on it still holds as
        long as this is the same object.
        """
        found = self._in_engine(space)
        return self._indexes.held(self.space(space)).base if found is None else found

    def _in_engine(self, space: str) -> indexes.FilteringIndex | None:
        return self.engine.index(partial(self._from_engine, space=space))

    def _from_engine(self, spaces: EngineSpaces, space: str) -> indexes.FilteringIndex:
        project = partial(self.project, space=space)
        return spaces.index(self.space(space), self.identity, self.spec.dim, project)

    @contextmanager
    def _filling_engine(self) -> Iterator[None]:
        with self._turn(filling_engine(self.locks, _FILLING), own=False):
            yield

    @cached_property
    def _indexes(self) -> SpaceIndexes:
        return SpaceIndexes(
            self.folder / "indexes",
            self.store,
            self.index_kind,
            self.project,
            made_of=lambda: {"gallery": self.store.id, "encoder": self.spec.identity},
            dim=lambda: self.spec.dim,
            is_erased=self._is_erased,
        )

    def _is_erased(self) -> bool:
        """Whether another process erases."""
        return not self._own_turn and self.locks.is_held(ERASING)

    def erase_in_indexes(self) -> None:
        """Leave nothing in the folder of the indexes but indexes of what is stored now. Raises OSError."""
        self._indexes.erase()

    @contextmanager
    def writing(self, patience: float | None = None) -> Iterator[Turn]:
        """Lock the gallery for one long writer, which gives way to erasures where it can; the lock is released when the
        process ends, however it ends. patience: seconds to wait for another writer, by default the gallery's.

        Raises LockedError, GalleryError (nothing may be written).
        """
        with self._turn(writing(self.locks, self.patience if patience is None else patience)) as turn:
            yield turn

    @contextmanager
    def erasing(self, patience: float) -> Iterator[None]:
        """Lock the gallery for an erasure, to which writers give way. Raises as ``writing``."""
        with self._turn(erasing(self.locks, patience)):
            yield

    @contextmanager
    def _turn(self, taken: AbstractContextManager[_Turned], *, own: bool = True) -> Iterator[_Turned]:
        """own: whether what this process adds is to be found while it is at it."""
        self.store.check_writable()
        with ExitStack() as stack:
            try:
                turn = stack.enter_context(taken)
            except OSError as error:
                raise GalleryError(f"{READ_ONLY} ({error.strerror}); ask its owner, or copy the folder") from None
            if own:
                self._own_turn = True
                stack.callback(setattr, self, "_own_turn", False)
            yield turn
