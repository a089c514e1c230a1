"""Near-duplicates: pictures that are copies of one another, whatever was done to the file or the frame.

Pairs are proposed cheaply, by few differing bits of their fingerprints in any of eight orientations, and as nearest
neighbours by the encoder's vectors (crops and small rotations change many bits, and few vectors). Every proposed pair
is then registered, and it counts if its details agree. What is compared is the thumbnail that the store keeps, of a
volume that of its middle slice.

Proposals grow with the square of the number of pictures, at 32 comparisons of 32 bytes and one inner product a pair;
registrations with their number.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.asking.patients import known_patient
from lookalike.evaluation.labelled import Labelled, Queries, asking
from lookalike.fingerprints import Fingerprint, bit_distances, fingerprint, orientation_matrix, oriented
from lookalike.gallery import Gallery
from lookalike.indexes.native import nearest_codes
from lookalike.progress import tracked
from lookalike.registration import align
from lookalike.types import Vectors
from lookalike.voting import nearest_rows

DuplicateKind: TypeAlias = Literal["same-bytes", "re-encoded", "framed", "cropped", "mirrored", "rotated"]
KINDS: Final[tuple[str, ...]] = get_args(DuplicateKind)

AGREES: Final = 0.99  # the least correlation of the details of copies: two exposures minutes apart reach 0.987
_NEAR: Final = 5  # proposals of each picture by vectors, and by each version and orientation of its fingerprint
_LOOSE: Final = 60  # bits of 255: a proposal
_ALIGNED: Final = 40  # bits: the pictures lie nearly on one another
_SAME_WAY: Final = 90  # bits: the orientation with the fewest is taken; beyond it means nothing
_LEAST_COVER: Final = 0.35  # of the details of either picture
_MOST_SKEW: Final = 0.06  # cosine between the axes of the map
_MOST_STRETCH: Final = 0.4  # logarithm of the ratio of the axes
_TURNED: Final = 2.0  # degrees
_WHOLE: Final = 0.945  # of the area: less was cut off, or a margin was added
_CLIQUE: Final = 40  # copies of one picture of which all pairs are looked at
_BLOCK: Final = 64  # pairs registered together


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """first, second: ids of records; of a query and a record where queries come from outside. kind: what the one is of
    the other ("same-bytes": the file, or the picture shown, is the same byte for byte). score: the correlation of
    their details, at least 0.99. same_patient: None where the patient of either is not known.
    """

    first: str
    second: str
    kind: DuplicateKind
    score: float
    same_patient: bool | None


def kinds_in_words(counts: Mapping[str, int]) -> str:
    """ "3 cropped, 1 mirrored", in the order of ``KINDS``."""
    return ", ".join(f"{counts[kind]} {kind.replace('-bytes', ' bytes')}" for kind in KINDS if counts.get(kind))


class _Pictures(NamedTuple):
    """prints: of the pictures there are; rows: which of the records they belong to."""

    prints: Sequence[Fingerprint]
    codes: NDArray[np.uint8]  # (n, 2, 8, 32)
    vectors: Vectors
    patients: Sequence[frozenset[str]]
    ids: Sequence[str]


_Pairs: TypeAlias = NDArray[np.int64]  # (n, 2): two rows


def duplicates_within(gallery: Gallery, data: Labelled) -> tuple[NearDuplicate, ...] | None:
    """Every pair of near-duplicates among records of a gallery; None if none of them has a picture to compare."""
    pictures = _pictures(asking(data), _thumbnails(gallery, data))
    if data.ids and not pictures.ids:
        return None
    return tuple(_found(pictures, len(pictures.ids), own=True))


def duplicates_between(gallery: Gallery, queries: Queries, data: Labelled) -> tuple[NearDuplicate, ...]:
    """Pairs of a query from outside and a near-duplicate of it in a gallery, which is another file."""
    first = _pictures(queries, dict(zip(queries.data.ids, queries.thumbnails, strict=False)))
    second = _pictures(asking(data), _thumbnails(gallery, data))
    both = _Pictures(
        [*first.prints, *second.prints],
        np.concatenate([first.codes, second.codes]),
        np.concatenate([first.vectors, second.vectors]),
        [*first.patients, *second.patients],
        [*first.ids, *second.ids],
    )
    return tuple(_found(both, len(first.ids), own=False))


def _thumbnails(gallery: Gallery, data: Labelled) -> Mapping[str, bytes]:
    wanted = set(data.ids)
    keys = {record.key: record.id for record in gallery.store.records().values() if record.id in wanted}
    return {keys[key]: jpeg for key, jpeg in gallery.store.thumbnails(keys).items()}


def _pictures(queries: Queries, thumbnails: Mapping[str, bytes]) -> _Pictures:
    """What can be compared: the records that have a thumbnail."""
    data = queries.data
    made = [_of_jpeg(thumbnails.get(each, b"")) for each in tracked(data.ids)]
    rows = [row for row, each in enumerate(made) if each is not None]
    prints = [each for each in made if each is not None]
    codes = np.stack([each.codes for each in prints]) if prints else np.empty((0, 2, 8, 32), np.uint8)
    patients = [frozenset(p for p in queries.patients[row] if known_patient(p, data.ids[row])) for row in rows]
    return _Pictures(prints, codes, data.vectors[rows], patients, [data.ids[row] for row in rows])


def _of_jpeg(jpeg: bytes) -> Fingerprint | None:
    """None where there is no thumbnail, or a damaged one."""
    with suppress(OSError, ValueError, SyntaxError), PIL.Image.open(io.BytesIO(jpeg)) as opened:
        return fingerprint(np.asarray(opened.convert("L")), jpeg)
    return None


def _found(pictures: _Pictures, first: int, *, own: bool) -> Iterator[NearDuplicate]:
    """own: all rows are compared with each other; else the first ones with the rest."""
    if len(pictures.ids) < 2 or (first in (0, len(pictures.ids)) and not own):
        return
    proposed = _proposed(pictures, first, own)
    seen = {(int(a), int(b)) for a, b in proposed}
    found = dict(_checked(pictures, proposed))
    copies = [pair for pair in _of_copies(found) if pair not in seen and (own or _across(pair, first))]
    more = np.array(copies, np.int64)
    found |= dict(_checked(pictures, more.reshape(-1, 2)))
    for (a, b), (kind, score) in sorted(found.items()):
        same = _same_patient(pictures.patients[a], pictures.patients[b])
        yield NearDuplicate(pictures.ids[a], pictures.ids[b], kind, score, same)


def _across(pair: tuple[int, int], first: int) -> bool:
    return pair[0] < first <= pair[1]


def _same_patient(one: frozenset[str], two: frozenset[str]) -> bool | None:
    return bool(one & two) if one and two else None


def _proposed(pictures: _Pictures, first: int, own: bool) -> _Pairs:
    """Pairs of rows, the lower one first, that may be copies."""
    among = slice(0 if own else first, None)
    start = among.start
    codes = pictures.codes[:first].reshape(-1, 32)
    database = pictures.codes[among, :, 0].reshape(-1, 32)
    rows, bits = nearest_codes(database, codes, min(_NEAR + 2 * own, len(database)))
    asked = np.repeat(np.arange(first), len(codes) // first)[:, None]
    by_bits = np.stack(np.broadcast_arrays(asked, rows // 2 + start), axis=-1)[(rows >= 0) & (bits <= _LOOSE)]
    parts = [by_bits.reshape(-1, 2), *(_by_vectors(pictures, first, start, others) for others in (False, True))]
    pairs = np.concatenate(parts)
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    different = np.array([pictures.ids[a] != pictures.ids[b] for a, b in pairs], np.bool_)
    unique: _Pairs = np.unique(pairs[different], axis=0).reshape(-1, 2)
    return unique


def _by_vectors(pictures: _Pictures, first: int, start: int, others: bool) -> _Pairs:
    """Each of the first rows with its nearest, of anyone or of other patients."""
    owners = [min(patients, default=each) for patients, each in zip(pictures.patients, pictures.ids, strict=True)]
    names = np.unique(owners, return_inverse=True)[1] if others else np.arange(len(owners))

    def allowed(block: slice) -> NDArray[np.bool_]:
        may: NDArray[np.bool_] = names[:first][block, None] != names[None, start:]
        return may

    rows, _ = nearest_rows(pictures.vectors[:first], pictures.vectors[start:], _NEAR, allowed=allowed)
    asked = np.repeat(np.arange(first), rows.shape[1])
    return np.stack([asked, rows.ravel() + start], axis=1)[rows.ravel() >= 0]


def _of_copies(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """All pairs among the copies of one picture: copies of a copy need not have been proposed."""
    root: dict[int, int] = {}

    def top(row: int) -> int:
        while (above := root.setdefault(row, row)) != row:
            row = above
        return row

    for a, b in found:
        root[top(a)] = top(b)
    copies: dict[int, list[int]] = {}
    for row in sorted(root):
        copies.setdefault(top(row), []).append(row)
    for rows in copies.values():
        few = rows[:_CLIQUE]
        yield from ((a, b) for i, a in enumerate(few) for b in few[i + 1 :])


def _checked(pictures: _Pictures, pairs: _Pairs) -> Iterator[tuple[tuple[int, int], tuple[DuplicateKind, float]]]:
    for start in tracked(range(0, len(pairs), _BLOCK)):
        yield from _checked_block(pictures, pairs[start : start + _BLOCK])


def _checked_block(pictures: _Pictures, pairs: _Pairs) -> Iterator[tuple[tuple[int, int], tuple[DuplicateKind, float]]]:
    """Register pairs, in the versions and the orientation whose fingerprints differ least."""
    one, two = (pictures.codes[pairs[:, side]] for side in (0, 1))
    bits = bit_distances(one[:, :, None, None, 0], two[:, None]).reshape(len(pairs), -1)
    fewest = bits.min(axis=1)
    versions = np.where(fewest <= _SAME_WAY, bits.argmin(axis=1), np.ravel_multi_index((1, 1, 0), (2, 2, 8)))
    chosen = list(zip(*np.unravel_index(versions, (2, 2, 8)), strict=True))
    prints = [(pictures.prints[a], pictures.prints[b]) for a, b in pairs]
    fixed = np.stack([a.squares[u] for (a, _), (u, _, _) in zip(prints, chosen, strict=True)])
    moving = np.stack([oriented(b.squares[v], int(o)) for (_, b), (_, v, o) in zip(prints, chosen, strict=True)])
    aligned = align(fixed, moving.astype(np.uint8), fewest <= _ALIGNED)
    for row in np.flatnonzero((aligned.score >= AGREES) & (aligned.cover >= _LEAST_COVER)):
        (a, b), (u, v, o) = prints[row], chosen[row]
        moved = _between(a.boxes[u], b.boxes[v], orientation_matrix(int(o)), aligned.maps[row])
        if _is_plausible(moved[:2, :2]):
            kind = "same-bytes" if a.same == b.same else _kind(moved, a.boxes, b.boxes)
            yield (int(pairs[row, 0]), int(pairs[row, 1])), (kind, round(float(aligned.score[row]), 4))


def _between(
    box: NDArray[np.float32], other: NDArray[np.float32], turn: NDArray[np.float64], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 3): from pixels of the one picture to pixels of the other."""
    turned, moved = np.eye(3), np.eye(3)
    turned[:2, :2], moved[:2] = turn, found
    whole: NDArray[np.float64] = np.linalg.inv(_to_unit(other)) @ turned @ moved @ _to_unit(box)
    return whole


def _to_unit(box: NDArray[np.float32]) -> NDArray[np.float64]:
    """From pixels to -1 to 1 within a box."""
    left, top, right, bottom = box.astype(np.float64)
    across, down = 2 / max(right - left, 1), 2 / max(bottom - top, 1)
    return np.array([[across, 0, -1 - left * across], [0, down, -1 - top * down], [0, 0, 1]])


def _is_plausible(linear: NDArray[np.float64]) -> bool:
    """Whether a map only turns, mirrors, scales and squeezes a little; different anatomy would need to be sheared."""
    across, down = np.linalg.norm(linear, axis=0)
    skew = abs(linear[:, 0] @ linear[:, 1]) / max(across * down, 1e-9)
    stretch = abs(np.log(max(across, 1e-9) / max(down, 1e-9)))
    return bool(skew <= _MOST_SKEW and stretch <= _MOST_STRETCH)


def _kind(moved: NDArray[np.float64], boxes: NDArray[np.float32], others: NDArray[np.float32]) -> DuplicateKind:
    """What the one picture is of the other. Of several things that were done, the first that applies is named:
    mirrored, rotated, cropped or framed.
    """
    linear = moved[:2, :2]
    if np.linalg.det(linear) < 0:
        return "mirrored"
    if abs(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))) > _TURNED:
        return "rotated"
    if _shared(moved, boxes[0], others[0]) >= _WHOLE:
        return "re-encoded"
    return "framed" if _shared(moved, boxes[1], others[1]) >= _WHOLE else "cropped"


def _shared(moved: NDArray[np.float64], box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The share of the larger of two boxes that lies in both."""
    corners = moved[:2, :2] @ box.reshape(2, 2).T.astype(np.float64) + moved[:2, 2:]
    low, high = np.maximum(corners.min(axis=1), other[:2]), np.minimum(corners.max(axis=1), other[2:])
    both = np.prod(np.maximum(high - low, 0))
    areas = np.prod(corners.max(axis=1) - corners.min(axis=1)), np.prod(other[2:] - other[:2])
    return float(both / max(*areas, 1e-9))
