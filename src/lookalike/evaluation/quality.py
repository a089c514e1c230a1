"""The audit of quality: faults of pictures that are seen in the pictures, whatever their files say.

What is looked at is the thumbnail that the store keeps, of a volume that of its middle slice; text alone takes the
files. A record is listed for one of blank, inverted, upside-down, turned and mirrored, and for being of another part of
the body only if nothing else is wrong with its picture: what is upside down lies far from the others, too.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.asking.candidates import candidates, open_rows
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.evaluation import exposure
from lookalike.evaluation.body_part import of_another_part, part_field
from lookalike.evaluation.orientation import LEARNT_FROM, WAYS, fits, gradient_histogram, side_fits, stance
from lookalike.evaluation.quality_report import (
    ADVICE,
    FAULT_NAMES,
    FaultName,
    JudgedFault,
    QualityAudit,
    QualityFinding,
)
from lookalike.filters import Filter
from lookalike.fingerprints import SQUARE
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.progress import tracked
from lookalike.readers.burned_in import LIKELY, TextLine
from lookalike.text import DISCLAIMER, quoted
from lookalike.types import Record, Vectors
from lookalike.voting import nearest_rows

TEXT: Final = "burned-in-text"
_TOGETHER: Final = 256  # thumbnails read at once
_INITIALS: Final = 3  # letters, at most
_FIXES: Final = {4: "transposed", 5: "turned clockwise", 6: "turned counter-clockwise", 7: "transposed the other way"}

TextOf = Callable[[Record], Sequence[TextLine] | str]
"""The lines of text in a record's picture; why its file could not be read where it could not."""


@dataclass(slots=True, eq=False)
class _Seen:
    """n records with a picture, what is measured of each, and what is found. vectors: (n, dim). squares: (n, 64, 64).
    histograms: (n, 8, 8, 8). detail: (n,).
    """

    records: Sequence[Record]
    vectors: Vectors
    squares: NDArray[np.uint8]
    histograms: NDArray[np.float32]
    detail: NDArray[np.float64]
    tones: exposure.Tones
    faults: list[JudgedFault] = field(default_factory=list)
    findings: dict[tuple[int, str], QualityFinding] = field(default_factory=dict)

    def take(self, row: int, fault: FaultName, reason: str, measure: str, value: float, threshold: float) -> None:
        """Take a finding down."""
        record, numbers = self.records[row], (round(float(value), 4), round(float(threshold), 4))
        self.findings[row, fault] = QualityFinding(
            record.id, record.source, fault, reason, measure, *numbers, ADVICE[fault]
        )

    def told(self, fault: FaultName, found: float | None = None, note: str = "", *, judged: bool = True) -> None:
        """Take down what is known of a fault."""
        listed = sum(name == fault for _, name in self.findings)
        self.faults.append(JudgedFault(fault, listed, judged, None if found is None else round(found, 4), note))

    def rows_of(self, *faults: str) -> set[int]:
        """The records that are listed for one of these faults, for any if none is named."""
        return {row for row, fault in self.findings if not faults or fault in faults}


def quality_of(
    gallery: Gallery,
    faults: Sequence[str],
    where: str | Filter | None,
    part: str | None,
    seed: int,
    text_of: TextOf | str,
) -> QualityAudit:
    """Look for faults, all if none is named. part: the field that names the part of the body. text_of: what reads text
    in a record's picture, or why nothing does. Raises UsageError: no such fault or field, no picture, a bad filter.
    """
    for name in faults:
        if name not in FAULT_NAMES:
            known = ", ".join(FAULT_NAMES)
            raise UsageError(f"no fault is called {quoted(name)!r}; there are {known}.{suggestion(name, FAULT_NAMES)}")
    asked, records = set(faults or FAULT_NAMES), gallery.store.records()
    stored = pooled_vectors(gallery)
    rows = np.flatnonzero(
        np.isin(stored.records, candidates(gallery, where=where).records(gallery, np.sort(stored.records)))
    )
    seen = _seen(gallery, [records[int(key)] for key in stored.records[rows]], stored.vectors[rows])
    _blank(seen)
    _otherwise(seen, seed)
    _clipped(seen)
    if "wrong-body-part" in asked:
        _another_part(seen, part, seed)
    if TEXT in asked:
        _text(seen, text_of)
    return _audit(seen, asked, len(rows))


def _seen(gallery: Gallery, records: Sequence[Record], vectors: Vectors) -> _Seen:
    """Measure the thumbnails, read a few at a time. Raises UsageError where there are none."""
    there, squares, detail, shown = (list[int](), list[NDArray[np.uint8]](), list[float](), list[tuple[float, float]]())
    for row, picture in _pictures(gallery, records):
        square = PIL.Image.fromarray(picture).resize((SQUARE, SQUARE), PIL.Image.Resampling.BOX)
        there.append(row)
        squares.append(np.asarray(square))
        detail.append(exposure.stands_out(picture))
        shown.append(exposure.tones(picture))
    if not there:
        raise UsageError("no record here has a picture to look at; index pictures, or loosen the filter")
    white, between = np.array(shown).T
    kept = [records[row] for row in there]
    histograms = np.stack([gradient_histogram(each) for each in squares])
    tones = exposure.Tones(white, between)
    return _Seen(kept, vectors[there], np.stack(squares), histograms, np.array(detail), tones)


def _pictures(gallery: Gallery, records: Sequence[Record]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The thumbnails that there are, with the numbers of their records."""
    for start in tracked(range(0, len(records), _TOGETHER)):
        some = records[start : start + _TOGETHER]
        small = gallery.store.thumbnails(record.key for record in some)
        for row, record in enumerate(some, start):
            if (picture := _of_jpeg(small.get(record.key, b""))) is not None:
                yield row, picture


def _of_jpeg(jpeg: bytes) -> NDArray[np.uint8] | None:
    with suppress(OSError, ValueError, SyntaxError), PIL.Image.open(io.BytesIO(jpeg)) as opened:
        return np.asarray(opened.convert("L"))
    return None


def _blank(seen: _Seen) -> None:
    for row in np.flatnonzero(seen.detail < exposure.LEAST_DETAIL).tolist():
        reason = "nothing stands out from the background"
        seen.take(row, "blank", reason, "grey levels above the background", seen.detail[row], exposure.LEAST_DETAIL)
    seen.told("blank")


def _otherwise(seen: _Seen, seed: int) -> None:
    """Pictures that stand otherwise than the others: for each its likeliest fault."""
    if len(seen.records) < LEARNT_FROM or len({record.patient for record in seen.records}) < 2:
        for fault in WAYS:
            seen.told(fault, note=f"not judged: it takes {LEARNT_FROM} pictures, of two patients", judged=False)
        return
    patients = [record.patient for record in seen.records]
    fitted, sides = fits(seen.histograms, patients, seed), side_fits(seen.squares, patients, seed)
    stances = {fault: stance(fitted, sides, fault) for fault in WAYS}
    blank = seen.rows_of("blank")
    for row in range(len(seen.records)):
        beyond = [fault for fault, each in stances.items() if each.listed[row]]
        if beyond and row not in blank:
            fault = max(beyond, key=lambda each: float(fitted[row, list(WAYS[each])].max()))
            reason = _stands(seen.records[row], fault, int(stances[fault].fix[row]))
            limit = -(stances[fault].threshold or 0.0)
            seen.take(row, fault, reason, "fits better by", -stances[fault].margins[row], limit)
    for fault, found in stances.items():
        note = "" if found.threshold is not None else "not judged: the pictures here look alike both ways"
        seen.told(fault, found.found, note, judged=found.threshold is not None)


def _stands(record: Record, fault: FaultName, fix: int) -> str:
    if fault == "inverted":
        told = record.attributes.get("PhotometricInterpretation", "")
        return f"it fits better with black and white exchanged{f'; the file says {told}' if told else ''}"
    if fault == "turned":
        return f"it fits better {_FIXES[fix]}"
    return "it fits better mirrored" if fault == "mirrored" else "it fits better upside down"


def _clipped(seen: _Seen) -> None:
    """Far more white, or far less between black and white, than in the pictures most like it."""
    patients = [record.patient for record in seen.records]
    opened, asking = open_rows(patients), [(patient,) for patient in patients]
    near, _ = nearest_rows(seen.vectors, seen.vectors, exposure.ALIKE, allowed=lambda block: opened(asking[block]))
    apart = seen.rows_of("blank", "inverted")
    for row, rows in enumerate(near):
        others = rows[rows >= 0]
        if row in apart or not len(others):
            continue
        white, between = seen.tones.white[row], seen.tones.between[row]
        most = float(np.median(seen.tones.white[others])) + exposure.MOST_WHITE
        least = float(np.median(seen.tones.between[others])) * exposure.LEAST_BETWEEN
        if white > most:
            seen.take(row, "clipped", "much of it is white", "share that is white", white, most)
        elif between < least:
            seen.take(row, "clipped", "little lies between black and white", "share in between", between, least)
    seen.told("clipped")


def _another_part(seen: _Seen, part: str | None, seed: int) -> None:
    name = part or part_field(seen.records)
    known, found = of_another_part(seen.records, seen.vectors, name, seed)
    sound = [each for each in found if each.row not in seen.rows_of()]
    for each in sound:
        recorded = f"recorded: {each.recorded or 'nothing'}"
        if each.suggested:
            reason, measure = f"{recorded}, neighbours: {each.suggested}", "lead of the neighbours' vote"
        else:
            reason, measure = f"{recorded}, and unlike all with it", "distance, in standard deviations"
        seen.take(each.row, "wrong-body-part", reason, measure, each.value, each.threshold)
    told = f"by {quoted(name)!r}" + (f", {known.note}" if known.note else "")
    seen.told("wrong-body-part", known.found, told)


def _text(seen: _Seen, text_of: TextOf | str) -> None:
    if isinstance(text_of, str):
        seen.told("burned-in-text", note=f"not looked for: {text_of}", judged=False)
        return
    unread = Counter[str]()
    for row, record in enumerate(tracked(seen.records)):
        lines = text_of(record)
        if isinstance(lines, str):
            unread[lines] += 1
        elif lines:
            sure = max(line.score for line in lines)
            seen.take(row, "burned-in-text", _lines_in_words(lines), "how sure the reader is", sure, LIKELY)
    why = ", ".join(f"{count} {reason}" for reason, count in unread.most_common())
    note = f"not looked for in {unread.total()} of {len(seen.records)} pictures, whose files could not be read ({why})"
    seen.told("burned-in-text", note=note if unread else "", judged=unread.total() < len(seen.records))


def _lines_in_words(lines: Sequence[TextLine]) -> str:
    """What they may be; never what they say."""
    count = f"{len(lines)} {'line' if len(lines) == 1 else 'lines'} of text"
    if max(line.letters for line in lines) <= _INITIALS:
        return f"{count}, at most {_INITIALS} letters: initials, or a mark of side or view"
    return count


def _audit(seen: _Seen, asked: set[str], records: int) -> QualityAudit:
    told = sorted((each for each in seen.faults if each.fault in asked), key=lambda each: FAULT_NAMES.index(each.fault))
    return QualityAudit(
        records,
        len(seen.records),
        tuple(told),
        tuple(_in_order(seen, [each.fault for each in told])),
        (
            *([f"{records - len(seen.records)} records have no picture."] if records > len(seen.records) else []),
            "A list to look at: nothing was changed. planted found: of these pictures, with the fault put into them, "
            "the share that is listed.",
            DISCLAIMER,
        ),
    )


def _in_order(seen: _Seen, faults: Sequence[str]) -> Iterator[QualityFinding]:
    for fault in faults:
        yield from (each for (_, name), each in sorted(seen.findings.items()) if name == fault)
