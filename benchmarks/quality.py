"""What ``audit quality`` lists of pictures that a fault was put into, and what it lists of pictures as they are.

Of each collection some pictures are indexed as they are, and with every fault. Then, round after round, a tenth of them
is taken with a fault instead of without, every fault as often, and the verb is asked for that part of the gallery. A
picture that is listed for its own fault is found; one that was left as it is counts as a false alarm, though some
collections do hold bad pictures (upside down, mirrored, empty). Beside it the same with no fault anywhere.
``CHOSEN_ON``: the collections that features and thresholds were chosen on; the others, of which no patient is in those,
had no part in it, but that slices of the public brain studies which ``brain-mri-tumor`` and ``brain-mri-archive`` draw
on may be of one patient. Mirrored ones are looked for in up to 500 pictures besides, a twentieth of them mirrored, in
each round: the sides take more pictures to be learnt. Text is looked for in fewer pictures: it takes most of the time.
"""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.burned_in import SHOWING_TEXT, with_lines
from benchmarks.report import Figure
from lookalike.errors import UsageError
from lookalike.evaluation.orientation import fits, gradient_histogram, side_fits, stance
from lookalike.evaluation.quality_report import FAULT_NAMES, FaultName
from lookalike.fingerprints import SQUARE
from lookalike.gallery import open_gallery
from lookalike.pixels import picture as shown_picture
from lookalike.pixels import thumbnail
from lookalike.readers import read
from lookalike.verbs.audit import audit_quality
from lookalike.verbs.index import index
from lookalike.voting import share_interval

COLLECTIONS: Final = {
    "mednist": "*/*.jpeg",
    "brain-mri-archive": "*/*.jpg",
    "chest-xray-nih64": "images/*.png",
    "chest-xray-nih": "images/*.jpg",
    "chest-xray-dicom5": "files/*.dcm",
    "brain-mri-tumor": "*/*.jpg",
    "breast-us-busi": "*/*.png",
    "mammo-mias": "images/*.png",
}
CHOSEN_ON: Final = ("mednist", "brain-mri-archive", "chest-xray-nih64")
PICTURES: Final = 120  # of each collection, at most
ROUNDS: Final = 12
SHARE: Final = 0.1  # of the pictures have a fault
MOST_MIRRORED: Final = 500  # pictures of a collection in which mirrored ones are looked for
MIRRORED_ROUNDS: Final = 5
MIRRORED_SHARE: Final = 0.05
TEXTS: Final = 10  # pictures of each collection that text is written on, and as many without
LEGIBLE: Final = 200  # pixels of the shorter side of a picture that is written on
SOUND: Final = "sound"
_TEXT: Final = "burned-in-text"
_MIRRORED: Final[FaultName] = "mirrored"
_LETTERED: Final = """
00003478_004.jpg 00003981_016.jpg 00011237_006.jpg cxr_000.dcm cxr_035.dcm cxr_061.dcm cxr_071.dcm benign_1.png
mdb107.png mdb204.png mdb209.png mdb239.png
"""
LETTERED: Final = frozenset(_LETTERED.split())
"""Pictures that were listed for text though none was written on them, and bear letters: initials beside a mark of the
side, marks of the view that lie mirrored, words of a place in the breast. By looking at each that was listed.
"""
_SEEN: Final = tuple(name for name in FAULT_NAMES if name != _TEXT)
_OF_NIH: Final = ("chest-xray-nih", "chest-xray-dicom5")
_PARTS: Final = {
    **dict.fromkeys(["chest-xray-nih64", "chest-xray-nih", "chest-xray-dicom5"], "chest"),
    **dict.fromkeys(["brain-mri-archive", "brain-mri-tumor"], "head"),
    **dict.fromkeys(["breast-us-busi", "mammo-mias"], "breast"),
}
_PATIENTS: Final = ("patient_id", "patient_pair")

Grey = NDArray[np.uint8]


@dataclass(slots=True)
class Counts:
    """By fault: pictures that it was put into, and those found; sound ones that are listed for it, in the rounds and
    where there is no fault (``alarms``, of ``clean`` pictures); those with another fault that are listed for it.
    untold: what pictures do not tell here. sound: pictures without a fault, in all rounds. unwritten: that no text was
    written on; lettered: those of them that are listed for text and bear some of their own.
    """

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    untold: set[str] = field(default_factory=set)
    sound: int = 0
    clean: int = 0
    unwritten: int = 0
    lettered: int = 0

    def add(self, other: Counts) -> None:
        """Take another collection's counts in."""
        for name in ("planted", "found", "false", "named", "alarms"):
            getattr(self, name).update(getattr(other, name))
        self.sound, self.clean = self.sound + other.sound, self.clean + other.clean
        self.unwritten += other.unwritten
        self.lettered += other.lettered

    def lines(self, name: str) -> Iterator[str]:
        """A line a fault."""
        for fault in FAULT_NAMES:
            if not self.planted[fault]:
                continue
            found, false = self.found[fault], self.false[fault]
            yield (
                f"{name:18} {fault:15} recall {_told(found, self.planted[fault])}, "
                f"precision {_told(found, found + false)}, instead of another fault {self.named[fault]}, "
                f"of {self.unwritten if fault == _TEXT else self.clean} without any {self.alarms[fault]}"
                f"{f', {self.lettered} more with letters of their own' if fault == _TEXT else ''}"
                f"{', told not to be seen here' if fault in self.untold else ''}"
            )


def _told(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = share_interval(part / whole, whole)
    return f"{part / whole:.3f} [{low:.2f}, {high:.2f}] ({part}/{whole})"


def run(given: Path | None, collections: Sequence[str] = ()) -> list[Figure]:
    """Recall, precision and false alarms, by fault and collection; the figures are over the collections that nothing
    was chosen on.
    """
    names, other, lines = collections or tuple(COLLECTIONS), Counts(), list[str]()
    sides, told = Counts(), list[str]()
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            counts = _counted(name, given, Path(scratch) / name)
            lines += counts.lines(name)
            mirrored = _mirrored(name, given)
            told += mirrored.lines(name)
            if name not in CHOSEN_ON:
                other.add(counts)
                sides.add(mirrored)
    planted, found, false = (sum(each.values()) for each in (other.planted, other.found, other.false))
    notes = (*lines, *other.lines("all not chosen on"))
    recall = sides.found[_MIRRORED] / max(sides.planted[_MIRRORED], 1)
    return [
        Figure("quality, recall of planted faults", found / max(planted, 1), None, "", notes=notes),
        Figure("mirrored, in more pictures", recall, None, "recall", notes=(*told, *sides.lines("all not chosen on"))),
        Figure("quality, precision", found / max(found + false, 1), 0.8, ""),
        Figure(
            "quality, listed without a fault",
            sum(other.alarms[fault] for fault in _SEEN) / max(other.clean, 1),
            0.03,
            "of pictures",
            at_least=False,
        ),
    ]


def _counted(name: str, given: Path | None, scratch: Path) -> Counts:
    """Make a collection's gallery with every fault, and ask in rounds."""
    rng = random.Random(11)
    pictures, foreign = _chosen(name, given, rng), _foreign(name, given, rng)
    scratch.mkdir()
    plan, rows = [_round(len(pictures), rng) for _ in range(ROUNDS)], list[list[str]]()
    for number, (grey, patient, part) in enumerate(pictures):
        told = _in_rounds(plan, number, SOUND)
        rows.append([_kept(scratch, f"{number}-{SOUND}", grey), patient, part, SOUND, *told])
        for fault in sorted({each[number] for each in plan if number in each}):
            made = foreign.pop() if fault == "wrong-body-part" else _FAULTS[fault](grey, rng)
            told = _in_rounds(plan, number, fault)
            rows.append([_kept(scratch, f"{number}-{fault}", made), patient, part, fault, *told])
    counts = _asked(scratch, rows)
    _with_text(name, given, scratch / "text", counts)
    return counts


def _mirrored(name: str, given: Path | None) -> Counts:
    """What is listed as mirrored of more pictures, as the verb learns their sides; without files and vectors."""
    rng, counts = random.Random(13), Counts()
    pictures = _chosen(name, given, rng, most=MOST_MIRRORED)
    own, mirrored = (
        np.stack([_square(np.fliplr(grey) if turned else grey) for grey, _, _ in pictures]) for turned in (False, True)
    )
    patients = [patient or str(number) for number, (_, patient, _) in enumerate(pictures)]
    some = max(1, round(MIRRORED_SHARE * len(pictures)))
    for seed in range(MIRRORED_ROUNDS + 1):
        planted = np.zeros(len(pictures), np.bool_)
        planted[rng.sample(range(len(pictures)), some if seed else 0)] = True
        shown = np.where(planted[:, None, None], mirrored, own)
        upright = fits(np.stack([gradient_histogram(each) for each in shown]), patients, seed)
        told = stance(upright, side_fits(shown, patients, seed), _MIRRORED)
        if not seed:
            counts.clean, counts.alarms[_MIRRORED] = len(pictures), int(told.listed.sum())
            counts.untold = {_MIRRORED} if told.threshold is None else set()
            continue
        counts.planted[_MIRRORED] += some
        counts.found[_MIRRORED] += int(told.listed[planted].sum())
        counts.false[_MIRRORED] += int(told.listed[~planted].sum())
    return counts


def _square(grey: Grey) -> Grey:
    """As the audit looks at a picture, which sees its thumbnail."""
    with PIL.Image.open(io.BytesIO(thumbnail(PIL.Image.fromarray(np.ascontiguousarray(grey))))) as opened:
        return np.asarray(opened.convert("L").resize((SQUARE, SQUARE), PIL.Image.Resampling.BOX))


def _round(count: int, rng: random.Random) -> dict[int, str]:
    """Which pictures have which fault."""
    each = max(1, round(SHARE * count / len(_SEEN)))
    return dict(zip(rng.sample(range(count), each * len(_SEEN)), _SEEN * each, strict=True))


def _in_rounds(plan: Sequence[dict[int, str]], number: int, fault: str) -> list[str]:
    return ["yes" if each.get(number, SOUND) == fault else "no" for each in plan]


def _asked(scratch: Path, rows: list[list[str]]) -> Counts:
    """Index the pictures, identical ones once, and ask round after round; and once for those without a fault."""
    rows = list({Path(row[0]).read_bytes(): row for row in reversed(rows)}.values())
    table, counts = scratch / "table.csv", Counts()
    rounds = [f"round{number}" for number in range(ROUNDS)]
    with table.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([["file", "patient_id", "BodyPartExamined", "fault", *rounds], *rows])
    with open_gallery(scratch / "gallery", create=True) as gallery:
        indexed = index(gallery, [Path(row[0]) for row in rows], labels=table)
        if indexed.added != len(rows):
            raise UsageError(f"{len(rows)} pictures were made, {indexed.added} are in the gallery")
        faults = {record.id: str(record.attributes["fault"]) for record in gallery.store.records().values()}
        for number, name in enumerate(rounds):
            there = Counter(row[3] for row in rows if row[4 + number] == "yes")
            counts.sound += there.pop(SOUND)
            counts.planted.update(there)
            for each in audit_quality(gallery, _SEEN, where=f"{name}=yes").findings:
                counts.found[each.fault] += faults[each.id] == each.fault
                counts.false[each.fault] += faults[each.id] == SOUND
                counts.named[each.fault] += faults[each.id] not in (SOUND, each.fault)
        clean = audit_quality(gallery, _SEEN, where=f"fault={SOUND}")
    counts.clean = clean.compared
    counts.alarms.update(each.fault for each in clean.findings)
    counts.untold = {each.fault for each in clean.faults if not each.judged}
    return counts


def _with_text(name: str, given: Path | None, scratch: Path, counts: Counts) -> None:
    """Of pictures that are large enough, half with lines of text and half as they are. What is listed of these and is
    known to bear letters of its own is no false alarm.
    """
    rng = random.Random(12)
    files = _files(name, given, rng, PICTURES, without=SHOWING_TEXT)
    large = [(file, grey) for file in files for grey in [_grey(file)] if min(grey.shape) >= LEGIBLE]
    if len(large) < 2 * TEXTS:
        return
    scratch.mkdir()
    written = [_kept(scratch, f"{n}-{_TEXT}", with_lines(grey, rng)[0]) for n, (_, grey) in enumerate(large[:TEXTS])]
    sound = {_kept(scratch, file.stem, grey): file for file, grey in large[TEXTS : 2 * TEXTS]}
    with open_gallery(scratch / "gallery", create=True) as gallery:
        index(gallery, [Path(each) for each in (*written, *sound)])
        audit = audit_quality(gallery, [_TEXT])
    if audit.faults[0].note:
        raise UsageError(f"{name}: {audit.faults[0].note}")
    listed = {Path(each.source).name for each in audit.findings}
    alarms = [file for place, file in sound.items() if Path(place).name in listed]
    counts.planted[_TEXT], counts.unwritten = len(written), len(sound)
    counts.found[_TEXT] = sum(Path(each).name in listed for each in written)
    counts.lettered = sum(file.name in LETTERED for file in alarms)
    counts.false[_TEXT] = counts.alarms[_TEXT] = len(alarms) - counts.lettered


def _kept(folder: Path, name: str, grey: Grey) -> str:
    place = folder / f"{name}.png"
    PIL.Image.fromarray(grey).save(place)
    return str(place)


def _chosen(name: str, given: Path | None, rng: random.Random, most: int = PICTURES) -> list[tuple[Grey, str, str]]:
    """Some pictures of a collection, each with its patient and the part of the body."""
    folder = data.folder(name, given)
    known = {row["file"]: row for row in _rows(folder)}
    some = _files(name, given, rng, most)
    return [(_grey(file), _patient(known, folder, file), _part(name, file)) for file in some]


def _files(name: str, given: Path | None, rng: random.Random, most: int, without: Set[str] = frozenset()) -> list[Path]:
    """Some files of a collection but for some by name. Of the radiographs of NIH none is of a patient of those that
    features were chosen on.
    """
    folder = data.folder(name, given)
    known = {row["file"]: row for row in _rows(folder)}
    apart = {row["patient_id"] for row in _rows(data.folder("chest-xray-nih64", given))} if name in _OF_NIH else set()
    files = [
        file
        for file in sorted(folder.glob(COLLECTIONS[name]))
        if file.name not in without and _patient(known, folder, file) not in apart
    ]
    return rng.sample(files, min(most, len(files)))


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _patient(known: dict[str, dict[str, str]], folder: Path, file: Path) -> str:
    row = known.get(file.relative_to(folder).as_posix(), {})
    return next((row[column] for column in _PATIENTS if column in row), "")


def _part(name: str, file: Path) -> str:
    """What is recorded as BodyPartExamined: of the collection of six kinds the kind, of others one for all."""
    return file.parent.name if name == "mednist" else name


def _foreign(name: str, given: Path | None, rng: random.Random) -> list[Grey]:
    """Pictures of other parts of the body, as large as they come, in any order."""
    others = [other for other in COLLECTIONS if other != "mednist" and _PARTS[other] != _PARTS.get(name)]
    files = [file for other in others for file in sorted(data.folder(other, given).glob(COLLECTIONS[other]))]
    return [_grey(file) for file in rng.sample(files, 3 * ROUNDS)]


def _grey(file: Path) -> Grey:
    """A file's picture, in 256 levels."""
    image = next(read([file]))
    return np.asarray(shown_picture(image, (0, 100)).convert("L"))


def _blank(grey: Grey, rng: random.Random) -> Grey:
    """Noise around one level, a gradient with noise, or black with a mark."""
    noise = np.random.default_rng(rng.randrange(1 << 30))
    rows, columns = grey.shape
    kind = rng.randrange(3)
    if kind == 2:
        made = np.zeros(grey.shape)
        top, left, side = rng.randrange(rows // 2), rng.randrange(columns // 2), max(4, min(rows, columns) // 12)
        made[top : top + side, left : left + side] = rng.randrange(120, 255)
    else:
        across = np.linspace(-1, 1, columns)[None] * rng.uniform(-30, 30) * kind
        down = np.linspace(-1, 1, rows)[:, None] * rng.uniform(-30, 30) * kind
        made = rng.randrange(60, 200) + across + down
    return np.asarray(np.clip(made + noise.normal(0, 3, grey.shape), 0, 255), np.uint8)


def _clipped(grey: Grey, rng: random.Random) -> Grey:
    """Through a window that is far too narrow, or lies too low or too high: percentiles of what is no background."""
    ends = rng.choice(((35, 65), (5, 50), (75, 100)))
    inside = grey[grey > 8] if (grey > 8).mean() > 0.05 else grey
    low, high = np.percentile(inside, ends)
    return np.asarray(np.clip((grey - low) * (255 / max(high - low, 1)), 0, 255), np.uint8)


_FAULTS: Final[dict[str, Callable[[Grey, random.Random], Grey]]] = {
    "blank": _blank,
    "clipped": _clipped,
    "inverted": lambda grey, _rng: 255 - grey,
    "upside-down": lambda grey, rng: np.ascontiguousarray(rng.choice((np.flipud(grey), np.rot90(grey, 2)))),
    "turned": lambda grey, rng: np.ascontiguousarray(np.rot90(grey, rng.choice((1, 3)))),
    "mirrored": lambda grey, _rng: np.ascontiguousarray(np.fliplr(grey)),
}
