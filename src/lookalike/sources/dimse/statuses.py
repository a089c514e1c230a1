"""What a PACS answers to C-FIND and C-MOVE (DICOM PS3.4 C.4), and what is told where it gives no answer."""

from __future__ import annotations

from typing import Final

DONE: Final = 0x0000
PENDING: Final = (0xFF00, 0xFF01)
CUT_SHORT: Final = (0xFE00, 0xA700)  # of C-FIND: there is more than it lists
NO_DESTINATION: Final = 0xA801
NO_ASSOCIATION, REJECTED, NOT_OFFERED = -1, -2, -3
"""In place of a status: no association came about or it ended on the way, which may pass; the PACS refused it for good;
it does not offer what is asked for.
"""

REJECTIONS: Final = {
    (1, 3): "it does not know the AE title that calls: the part before the @ in the URI",
    (1, 7): "it is not called so: the path in the URI is its AE title",
}
"""Why an association was refused for good, by source and reason of the A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
