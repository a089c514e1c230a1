"""What lies beside images and is none, by its name: tables, notes, viewers, what systems leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lookalike.types import SetApart

_TABLE: Final = "table"
_SUFFIXES: Final[Mapping[str, str]] = {
    _TABLE: ".csv .tsv .xls .xlsx .ods .parquet",
    "note": ".txt .json .jsonl .yaml .yml .toml .xml .ini .cfg .md .rst .html .htm .log .py .ipynb .pdf .doc .docx "
    ".rtf .bval .bvec .sha256 .md5",
    "array file": ".npz",
    "viewer": ".exe .dll .jar .class .inf .ico .icns .bat .cmd .sh .command .msi .cab .ocx .so .dylib .lnk .chm .hlp "
    ".manifest .config .properties .css .js .swf .ttf .woff .woff2 .sys",
}
_KINDS: Final = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_NAMED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("license", "readme", "changes", "participants", "version", "md5sums", "sha256sums"), "note"),
    "dicomdir": "DICOMDIR",
    "lockfile": "system file",
    "thumbs.db": "system file",
    "desktop.ini": "system file",
    "ehthumbs.db": "system file",
}
_SYSTEM_FOLDERS: Final = ("__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found")


def kind_beside(path: Path) -> str:
    """The kind of a file that no reader takes, if its like usually lies beside images: a table, a note, part of a
    viewer; "" for any other, which is refused.
    """
    return _NAMED.get(path.name.lower()) or _KINDS.get(path.suffix.lower(), "")


def kind_of_hidden(name: str, is_folder: bool) -> str:
    """The kind of what is hidden, which is not read; "" for anything else."""
    if not name.startswith("."):
        return ""
    if name.startswith(("._", ".DS_Store", ".Trash", ".Spotlight", ".fseventsd", ".directory")):
        return "system folder" if is_folder else "system file"
    return "hidden folder" if is_folder else "hidden file"


def kind_of_folder(name: str) -> str:
    """The kind of a folder that holds no images and is not walked; "" for any other."""
    name = name.lower()
    return "system folder" if name in _SYSTEM_FOLDERS else "viewer" if name.endswith(".app") else ""


def counted_kinds(apart: Iterable[SetApart]) -> dict[str, int]:
    """How many there are of each kind, the most first."""
    counts: dict[str, int] = {}
    for each in apart:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0].lower())))
