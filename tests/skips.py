"""The tests that may be skipped where every test has to run (LOOKALIKE_NO_SKIPS is set), and why each may.

A skip is green and says nothing: whoever lacks the data or a browser loses a tenth of the tests unseen. So a run
that is to prove something fails on every skip but these.
"""

from __future__ import annotations

import re
from typing import Final

ALLOWED: Final = {
    r"(the package with the weights of litemedsam|the authors' package \w+) is not installed": (
        "half a gigabyte and more, which the development extras leave out"
    ),
    r"the extra 'astra' is not installed": "the same: weights in a package that few will want",
    r"no shared/data beside the project and LOOKALIKE_TEST_DATA is not set": (
        "pictures of people may not lie in the repository; where they lie beside it, these tests run too"
    ),
    r"(namespaces and mounts|control groups) are not this user's to make": (
        "what is deployed is started in namespaces and groups, which a build machine may not give"
    ),
    r"no network namespace can be made|etcd is not installed": (
        "Orthanc, Milvus and Ray listen on every address, so they run in a network of their own or not at all; Milvus "
        "has an etcd within it, and where Debian's etcd-server is, that is killed by itself, too"
    ),
    r"LOOKALIKE_TEST_OHIF does not name the folder of OHIF's built viewer .*": (
        "200 megabytes of somebody else's program; where they are, these tests run too"
    ),
    r"FIFTYONE_PYTHON does not name a Python with FiftyOne and a database": (
        "FiftyOne pins packages of its own and needs a MongoDB; where it is, its operators run too"
    ),
    r"the kernel has no Landlock": "it came with Linux 5.13; the audit hook is tested everywhere",
    r"the package is installed here": "what is said without a package can be seen where it is missing only",
}
"""What a skip says, as a regular expression over the whole of it -> why it is no loss."""


def is_allowed(reason: str) -> bool:
    """Whether a test may be skipped for this reason."""
    said = reason.removeprefix("Skipped: ")
    return any(re.fullmatch(pattern, said) for pattern in ALLOWED)
