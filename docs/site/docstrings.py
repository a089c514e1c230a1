"""How our docstrings become Markdown.

They name arguments and fields in runs ("k: how many hits. space: ..."), which the site shows as a list. A comment
beside a constant (shapes, units) is its docstring. The fields of a dataclass stand in its signature, not once more.
"""

from __future__ import annotations

import re
from typing import Any, Final

from griffe import Attribute, Class, DataclassesExtension, Docstring, Extension, Function, Module, Object

_COMMENT: Final = re.compile(r"\s#\s(?!noqa|type:)(.+)$")


class Docstrings(Extension):
    """Lists for runs of arguments, comments as docstrings."""

    def on_package(self, *, pkg: Module, **_kwargs: Any) -> None:
        """All at once, when every module is known and dataclasses have their signature."""
        DataclassesExtension().on_package(pkg=pkg, loader=None)
        _improve(pkg)


def _improve(obj: Object) -> None:
    if obj.docstring is not None and (known := _arguments(obj)):
        obj.docstring.value = as_list(obj.docstring.value, known)
    if isinstance(obj, Attribute) and obj.docstring is None and (comment := _comment(obj)):
        obj.docstring = Docstring(comment, parent=obj)
    if isinstance(obj, Class) and any("dataclass" in str(decorator.value) for decorator in obj.decorators):
        _fields_into_docstring(obj)
    for member in obj.members.values():
        if not member.is_alias:
            _improve(member)


def _comment(attribute: Attribute) -> str:
    found = _COMMENT.search(attribute.lines[-1]) if attribute.lines else None
    return found[1] if found else ""


def _fields_into_docstring(cls: Class) -> None:
    fields = {
        name: field for name, field in cls.members.items() if isinstance(field, Attribute) and not field.docstring
    }
    comments = [f"- **{name}**: {comment}" for name, field in fields.items() if (comment := _comment(field))]
    if comments:
        said = cls.docstring.value if cls.docstring else ""
        cls.docstring = Docstring("\n".join([said, "", *comments]).strip(), parent=cls)
    for name in fields:
        del cls.members[name]


def _arguments(obj: Object) -> set[str]:
    if isinstance(obj, Function):
        return {parameter.name for parameter in obj.parameters}
    if isinstance(obj, Class):
        made = obj.members.get("__init__")
        taken = {parameter.name for parameter in made.parameters} if isinstance(made, Function) else set()
        return taken | {name for name, member in obj.members.items() if member.is_attribute}
    return set()


def as_list(text: str, known: set[str]) -> str:
    """Each "name: meaning" or "name, name: meaning" that begins a sentence becomes an item of a list."""
    return "\n\n".join(_listed(paragraph, known) for paragraph in text.split("\n\n"))


def _listed(paragraph: str, known: set[str]) -> str:
    names = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    label = rf"(?:^|(?<=[.;:)]\s)|(?<=\n))((?:{names})(?:,\s+(?:{names}))*):\s+"
    first, *rest = re.split(label, paragraph)
    if not rest:
        return paragraph
    items = [
        f"- **{names}**: {' '.join(meaning.split())}" for names, meaning in zip(rest[::2], rest[1::2], strict=True)
    ]
    return "\n".join([first.rstrip(), "", *items]).lstrip("\n")
