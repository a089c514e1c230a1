"""Everything in a gallery's database that does not match its checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.store.second_encoder import damaged_beside
from lookalike.store.thumbnails import files_without_thumbnails
from lookalike.store.vectors import damaged_files
from lookalike.store.verify import damaged_records

if TYPE_CHECKING:
    from lookalike.store.store import Store


@dataclass(frozen=True, slots=True)
class Damage:
    """SHA-256 of files whose records are damaged: in their vectors, their thumbnail, their description (source,
    patient, attributes), in their labels and the log of these, or in the vectors and patches of a second encoder.
    """

    vectors: frozenset[str]
    thumbnails: frozenset[str]
    descriptions: frozenset[str]
    labels: frozenset[str]
    beside: frozenset[str]

    @property
    def read_again(self) -> frozenset[str]:
        """Those that reading the file again repairs; labels that a person set stand in no file."""
        return self.vectors | self.thumbnails | self.descriptions


def damage_of(store: Store) -> Damage:
    """What is damaged, found by reading every row."""
    with store.begin() as connection:
        descriptions, labels = damaged_records(connection)
        found = damaged_files(connection), files_without_thumbnails(connection), descriptions, labels
        beside = damaged_beside(connection).values()
    return Damage(*map(frozenset, (*found, beside)))
