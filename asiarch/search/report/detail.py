"""A candidate's own section: its program, ledger, effects, descent, curves, code and picture."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from asiarch.search.report.data import CONFIRMATION, Asked, Candidate, Edit, Effect
from asiarch.search.report.figures import training_curves
from asiarch.search.report.outcome import outcome, reason
from asiarch.search.report.program import difference, highlighted
from asiarch.search.report.text import MISSING, anchor, clean, effect, escape, interval, number


@dataclass(frozen=True, slots=True)
class Around:
    """What a section needs of the whole: candidates by id, and where each code is kept."""

    asked: Asked
    by_id: Mapping[str, Candidate]
    codes: Mapping[str, int]


def folded(c: Candidate, body: str, asked: Asked) -> str:
    """A section under its line; a link to its anchor opens it."""
    what = outcome(c, claims=asked.claims)
    shown = c.confirmed if c.confirmed.known else c.overall
    head = f"<b><bdi>{escape(c.name)}</bdi></b> <span>{what}</span>"
    if shown.known:
        head += f" <span>{escape(interval(shown))} {escape(asked.unit)}</span>"
    return f'<details class="c" id="{anchor(c.id)}"><summary>{head}</summary>{body}</details>'


def inside(c: Candidate, around: Around) -> str:
    """What stands in the section of a candidate."""
    return "".join(_parts(c, around))


def _parts(c: Candidate, around: Around) -> Iterator[str]:
    why = reason(c)
    if why:
        yield f'<p class="why">Turned away: {escape(why)}.</p>'
    if c.note:
        yield f"<p>{escape(c.note)}</p>"
    yield from (f"<p>Audit: {escape(a)}.</p>" for a in c.audit)
    yield _facts(c, around.asked)
    if c.text:
        yield f"<pre>{highlighted(c.text)}</pre>"
    yield from _descent(c, around)
    yield _ledger(c)
    yield _overall(c, around.asked)
    yield _effects(c, around.asked)
    if c.curves:
        drawn = training_curves(c.curves, c.name).svg(alone=False, key=anchor(c.id))
        yield f'<div class="wide">{drawn}</div>'
    if c.graph:
        yield _picture(c)
    if c.id in around.codes:
        yield (
            '<details><summary>emitted code</summary><pre class="code" '
            f'data-code="{around.codes[c.id]}">Shown by the script of this page.</pre></details>'
        )


def _facts(c: Candidate, asked: Asked) -> str:
    sizes = ", ".join(f"{k} = {v}" for k, v in c.sizes.items())
    near = "; ".join(
        f"{n.name}{f', {n.label}' if n.label else ''}"
        f"{f' (distance {number(n.distance)})' if math.isfinite(n.distance) else ''}"
        for n in c.near
    )
    at = f" on {asked.cost_task}" if asked.cost_task else ""
    costs = [
        f"{number(value)} {name}"
        for name, value in (
            ("parameters", c.parameters), ("FLOPs per token", c.flops),
            (f"state floats{at}", c.state),
            (asked.time_unit, c.time),
        )
        if math.isfinite(value)
    ]  # fmt: skip
    facts = {
        "id": c.id, "arm": c.arm, "op": f"{c.op} with {sizes}" if sizes else c.op,
        "mechanism": ", ".join(f"{k} {v}" for k, v in c.niche.items()), "near to": near,
        "costs": ", ".join(costs), **c.facts,
    }  # fmt: skip
    return _list((k, v) for k, v in facts.items() if v)


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs)
    return f"<dl>{rows}</dl>" if rows else ""


def _descent(c: Candidate, around: Around) -> Iterator[str]:
    """Parents as links, each edit, and what changed in the text of the first parent."""
    if c.parents:
        links = ", ".join(_link(p, around) for p in c.parents)
        yield f"<p>From {links}.</p>"
    if c.edits:
        yield f"<ul>{''.join(map(_edit, c.edits))}</ul>"
    parent = next((around.by_id[p] for p in c.parents if p in around.by_id), None)
    if parent is not None and c.text and parent.text:
        changed = difference(parent.text, c.text)
        if changed:
            yield f"<details open><summary>changed</summary><pre>{changed}</pre></details>"


def _link(id: str, around: Around) -> str:
    known = around.by_id.get(id)
    if known is None:
        return f"<code>{escape(id)}</code>"
    return f'<a href="#{anchor(id)}"><bdi>{escape(known.name)}</bdi></a>'


def _edit(edit: Edit) -> str:
    """`replace gate: none to silu (cognition: card-17)`."""
    source = ": ".join(t for t in (edit.source, ", ".join(edit.cites)) if t)
    said = f"{edit.operator} {edit.where}".strip() + (f": {edit.what}" if edit.what else "")
    return f"<li>{escape(said)}{f' ({escape(source)})' if source else ''}</li>"


def _ledger(c: Candidate) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(claim)}</code></td><td>{escape(verdict)}</td><td>{escape(by)}</td></tr>"
        for claim, verdict, by in c.ledger
    )
    if not rows:
        return ""
    return f"<table><caption>Ledger</caption><tbody>{rows}</tbody></table>"


HEADS = ("task", "seeds", "effect", "shrunk", "P(solved)", "learning rate")
SHRUNK = HEADS.index("shrunk")


def _overall(c: Candidate, asked: Asked) -> str:
    """Over tasks: what it was ranked by, and what its verdict was given on."""
    fresh = {e.seeds for e in c.effects if e.stage == CONFIRMATION}
    chosen = {e.seeds for e in c.effects if e.stage != CONFIRMATION and e.task in asked.claim_tasks}
    found = {
        f"{_seeds(chosen)}selection seeds": f"{interval(c.overall)} {asked.unit}"
        if c.overall.known
        else "",
        f"{_seeds(fresh)}fresh seeds": f"{interval(c.confirmed)} {asked.unit}, for all that were "
        f"confirmed at once; one-sided p {number(c.p)} by Holm"
        if c.confirmed.known
        else "",
    }
    return _list((f"over tasks, {k}", v) for k, v in found.items() if v)


def _seeds(counts: Collection[int]) -> str:
    return f"{max(counts)} " if counts else ""


def _effects(c: Candidate, asked: Asked) -> str:
    if not c.effects:
        return ""
    rows = [_effect(e) for e in c.effects]
    # Who shrinks effects over all tasks has none of one task.
    kept = [i for i in range(len(HEADS)) if i != SHRUNK or any(r[i] != MISSING for r in rows)]
    heads = "".join(f'<th scope="col">{escape(HEADS[i])}</th>' for i in kept)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        f"{''.join(f'<td>{escape(row[i])}</td>' for i in kept[1:])}</tr>"
        for row in rows
    )
    caption = escape(f"Effects, {asked.task_unit} better than the baseline")
    return (
        f'<div class="wide"><table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _effect(e: Effect) -> tuple[str, ...]:
    """Its cells, in the order of `HEADS`."""
    stage = "fresh" if e.stage == CONFIRMATION else "selection"
    rate = number(e.learning_rate) + (", edge" if e.edge else "")
    return (
        e.task, f"{e.seeds} {stage}", interval(e.estimate), effect(e.shrunk),
        interval(e.solved, sign=False), rate,
    )  # fmt: skip


def _picture(c: Candidate) -> str:
    """As an image: nothing in it can act, and its style is its own."""
    data = base64.b64encode(clean_svg(c.graph).encode("utf-8", "replace")).decode("ascii")
    alt = f"Graph of {c.name}: equations as boxes, states rounded, dashed arrows to the next token"
    return (
        '<details><summary>graph</summary><div class="wide">'
        f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}"></div></details>'
    )


def clean_svg(text: str) -> str:
    return "\n".join(clean(line) for line in text.splitlines())
