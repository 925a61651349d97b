"""The page: one HTML file that needs nothing else, the same text for the same data.

Its policy lets run the one script whose hash it names, and load nothing from anywhere: what a
candidate is called could not act even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from asiarch.search.report import style
from asiarch.search.report.data import NULL, Asked, Candidate, ReportData
from asiarch.search.report.detail import Around, folded, inside
from asiarch.search.report.figures import edit_effects, motif_table
from asiarch.search.report.outcome import TURNED, outcome
from asiarch.search.report.program import packed
from asiarch.search.report.sections import Section, sections
from asiarch.search.report.table import candidate_table
from asiarch.search.report.text import count, escape, percent
from asiarch.search.report.verdict import verdict

INLINE = 900_000  # characters of candidates' sections; what is beyond is packed, the best last


def page(data: ReportData) -> str:
    """The whole report as the text of an HTML file."""
    data = replace(data, candidates=tuple(_candidates_of(data)))
    parts = list(sections(data))
    script = style.beside("page.js")
    return "".join(
        (
            _head(data.asked, script),
            "<body><header>",
            f"<h1>Search: {escape(data.asked.title)}</h1>",
            f'<p class="warning">{escape(data.asked.warning)}</p>' if data.asked.warning else "",
            _verdict(data),
            _asked(data.asked),
            _contents(parts),
            "</header><main>",
            *(_section(s) for s in parts[:6]),
            _motifs(data),
            _edits(data),
            *(_section(s) for s in parts[6:]),
            *_candidates(data),
            f"</main><script>{script}</script></body></html>\n",
        )
    )


def _candidates_of(data: ReportData) -> Iterator[Candidate]:
    """Each id once; no claim under a protocol that allows none."""
    seen: set[str] = set()
    for c in data.candidates:
        if c.id not in seen:
            seen.add(c.id)
            yield replace(c, claim=c.claim and data.asked.claims)


def _head(asked: Asked, script: str) -> str:
    key = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; script-src 'sha256-{key}'; style-src 'unsafe-inline'; img-src data:"
    )
    sheet = style.variables(":root") + style.figures() + style.sheet("page.css")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>Search: {escape(asked.title)}</title><style>{sheet}</style></head>"
    )


def _verdict(data: ReportData) -> str:
    found = verdict(data)
    said = "".join(f"<li>{escape(s)}</li>" for s in found.said)
    limits = "".join(f"<li>{escape(s)}</li>" for s in found.limits)
    return (
        f'<section id="verdict" aria-label="Verdict"><p class="head">{escape(found.headline)}</p>'
        f"<ul>{said}</ul><h2>What this run cannot show</h2><ul>{limits}</ul></section>"
    )


def _asked(asked: Asked) -> str:
    level = f"{asked.metric}, {asked.unit}, intervals of {percent(asked.level)}"
    rows = {
        "command": asked.command, "protocol": asked.protocol, "protocol hash": asked.protocol_hash,
        "claims": "allowed" if asked.claims else "none, it screens", "effect": level,
        "baseline": f"{asked.baseline}: {asked.chosen}" if asked.chosen else asked.baseline,
        "beyond a candidate's bounds": ", ".join(asked.ceiling), "tasks": ", ".join(asked.tasks),
        **asked.rules,
        "budget": _pairs(asked.budget), "spent": _pairs(asked.spent), "started": asked.started,
        "ended": asked.ended,
        "seed": asked.seed, "code": asked.code, "machine": _pairs(asked.machine),
        "versions": _pairs(asked.versions),
    }  # fmt: skip
    body = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows.items() if v)
    return f'<section id="asked"><h2>What was asked</h2><dl>{body}</dl></section>'


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items())


def _contents(parts: Iterable[Section]) -> str:
    places = [(s.id, s.heading) for s in parts]
    places[6:6] = [("motifs", "What goes along with the effect"), ("edits", "Effects of edits")]
    places += [("candidates", "All candidates"), ("details", "Each candidate")]
    links = "".join(f'<li><a href="#{id}">{escape(name)}</a></li>' for id, name in places)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _section(section: Section) -> str:
    drawn = "".join(f'<div class="wide">{f.svg(alone=False)}</div>' for f in section.figures)
    told = section.stays or any(not f.empty for f in section.figures)
    caption = (
        f"<figcaption>{escape(section.caption)}</figcaption>" if told and section.caption else ""
    )
    several = ' class="several"' if len(section.figures) > 1 else ""
    return (
        f'<section id="{section.id}"><h2>{escape(section.heading)}</h2>'
        f"<figure><div{several}>{drawn}</div>"
        f"{caption}</figure></section>"
    )


def _motifs(data: ReportData) -> str:
    told = data.associations is not None and data.associations.rows
    caption = (
        "<figcaption>None of it is causal: what comes along with success need not bring it. A "
        "motif is a piece of an operator's graph, with each value's kind (seq: a stream, w: a "
        "weight) and number of axes; #1 names what is used twice. Lift is how much oftener "
        "candidates with it beat the baseline than those without; p is corrected for all motifs "
        "asked. Importance is the share of the variance of effects that a forest loses on lineages "
        "it has not seen. The mixed model's number is the difference that goes with the motif, the "
        "model's others being equal. Children inherit motifs and quality alike, so intervals are "
        "over lineages.</figcaption>"
        if told
        else ""
    )
    return (
        '<section id="motifs"><h2>What goes along with the effect</h2><figure>'
        f"{motif_table(data.associations, data.asked).html()}{caption}</figure></section>"
    )


def _edits(data: ReportData) -> str:
    return (
        '<section id="edits"><h2>Effects of edits</h2><figure>'
        f"{edit_effects(data.edit_effects, data.asked).html()}"
        "<figcaption>A child shares its seeds with its parent, so each edit is a small experiment. "
        "Effects are shrunk towards each other (few children of a kind borrow from all), the share "
        "that is better is not. A filled mark is an effect whose interval excludes zero, before "
        "any correction for their number.</figcaption></figure></section>"
    )


def _candidates(data: ReportData) -> Iterator[str]:
    yield '<section id="candidates"><h2>All candidates</h2>'
    yield candidate_table(data.candidates, data.asked)
    yield '</section><section id="details"><h2>Each candidate</h2>'
    by_id = {c.id: c for c in data.candidates}
    coded = [c for c in data.candidates if c.code]
    around = Around(data.asked, by_id, {c.id: i for i, c in enumerate(coded)})
    turned: list[Candidate] = []
    rest: list[Candidate] = []
    for c in data.candidates:
        (turned if outcome(c, claims=data.asked.claims) == TURNED else rest).append(c)
    parts: list[str] = []
    room = INLINE
    for heading, rows in ((_kinds(rest), rest), ("Turned away", turned)):
        if rows:
            yield f"<h3>{heading}, {count(len(rows), 'operator')}</h3>"
        for c in _ordered(rows):
            body = inside(c, around)
            room -= len(body)
            if room < 0:
                parts.append(body)
                body = (
                    f'<div data-part="{len(parts) - 1}">Unpacked by the script of this page.</div>'
                )
            yield folded(c, body, data.asked)
    if not data.candidates:
        yield '<p class="none">There is no candidate yet.</p>'
    yield "</section>"
    for name, texts in (("codes", [c.code for c in coded]), ("parts", parts)):
        yield f'<script type="text/plain" id="{name}">{packed(texts)}</script>'


def _kinds(rows: Sequence[Candidate]) -> str:
    found = ["Candidates that were trained"]
    found += ["panel"] if any(c.panel for c in rows) else []
    found += ["null arm"] if any(c.arm == NULL for c in rows) else []
    return " and ".join([", ".join(found[:-1]), found[-1]] if found[1:] else found)


def _ordered(rows: Iterable[Candidate]) -> list[Candidate]:
    """Claims first, then in the order in which they were proposed, the panel before."""
    return sorted(
        rows, key=lambda c: (not c.claim, not c.confirmed.known, not c.panel, c.order, c.id)
    )
