"""The interface of a protocol; finding one by name; declaring and checking its options."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from lookalike.errors import UsageError
from lookalike.evaluation.tables import Format
from lookalike.plugins import load_plugin, suggestion
from lookalike.text import one_line

if TYPE_CHECKING:
    from lookalike.gallery import Gallery

PROTOCOL_GROUP: Final = "lookalike.protocols"
PRECISION: Final = "precision"  # the default protocol
Folder: TypeAlias = Literal["", "gallery", "gallery or space"]


class EvaluationReport(Protocol):
    """A protocol's report: a frozen dataclass; ``dataclasses.asdict`` of it is its JSON."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes to read the figures with: the encoder among them, and that this is research software."""

    def tables(self, form: Format = "text") -> str:
        """The figures as tables, in every form."""


Options_contra = TypeVar("Options_contra", contravariant=True)


class EvaluationProtocol(Protocol[Options_contra]):
    """A way to score a gallery, found through the entry point group ``lookalike.protocols``.

    name: for ``--protocol``. title: what it measures, in a line; source: who published it. options: a frozen
    dataclass whose fields are declared with ``option`` and whose defaults run. In every protocol the records of a
    query's own patient never answer it (``rank`` leaves them out), a tuned encoder is not judged by what it was tuned
    on (``contamination.untouched`` says who asks, and what the notes must tell), and the same seed gives the same
    report.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def options(self) -> type[Any]: ...

    def run(self, gallery: Gallery, options: Options_contra, /) -> EvaluationReport:
        """Score a gallery. Raises UsageError where there is nothing to measure."""


def option(
    default: Any,
    help: str,
    *,
    flag: str = "",
    metavar: str = "",
    choices: Sequence[str] = (),
    local: bool = False,
    folder: Folder = "",
    listed: bool = False,
) -> Any:
    """A field of a protocol's options. help: a sentence. flag: what the command calls it, if not ``--name``.
    choices: the values there are. local: it names files of this machine, which a request from elsewhere may not.
    folder: so it does, of a gallery, or else it names a space of this gallery, which such a request may. listed: the
    command takes texts with commas between.
    """
    about = {
        "help": help,
        "flag": flag,
        "metavar": metavar,
        "choices": tuple(choices),
        "local": local or folder != "",
        "folder": folder,
        "listed": listed,
    }
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a protocol as it is shown. flag: "--rank". of: the type of a value; several: it takes many;
    optional: it may be None.
    """

    name: str
    flag: str
    help: str
    metavar: str
    choices: tuple[str, ...]
    local: bool
    default: Any
    of: type[Any]
    several: bool
    optional: bool
    folder: Folder = ""
    listed: bool = False


def protocol_named(name: str) -> EvaluationProtocol[Any]:
    """A protocol by its name. Raises UsageError, with the nearest name, if there is none."""
    found: EvaluationProtocol[Any] = load_plugin(PROTOCOL_GROUP, name)
    return found


def options_of(protocol: EvaluationProtocol[Any]) -> tuple[OptionInfo, ...]:
    """The options that a protocol takes, in the order of their declaration."""
    home = sys.modules[protocol.options.__module__]
    hints = get_type_hints(protocol.options, localns=_Names({**vars(builtins), **vars(home)}))
    return tuple(_info(each, hints[each.name]) for each in fields(protocol.options))


class _Names(dict[str, Any]):
    """The names that an annotation may use; names imported for type checkers only are unknown."""

    def __missing__(self, name: str) -> Any:
        return object


def _info(each: Field[Any], hint: Any) -> OptionInfo:
    about = each.metadata
    kinds = _kinds(hint)
    known = [kind for kind in kinds if kind is not type(None)]
    several = (get_origin(known[0]) or known[0]) is tuple
    of = get_args(_tuple_in(hint))[0] if several else known[0]
    return OptionInfo(
        each.name,
        about.get("flag") or "--" + each.name.replace("_", "-"),
        about.get("help", ""),
        about.get("metavar", ""),
        about.get("choices", ()),
        about.get("local", False),
        None if each.default is MISSING else each.default,
        of if isinstance(of, type) else str,
        several,
        type(None) in kinds,
        about.get("folder", ""),
        about.get("listed", False),
    )


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that a value may have."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (get_origin(hint) or hint,)


def _tuple_in(hint: Any) -> Any:
    return hint if get_origin(hint) is tuple else next(part for part in get_args(hint) if get_origin(part) is tuple)


def checked_options(protocol: EvaluationProtocol[Any], given: Mapping[str, Any]) -> Any:
    """The protocol's options with the given values. Raises UsageError for an option that it does not take, or a value
    that is none of the choices or not of the type.
    """
    known = {each.name: each for each in options_of(protocol)}
    for name in given:
        if name not in known:
            raise UsageError(f"the protocol {protocol.name!r} has no option {name!r}.{_allowed(name, known)}")
    return protocol.options(**{name: _checked(known[name], value) for name, value in given.items()})


def _allowed(name: str, known: Mapping[str, OptionInfo]) -> str:
    near = suggestion(name, known)
    return near if near.startswith(" Known") else f"{near} Known: {', '.join(sorted(known))}."


def remote_options(name: str, given: Mapping[str, Any], spaces: Collection[str] = ()) -> dict[str, Any]:
    """Options that came from another machine, for the protocol of that name. spaces: of the gallery. Raises UsageError
    for one that it does not have, or that names files of this machine.
    """
    protocol = protocol_named(name)
    for each in options_of(protocol):
        harmless = each.folder == "gallery or space" and given.get(each.name) in (None, *spaces)
        if each.local and each.name in given and not harmless:
            raise UsageError(f"{each.name} names files of this machine; ask on it: lookalike evaluate {each.flag}")
    checked_options(protocol, given)
    return dict(given)


def told_options(protocol: EvaluationProtocol[Any], options: Any) -> dict[str, Any]:
    """The options of a run as a report tells them: all but those that name files, of galleries the folder's name."""
    told: dict[str, Any] = {}
    for each in options_of(protocol):
        value = getattr(options, each.name)
        if not each.local:
            told[each.name] = value
        elif each.folder and value is not None:
            told[each.name] = one_line(Path(value).name)
    return told


def _checked(info: OptionInfo, value: Any) -> Any:
    """A value checked, with a list as a tuple. Raises UsageError."""
    if value is None and info.optional:
        return None
    if info.several and (isinstance(value, str) or not isinstance(value, Sequence)):
        raise UsageError(f"{info.name} takes a list, got {value!r}")
    values = tuple(value) if info.several else (value,)
    for each in values:
        if info.choices and each not in info.choices:
            raise UsageError(f"{info.name} is one of {', '.join(info.choices)}; got {each!r}")
        if not _FITS.get(info.of, _anything)(each):
            raise UsageError(f"{info.name} is {_WORDS[info.of]}, got {each!r}")
    return values if info.several else value


def _anything(_value: Any) -> bool:
    return True


_FITS: Final[dict[type[Any], Callable[[Any], bool]]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, Integral) and not isinstance(value, bool),
    float: lambda value: isinstance(value, Real) and not isinstance(value, bool),
    str: lambda value: value is not None and not isinstance(value, Real),
}
_WORDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
