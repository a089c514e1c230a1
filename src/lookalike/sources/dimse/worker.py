"""The process that talks to a PACS: ``python -m lookalike.sources.dimse.worker``, limited in memory.

pynetdicom holds a whole PDU in memory, however long it says that it is, and waits for one that trickles: so this
process may have little, and its parent (``scu``) ends it where it takes too long. Its parent gives it the peer as a
line of JSON, then a request a line, and reads the answers: the asked attributes of each row of a C-FIND, or how far a
C-MOVE is; each request's last line has "status".
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pydicom.config
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove

from lookalike.sources.dicomweb.login import PacsLogin
from lookalike.sources.dimse.statuses import NO_ASSOCIATION, NOT_OFFERED, PENDING, REJECTED

_MEMORY_BYTES: Final = 512 << 20  # of addresses; the libraries take half of them
_MOST_ROWS: Final = 1_000_000  # of one C-FIND
_MOST_PDU: Final = 1 << 17
_LONGEST: Final = 128  # characters of a value
_PASSING: Final = 2  # an A-ASSOCIATE-RJ that says "transient" (PS3.8 9.3.4)

_Line = Mapping[str, Any]


def main() -> None:
    """Answer until standard input ends."""
    logging.disable()
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # UIDs are checked where they are used
    peer = _Peer(json.loads(sys.stdin.readline()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin:
        for answer in peer.answers(json.loads(line)):
            print(json.dumps(answer), flush=True)
    peer.leave()


class _Peer:
    """A PACS, with an association that is kept from request to request while it lasts."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told, self._entity = told, _entity(told)
        self._association: Association | None = None
        login = PacsLogin(**told["tls"]) if told["tls"] is not None else None
        self._tls = (login.context(), str(told["host"])) if login is not None else None

    def answers(self, request: Mapping[str, Any]) -> Iterator[_Line]:
        """The lines that answer a request."""
        association = self._associated()
        if not association.is_established:
            yield _refusal(association)
            return
        association.dimse_timeout = self._told["seconds" if "to" in request else "silence"]
        try:
            yield from _moved(association, request) if "to" in request else _found(association, request)
        except ValueError:  # no presentation context for it was accepted
            yield {"status": NOT_OFFERED}

    def leave(self) -> None:
        """End the association."""
        if self._association is not None and self._association.is_established:
            self._association.release()

    def _associated(self) -> Association:
        if self._association is None or not self._association.is_established:
            told = self._told
            self._association = self._entity.associate(
                told["host"], told["port"], ae_title=told["called"], max_pdu=_MOST_PDU, tls_args=self._tls
            )
        return self._association


def _entity(told: Mapping[str, Any]) -> AE:
    entity = AE(ae_title=told["calling"])
    entity.acse_timeout = entity.connection_timeout = told["silence"]
    entity.network_timeout = None  # between two requests the PACS may be silent for as long as it likes
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
    return entity


def _refusal(association: Association) -> _Line:
    """Why there is no association: whether asking again may help, and the PACS's reason."""
    said = association.acceptor.primitive if association.is_rejected else None
    if said is None or said.result == _PASSING:
        return {"status": NO_ASSOCIATION}
    return {"status": REJECTED, "why": [said.result_source, said.diagnostic]}


def _asked(request: Mapping[str, Any]) -> Dataset:
    asked = Dataset()
    asked.QueryRetrieveLevel = request["level"]
    for keyword, value in request["keys"].items():
        setattr(asked, keyword, value)
    return asked


def _found(association: Association, request: Mapping[str, Any]) -> Iterator[_Line]:
    status, rows = NO_ASSOCIATION, 0
    for told, identifier in association.send_c_find(_asked(request), StudyRootQueryRetrieveInformationModelFind):
        status = int(told.get("Status", NO_ASSOCIATION))
        if status in PENDING and identifier is not None and (rows := rows + 1) <= _MOST_ROWS:
            yield {"row": {keyword: _text(identifier.get(keyword)) for keyword in request["keys"]}}
    yield {"status": status, "more": rows > _MOST_ROWS}


def _moved(association: Association, request: Mapping[str, Any]) -> Iterator[_Line]:
    status = NO_ASSOCIATION
    for told, _failed in association.send_c_move(
        _asked(request), request["to"], StudyRootQueryRetrieveInformationModelMove
    ):
        status = int(told.get("Status", NO_ASSOCIATION))
        yield {"left": int(told.get("NumberOfRemainingSuboperations", 0) or 0)}
    yield {"status": status}


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip("\0 ")[:_LONGEST]


if __name__ == "__main__":
    main()
