"""NIfTI, Analyze 7.5 and FreeSurfer files -> a volume Image each, of 4-D files several, by nibabel (extra ``volumes``).

A file is told by its bytes: gzip too, whatever its name says. nibabel accepts affines that are not numbers, dimensions
of zero and gzip streams with a wrong checksum; these are refused here.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.planes import slices_first
from lookalike.readers.limits import MAX_FRAMES, check_volume
from lookalike.readers.pairs import data_beside
from lookalike.readers.voxels import read_voxels
from lookalike.types import Image

_SINGLE: Final = (b"n+1\x00", b"n+2\x00")
_PAIR: Final = (b"ni1\x00", b"ni2\x00")
_HEADER: Final = 540  # bytes: the larger header, of NIfTI-2
_LABELS: Final = (1002, 1003)  # NIFTI_INTENT_LABEL, NIFTI_INTENT_NEURONAME
_CIFTI: Final = range(3000, 3100)  # ConnDense ...: rows and columns are no places
_NAMES: Final = (".nii", ".nii.gz", ".mgz", ".mgh")


class NiftiReader:
    """Reads NIfTI-1 and NIfTI-2, in one file or two, Analyze 7.5 and FreeSurfer's .mgh and .mgz."""

    def matches(self, file: Path) -> bool:
        """By the header's magic, inside gzip too; a header of Analyze has none, but a name and a size."""
        if file.name.lower().endswith(_NAMES):
            return True
        head = _head(file)
        return _magic(head) != b"" or (len(head) >= 348 and _is_analyze(file, head))

    def kind_of(self, file: Path) -> str:
        """What the intent says: "mask" for labels, "CIFTI matrix" for connectivity."""
        head = _head(file)
        order = "little" if head[:4] in (b"\x5c\x01\x00\x00", b"\x1c\x02\x00\x00") else "big"
        at = slice(504, 508) if head[4:8] in (*_SINGLE, *_PAIR) else slice(68, 70)
        intent = int.from_bytes(head[at], order) if _magic(head) else 0  # type: ignore[arg-type]
        return "mask" if intent in _LABELS else "CIFTI matrix" if intent in _CIFTI else ""

    def data_file(self, header: Path) -> str | None:
        """The .img of a .hdr; "" for a file that holds its data itself."""
        head = _head(header)
        if _magic(head) in _SINGLE or not (_magic(head) or _is_analyze(header, head)):
            return ""
        data = data_beside(header)
        return None if data is None else data.name

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """One Image a time point or channel; depth is the axis along which slices were taken (``slices_first``).

        Raises UnreadableImageError.
        """
        try:
            import nibabel  # noqa: F401
        except ImportError:
            raise UnreadableImageError("needs-volumes") from None
        with ExitStack() as streams:
            try:
                opened = _opened(files, streams)
                shape = tuple(int(n) for n in opened.shape)
                affine = np.asarray(opened.affine, np.float64)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise UnreadableImageError("damaged-pixels") from None
            except (MemoryError, OSError, UnreadableImageError):
                raise
            except Exception:  # nibabel raises many types on damaged headers
                raise UnreadableImageError("damaged-header") from None
            yield from _images(opened, shape, affine, files[-1])


def _magic(head: bytes) -> bytes:
    """The magic of a NIfTI-1 or NIfTI-2 header; b"" without one."""
    return next((found for found in (head[344:348], head[4:8]) if found in (*_SINGLE, *_PAIR)), b"")


def _is_analyze(file: Path, head: bytes) -> bool:
    return ".hdr" in file.name.lower()[-7:] and head[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c")


def _stream(file: Path) -> IO[bytes]:
    """The file's content, what gzip has packed unpacked."""
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return gzip.open(file) if packed else file.open("rb")  # type: ignore[return-value]


def _head(file: Path) -> bytes:
    with _stream(file) as stream:
        try:
            return stream.read(_HEADER)
        except (EOFError, zlib.error, gzip.BadGzipFile):  # a damaged stream is no header
            return b""


def _opened(files: Sequence[Path], streams: ExitStack) -> Any:
    """nibabel's image of the files, each read as one stream."""
    from nibabel.fileholders import FileHolder

    opened: list[Any] = [streams.enter_context(_stream(file)) for file in files]
    holders = [FileHolder(fileobj=stream) for stream in opened]
    form = _form(files[0], _head(files[0]))
    names = sorted({kind for kind, _suffix in form.files_types} - {"mat"})  # the header before the image
    if len(names) != len(holders):
        raise UnreadableImageError("incomplete-pair")
    matrix = {"mat": FileHolder(fileobj=io.BytesIO())}  # SPM's third file, which is not read
    return form.from_file_map({**matrix, **dict(zip(names, holders, strict=True))})


def _form(file: Path, head: bytes) -> Any:
    import nibabel

    if (magic := _magic(head)) or file.name.lower().endswith((".nii", ".nii.gz")):
        pairs = {b"ni1\x00": nibabel.Nifti1Pair, b"ni2\x00": nibabel.Nifti2Pair, b"n+2\x00": nibabel.Nifti2Image}
        return pairs.get(magic, nibabel.Nifti1Image)
    if file.name.lower().endswith((".mgz", ".mgh")):
        return nibabel.MGHImage
    forms: tuple[Any, ...] = (nibabel.Spm2AnalyzeImage, nibabel.Spm99AnalyzeImage)
    return next((form for form in forms if form.header_class.may_contain_header(head[:348])), nibabel.AnalyzeImage)


def _check_gzip(file: Path) -> None:
    """Read a gzip stream to its end once, so that a wrong checksum or a truncation is found."""
    try:
        with _stream(file) as stream:
            while isinstance(stream, gzip.GzipFile) and stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error):
        raise UnreadableImageError("damaged-pixels") from None


def _images(opened: Any, shape: tuple[int, ...], affine: NDArray[np.float64], data: Path) -> Iterator[Image]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) < 2:
        raise UnreadableImageError("unsupported-pixels")
    frames = math.prod(shape[3:])
    if min(shape) <= 0 or frames > MAX_FRAMES:
        raise UnreadableImageError("too-large" if frames > MAX_FRAMES else "unsupported-pixels")
    check_volume((*shape, 1)[:3])
    check_affine(affine)
    if frames > 1:  # of one volume the stream is read to its end
        _check_gzip(data)
    for frame in range(frames):
        volume = Image(
            pixels=_channels_last(_values(opened, shape, frame).transpose(2, 1, 0)),
            affine=affine[:, [2, 1, 0, 3]],
            frame=frame,
            frames=frames,
        )
        yield slices_first(volume, _slice_axis(opened, affine))


def _slice_axis(opened: Any, affine: NDArray[np.float64]) -> int | None:
    """The axis, of (k, j, i), along which slices were taken, if the header says so (dim_info).

    dcm2niix turns 3-D acquisitions to (right, front, head) and leaves dim_info as it was: there it says nothing.
    """
    try:
        named = opened.header.get_dim_info()[2]
    except (AttributeError, ValueError):  # Analyze has none
        return None
    turned = (np.argmax(np.abs(affine[:3, :3]), axis=0) == range(3)).all() and (np.diag(affine)[:3] > 0).all()
    return None if named is None or (named == 2 and turned) else 2 - int(named)


def _values(opened: Any, shape: tuple[int, ...], frame: int) -> NDArray[Any]:
    """(i, j, k) of one time point, the others left on disk."""
    rest = tuple(int(n) for n in np.unravel_index(frame, shape[3:], order="F")) if len(shape) > 3 else ()
    try:
        return read_voxels(opened.dataobj, (*shape, 1)[:3], rest)
    except (MemoryError, UnreadableImageError):
        raise
    except Exception:  # damaged or shorter data
        raise UnreadableImageError("damaged-pixels") from None


def check_affine(affine: NDArray[np.float64]) -> None:
    """Raise UnreadableImageError unless every number is finite and the axes span a space."""
    if not np.isfinite(affine).all():
        raise UnreadableImageError("damaged-geometry")
    columns = affine[:3, :3]
    scale = math.prod(np.linalg.norm(columns, axis=0))
    if scale == 0 or abs(np.linalg.det(columns)) < 1e-3 * scale:
        raise UnreadableImageError("damaged-geometry")


def _channels_last(values: NDArray[Any]) -> NDArray[np.generic]:
    """Grey or RGB(A) voxels -> (depth, rows, columns, 1 or 3). Raises UnreadableImageError for others."""
    if values.dtype.names is not None:
        if values.dtype.names[:3] != ("R", "G", "B"):
            raise UnreadableImageError("unsupported-pixels")
        return np.stack([values[name] for name in "RGB"], axis=-1)
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8:
        raise UnreadableImageError("unsupported-pixels")
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise UnreadableImageError("damaged-pixels")
    return values[..., None]
