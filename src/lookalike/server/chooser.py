"""Which galleries a caller may choose from, why others are not open, and what to do where there is none."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fastapi import Request

from lookalike.configuration.setting import GalleryPlace
from lookalike.errors import ForbiddenError, LookalikeError, NotFoundError
from lookalike.roles import ROLES, Role
from lookalike.server.access import count_wrong_key, no_role
from lookalike.server.addressed import address_of
from lookalike.server.callers import Caller
from lookalike.server.contract.answers import FirstStep, GalleryChoice, GalleryList
from lookalike.server.galleries import Galleries, is_missing
from lookalike.server.guard import API
from lookalike.server.problems import Problem, of_error
from lookalike.server.service import Service
from lookalike.text import one_line
from lookalike.verbs.gallery import count_records, encoder_name


def who_asks(request: Request, galleries: Galleries) -> Caller | None:
    """The caller in the gallery that the address names; without a name in that of several where it may do most. None
    where nobody who is known asks.
    """
    named = request.state.gallery or not galleries.several
    services = [request.state.service] if named else galleries.services()
    with suppress(Problem, ForbiddenError):
        callers = _callers(request, [each for each in services if each is not None], galleries)
        return max(callers.values(), key=lambda caller: ROLES.index(caller.role), default=None)
    return None


def gallery_list(request: Request, galleries: Galleries) -> GalleryList:
    """What is answered to a caller. Raises Problem 429 after too many wrong keys, 503 where the identity provider gives
    no answer; ForbiddenError for who is known and has no role in any.
    """
    callers = _callers(request, galleries.services(), galleries)
    items = tuple(_choices(galleries, callers))
    steps = tuple(_first_steps(galleries))
    return GalleryList(items, galleries.several, bool(items or steps), steps)


def chosen_gallery(request: Request, galleries: Galleries, name: str, role: Role) -> Service:
    """Another gallery that a caller names, for who has a role for all of its records. Raises NotFoundError: no gallery
    of that name is open, or the caller may do nothing there; ForbiddenError; Problem 503 as ``Access.known``.
    """
    service = galleries.service(name) if galleries.named(name) else None
    caller = None if service is None else service.access.known(request)
    if service is None or caller is None or not caller.grants:
        raise NotFoundError(f"no gallery {one_line(name)!r} is open to you here; see GET {API}/galleries", "no-gallery")
    if not caller.may(role):
        what = f"this needs the role {role} in {name}; {caller.known_as} is a {caller.role} there"
        raise ForbiddenError(what, "role")
    caller.acts(role).whole()
    return service


def _callers(request: Request, services: list[Service], galleries: Galleries) -> dict[str, Caller]:
    """Who asks, in each gallery where they may do something."""
    asked = {service.name: service.access.known(request) for service in services}
    known = {name: caller for name, caller in asked.items() if caller is not None}
    if not known:
        count_wrong_key(request, galleries.shared.wrong_keys, galleries.settings)
    callers = {name: caller for name, caller in known.items() if caller.grants}
    if known and not callers:
        raise no_role(next(iter(known.values())))
    return callers


def _choices(galleries: Galleries, callers: dict[str, Caller]) -> Iterator[GalleryChoice]:
    """Those that cannot be opened are shown to who administers another one, and to who is alone with the service."""
    open_to_all = not galleries.services() or any(caller.means == "open" for caller in callers.values())
    alone = galleries.settings.alone and open_to_all
    tells = alone or any(caller.role == "admin" for caller in callers.values())
    for name, place in galleries.places.items():
        service = galleries.service(name)
        if service is not None and name in callers:
            yield _choice(service, callers[name])
        elif service is None and tells:
            yield _closed(place, galleries.problems.get(name), alone=alone)


def _choice(service: Service, caller: Caller) -> GalleryChoice:
    name, title, address = service.name, service.title, address_of(service.name)
    try:
        seen = service.seen_by(caller.acts("reader"))
        return GalleryChoice(
            name, title, address, count_records(seen), encoder_name(seen), seen.linked, caller.role, ""
        )
    except LookalikeError as error:
        return GalleryChoice(name, title, address, 0, "", False, caller.role, str(of_error(error).detail))


def _closed(place: GalleryPlace, error: LookalikeError | None, *, alone: bool) -> GalleryChoice:
    """alone: whether only this machine asks, so that paths may be told."""
    if is_missing(place):
        told = f"no gallery is there yet: lookalike index FOLDER --gallery {_folder(place, alone=alone)}"
    elif error is None:
        told = "it is being opened"
    else:
        told = one_line(str(error)) if alone else str(of_error(error).detail)
    return GalleryChoice(place.name, place.title or place.name, address_of(place.name), 0, "", False, None, told)


def _first_steps(galleries: Galleries) -> Iterator[FirstStep]:
    """How the first gallery comes about; nothing where one is open, or one of several is there. One alone that is there
    and not open is still being made, or wants keys: the page waits until something can be asked of it.
    """
    if galleries.services() or (galleries.several and not all(map(is_missing, galleries.places.values()))):
        return
    place = next(iter(galleries.places.values()), GalleryPlace("chest", Path("chest")))
    folder = _folder(place, alone=galleries.settings.alone) if galleries.places else "chest"
    yield FirstStep("Pictures of a folder and of what lies below it", f"lookalike index FOLDER --gallery {folder}")
    yield FirstStep(
        "Or of a PACS, over DICOMweb", f"lookalike pull dicomweb+https://pacs.example/dicom-web --gallery {folder}"
    )
    yield FirstStep("Or what a PACS sends", f"lookalike receive --gallery {folder}")
    if galleries.settings.reached:
        yield FirstStep("A key for the administrator", f"lookalike keys add me --role admin --gallery {folder}")
    if not galleries.places:
        yield FirstStep("Then serve it", f"lookalike serve --gallery {folder}")


def _folder(place: GalleryPlace, *, alone: bool) -> str:
    return shlex.quote(str(place.path) if alone else place.path.name)
