"""Look up an encoder by name: entry points first, then references to a file, folder, hub repository or ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from lookalike.encoders.catalogue import references
from lookalike.encoders.catalogue.runtime_choice import check_precision_runtime, in_asked_runtime
from lookalike.encoders.families.ensemble import Ensemble
from lookalike.encoders.families.imported import imported, is_imported
from lookalike.encoders.families.precision import InPrecision, split_precision
from lookalike.encoders.families.tuned import Learnt, Tuned, gone, read_tuned
from lookalike.encoders.protocols import Encoder, EncoderEntry, Facts, facts_of
from lookalike.errors import DamagedFileError, LookalikeError, UsageError
from lookalike.plugins import (
    OURS,
    Broken,
    defect,
    distribution_of,
    guarded,
    inspect_plugin,
    lacking,
    plugin_names,
    raised,
    suggestion,
    unusable,
)
from lookalike.types import EncoderSpec

DEFAULT: Final = "lite0"
_ENTRIES: Final = "lookalike.encoders"
_CATALOGUES: Final = "lookalike.encoder_catalogues"
_MEMBERS: Final = ("spec", "build")  # of an entry
_MAPPING: Final = ("items", "__getitem__")  # of a catalogue


class Described(NamedTuple):
    """An encoder's spec, and the further facts of its entry."""

    spec: EncoderSpec
    facts: Facts


class TunedHere(NamedTuple):
    """A tuned encoder in the folder of models. base: what it was tuned from. trained_on, note: what on; empty where it
    is damaged. found: its description, or why it cannot be used: the base is gone, for example.
    """

    name: str
    base: str
    trained_on: tuple[str, ...]
    note: str
    found: Described | Broken


def tuned_here() -> tuple[TunedHere, ...]:
    """Every tuned encoder in the folder of models, in alphabetical order, without loading any."""
    return tuple(_tuned_here(name, folder) for name, folder in references.tuned_folders())


def _tuned_here(name: str, folder: Path) -> TunedHere:
    try:
        said = read_tuned(folder)
    except DamagedFileError as error:
        return TunedHere(name, "", (), "", Broken(name, str(error)))
    try:
        found = _inspected(_Offer(name, "", _tuned(name, folder)))
    except LookalikeError as error:
        found = Broken(name, str(error))
    return TunedHere(name, said["base"]["name"], tuple(map(str, said["trained_on"])), said["note"], found)


def names() -> list[str]:
    """The names of all encoders, in alphabetical order, without broken plug-ins."""
    return [name for name, found in descriptions().items() if not isinstance(found, Broken)]


def names_with_text() -> list[str]:
    """The names of the encoders that take text."""
    return [name for name, found in descriptions().items() if not isinstance(found, Broken) and found.spec.text]


def descriptions() -> dict[str, Described | Broken]:
    """Every declared encoder by name, in alphabetical order, without loading any; or why it cannot be used."""
    found: dict[str, Described | Broken] = {}
    for offer in _offers():
        try:
            found.setdefault(offer.name, _inspected(offer))
        except LookalikeError as error:  # damaged weights, for example
            found.setdefault(offer.name, Broken(offer.name, str(error)))
    return dict(sorted(found.items()))


def superseded_by(name: str) -> str:
    """The encoder on this machine that is better for new pictures, as its entry says; "" if none is."""
    found = ((better, each) for better, each in descriptions().items() if not isinstance(each, Broken))
    return next((better for better, each in found if each.facts.here and name in each.facts.supersedes), "")


def is_declared(name: str) -> bool:
    """Whether a name stands for what is installed alone: plug-ins, their catalogues, and ensembles of these; not for a
    file, a folder or a repository that somebody else may name.
    """
    members = [split_precision(member)[0] for _weight, member in references.parts(name) or [(1.0, name)]]
    return all(
        is_imported(member) or any(True for found in (_offers, _by_checkpoint) for _ in found(member))
        for member in members
    )


def describe(name: str) -> EncoderSpec:
    """The spec of an encoder, without loading it. Raises UsageError if there is none of that name, or it is broken.

    For a model whose weights are not on this machine, the spec is the catalogue's declaration, with the
    revision "main".
    """
    return _described(_find(name)).spec


def present(name: str) -> EncoderSpec:
    """The spec of an encoder from its weights on this machine; raises as ``load`` if they are missing."""
    found = _described(_find(name))
    if not found.facts.here:
        load(name)  # raises, with what is missing and what to do
    return found.spec


def load(name: str = DEFAULT) -> Encoder:
    """Load the encoder of that name, with its weights verified, in the runtime that is asked for.

    Raises UsageError if there is none of that name, its weights are not on this machine or its plug-in is broken,
    DamagedFileError if they are not the known ones, MissingExtraError if it needs an optional package.
    """
    offer = _find(name)
    with guarded("encoder", name, offer.origin, "when it was built"):
        encoder = _usable(offer).build()
    if not isinstance(encoder, Encoder):
        given = f"build() gives a {type(encoder).__name__}, which is no Encoder"
        raise unusable("encoder", defect(name, given, offer.origin))
    if isinstance(offer.entry, InPrecision):
        check_precision_runtime(offer.name, offer.entry.precision)
        return encoder
    return in_asked_runtime(encoder)


def entry(name: str) -> EncoderEntry:
    """The entry that a name or a reference stands for. Raises UsageError if there is none, or it is broken."""
    return _usable(_find(name))


# --- finding ------------------------------------------------------------------------------------------------------


class _Offer(NamedTuple):
    """An entry under a name, or why there is none. origin: the distribution that declares it; "" for a reference."""

    name: str
    origin: str
    entry: EncoderEntry | Broken


def _find(name: str) -> _Offer:
    """Find what a name or a reference stands for. Raises UsageError if there is nothing."""
    if (offer := next(_offers(name), None)) is not None:
        return offer
    # A hub id that the catalogue knows stands for that entry, which tells what the model was trained on.
    if (offer := next(_by_checkpoint(name), None)) is not None:
        return offer
    if (tuned := references.tuned_folder(name)) is not None:
        return _Offer(name, "", _tuned(*tuned))
    if (own := _in_precision(name) or imported(name) or references.of_file(name)) is not None:
        return _Offer(name, "", own)
    if (parts := references.parts(name)) is not None:
        return _Offer(name, "", Ensemble(tuple((weight, entry(member)) for weight, member in parts)))
    if (hub := references.of_hub(name)) is not None:
        return _Offer(name, "", hub)
    known = {offer.name for offer in _offers() if not isinstance(offer.entry, Broken)}
    raise UsageError(f"no encoder is called {name!r}.{suggestion(name, known)}")


def _in_precision(name: str) -> InPrecision | None:
    base, precision = split_precision(name)
    return None if precision == "float32" or references.parts(name) else InPrecision(entry(base), precision)


def _tuned(name: str, folder: Path) -> Tuned:
    """A tuned encoder with its base, which is none itself."""
    base = str(read_tuned(folder)["base"]["name"])
    if references.tuned_folder(base) is not None:
        raise DamagedFileError(f"{name} names {base!r} as its base, which is tuned itself; copy the folder again")
    try:
        return Tuned(name, folder, entry(base))
    except UsageError:
        raise UsageError(gone(name, base)) from None


def untuned(name: str) -> EncoderEntry:
    """The entry of an encoder; of a tuned one that of the encoder it was tuned from."""
    found = _in_full(entry(name))
    return found.base if isinstance(found, Tuned) else found


def learnt_by(name: str) -> tuple[Learnt, ...]:
    """What a tuned encoder, or such members of an ensemble, have learnt from; nothing for any other encoder."""
    return tuple(member.learnt for member in _tuned_in(name))


def tuned_elsewhere(name: str, gallery: str) -> str:
    """A sentence where an encoder, or members of an ensemble, were tuned on another gallery than the one of this id."""
    members = [member for member in _tuned_in(name) if not member.was_tuned_on(gallery)]
    notes = "; ".join(member.spec.note for member in members)
    return f"{notes}; not on this gallery: {elsewhere(members[0].base.spec.name)}" if members else ""


def elsewhere(base: str) -> str:
    """What a tuned encoder is worth on other collections (docs/tune.md), and what to take there."""
    return (
        "on other collections tuning gained nothing where it was tried, so take its base there, or compare the two: "
        f"lookalike index --encoder {base}, then lookalike evaluate --against"
    )


def _tuned_in(name: str) -> list[Tuned]:
    """A tuned encoder itself, of an ensemble its tuned members."""
    found = entry(name)
    members = [member for _weight, member in found.members] if isinstance(found, Ensemble) else [found]
    return [member for member in map(_in_full, members) if isinstance(member, Tuned)]


def _in_full(found: EncoderEntry) -> EncoderEntry:
    """The encoder itself, of one in a lower precision."""
    return found.base if isinstance(found, InPrecision) else found


def _offers(only: str | None = None) -> Iterator[_Offer]:
    """The plug-ins' entries, ours first. only: the one name to import; no other plug-in's entry is imported."""
    for ours in (True, False):
        for name in plugin_names(_ENTRIES):
            origin = distribution_of(_ENTRIES, name)
            if (origin == OURS) is ours and only in (None, name):
                yield _Offer(name, origin, inspect_plugin(_ENTRIES, name, _MEMBERS))
        for name in plugin_names(_CATALOGUES):
            origin = distribution_of(_CATALOGUES, name)
            if (origin == OURS) is ours:
                yield from (offer for offer in _in_catalogue(name, origin) if only in (None, offer.name))


def _in_catalogue(plugin: str, origin: str) -> Iterator[_Offer]:
    catalogue = inspect_plugin(_CATALOGUES, plugin, _MAPPING)
    if isinstance(catalogue, Broken):
        yield _Offer(plugin, origin, catalogue)
        return
    for name, item in catalogue.items():
        yield _Offer(name, origin, lacking(item, name, _MEMBERS, origin) or item)


def _by_checkpoint(repository: str) -> Iterator[_Offer]:
    for plugin in plugin_names(_CATALOGUES):
        for offer in _in_catalogue(plugin, distribution_of(_CATALOGUES, plugin)):
            with suppress(Exception):  # a property of a third-party entry
                if getattr(offer.entry, "checkpoint", "") == repository:
                    yield offer


# --- what third-party entries may do wrong --------------------------------------------------------------------------


def _usable(offer: _Offer) -> EncoderEntry:
    if isinstance(offer.entry, Broken):
        raise unusable("encoder", offer.entry)
    return offer.entry


def _described(offer: _Offer) -> Described:
    found = _inspected(offer)
    if isinstance(found, Broken):
        raise unusable("encoder", found)
    return found


def _inspected(offer: _Offer) -> Described | Broken:
    """An entry's description, or what is wrong with it. Passes on errors that the entry raises for people."""
    if isinstance(offer.entry, Broken):
        return offer.entry
    try:
        spec, facts = offer.entry.spec, facts_of(offer.entry)
    except LookalikeError:
        raise
    except Exception as error:
        return raised(offer.name, error, "when its spec was read", offer.origin)
    if not isinstance(spec, EncoderSpec):
        return defect(offer.name, f"its spec is a {type(spec).__name__}, no EncoderSpec", offer.origin)
    if offer.origin and spec.name != offer.name:  # a gallery stores spec.name, and finds the encoder by it
        return defect(offer.name, f"its spec says another name, {spec.name!r}", offer.origin)
    return Described(spec, facts)
