"""A schematic thorax with one of five findings, as a radiograph.

Shadows add up as in a radiograph: a map of tissue thickness is drawn, air, fluid, bone and metal change it, and a
film curve turns thickness into brightness. Anatomy comes from the patient's seed, positioning and technique from the
exposure number, the finding from a third stream: the same patient can be drawn with any finding, and only the finding
changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from lookalike.errors import UsageError
from lookalike.sources.collections.film import (
    Film,
    FilmPlane,
    Outline,
    Shape,
    both_sides,
    curve,
    ellipse,
    mottle,
    wall_at,
)

FINDINGS: Final = ("no_finding", "cardiomegaly", "effusion", "device", "atelectasis")

SEVERITY: Final = {
    "cardiomegaly": (0.58, 0.67),  # cardiothoracic ratio
    "effusion": (0.22, 0.46),  # height of the fluid above the costophrenic angle, in coordinate units
    "device": (0.6, 0.9),  # what the metal adds, in thicknesses of the trunk
    "atelectasis": (0.60, 0.90),  # share of the air that the plate replaces
}
"""How strong each finding is drawn, as (least, most): smaller makes retrieval harder."""


def _lung(film: Film, side: int) -> Outline:
    dome, angle = film.dome[side], film.dome[side] + 0.15
    medial = [(0.02, 0.30), (0.03, 0.0), (0.04, -0.3), (0.09, -0.55), (0.17, -0.69)]
    wall = [(wall_at(y), y) for y in (-0.67, -0.60, -0.48, -0.30, -0.10, 0.10, 0.30, angle)]
    base = [wall[-1], (0.59, dome + 0.05), (0.42, dome), (0.25, dome + 0.01), (0.02, dome + 0.06)]
    return np.concatenate([curve(medial + wall), curve(base)]) * (side, 1.0)


def _heart(film: Film, ratio: float) -> Outline:
    """Heart and great vessels; the heart's width is `ratio` of the inner width of the thorax."""
    low = film.dome[1] + 0.09
    right, left = 0.64 * ratio * wall_at(0.3), 1.36 * ratio * wall_at(0.3)
    bulge = left * (0.86 + 0.6 * (ratio - 0.45))  # a big heart is also rounder
    atrium = [(-0.09, -0.12), (-0.9 * right, 0.02), (-right, low - 0.28), (-0.85 * right, low - 0.08)]
    apex = [(0.75 * left, low + 0.02), (left, low - 0.10), (bulge, low - 0.26), (0.66 * bulge, low - 0.43)]
    aorta = [(0.14, -0.12), (0.12, -0.22), (0.13, -0.30), (0.11, -0.37), (0.0, -0.42), (-0.08, -0.34)]
    return curve([*atrium, *apex, *aorta, atrium[0]], film.turn)


def _body(film: Film) -> FilmPlane:
    """Soft tissue thickness, about 1 in the middle of the trunk."""
    neck = [(0.15, -1.5), (0.16, -0.98), (0.22, -0.86), (0.5, -0.79), (0.80, -0.70), (0.90, -0.5)]
    flank = curve([*neck, (0.84, -0.2), (0.80, 0.1), (0.80, 0.5), (0.84, 1.5)]) * (film.girth, 1.0)
    arm = curve([(0.6, -0.75), (0.9, -0.7), (1.06, -0.5), (1.16, 0.0), (1.3, 0.6), (1.05, 0.5), (0.9, -0.3)])
    trunk = np.concatenate([flank, (flank * (-1.0, 1.0))[::-1]])
    core = curve([(-0.72, -0.7), (-0.6, 1.5), (0.6, 1.5), (0.72, -0.7)])
    belly = [(-0.8, 0.45), (0.8, 0.45), (0.8, 1.6), (-0.8, 1.6)]
    skin = film.fill(trunk, blur=0.02)
    thickness = film.fill(trunk, blur=0.12, gain=0.35) + film.fill(core, blur=0.2, gain=0.3) + 0.3 * skin
    thickness += film.fill(*both_sides(arm * (film.girth, 1.0)), blur=0.03, gain=0.3) * (1 - skin)
    thickness += film.fill(belly, blur=0.1, gain=0.12)
    breasts = both_sides(ellipse(0.40, 0.24, 0.29, 0.24))
    thickness += film.fill(*breasts, blur=0.02, gain=0.05 if film.sex == "F" else 0.0)
    thickness *= film.girth
    return thickness


def _airways(film: Film) -> FilmPlane:
    """Trachea, main bronchi and the stomach bubble."""
    trachea = curve([(0.0, -1.3), (film.turn / 2, -0.7), (0.01 + film.turn, -0.36)])
    bronchi = [curve([(0.01, -0.37), (x, -0.29), (2 * x, -0.2)], film.turn) for x in (-0.07, 0.08)]
    bubble = ellipse(0.36, film.dome[1] + 0.04 + film.stomach, 0.11, film.stomach)
    tubes = film.paint((trachea, 0.08, 1.0), *((b, 0.045, 0.6) for b in bronchi), blur=0.012, gain=0.15)
    return tubes + film.fill(bubble, blur=0.015, gain=0.22)


def _vessels(film: Film, rng: np.random.Generator) -> FilmPlane:
    """Branches from both hila, thinner and fainter outward."""
    lines: list[Shape] = []
    for side in (-1, 1):
        hilum = np.array([side * 0.13 + film.turn, -0.11 + 0.03 * (side < 0)])
        for angle in np.linspace(-1.35, 1.4, 9) + rng.normal(0, 0.12, 9):
            lines.extend(_twig(rng, hilum, angle, side, 0.024))
    lines.sort(key=lambda line: line[1])
    hila = both_sides(ellipse(0.15, -0.08, 0.05, 0.10))
    return film.paint(*lines, gain=0.11) + film.fill(*hila, blur=0.035, gain=0.16)


def _twig(rng: np.random.Generator, start: Outline, angle: float, side: int, width: float) -> Iterator[Shape]:
    bends = angle + np.cumsum(rng.normal(0, 0.2, 3))
    steps = rng.uniform(0.03, 0.065, 3)[:, None] * np.column_stack([side * np.cos(bends), np.sin(bends)])
    path = start + np.concatenate([[(0.0, 0.0)], np.cumsum(steps, axis=0)])
    yield path, width, min(1.0, 0.25 + 30 * width)
    if width > 0.008:
        for fork in (-1, 1):
            yield from _twig(rng, path[-1], bends[-1] + fork * rng.uniform(0.15, 0.5), side, width * 0.64)


def _bones(film: Film, rng: np.random.Generator) -> FilmPlane:
    backs, fronts = list[Shape](), list[Shape]()
    for number, y in enumerate(np.arange(-0.68, 0.50, 0.122) + rng.normal(0, 0.006, 10)):
        bend = y + 0.10 + film.slope
        edge, low = wall_at(bend) + 0.012, bend + 0.07 + film.slope
        back = [(0.06, y), (0.35 * edge, y - 0.035), (0.72 * edge, y + 0.2 * film.slope), (edge, bend)]
        backs += [(rib, w, v) for rib in both_sides(curve(back)) for w, v in ((0.054, 1.0), (0.038, 0.6))]
        front = [(edge, bend), (0.85 * edge, low), (0.62 * edge, low + 0.09), (0.42 * edge, low + 0.12)]
        if 1 <= number <= 5:
            fronts += [(rib, w, v) for rib in both_sides(curve(front)) for w, v in ((0.056, 0.7), (0.04, 0.45))]
    spine: list[Shape] = [([(-film.turn, -1.5), (-film.turn, 1.5)], 0.16, 0.75)]
    spine += [([(-film.turn, y), (-film.turn, y + 0.08)], 0.14, 1.0) for y in np.arange(-1.2, 1.3, 0.105)]
    cage = film.paint(*backs, gain=film.ribs) + film.paint(*fronts, blur=0.006, gain=0.8 * film.ribs)
    return cage + film.paint(*spine, blur=0.01, gain=0.12)


def _shoulders(film: Film) -> FilmPlane:
    """Clavicles, and scapulae: over the lungs only in the AP view."""
    collar = [(0.06, -0.50), (0.25, -0.57), (0.5, -0.70), (0.80, -0.74)]
    blade = [(0.55, -0.5), (0.66, -0.62), (0.86, -0.64), (0.85, -0.5), (0.72, 0.0), (0.65, -0.1)]
    collars = [(curve(c, film.turn), w, v) for w, v in ((0.06, 0.8), (0.036, 0.5)) for c in both_sides(collar)]
    blades = both_sides(curve([*blade, blade[0]], -0.10 if film.view == "AP" else 0.0))
    return film.fill(*blades, blur=0.008, gain=0.05) + film.paint(*collars, blur=0.005, gain=0.13)


def _fluid(film: Film, rng: np.random.Generator) -> FilmPlane:
    """Pleural fluid: level in the middle, climbing along the chest wall (the meniscus)."""
    side = 1 if rng.random() < 0.5 else -1
    level = film.dome[side] + 0.15 - rng.uniform(*SEVERITY["effusion"])
    x = np.linspace(0.0, 0.75, 40)
    surface = level - rng.uniform(0.16, 0.28) * (x / wall_at(level)) ** 5 - 0.05 * (1 - x / 0.75) ** 4
    outline = np.concatenate([np.column_stack([x, surface]), [(0.75, 1.0), (0.0, 1.0)]])
    return film.fill(outline * (side, 1.0), blur=0.014, gain=0.95)


def _plates(film: Film, rng: np.random.Generator) -> FilmPlane:
    """Plate atelectasis: one or two thin bands above the diaphragm."""
    side = 1 if rng.random() < 0.5 else -1
    plates = []
    for _ in range(int(rng.integers(1, 3))):
        x, y = rng.uniform(0.18, 0.28), film.dome[side] - rng.uniform(0.06, 0.28)
        reach, rise, sag = rng.uniform(0.24, 0.36), rng.uniform(-0.05, 0.09), rng.uniform(-0.025, 0.025)
        line = curve([(x, y), (x + reach / 2, y - rise / 2 + sag), (x + reach, y - rise)])
        half = rng.uniform(0.012, 0.020) * np.sin(np.linspace(0.1, np.pi - 0.1, len(line))) ** 0.5
        edge = half[:, None] * (0.0, 1.0)
        plates.append(np.concatenate([line - edge, (line + edge)[::-1]]) * (side, 1.0))
    return film.fill(*plates, blur=0.006, gain=rng.uniform(*SEVERITY["atelectasis"]))


def _device(film: Film, rng: np.random.Generator) -> FilmPlane:
    """A generator below one clavicle, mostly the left, with one or two leads into the heart."""
    side = 1 if rng.random() < 0.85 else -1
    x, y, lean = side * rng.uniform(0.44, 0.54), rng.uniform(-0.46, -0.34), rng.normal(0, 0.25)
    spin = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    parts = ((-0.09, 0.065, 0.025, 0.5), (0.0, 0.095, 0.08, 0.75), (0.01, 0.06, 0.045, 1.0))
    metal: list[Shape] = [(ellipse(0, v, a, b, 0.55) @ spin + (x, y), 0.0, ink) for v, a, b, ink in parts]
    wires: list[Shape] = []
    for loop, tip in enumerate([(0.20, film.dome[1] - 0.02), (-0.10, 0.10)][: int(rng.integers(1, 3))]):
        vein = [(x - 0.12 * side, y - 0.16 - 0.03 * loop), (0.24 * side, -0.53 - 0.02 * loop)]
        cava = [(0.1 * side, -0.5), (-0.06, -0.4), (-0.08 - 0.01 * loop, -0.1)]
        lead = curve([(x, y - 0.10), *vein, *cava, ((tip[0] - 0.1) / 2, tip[1] + 0.02), tip])
        wires += [(lead, 0.010, 0.4), (lead[-4:], 0.018, 0.7)]
    gain = rng.uniform(*SEVERITY["device"])
    return film.paint(*metal, gain=gain) + film.paint(*wires, blur=0.002, gain=gain)


def _electrodes(film: Film, rng: np.random.Generator) -> FilmPlane:
    """Monitor electrodes and their wires: on any patient, so that a wire alone proves nothing."""
    lines: list[Shape] = []
    for _ in range(film.electrodes):
        x, y = rng.choice((-1, 1)) * rng.uniform(0.15, 0.7), rng.uniform(-0.55, 0.5)
        wire = [(x, y), (1.3 * x, y + 0.1), (rng.normal(1.3, 0.2) * x, y + 0.3), (np.sign(x) * 1.2, y + 0.5)]
        lines += [(curve(wire), 0.009, 0.4), ([(x - 0.016, y), (x + 0.016, y)], 0.032, 1.0)]
    return film.paint(*lines, gain=0.3)


def _develop(film: Film, thickness: FilmPlane, rng: np.random.Generator) -> FilmPlane:
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


def draw_thorax(finding: str, seed: int, size: int = 512, *, exposure: int = 0) -> FilmPlane:
    """One synthetic chest radiograph, (size, size) float32 in [0, 1], dense tissue bright.

    The same seed is the same patient whatever the finding; another exposure number is another
    radiograph of that patient. Raises UsageError for a finding that is not one of ``FINDINGS``, a
    negative seed or exposure, or a size below 64.
    """
    if finding not in FINDINGS:
        raise UsageError(f"no finding is called {finding!r}; there are {', '.join(FINDINGS)}")
    if min(seed, exposure) < 0 or size < 64:
        raise UsageError(f"seed and exposure start at 0 and size at 64, got {seed}, {exposure} and {size}")
    film = Film(seed, exposure, size)
    sign, tree, grain = (np.random.default_rng((seed, *key)) for key in ((2,), (3,), (4, exposure)))
    ratio = sign.uniform(*SEVERITY[finding]) if finding == "cardiomegaly" else film.heart
    heart = film.fill(_heart(film, ratio * (1.06 if film.view == "AP" else 1.0)), blur=0.009)
    lungs = [_lung(film, side) for side in (-1, 1)]
    air = film.fill(*lungs) * (0.5 + 0.5 * film.fill(*lungs, blur=0.08)) * (1 - 0.8 * heart)
    air *= 1 - 0.03 * mottle(size, grain, 20) - 0.03 * mottle(size, grain, 70)
    middle = curve([(0.0, -0.9), (-0.06, -0.6), (-0.08, -0.2), (-0.05, 0.5), (0.08, 0.5), (0.1, -0.5)])
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
