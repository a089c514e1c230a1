"""Links of records into the PACS that they came from."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike.gallery import Gallery
from lookalike.pacs_links import links, pacs_addresses
from lookalike.store.identities import dicom_identities


def links_of(gallery: Gallery, keys: Iterable[int]) -> dict[int, dict[str, str]]:
    """Links of records by their keys (``pacs_links.links``), where a linked gallery's key is here and the address of
    the PACS or of a viewer is known. Raises UsageError for an address that is none, DamagedFileError.
    """
    if not gallery.linked or not gallery.owned or not (at := pacs_addresses()):
        return {}
    return {key: links(identity, at) for key, identity in dicom_identities(gallery.store, keys).items()}
