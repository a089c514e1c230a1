"""What tries to get at other files: headers that name them, and a third party's reader that does what its file says."""

from __future__ import annotations

import os
from pathlib import Path

from plugged import install

SOURCE = '''
import ctypes, os, shutil, socket, struct, subprocess
import numpy as np
from lookalike.types import Image

libc = ctypes.CDLL(None, use_errno=True)


def native(call, *arguments):
    """A system call past Python and its audit hook."""
    answer = getattr(libc, call)(*arguments)
    if answer < 0:
        raise PermissionError(ctypes.get_errno(), call)
    return answer


def native_connect(port):
    opened = native("socket", 2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack(">H", int(port)) + bytes([127, 0, 0, 1] + [0] * 8)
    return native("connect", opened, address, 16)


def contents(path):
    with open(path, "rb") as opened:
        return opened.read()


def descriptors(path):
    for name in range(3, 40):
        contents(f"/proc/self/fd/{name}")


DEEDS = {
    "read": contents,
    "descriptor": lambda path: os.read(os.open(path, os.O_RDONLY), 99),
    "list": lambda path: repr(os.listdir(path)).encode(),
    "scan": lambda path: repr([each.name for each in os.scandir(path)]).encode(),
    "write": lambda path: open(path, "wb").write(b"x"),
    "append": lambda path: open(path, "ab").write(b"x"),
    "update": lambda path: open(path, "r+b").write(b"x"),
    "remove": os.remove,
    "rename": lambda path: os.rename(path, path + ".moved"),
    "link": lambda path: os.link(path, path + ".linked"),
    "symlink": lambda path: os.symlink(path, path + ".symlinked"),
    "mkdir": lambda path: os.mkdir(path + ".made"),
    "chmod": lambda path: os.chmod(path, 0o777),
    "truncate": lambda path: os.truncate(path, 0),
    "copy": lambda path: shutil.copyfile(path, path + ".copied"),
    "connect": lambda port: socket.create_connection(("127.0.0.1", int(port))),
    "run": lambda path: subprocess.run(["cat", path], capture_output=True, check=True).stdout,
    "system": lambda path: os.system("touch " + path + ".touched"),
    "fork": lambda path: os.fork() or os._exit(0),
    "load": lambda path: ctypes.CDLL(path),
    "native-read": lambda path: os.read(native("open", os.fsencode(path), 0), 99),
    "native-write": lambda path: native("open", os.fsencode(path), 1),
    "native-make": lambda path: native("open", os.fsencode(path + ".made"), 0o101, 0o600),
    "native-mkdir": lambda path: native("mkdir", os.fsencode(path + ".made"), 0o700),
    "native-remove": lambda path: native("unlink", os.fsencode(path)),
    "native-symlink": lambda path: native("symlink", os.fsencode(path), os.fsencode(path + ".symlinked")),
    "native-connect": native_connect,
    "native-socket": lambda path: native("socket", 2, 2, 0),
    "native-unix": lambda path: native("socket", 1, 1, 0),
    "native-fork": lambda path: native("fork") or os._exit(0),
    "native-run": lambda path: native("execv", b"/bin/cat", (ctypes.c_char_p * 2)(b"cat", None)),
}


class Reader:
    def matches(self, file):
        return file.suffix == ".pry"

    def read(self, files):
        deed, _, place = files[0].read_text().partition(" ")
        got = DEEDS[deed](place)
        data = np.frombuffer((got if isinstance(got, bytes) and got else b"done").ljust(64), np.uint8)
        yield Image(pixels=np.resize(data, (1, 64, 64, 1)))
'''


def install_prying(folder: Path) -> str:
    """Install the reader into a folder; the path of imports with it."""
    site = install(folder, "acme-pry", {"lookalike.readers": {"pry": "acme_pry:Reader"}}, {"acme_pry": SOURCE})
    return os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])


def plant(folder: Path, port: int) -> dict[str, str]:
    """Canaries beside the files and above them, and what is tried: the line of each file by its name."""
    inside = folder / "in"
    inside.mkdir(parents=True)
    for canary in (folder / "canary", inside / "canary.txt", folder / "lib.so"):
        canary.write_bytes(CANARY)
    (inside / "link.txt").symlink_to(folder / "canary")
    (inside / "up").symlink_to(folder)
    places = {
        "system": "/etc/passwd",
        "above": folder / "canary",
        "sibling": inside / "canary.txt",
        "link": inside / "link.txt",
        "relative": os.path.relpath(folder / "canary"),
        "through": inside / "up" / "canary",
        "environment": "/proc/self/environ",
        "maps": "/proc/self/maps",
        "parent": "/proc/1/environ",
        "opened": "/proc/self/fd/3",
        "cwd": "/proc/self/cwd/pyproject.toml",
        "root": f"/proc/self/root{folder}/canary",
        "dots": f"{inside}/../canary",
    }
    deeds = {f"{deed}-{name}": f"{deed} {place}" for name, place in places.items() for deed in READING}
    deeds |= {deed: f"{deed} {folder / 'canary'}" for deed in CHANGING}
    deeds |= {deed: f"{deed} {port}" for deed in ("connect", "native-connect")}
    deeds |= {deed: f"{deed} {folder}" for deed in ("list", "scan", *KERNEL_ALONE)}
    return {**deeds, "load": f"load {folder / 'lib.so'}"}


CANARY = b"CANARY^PATIENT^7f3a" * 3
KERNEL_ALONE = ("native-socket", "native-unix", "native-fork")  # what seccomp refuses, and Landlock does not
READING = ("read", "descriptor", "native-read")
CHANGING = (
    *("write", "append", "update", "remove", "rename", "link", "symlink", "mkdir", "chmod", "truncate", "copy", "run"),
    *("system", "fork", "native-write", "native-make", "native-mkdir", "native-remove", "native-symlink", "native-run"),
)

META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 64 64 4\nElementSpacing = 1 1 1\n"
    "ElementType = MET_UCHAR\n{}"
)
NRRD = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 64 64 4\nencoding: raw\n{}"
VOXELS = bytes(range(256)) * 64

# What follows the header's first lines; {0} is the folder of the files, a.raw lies in it, canary above it.
META_POINTS = {
    "absolute": "ElementDataFile = {0}/../canary\n",
    "up": "ElementDataFile = ../canary\n",
    "folder": "ElementDataFile = ./a.raw\n",
    "colon": "ElementDataFile : ../canary\n",
    "spaces": "   ElementDataFile   =   ../canary\n",
    "tabs": "\tElementDataFile\t=\t../canary\n",
    "return": "ElementDataFile = ../canary\r\n",
    "lower": "elementdatafile = a.raw\n",
    "spelled": "Element Data File = a.raw\n",
    "broken": "ElementDataFile\n= ../canary\n",
    "first": "ElementDataFile = ../canary\nElementDataFile = a.raw\n",
    "list": "ElementDataFile = LIST\n../canary\n",
    "list 2": "ElementDataFile = LIST 2\na.raw\n",
    "listing": "ElementDataFile = LISTing\n",
    "small list": "ElementDataFile = list\na.raw\n",
    "pattern": "ElementDataFile = a%03d.raw 1 4 1\n",
    "backslash": "ElementDataFile = ..\\canary\n",
    "blank": "ElementDataFile = a.raw \n",
    "local": "ElementDataFile = LOCAL \n",
    "self": "ElementDataFile = .\n",
    "nothing": "ElementDataFile = \n",
    "device": "ElementDataFile = /dev/zero\n",
    "process": "ElementDataFile = /proc/self/environ\n",
    "end": "HeaderSize = -1\nElementDataFile = ../canary\n",
    "leads out": "ElementDataFile = out.raw\n",
}
NRRD_POINTS = {
    "absolute": "data file: {0}/../canary\n",
    "up": "data file: ../canary\n",
    "capitals": "DATA FILE: ../canary\n",
    "one word": "datafile: ../canary\n",
    "equals": "data file:=../canary\n",
    "underline": "data_file: a.raw\n",
    "twice": "data file: a.raw\ndata file: ../canary\n",
    "list": "data file: LIST\n../canary\n",
    "list of planes": "data file: LIST 2\na.raw\n",
    "pattern": "data file: a%03d.raw 1 4 1\n",
    "input": "data file: -\n",
    "blank": "data file: a.raw \n",
    "skip": "byte skip: -1\ndata file: ../canary\n",
    "lines": "line skip: 2\ndata file: ../canary\n",
    "leads out": "data file: out.raw\n",
    "backslash": "data file: ..\\canary\n",
}


def leading_elsewhere(folder: Path) -> dict[str, bytes]:
    """Headers for a folder with a.raw, by their names; each names something else, or a.raw in a way that has two
    readings.
    """
    return {
        f"{name}{suffix}": form.format(text.format(folder)).encode()
        for points, form, suffixes in ((META_POINTS, META, (".mhd", ".mha")), (NRRD_POINTS, NRRD, (".nhdr", ".nrrd")))
        for name, text in points.items()
        for suffix in suffixes
    }
