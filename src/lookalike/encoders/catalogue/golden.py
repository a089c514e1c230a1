"""Golden vectors: a few components of each bundled encoder's vector of one drawn picture.

Another library version or machine must give the same numbers, or stored galleries become invalid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.pixels import from_array
from lookalike.types import Image

COMPONENTS: Final = 8  # evenly spread over the vector
TOLERANCE: Final = 1e-4  # absolute, on components of a unit vector

GOLDEN: Final[dict[str, tuple[float, ...]]] = {
    "lite0": (-0.010992, -0.065637, 0.018111, 0.071479, 0.019177, 0.049397, 0.052858, -0.049086),
    "lite1": (-0.038762, 0.093836, 0.0689, -0.022752, -0.025593, 0.026676, -0.041438, 0.027477),
    "lite2": (-0.042158, -0.01788, 0.023221, 0.049435, -0.046847, -0.095833, -0.020741, -0.088041),
    "lite0-inner": (-0.014753, -0.097896, 0.046464, 0.068848, 0.003287, 0.047492, 0.076312, -0.037118),
    "lite0-last": (0.0, 0.010924, 0.009983, 0.002348, 0.0, 0.012429, 0.032678, 0.011071),
    "lite1-inner": (-0.022551, 0.107252, 0.065808, -0.013869, -0.014769, -0.003063, -0.039826, 0.061527),
    "lite2-inner": (-0.027089, 0.015746, 0.010111, 0.050275, -0.061389, -0.103679, -0.01234, -0.082775),
    "litemedsam": (-0.008913, 0.018299, 0.01363, -0.018029, -0.007442, -0.042904, -0.033415, 0.045718),
}


def golden_picture() -> Image:
    """A drawn picture (1, 240, 320, 1) uint8: a disc, a bar, stripes on a ramp; integers only."""
    y, x = np.mgrid[:240, :320]
    plane = x // 4 + y // 3
    plane = np.where((x - 120) ** 2 + (y - 110) ** 2 < 70**2, 230 - plane // 2, plane)
    plane = np.where((x > 220) & (x < 260) & (y > 40), 30 + (y * 7) % 190, plane)
    return from_array((plane + 9 * ((x + 2 * y) // 16 % 2)).astype(np.uint8))


def components(vector: NDArray[np.float32]) -> tuple[float, ...]:
    """The components that are compared: ``COMPONENTS`` of them, evenly spread."""
    index = np.linspace(0, len(vector) - 1, COMPONENTS).astype(int)
    return tuple(round(float(value), 6) for value in vector[index])
