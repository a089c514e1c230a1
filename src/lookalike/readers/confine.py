"""A decoding thread opens the files it was given and no other, whatever a file or a reader wants.

Two fences. The kernel's (``landlock``), where it has one, holds for native libraries too. Python's own, an audit hook
(PEP 578), holds everywhere for what is opened, listed, changed, started or connected to by Python code. Libraries may
be read, since readers import them. Nothing may be written.
"""

from __future__ import annotations

import errno
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from lookalike.readers.landlock import landlock_version, restrict
from lookalike.readers.seccomp import refuse_calls

Result = TypeVar("Result")

_SYSTEM: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/dev/null", "/dev/urandom"),
)
_SCHEMES: Final = ("stdlib", "platstdlib", "purelib", "platlib")
_MODULES: Final = (".py", ".pyc", ".so", ".zip", ".dist-info", ".egg-info")
_LISTING: Final = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_HARMLESS: Final = ("os.putenv", "os.unsetenv")
# Families of audit events: https://docs.python.org/3/library/audit_events.html
_FAMILIES: Final = frozenset(
    ("os", "shutil", "socket", "subprocess", "pty", "sqlite3", "tempfile", "urllib", "http", "ftplib", "smtplib")
)
_CHANGES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_admitted: list[frozenset[str]] = []  # one set, or none where nothing is confined


def run_confined(files: Iterable[str | Path], work: Callable[[], Result], *, landlock: bool = True) -> Result:
    """The result of ``work`` in a thread of its own that is confined to these files; raises what it raises.

    landlock: whether the kernel is asked to hold it too.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            confine(files, landlock=landlock)
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def confine(files: Iterable[str | Path], *, landlock: bool = True) -> None:
    """Confine this thread to reading these files, links followed, and libraries; for good where the kernel holds it.

    The audit hook holds for all threads, and for the files that were named last. A file that is not there is none.
    """
    given = frozenset(os.path.realpath(file) for file in files)
    libraries = library_places()
    _add_hook()
    if landlock and landlock_version():
        _admitted.clear()
        opened = list(_opened(given))
        try:
            restrict([*_open_libraries(), *opened])
        finally:
            for place in opened:
                os.close(place)
    _admitted[:] = [given.union(libraries)]


def confine_to_folder(folder: Path) -> None:
    """Confine this thread, and those that it starts, to libraries and to what lies below one folder, where it may read
    and write; it connects to nothing and starts nothing. For good, and as far as the kernel can hold it.
    """
    if landlock_version() >= 2:  # the first one lets nobody rename from folder to folder
        opened = list(_opened([str(folder)]))
        try:
            restrict(_open_libraries(), opened)
        finally:
            for place in opened:
                os.close(place)
    refuse_calls()


@cache
def library_places() -> tuple[str, ...]:
    """The folders and files that Python's modules and their libraries are read from; never the current folder.

    Of a folder that is on the path of imports, as a folder of one's own may be, only the packages and modules in it;
    and the folders of packages that are loaded, wherever an editable installation has them.
    """
    known = [sysconfig.get_paths()[name] for name in _SCHEMES]
    known += [*site.getsitepackages(), site.getusersitepackages()]
    known += [os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)]  # noqa: PTH118
    places = {os.path.realpath(place) for place in (*known, *_SYSTEM) if os.path.exists(place)}  # noqa: PTH110
    for entry in filter(None, map(os.path.realpath, filter(None, sys.path))):
        if not _lies_in(entry, places):
            places.update(_modules_of(Path(entry)))
    loaded = (folder for module in [*sys.modules.values()] for folder in getattr(module, "__path__", ()))
    places.update(os.path.realpath(folder) for folder in loaded if os.path.isdir(folder))  # noqa: PTH112
    return tuple(sorted(place for place in places if not _lies_in(os.path.dirname(place), places)))  # noqa: PTH120


def _modules_of(entry: Path) -> Iterator[str]:
    if entry.is_file():
        yield str(entry)
    elif entry.is_dir():
        for each in entry.iterdir():
            if each.suffix in _MODULES or (each / "__init__.py").is_file():
                yield os.path.realpath(each)


@cache
def _open_libraries() -> tuple[int, ...]:
    return tuple(_opened(library_places()))


def _opened(places: Iterable[str]) -> Iterator[int]:
    for place in places:
        try:
            yield os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue


@cache
def _add_hook() -> None:
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _admitted or event in _HARMLESS:
        return
    if event == "open":
        path, _mode, flags = arguments
        allowed = isinstance(path, int) or (not (flags or 0) & _CHANGES and _is_admitted(path, _admitted[0]))
    elif event == "ctypes.dlopen":
        allowed = str(arguments[0]).startswith("/") and _is_admitted(arguments[0], _admitted[0])
    elif event in _LISTING:
        allowed = not isinstance(arguments[0], int) and _is_admitted(arguments[0] or ".", _admitted[0])
    else:
        allowed = event.partition(".")[0] not in _FAMILIES
    if not allowed:
        raise PermissionError(errno.EACCES, "a decoder opens the files it was given and no other")


def _is_admitted(path: str | bytes, admitted: frozenset[str]) -> bool:
    text = os.fsdecode(path)
    return text in admitted or _lies_in(os.path.realpath(text), admitted)  # what is admitted is real


def _lies_in(path: str, places: Iterable[str]) -> bool:
    """Whether a real path is one of the places or lies below one."""
    known = places if isinstance(places, (set, frozenset)) else frozenset(places)
    while path not in known:
        above = path.rpartition("/")[0]
        if not above:
            return False
        path = above
    return True
