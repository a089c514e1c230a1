"""A gallery: a folder, and what is open of it.

gallery/
  gallery.db     the source of truth: records, labels, vectors, spaces, refused files
  store.json     or where that is instead: in a PostgreSQL (``lookalike.store.place``)
  indexes/       the fast copies, made again whenever they are missing, stale or damaged
  adapters/      trained adapters
  sources/       files that came through the server, which are nowhere else
  maps/          records laid out in a plane, made again whenever the vectors have changed

Nothing in it is an order: which files outside may be opened, which jobs run and which keys count is said by the user's
own configuration (``lookalike.ownership``).
"""

from lookalike.gallery.gallery import Gallery
from lookalike.gallery.opening import check_addresses, gallery_folder, gallery_to_fill, is_gallery, open_gallery
from lookalike.gallery.places import EXPORTS, INBOX, OUTSIDE, SOURCES
from lookalike.gallery.spec import spec_fields, spec_of_stored

__all__ = [
    "EXPORTS",
    "INBOX",
    "OUTSIDE",
    "SOURCES",
    "Gallery",
    "check_addresses",
    "gallery_folder",
    "gallery_to_fill",
    "is_gallery",
    "open_gallery",
    "spec_fields",
    "spec_of_stored",
]
