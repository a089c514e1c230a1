"""How often are images taken for label maps, and label maps for images? ``python -m benchmarks.label_maps FOLDER...``

Every volume file below the folders is judged by its values alone; its name says what it is (``sources.masks``).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from lookalike.errors import UnreadableImageError
from lookalike.readers import named_as_volume, read
from lookalike.readers.labelmaps import is_label_map
from lookalike.sources.files import walk
from lookalike.sources.masks import is_mask


def main(folders: list[str]) -> None:
    """Print a line an error, then the counts."""
    counts: Counter[tuple[str, str]] = Counter()
    for file in filter(named_as_volume, walk(folders)):
        try:
            volume = next(read([file]), None)
        except UnreadableImageError:
            continue
        if volume is not None and len(volume.pixels) > 1:
            named, told = (("image", "label map")[judged] for judged in (is_mask(file), is_label_map(volume.pixels)))
            counts[named, told] += 1
            if named != told:
                print(f"{named} told as {told}: {Path(file)}")
    for (named, told), count in sorted(counts.items()):
        print(f"{named:10} told as {told:10} {count}")


if __name__ == "__main__":
    main(sys.argv[1:])
