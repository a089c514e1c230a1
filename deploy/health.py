"""Whether a service of this container answers: ``health.py http://127.0.0.1:8765/healthz``, or ``health.py
dimse://LOOKALIKE@127.0.0.1:11112`` (C-ECHO, as HEALTH). Exit code 0 or 1, and one line. The image has neither curl nor
dcmtk.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

SECONDS = 5


def http(address: str) -> str:
    """The status of an answer. Raises OSError where there is none, or another than 2xx."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=SECONDS) as answer:
        return str(answer.status)


def echo(address: str) -> str:
    """C-ECHO (DICOM PS3.4 A.5). Raises OSError unless it succeeds."""
    from pynetdicom import AE
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

    place = urlsplit(address)
    entity = AE("HEALTH")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = SECONDS
    entity.add_requested_context(Verification)
    association = entity.associate(place.hostname, place.port, ae_title=place.username or "ANY-SCP")
    if not association.is_established:
        raise OSError("no association")
    status = association.send_c_echo().get("Status")
    association.release()
    if status != 0:
        raise OSError(f"status {status}")
    return "0000"


def main(address: str) -> int:
    """Ask, say what was answered."""
    try:
        print(address, echo(address) if address.startswith("dimse:") else http(address))
    except OSError as error:
        print(address, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
