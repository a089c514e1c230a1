"""imagecodecs as a decoder plug-in of pydicom, for what Pillow does not decode.

Registered for JPEG Extended (12 bit), JPEG Lossless, JPEG-LS, JPEG 2000, High-Throughput JPEG 2000
and RLE (PS3.5 section 8.2 and annex A.4). Pillow comes first where it can decode: JPEG Baseline, and
JPEG 2000 except colours of more than 8 bits. python-gdcm and the GPL libjpeg plug-in are left out on
purpose. What imagecodecs refuses, pydicom's own RLE decoder tries: bytes after the picture, as some
writers leave them, are no damage.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from pydicom import uid
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation

_LABEL: Final = "imagecodecs"
_JPEG: Final = [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1]
_JPEG_LS: Final = [uid.JPEGLSLossless, uid.JPEGLSNearLossless]
_JPEG_2000: Final = [uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K]

# pydicom looks up these two names in a plug-in module.
DECODER_DEPENDENCIES: Final = dict.fromkeys([*_JPEG, *_JPEG_LS, *_JPEG_2000, uid.RLELossless], ("imagecodecs",))


def is_available(_uid: str) -> bool:
    """imagecodecs is a dependency, so always."""
    return True


def register() -> None:
    """Register this module with pydicom's decoders; a second call changes nothing."""
    for syntax in DECODER_DEPENDENCIES:
        decoder = get_decoder(syntax)
        if _LABEL not in decoder.available_plugins:
            decoder.add_plugin(_LABEL, (__name__, "decode_frame"))
            if syntax == uid.RLELossless:  # pydicom's own is seven times slower, and takes bytes after the picture
                decoder.remove_plugin("pydicom")
                decoder.add_plugin("pydicom", ("pydicom.pixels.decoders.rle", "_decode_frame"))


def decode_frame(src: bytes, runner: Any) -> bytes:
    """One compressed frame -> its samples as little-endian bytes, colour by pixel."""
    syntax = runner.transfer_syntax
    if syntax == uid.RLELossless:
        return _decode_rle(src, runner)
    pixels = _decode(src, syntax, runner)
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    runner.set_option("planar_configuration", 0)
    return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()


def _decode(src: bytes, syntax: str, runner: Any) -> np.ndarray[Any, Any]:
    import imagecodecs

    pixels: np.ndarray[Any, Any]
    if syntax in _JPEG_LS:
        pixels = imagecodecs.jpegls_decode(src)
    elif syntax in _JPEG_2000:
        pixels = imagecodecs.jpeg2k_decode(src)
        if runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):
            runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    else:
        pixels = _decode_jpeg(src, runner)
    return pixels


def _decode_jpeg(src: bytes, runner: Any) -> np.ndarray[Any, Any]:
    import imagecodecs

    pixels: np.ndarray[Any, Any]
    if runner.transfer_syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
        try:
            pixels = imagecodecs.jpegsof3_decode(src)
        except imagecodecs.Jpegsof3Error:
            pixels = imagecodecs.ljpeg_decode(src)
        return pixels
    pixels = imagecodecs.jpeg_decode(src)
    if runner.samples_per_pixel == 3:
        runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    return pixels


def _decode_rle(src: bytes, runner: Any) -> bytes:
    import imagecodecs

    dtype = np.dtype(f"<u{runner.bits_allocated // 8}")
    runner.set_option("planar_configuration", 1)
    decoded = bytes(imagecodecs.dicomrle_decode(src, dtype))
    if len(decoded) != runner.frame_length(unit="bytes"):
        raise ValueError("more bytes than a picture")  # pydicom's decoder is asked next
    return decoded
