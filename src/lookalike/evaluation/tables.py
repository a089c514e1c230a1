"""Tables as aligned text, Markdown, CSV, LaTeX (booktabs) or HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

from lookalike.columns import aligned, paragraphs
from lookalike.errors import UsageError
from lookalike.listed import html_rows
from lookalike.plugins import suggestion

TableRows: TypeAlias = Sequence[Sequence[str]]
Format: TypeAlias = Literal["text", "markdown", "csv", "latex", "html", "json"]
FORMATS: Final[tuple[str, ...]] = get_args(Format)

_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![\d.]|$)")

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "†": r"$^\dagger$",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
}


def render(title: str, rows: TableRows, form: Format) -> str:
    """A table whose first row is the header; as text it fits the terminal's width.

    Raises UsageError for "json", which is for whole results.
    """
    if form == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([_no_formula(c) for c in row] for row in rows)
        return out.getvalue()
    if form == "markdown":
        return _markdown(title, rows)
    if form == "latex":
        return _latex(title, rows)
    if form == "html":
        return html_rows(rows, title)
    if form == "text":
        return _text(title, rows)
    known = [name for name in FORMATS if name != "json"]
    raise UsageError(f"a table cannot be printed as {form!r}.{suggestion(form, known)}")


def as_json(result: Any) -> str:
    """Every field of a result, as ``dataclasses.asdict`` gives them."""
    return json.dumps(asdict(result), indent=2, ensure_ascii=False)


def cell(value: float | None, interval: Sequence[float | None] = (), *, sign: bool = False) -> str:
    """A figure with three places, its interval in brackets; "-" where there is none."""
    if value is None:
        return "-"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    if len(interval) == 2 and interval[0] is not None and interval[1] is not None:
        text += f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return text


def _no_formula(text: str) -> str:
    """Keep a label such as =HYPERLINK(...) a text when the file is opened in a spreadsheet."""
    return "'" + text if _FORMULA.match(text) else text


def _text(title: str, rows: TableRows) -> str:
    return "\n".join([paragraphs([title]), aligned(rows, ruled=True), ""])


def _markdown(title: str, rows: TableRows) -> str:
    lines = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join([f"**{title}**", "", lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])


def _latex(title: str, rows: TableRows) -> str:
    lines = [" & ".join(latex_escape(c) for c in row) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex_escape(title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


class _HasTables(Protocol):
    def tables(self, form: Format = "text") -> str: ...


class Tabled:
    """A report that is made of tables: a notebook shows them as such."""

    def _repr_html_(self: _HasTables) -> str:
        return self.tables("html")


def latex_escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_LATEX.get(character, character) for character in text)
