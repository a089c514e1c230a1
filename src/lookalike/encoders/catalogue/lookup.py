"""From a name to an encoder: entry points first, then what names a file, a folder, a hub repository or an ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from lookalike.encoders.catalogue import references
from lookalike.encoders.families.ensemble import Ensemble
from lookalike.encoders.protocols import Encoder, EncoderEntry, Facts, facts_of
from lookalike.errors import LookalikeError, UsageError
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

DEFAULT: Final = "lite0-inner"
_ENTRIES: Final = "lookalike.encoders"
_CATALOGUES: Final = "lookalike.encoder_catalogues"
_MEMBERS: Final = ("spec", "build")  # of an entry
_MAPPING: Final = ("items", "__getitem__")  # of a catalogue


class Described(NamedTuple):
    """What an encoder is and what its entry says beside."""

    spec: EncoderSpec
    facts: Facts


def names() -> list[str]:
    """The encoders that can be named, in alphabetical order; broken plug-ins are left out."""
    return [name for name, found in descriptions().items() if not isinstance(found, Broken)]


def names_with_text() -> list[str]:
    """Those among them that take text."""
    return [name for name, found in descriptions().items() if not isinstance(found, Broken) and found.spec.text]


def descriptions() -> dict[str, Described | Broken]:
    """Every declared encoder by name, in alphabetical order, without loading any; or why it cannot be used."""
    found: dict[str, Described | Broken] = {}
    for offer in _offers():
        try:
            found.setdefault(offer.name, _inspected(offer))
        except LookalikeError as error:  # damaged weights, say
            found.setdefault(offer.name, Broken(offer.name, str(error)))
    return dict(sorted(found.items()))


def describe(name: str) -> EncoderSpec:
    """What an encoder is, without loading it. Raises UsageError if there is none of that name, or it is broken.

    Of a model whose weights are not on this machine it gives what the catalogue declares, with the
    revision "main".
    """
    return _described(_find(name)).spec


def present(name: str) -> EncoderSpec:
    """What an encoder is, from its weights on this machine; raises what ``load`` would if they are missing."""
    found = _described(_find(name))
    if not found.facts.here:
        load(name)  # says what is missing and what to do
    return found.spec


def load(name: str = DEFAULT) -> Encoder:
    """The encoder of that name, its weights checked and loaded.

    Raises UsageError if there is none of that name, its weights are not on this machine or its plug-in is broken,
    DamagedFileError if they are not the known ones, MissingExtraError if it needs an optional package.
    """
    offer = _find(name)
    with guarded("encoder", name, offer.origin, "when it was built"):
        encoder = _usable(offer).build()
    if not isinstance(encoder, Encoder):
        given = f"build() gives a {type(encoder).__name__}, which is no Encoder"
        raise unusable("encoder", defect(name, given, offer.origin))
    return encoder


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
    """What a name or a reference stands for. Raises UsageError if it stands for nothing."""
    if (offer := next(_offers(name), None)) is not None:
        return offer
    # A hub id that the catalogue knows is that entry: what it was trained on must not be lost.
    if (offer := next(_by_checkpoint(name), None)) is not None:
        return offer
    if (own := references.of_file(name)) is not None:
        return _Offer(name, "", own)
    if (parts := references.parts(name)) is not None:
        return _Offer(name, "", Ensemble(tuple((weight, entry(member)) for weight, member in parts)))
    if (hub := references.of_hub(name)) is not None:
        return _Offer(name, "", hub)
    known = {offer.name for offer in _offers() if not isinstance(offer.entry, Broken)}
    raise UsageError(f"no encoder is called {name!r}.{suggestion(name, known)}")


def _offers(only: str | None = None) -> Iterator[_Offer]:
    """What plug-ins declare, ours first. only: of that name alone, and no other plug-in's entry is imported."""
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
            with suppress(Exception):  # a property of a stranger's entry
                if getattr(offer.entry, "checkpoint", "") == repository:
                    yield offer


# --- what a stranger's entry may do wrong ---------------------------------------------------------------------------


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
    """What an entry says of itself, or why that is no description. Raises what the entry says to people."""
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
    if offer.origin and spec.name != offer.name:  # a gallery notes spec.name, and finds the encoder again by it
        return defect(offer.name, f"its spec says another name, {spec.name!r}", offer.origin)
    return Described(spec, facts)
