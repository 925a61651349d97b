"""Motifs: what goes along with the effect, asked of a search's candidates in three ways."""

from __future__ import annotations

import math

from asiarch.search.report.data import Asked, Associations, Estimate, Motif
from asiarch.search.report.figures.rows import Table, glyph, glyphs
from asiarch.search.report.text import MISSING, cut, escape, interval, number

TITLE = "Motifs among the candidates"
NAME, DRAWN = 300.0, 130.0
"""Pixels of a motif's spelling, the whole of which is its tip, and of the drawn interval."""


def motif_table(found: Associations | None, asked: Asked | None = None) -> Table:
    """A row for each motif, the clearest lift first. None of it is causal, and it says so."""
    asked = asked or Asked()
    if found is None:
        return Table(TITLE, '<p class="none">Motifs were not asked about.</p>')
    notes = "".join(f"<p>{escape(n)}</p>" for n in found.notes)
    if not found.rows:
        nothing = "" if notes else '<p class="none">There is no motif to ask about.</p>'
        return Table(TITLE, notes + nothing)
    x = glyphs((_log(r.lift) for r in found.rows), DRAWN)
    heads = (
        "motif", "candidates", "lineages", "logarithm of the lift", "lift", "p", "importance, %",
        f"mixed model, {asked.unit}",
    )  # fmt: skip
    right = ("", *(' class="n"' for _ in heads[1:]))
    head = "".join(
        f'<th scope="col"{side}>{escape(h)}</th>' for h, side in zip(heads, right, strict=True)
    )
    body = "".join(_row(r, glyph(_log(r.lift), x)) for r in found.rows)
    return Table(
        TITLE,
        f'<div class="wide"><table class="motifs"><caption>{escape(_caption(found))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}",
    )


def _caption(found: Associations) -> str:
    score = f"; R\u00b2 of the forest {number(found.score)}" if math.isfinite(found.score) else ""
    return (
        f"{len(found.rows)} of {found.asked} motifs, over {found.candidates} candidates of "
        f"{found.lineages} lineages{score}"
    )


def _row(row: Motif, drawn: str) -> str:
    shown = cut(row.name, NAME, 13)
    tip = f' title="{escape(row.name)}"' if shown != row.name else ""
    numbers = (
        _ratio(row.lift), number(row.adjusted), _percent(row.importance),
        interval(row.term) if row.term.known else MISSING,
    )  # fmt: skip
    counts = "".join(f'<td class="n">{n}</td>' for n in (row.designs, row.lineages))
    rest = "".join(f'<td class="n">{escape(n)}</td>' for n in numbers)
    name = f'<th scope="row"{tip}><code>{escape(shown)}</code></th>'
    return f"<tr>{name}{counts}<td>{drawn}</td>{rest}</tr>"


def _ratio(e: Estimate) -> str:
    """Its ends are far apart, so each has digits of its own."""
    return f"{number(e.value)} ({number(e.low)} to {number(e.high)})"


def _percent(e: Estimate) -> str:
    """One place: a forest's importances are no finer."""
    if not e.bounded:
        return MISSING
    value, low, high = (_tenths(100 * v) for v in (e.value, e.low, e.high))
    return f"{value} ({low} to {high})"


def _tenths(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\u2212") if abs(value) >= 0.05 else "0.0"


def _log(e: Estimate) -> Estimate:
    return Estimate(*(math.log(v) if v > 0 else math.nan for v in (e.value, e.low, e.high)))
