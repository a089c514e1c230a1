"""Evidence as a web page that prints well: one file with its pictures in it, and no script."""

from __future__ import annotations

import base64
from html import escape

from lookalike.plots.evidence import EvidenceHit, SearchEvidence
from lookalike.plots.self_contained import filled_template, page_part, policy_hash


def evidence_page(evidence: SearchEvidence) -> str:
    """The page's HTML. The policy in its head lets it load and run nothing."""
    style, count = page_part("evidence.css"), len(evidence.hits)
    return filled_template(
        "evidence.html",
        {
            "title": escape(evidence.title),
            "disclaimer": escape(evidence.notes[-1]),
            "style": style,
            "style_hash": policy_hash(style),
            "picture": _picture(evidence.picture, "The query"),
            "query": escape(f"Query: {evidence.query}"),
            "told": "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in evidence.told),
            "count": f"{count} most alike" if count else "No hits",
            "answer": escape(evidence.answer),
            "hits": "".join(map(_hit, evidence.hits)),
            "notes": "".join(f"<li>{escape(note)}</li>" for note in evidence.notes),
        },
    )


def _hit(hit: EvidenceHit) -> str:
    lines = [hit.percentile, hit.labels, hit.facts]
    told = "".join(f"<div>{escape(line)}</div>" for line in lines if line)
    head = f"<div><b>{hit.rank}.</b> {escape(hit.score)}</div>"
    return f'<li>{_picture(hit.jpeg, f"Number {hit.rank}")}{head}{told}<div class="id">{escape(hit.id)}</div></li>'


def _picture(jpeg: bytes, alt: str) -> str:
    if not jpeg:
        return '<div class="none">no picture</div>'
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{escape(alt)}">'
