"""Synthetic chest radiographs: a schematic thorax with one of five findings, written as real DICOM files.

Nothing here comes from a patient. Shadows add up as in a radiograph: a map of tissue thickness is drawn,
air, fluid, bone and metal change it, and a film curve turns thickness into brightness. Anatomy comes from
the patient's seed, positioning and technique from the exposure number, the finding from a third stream:
the same patient can be drawn with any finding, and only the finding changes.

Coordinates: x from -1 (patient's right, left in the picture) to 1, y from -1 (head) to 1 (feet).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from lookalike.errors import UsageError

FINDINGS: Final = ("no_finding", "cardiomegaly", "effusion", "device", "atelectasis")

NORMAL_HEART: Final = (0.40, 0.49)
"""Cardiothoracic ratio of a patient without cardiomegaly; above .5 the heart counts as enlarged."""

SEVERITY: Final = {
    "cardiomegaly": (0.58, 0.67),  # cardiothoracic ratio
    "effusion": (0.22, 0.46),  # height of the fluid above the costophrenic angle, in coordinate units
    "device": (0.6, 0.9),  # what the metal adds, in thicknesses of the trunk
    "atelectasis": (0.60, 0.90),  # share of the air that the plate replaces
}
"""How strong each finding is drawn, as (least, most): smaller makes retrieval harder."""

_WALL: Final = (
    (-0.70, -0.66, -0.60, -0.48, -0.30, -0.10, 0.10, 0.30, 0.60),
    (0.14, 0.27, 0.37, 0.475, 0.56, 0.61, 0.64, 0.66, 0.67),
)
"""Heights, and the half width of the rib cage there."""

_DEVICES: Final = {
    "AP": ("CR", uid.ComputedRadiographyImageStorage),
    "PA": ("DX", uid.DigitalXRayImageStorageForPresentation),
}
_WHITE: Final = 4095

Plane = NDArray[np.float32]
Outline = NDArray[np.float64]
Points = Sequence[tuple[float, float]] | Outline
Shape = tuple[Points, float, float]
"""Points, line width in coordinate units (0: a filled outline), value in [0, 1]."""


class _Film:
    """A square film of one patient in one exposure: all that is drawn by lot about the two."""

    def __init__(self, seed: int, exposure: int, size: int) -> None:
        self.size = size
        body, tube = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1, exposure))
        self.sex, self.age = "F" if body.random() < 0.5 else "M", int(body.integers(22, 89))
        self.heart = body.uniform(*NORMAL_HEART)
        self.stretch = np.array([[body.uniform(0.95, 1.07)], [body.uniform(0.94, 1.07)]])
        self.girth, self.lungs = body.uniform(0.93, 1.08), body.uniform(0.56, 0.70)  # lungs: share of air
        self.ribs, self.slope = body.uniform(0.05, 0.11), body.uniform(0.03, 0.15)
        bedside = tube.random() < 0.4  # less air breathed in, and more often on a monitor
        self.view = "AP" if bedside else "PA"
        left = 0.42 + body.uniform(-0.03, 0.06) + tube.uniform(-0.03, 0.05) - 0.04 * bedside
        self.dome = {1: left, -1: left - body.uniform(0.02, 0.07)}  # side -1: the patient's right
        self.electrodes = int(tube.integers(1, 4)) if tube.random() < 0.05 + 0.25 * bedside else 0
        self.tilt, self.turn, self.zoom = tube.normal(0, 0.02), tube.normal(0, 0.02), tube.uniform(1.11, 1.19)
        self.shift = tube.normal(0, 0.02), tube.normal(0.04, 0.03)
        self.stomach = max(0.0, tube.uniform(-0.03, 0.07))
        self.center, self.latitude = tube.uniform(0.60, 0.76), tube.uniform(0.17, 0.23)
        self.blur, self.noise = tube.uniform(0.0, 0.003), tube.uniform(0.006, 0.014)
        self.shutter = tube.uniform(0.95, 1.3, 2)

    def place(self, points: Points, scale: float) -> list[tuple[float, float]]:
        """Anatomical (n, 2) points as pixels of a canvas `scale` times the film's size."""
        x, y = np.asarray(points, dtype=np.float64).T * self.stretch
        c, s = self.zoom * np.cos(self.tilt), self.zoom * np.sin(self.tilt)
        u, v = c * x - s * y + self.shift[0], s * x + c * y + self.shift[1]
        half = self.size * scale / 2
        return list(zip((half * (1 + u)).tolist(), (half * (1 + v)).tolist(), strict=True))

    def paint(self, *shapes: Shape, blur: float = 0.004, gain: float = 1.0) -> Plane:
        """Shapes, later over earlier, (size, size) in [0, gain]; blur: standard deviation in coordinates."""
        blur = float(np.hypot(blur, self.blur))
        # A heavy blur hides the coarse pixels of a small drawing; a thin edge needs a large one.
        scale = 2.0 if blur < 0.003 else 1.0 if blur < 0.03 else 0.25
        canvas = Image.new("L", (round(self.size * scale),) * 2)
        for points, width, value in shapes:
            pixels, ink = round(width * self.zoom * self.size * scale / 2), round(255 * value)
            if width:
                ImageDraw.Draw(canvas).line(self.place(points, scale), fill=ink, width=max(1, pixels))
            else:
                ImageDraw.Draw(canvas).polygon(self.place(points, scale), fill=ink)
        canvas = canvas.filter(ImageFilter.GaussianBlur(blur * self.size * scale / 2))
        canvas = canvas.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(canvas, dtype=np.float32) * np.float32(gain / 255)

    def fill(self, *outlines: Points, blur: float = 0.005, gain: float = 1.0) -> Plane:
        return self.paint(*((outline, 0.0, 1.0) for outline in outlines), blur=blur, gain=gain)


def _curve(points: Points, shift: float = 0.0) -> Outline:
    """A Catmull-Rom spline through (n, 2) points, moved sideways: (10 n - 9, 2)."""
    p = np.add(points, (shift, 0.0))
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, 10, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    q = b + 0.5 * ((c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([q.transpose(1, 0, 2).reshape(-1, 2), p[-2:-1]])


def _ellipse(x: float, y: float, a: float, b: float, power: float = 1.0) -> Outline:
    """A closed outline; a power below 1 squares it off."""
    t = np.linspace(0, 2 * np.pi, 60)
    c, s = np.cos(t), np.sin(t)
    return np.column_stack([x + a * np.sign(c) * abs(c) ** power, y + b * np.sign(s) * abs(s) ** power])


def _both(points: Points) -> list[Outline]:
    """The patient's left side and its mirror image."""
    return [np.asarray(points) * (side, 1.0) for side in (1, -1)]


def _wall(y: float) -> float:
    return float(np.interp(y, *_WALL))


def _lung(film: _Film, side: int) -> Outline:
    dome, angle = film.dome[side], film.dome[side] + 0.15
    medial = [(0.02, 0.30), (0.03, 0.0), (0.04, -0.3), (0.09, -0.55), (0.17, -0.69)]
    wall = [(_wall(y), y) for y in (-0.67, -0.60, -0.48, -0.30, -0.10, 0.10, 0.30, angle)]
    base = [wall[-1], (0.59, dome + 0.05), (0.42, dome), (0.25, dome + 0.01), (0.02, dome + 0.06)]
    return np.concatenate([_curve(medial + wall), _curve(base)]) * (side, 1.0)


def _heart(film: _Film, ratio: float) -> Outline:
    """Heart and great vessels; the heart's width is `ratio` of the inner width of the thorax."""
    low = film.dome[1] + 0.09
    right, left = 0.64 * ratio * _wall(0.3), 1.36 * ratio * _wall(0.3)
    bulge = left * (0.86 + 0.6 * (ratio - 0.45))  # a big heart is also rounder
    atrium = [(-0.09, -0.12), (-0.9 * right, 0.02), (-right, low - 0.28), (-0.85 * right, low - 0.08)]
    apex = [(0.75 * left, low + 0.02), (left, low - 0.10), (bulge, low - 0.26), (0.66 * bulge, low - 0.43)]
    aorta = [(0.14, -0.12), (0.12, -0.22), (0.13, -0.30), (0.11, -0.37), (0.0, -0.42), (-0.08, -0.34)]
    return _curve([*atrium, *apex, *aorta, atrium[0]], film.turn)


def _body(film: _Film) -> Plane:
    """Soft tissue thickness, about 1 in the middle of the trunk."""
    neck = [(0.15, -1.5), (0.16, -0.98), (0.22, -0.86), (0.5, -0.79), (0.80, -0.70), (0.90, -0.5)]
    flank = _curve([*neck, (0.84, -0.2), (0.80, 0.1), (0.80, 0.5), (0.84, 1.5)]) * (film.girth, 1.0)
    arm = _curve([(0.6, -0.75), (0.9, -0.7), (1.06, -0.5), (1.16, 0.0), (1.3, 0.6), (1.05, 0.5), (0.9, -0.3)])
    trunk = np.concatenate([flank, (flank * (-1.0, 1.0))[::-1]])
    core = _curve([(-0.72, -0.7), (-0.6, 1.5), (0.6, 1.5), (0.72, -0.7)])
    belly = [(-0.8, 0.45), (0.8, 0.45), (0.8, 1.6), (-0.8, 1.6)]
    skin = film.fill(trunk, blur=0.02)
    thickness = film.fill(trunk, blur=0.12, gain=0.35) + film.fill(core, blur=0.2, gain=0.3) + 0.3 * skin
    thickness += film.fill(*_both(arm * (film.girth, 1.0)), blur=0.03, gain=0.3) * (1 - skin)
    thickness += film.fill(belly, blur=0.1, gain=0.12)
    breasts = _both(_ellipse(0.40, 0.24, 0.29, 0.24))
    thickness += film.fill(*breasts, blur=0.02, gain=0.05 if film.sex == "F" else 0.0)
    thickness *= film.girth
    return thickness


def _airways(film: _Film) -> Plane:
    """Trachea, main bronchi and the stomach bubble."""
    trachea = _curve([(0.0, -1.3), (film.turn / 2, -0.7), (0.01 + film.turn, -0.36)])
    bronchi = [_curve([(0.01, -0.37), (x, -0.29), (2 * x, -0.2)], film.turn) for x in (-0.07, 0.08)]
    bubble = _ellipse(0.36, film.dome[1] + 0.04 + film.stomach, 0.11, film.stomach)
    tubes = film.paint((trachea, 0.08, 1.0), *((b, 0.045, 0.6) for b in bronchi), blur=0.012, gain=0.15)
    return tubes + film.fill(bubble, blur=0.015, gain=0.22)


def _vessels(film: _Film, rng: np.random.Generator) -> Plane:
    """Branches from both hila, thinner and fainter outward."""
    lines: list[Shape] = []
    for side in (-1, 1):
        hilum = np.array([side * 0.13 + film.turn, -0.11 + 0.03 * (side < 0)])
        for angle in np.linspace(-1.35, 1.4, 9) + rng.normal(0, 0.12, 9):
            lines.extend(_twig(rng, hilum, angle, side, 0.024))
    lines.sort(key=lambda line: line[1])
    hila = _both(_ellipse(0.15, -0.08, 0.05, 0.10))
    return film.paint(*lines, gain=0.11) + film.fill(*hila, blur=0.035, gain=0.16)


def _twig(rng: np.random.Generator, start: Outline, angle: float, side: int, width: float) -> Iterator[Shape]:
    bends = angle + np.cumsum(rng.normal(0, 0.2, 3))
    steps = rng.uniform(0.03, 0.065, 3)[:, None] * np.column_stack([side * np.cos(bends), np.sin(bends)])
    path = start + np.concatenate([[(0.0, 0.0)], np.cumsum(steps, axis=0)])
    yield path, width, min(1.0, 0.25 + 30 * width)
    if width > 0.008:
        for fork in (-1, 1):
            yield from _twig(rng, path[-1], bends[-1] + fork * rng.uniform(0.15, 0.5), side, width * 0.64)


def _bones(film: _Film, rng: np.random.Generator) -> Plane:
    backs, fronts = list[Shape](), list[Shape]()
    for number, y in enumerate(np.arange(-0.68, 0.50, 0.122) + rng.normal(0, 0.006, 10)):
        bend = y + 0.10 + film.slope
        edge, low = _wall(bend) + 0.012, bend + 0.07 + film.slope
        back = [(0.06, y), (0.35 * edge, y - 0.035), (0.72 * edge, y + 0.2 * film.slope), (edge, bend)]
        backs += [(rib, w, v) for rib in _both(_curve(back)) for w, v in ((0.054, 1.0), (0.038, 0.6))]
        front = [(edge, bend), (0.85 * edge, low), (0.62 * edge, low + 0.09), (0.42 * edge, low + 0.12)]
        if 1 <= number <= 5:
            fronts += [(rib, w, v) for rib in _both(_curve(front)) for w, v in ((0.056, 0.7), (0.04, 0.45))]
    spine: list[Shape] = [([(-film.turn, -1.5), (-film.turn, 1.5)], 0.16, 0.75)]
    spine += [([(-film.turn, y), (-film.turn, y + 0.08)], 0.14, 1.0) for y in np.arange(-1.2, 1.3, 0.105)]
    cage = film.paint(*backs, gain=film.ribs) + film.paint(*fronts, blur=0.006, gain=0.8 * film.ribs)
    return cage + film.paint(*spine, blur=0.01, gain=0.12)


def _shoulders(film: _Film) -> Plane:
    """Clavicles, and scapulae: over the lungs only in the AP view."""
    collar = [(0.06, -0.50), (0.25, -0.57), (0.5, -0.70), (0.80, -0.74)]
    blade = [(0.55, -0.5), (0.66, -0.62), (0.86, -0.64), (0.85, -0.5), (0.72, 0.0), (0.65, -0.1)]
    collars = [(_curve(c, film.turn), w, v) for w, v in ((0.06, 0.8), (0.036, 0.5)) for c in _both(collar)]
    blades = _both(_curve([*blade, blade[0]], -0.10 if film.view == "AP" else 0.0))
    return film.fill(*blades, blur=0.008, gain=0.05) + film.paint(*collars, blur=0.005, gain=0.13)


def _fluid(film: _Film, rng: np.random.Generator) -> Plane:
    """Pleural fluid: level in the middle, climbing along the chest wall (the meniscus)."""
    side = 1 if rng.random() < 0.5 else -1
    level = film.dome[side] + 0.15 - rng.uniform(*SEVERITY["effusion"])
    x = np.linspace(0.0, 0.75, 40)
    surface = level - rng.uniform(0.16, 0.28) * (x / _wall(level)) ** 5 - 0.05 * (1 - x / 0.75) ** 4
    outline = np.concatenate([np.column_stack([x, surface]), [(0.75, 1.0), (0.0, 1.0)]])
    return film.fill(outline * (side, 1.0), blur=0.014, gain=0.95)


def _plates(film: _Film, rng: np.random.Generator) -> Plane:
    """Plate atelectasis: one or two thin bands above the diaphragm."""
    side = 1 if rng.random() < 0.5 else -1
    plates = []
    for _ in range(int(rng.integers(1, 3))):
        x, y = rng.uniform(0.18, 0.28), film.dome[side] - rng.uniform(0.06, 0.28)
        reach, rise, sag = rng.uniform(0.24, 0.36), rng.uniform(-0.05, 0.09), rng.uniform(-0.025, 0.025)
        line = _curve([(x, y), (x + reach / 2, y - rise / 2 + sag), (x + reach, y - rise)])
        half = rng.uniform(0.012, 0.020) * np.sin(np.linspace(0.1, np.pi - 0.1, len(line))) ** 0.5
        edge = half[:, None] * (0.0, 1.0)
        plates.append(np.concatenate([line - edge, (line + edge)[::-1]]) * (side, 1.0))
    return film.fill(*plates, blur=0.006, gain=rng.uniform(*SEVERITY["atelectasis"]))


def _device(film: _Film, rng: np.random.Generator) -> Plane:
    """A generator below one clavicle, mostly the left, with one or two leads into the heart."""
    side = 1 if rng.random() < 0.85 else -1
    x, y, lean = side * rng.uniform(0.44, 0.54), rng.uniform(-0.46, -0.34), rng.normal(0, 0.25)
    spin = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    parts = ((-0.09, 0.065, 0.025, 0.5), (0.0, 0.095, 0.08, 0.75), (0.01, 0.06, 0.045, 1.0))
    metal: list[Shape] = [(_ellipse(0, v, a, b, 0.55) @ spin + (x, y), 0.0, ink) for v, a, b, ink in parts]
    wires: list[Shape] = []
    for loop, tip in enumerate([(0.20, film.dome[1] - 0.02), (-0.10, 0.10)][: int(rng.integers(1, 3))]):
        vein = [(x - 0.12 * side, y - 0.16 - 0.03 * loop), (0.24 * side, -0.53 - 0.02 * loop)]
        cava = [(0.1 * side, -0.5), (-0.06, -0.4), (-0.08 - 0.01 * loop, -0.1)]
        lead = _curve([(x, y - 0.10), *vein, *cava, ((tip[0] - 0.1) / 2, tip[1] + 0.02), tip])
        wires += [(lead, 0.010, 0.4), (lead[-4:], 0.018, 0.7)]
    gain = rng.uniform(*SEVERITY["device"])
    return film.paint(*metal, gain=gain) + film.paint(*wires, blur=0.002, gain=gain)


def _electrodes(film: _Film, rng: np.random.Generator) -> Plane:
    """Monitor electrodes and their wires: on any patient, so that a wire alone proves nothing."""
    lines: list[Shape] = []
    for _ in range(film.electrodes):
        x, y = rng.choice((-1, 1)) * rng.uniform(0.15, 0.7), rng.uniform(-0.55, 0.5)
        wire = [(x, y), (1.3 * x, y + 0.1), (rng.normal(1.3, 0.2) * x, y + 0.3), (np.sign(x) * 1.2, y + 0.5)]
        lines += [(_curve(wire), 0.009, 0.4), ([(x - 0.016, y), (x + 0.016, y)], 0.032, 1.0)]
    return film.paint(*lines, gain=0.3)


def _mottle(size: int, rng: np.random.Generator, cells: int) -> Plane:
    """Smooth noise of about unit variance, `cells` across."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def _develop(film: _Film, thickness: Plane, rng: np.random.Generator) -> Plane:
    """Vignetting, film curve, noise, marker and shutter: thickness -> brightness in [0, 1]."""
    axis = np.linspace(-1, 1, film.size, dtype=np.float32)
    thickness = thickness - 0.04 * (axis[:, None] ** 2 + axis**2)
    light = 1 / (1 + np.exp((film.center - thickness) / film.latitude))
    light += film.noise * rng.standard_normal(light.shape, dtype=np.float32)
    if rng.random() < 0.8:
        x, y = rng.uniform(0.72, 0.86), rng.uniform(-0.9, -0.75)
        letter = [(x, y), (x, y + 0.09), (x + 0.055, y + 0.09)]  # an L, for the patient's left
        light = np.maximum(light, film.paint((letter, 0.018, 0.95), blur=0.002))
    wide, high = abs(axis) < film.shutter[:, None]
    return np.asarray(light * wide * high[:, None], dtype=np.float32).clip(0, 1)


def draw(finding: str, seed: int, size: int = 512, *, exposure: int = 0) -> Plane:
    """One synthetic chest radiograph, (size, size) float32 in [0, 1], dense tissue bright.

    The same seed is the same patient whatever the finding; another exposure number is another
    radiograph of that patient. Raises UsageError for a finding that is not one of ``FINDINGS``, a
    negative seed or exposure, or a size below 64.
    """
    if finding not in FINDINGS:
        raise UsageError(f"no finding is called {finding!r}; there are {', '.join(FINDINGS)}")
    if min(seed, exposure) < 0 or size < 64:
        raise UsageError(f"seed and exposure start at 0 and size at 64, got {seed}, {exposure} and {size}")
    film = _Film(seed, exposure, size)
    sign, tree, grain = (np.random.default_rng((seed, *key)) for key in ((2,), (3,), (4, exposure)))
    ratio = sign.uniform(*SEVERITY[finding]) if finding == "cardiomegaly" else film.heart
    heart = film.fill(_heart(film, ratio * (1.06 if film.view == "AP" else 1.0)), blur=0.009)
    lungs = [_lung(film, side) for side in (-1, 1)]
    air = film.fill(*lungs) * (0.5 + 0.5 * film.fill(*lungs, blur=0.08)) * (1 - 0.8 * heart)
    air *= 1 - 0.03 * _mottle(size, grain, 20) - 0.03 * _mottle(size, grain, 70)
    middle = _curve([(0.0, -0.9), (-0.06, -0.6), (-0.08, -0.2), (-0.05, 0.5), (0.08, 0.5), (0.1, -0.5)])
    air *= 1 - 0.8 * film.fill(middle, blur=0.015)
    if finding == "effusion":
        air *= 1 - _fluid(film, sign)
    if finding == "atelectasis":
        air *= 1 - _plates(film, sign)
    thickness = _body(film) * (1 - film.lungs * air) + air * _vessels(film, tree) - _airways(film)
    thickness += _bones(film, tree) + _shoulders(film) + _electrodes(film, grain)
    if finding == "device":
        thickness += _device(film, sign)
    return _develop(film, thickness, grain)


def _roster(count: int) -> Iterator[tuple[str, int, int]]:
    """(finding, patient number, exposure) of each file; every fourth patient of a finding has two."""
    left = {finding: len(range(i, count, len(FINDINGS))) for i, finding in enumerate(FINDINGS)}
    for number in range(count):
        finding = FINDINGS[number % len(FINDINGS)]
        films = min(left[finding], 2 if number // len(FINDINGS) % 4 == 3 else 1)
        left[finding] -= films
        yield from ((finding, number + 1, exposure) for exposure in range(films))


def _header(film: _Film, number: int, exposure: int, seed: int) -> Dataset:
    """Everything but the pixels. Nothing in it tells the finding."""
    ds = Dataset()
    ds.PatientID, ds.PatientName = f"SYN-{number:04d}", f"Synthetic^{number:04d}"
    ds.PatientSex, ds.PatientAge, ds.PatientBirthDate = film.sex, f"{film.age:03d}Y", ""
    ds.Modality, ds.SOPClassUID = _DEVICES[film.view]
    ds.PresentationIntentType, ds.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    ds.BodyPartExamined, ds.ViewPosition, ds.PatientOrientation = "CHEST", film.view, ["L", "F"]
    ds.ImageType, ds.Manufacturer = ["DERIVED", "PRIMARY"], "lookalike (synthetic)"
    ds.StudyDescription, ds.SeriesDescription = "SYNTHETIC chest", f"SYNTHETIC chest {film.view}"
    ds.ImageComments = "SYNTHETIC: drawn by a program, not a patient"
    ds.StudyDate, ds.StudyTime, ds.StudyID = f"200001{1 + exposure:02d}", "120000", str(1 + exposure)
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.AccessionNumber = ds.ReferringPhysicianName = ""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        sources = ["lookalike synthetic", str(seed), str(number), str(exposure), keyword]
        setattr(ds, keyword, uid.generate_uid(entropy_srcs=sources))
    return ds


def _add_pixels(ds: Dataset, picture: Plane, rng: np.random.Generator, inverted: bool) -> None:
    """Store 12 bits in 16; an inverted file is MONOCHROME1 and looks the same."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.ImplementationClassUID = uid.generate_uid(entropy_srcs=["lookalike synthetic"])
    ds.file_meta.ImplementationVersionName = "LOOKALIKE"
    compressed, implicit = rng.random() < 0.15, rng.random() < 0.3  # a compressed file is explicit
    plain = uid.ImplicitVRLittleEndian if implicit and not compressed else uid.ExplicitVRLittleEndian
    ds.file_meta.TransferSyntaxUID = plain
    stored, kind = np.rint(picture * _WHITE).astype(np.uint16), "MONOCHROME2"
    if inverted:
        stored, kind, ds.PresentationLUTShape = _WHITE - stored, "MONOCHROME1", "INVERSE"
    ds.set_pixel_data(stored, kind, 12, generate_instance_uid=False)
    # Only computed radiography may rescale: the standard fixes slope 1 and intercept 0 for digital X-ray.
    slope, intercept = ((1, 0), (1, -1024), (0.25, 0))[int(rng.integers(3)) if ds.Modality == "CR" else 0]
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "US"
    if rng.random() < 0.5:
        ds.WindowCenter, ds.WindowWidth = slope * 2048 + intercept, round(slope * rng.uniform(3500, 4096))
    if compressed:
        ds.compress(uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)


def write_collection(folder: Path, *, count: int = 100, seed: int = 0) -> Path:
    """Draw `count` radiographs into ``images/*.dcm`` and return the path of their ``labels.csv``.

    Classes are balanced; some patients have two files, of one label; a tenth of the files is
    MONOCHROME1; transfer syntax, rescale and window vary. ``labels.csv`` has the columns file, label,
    patient_id, sex, age, view. The same count and seed give the same bytes. Raises UsageError for a
    count below 1 or a negative seed.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"count must be at least 1 and seed at least 0, not {count} and {seed}")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    inverted = set(np.random.default_rng((seed, 5)).permutation(count)[: round(count / 10)].tolist())
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["file", "label", "patient_id", "sex", "age", "view"])
        for row, (finding, number, exposure) in enumerate(_roster(count)):
            person = seed * 100_000 + number
            film, picture = _Film(person, exposure, 512), draw(finding, person, exposure=exposure)
            ds, rng = _header(film, number, exposure, seed), np.random.default_rng((seed, 6, row))
            _add_pixels(ds, picture, rng, row in inverted)
            name = f"images/{ds.PatientID}_{exposure + 1}.dcm"
            ds.save_as(folder / name, enforce_file_format=True)
            table.writerow([name, finding, ds.PatientID, film.sex, film.age, film.view])
    return folder / "labels.csv"
