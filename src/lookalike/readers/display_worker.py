"""The drawing process: ``python -m lookalike.readers.display_worker FD``, a ``zygote``. Started by ``display``.

A child draws what the encoder sees of one item. The last volume stays decoded, so that one can step through its slices
quickly; another item gets another child.
Nothing is pickled, and the output of parsers is discarded, as in ``worker``.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.errors import UnreadableImageError
from lookalike.readers import format_of, named_as_volume, read, series_of
from lookalike.readers.deidentified_header import Deidentification
from lookalike.readers.geometry import SeriesPart
from lookalike.readers.grouping import SliceFile, volume_files
from lookalike.readers.limits import limit_time
from lookalike.readers.source_image import describe_source_image
from lookalike.readers.without_identity import without_identity
from lookalike.readers.zygote import serve_zygotes
from lookalike.types import Image, Preprocessing, VolumeRecipe

if TYPE_CHECKING:
    import PIL.Image

    from lookalike.grey import GreyMap

_QUALITY: Final = 92
_LARGEST_HEADER: Final = 16 << 20  # bytes: the other end keeps it


def serve_drawing(connection: Connection, _alone: bool) -> None:
    """Serve requests for one item until the other end is closed."""
    while True:
        limit_time(0)
        try:
            request = json.loads(connection.recv_bytes())
            limit_time(request["seconds"])
            answer = _answer(request)
        except (BrokenPipeError, EOFError):
            return
        except UnreadableImageError as error:
            answer = _refusal(error.reason)
        except OSError:
            answer = _refusal("not-readable")
        except MemoryError:
            _last.clear()
            answer = _refusal("out-of-memory")
        except ImportError:
            raise  # the installation is broken, not the file: the process ends
        except Exception:
            answer = _refusal("damaged-pixels")
        connection.send_bytes(answer)


def _refusal(reason: str) -> bytes:
    return json.dumps({"reason": reason}).encode() + b"\n"


def _answer(request: Mapping[str, Any]) -> bytes:
    files = tuple(str(file) for file in request["files"])
    if request["siblings"]:
        return json.dumps({"files": _of_one_series(files)}).encode() + b"\n"
    if (part := request.get("source_image")) is not None:
        volumes = VolumeRecipe(**request["volumes"])
        described = describe_source_image([Path(file) for file in files], part["frame"], part["slice"], volumes)
        return _bounded_header(json.dumps(described).encode()) + b"\n"
    if (given := request.get("deidentification")) is not None:
        options = Deidentification(**{**given, "key": bytes.fromhex(given["key"])})
        suffix, data = without_identity([Path(file) for file in files], options)
        return json.dumps({"suffix": suffix}).encode() + b"\n" + data
    stamps, recipe = tuple(Path(file).stat().st_mtime_ns for file in files), request["volumes"]
    image = _read(files, stamps, request["frame"] or 0, recipe)
    if image.image.frames > 1 and len(image.image.pixels) == 1 and request["frame"] is None:
        image = _read(files, stamps, min(max(request["slice"] or 0, 0), image.image.frames - 1), recipe)
    if len(image.image.pixels) > 1:
        count = len(image.image.pixels)
        number = count // 2 if request["slice"] is None else min(max(request["slice"], 0), count - 1)
        shown = image.slice(number, request["recipe"])
    else:
        number, shown = image.image.frame, image.slice(0, request["recipe"])
        number, count = (0, 1) if request["frame"] is not None else (number, image.image.frames)
    return _message(shown, request["size"], image, files[0], number, count)


def _bounded_header(header: bytes) -> bytes:
    if len(header) > _LARGEST_HEADER:
        raise UnreadableImageError("too-large")
    return header


class _Held:
    """A decoded image, oriented as in the gallery's recipe, and the mapping of its slices to grey."""

    def __init__(self, image: Image, recipe: VolumeRecipe) -> None:
        from lookalike.grey import grey_map, is_hounsfield, with_window_of_file
        from lookalike.pixels import upright
        from lookalike.planes import orient
        from lookalike.readers.burned_in import cleaned_image
        from lookalike.readers.prepared import is_cut

        image = cleaned_image(image, recipe.burned_in)
        self.cut = is_cut(image, recipe)
        self.image = orient(upright(image), recipe.plane) if self.cut else with_window_of_file(image, recipe.window)
        self._grey: GreyMap | None = grey_map(self.image, recipe.window) if self.cut else None
        self.units = "HU" if is_hounsfield(self.image) else ""

    def slice(self, number: int, recipe: str) -> PIL.Image.Image:
        """One slice, as ``slices.cut`` renders it; or a picture, which has only one."""
        from lookalike.pixels import picture
        from lookalike.slices import square_pixels

        if self._grey is None:
            return picture(self.image, Preprocessing.from_fields(json.loads(recipe)).percentiles)
        return square_pixels(self._grey.show(self.image.pixels[number]), self.image.spacing)


_last: dict[Any, _Held] = {}


def _read(files: tuple[str, ...], stamps: tuple[int, ...], frame: int, recipe: Mapping[str, Any]) -> _Held:
    name = (files, stamps, frame, json.dumps(recipe))
    if name not in _last:
        if len(_last) > 1 or any(len(held.image.pixels) > 1 for held in _last.values()):
            _last.clear()  # before decoding the next: two large volumes would not fit
        _last[name] = _Held(_decoded(files, frame), VolumeRecipe(**recipe))
    return _last[name]


def _decoded(files: tuple[str, ...], frame: int) -> Image:
    images = read([Path(file) for file in files])
    image = next((image for image in images if image.frame == frame or _is_one_volume(image)), None)
    if image is None:
        raise UnreadableImageError("no-pixel-data")
    return image


def _is_one_volume(image: Image) -> bool:
    return len(image.pixels) > 1 and image.frames == 1


def _of_one_series(files: Sequence[str]) -> list[str]:
    """The files that make a volume, or several, with the first one; only the first one if it makes none."""
    found = [SliceFile(file, file, "", Path(file).stat().st_size, part) for file in files if (part := _part(file))]
    for group in volume_files(found):
        if group.whole and any(each.file == files[0] for each in (*group.files, *group.copies)):
            return [each.file for each in group.files]
    return [files[0]]


def _part(file: str) -> SeriesPart | None:
    try:
        return series_of(Path(file))
    except UnreadableImageError:
        return None


def _message(shown: PIL.Image.Image, size: int, held: _Held, file: str, number: int, count: int) -> bytes:
    from lookalike.planes import plane_of

    image, (columns, rows) = held.image, shown.size
    dicom = format_of(Path(file)) == "dicom"
    header = {
        "rows": rows,
        "columns": columns,
        "slice": number,
        "depth": count,
        "modality": image.modality,
        "kind": "volume" if len(image.pixels) > 1 else "image",
        "window": None if image.window is None else [float(n) for n in image.window],
        "plane": plane_of(image) if held.cut else "",
        "units": held.units,
        "viewer": "volume" if named_as_volume(Path(file)) else "dicom" if dicom else "picture",
        "held": sum(each.image.pixels.nbytes for each in _last.values()),
    }
    return json.dumps(header).encode() + b"\n" + _jpeg(shown, size)


def _jpeg(shown: PIL.Image.Image, size: int) -> bytes:
    import PIL.Image

    if max(shown.size) > size:
        shown = shown.copy()
        shown.thumbnail((size, size), PIL.Image.Resampling.BILINEAR)
    out = io.BytesIO()
    shown.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


if __name__ == "__main__":
    serve_zygotes(int(sys.argv[1]), serve_drawing)
