"""The answer to an association request (DICOM PS3.8 9.3.2, PS3.7 D): who may associate, and for what.

Every storage class is taken, private ones too, in the transfer syntax that its context names first: what cannot be
decoded is told when it is indexed, where a reason is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext, build_context, negotiate_unrestricted

from lookalike.receiving.peer import CutError, reject_pdu
from lookalike.receiving.settings import MOST_PDU, ReceiverSettings

VERIFICATION: Final = "1.2.840.10008.1.1"
_LEAST_PDU: Final = 128  # bytes of a peer's PDUs, whatever less it says that it takes
_REJECTED: Final = {"called-aet": (1, 1, 7), "calling-aet": (1, 1, 3), "no-context": (1, 1, 1), "busy": (2, 3, 2)}


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed: abstract and transfer syntax by presentation context, how long a PDU the peer takes, and the
    A-ASSOCIATE-AC.
    """

    contexts: dict[int, tuple[str, str]]
    most_pdu: int
    answer: bytes


def negotiate(request: bytes, address: str, settings: ReceiverSettings, *, has_room: bool = True) -> Agreed:
    """What is agreed with a peer by its A-ASSOCIATE-RQ. Raises CutError, for which ``rejection`` is the answer."""
    asked = _decoded(request)
    if str(asked.called_ae_title).strip() != settings.aet.strip():
        raise CutError("called-aet")
    if not settings.admits(address, str(asked.calling_ae_title).strip()):
        raise CutError("calling-aet")
    try:
        contexts, _roles = negotiate_unrestricted(asked.presentation_context_definition_list, [_verification()])
    except Exception:
        raise CutError("protocol") from None
    taken = {int(each.context_id): each for each in contexts if each.result == 0}
    if not taken:
        raise CutError("no-context")
    if not has_room:
        raise CutError("busy")
    return Agreed(
        {number: (str(each.abstract_syntax), str(each.transfer_syntax[0])) for number, each in taken.items()},
        max(_LEAST_PDU, min(int(asked.maximum_length_received or MOST_PDU), MOST_PDU)),
        _accepted(asked, contexts),
    )


def rejection(reason: str) -> bytes:
    """The A-ASSOCIATE-RJ that says why."""
    return reject_pdu(*_REJECTED.get(reason, (1, 1, 1)))


def _decoded(request: bytes) -> Any:
    """Whatever pynetdicom makes of the bytes of a stranger, the stranger is cut and nothing else happens."""
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(request)
        return pdu.to_primitive()
    except Exception:
        raise CutError("protocol") from None


def _accepted(asked: Any, contexts: list[PresentationContext]) -> bytes:
    answer = A_ASSOCIATE()
    answer.application_context_name = "1.2.840.10008.3.1.1.1"
    answer.calling_ae_title, answer.called_ae_title = asked.calling_ae_title, asked.called_ae_title
    answer.result, answer.result_source = 0, 1
    answer.presentation_context_definition_results_list = contexts
    length, name = MaximumLengthNotification(), ImplementationVersionNameNotification()
    length.maximum_length_received = MOST_PDU
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = AE().implementation_class_uid
    name.implementation_version_name = "LOOKALIKE"
    answer.user_information = [length, implementation, name]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(answer)
    return bytes(pdu.encode())


@cache
def _verification() -> PresentationContext:
    return build_context(VERIFICATION)
