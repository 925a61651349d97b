"""Edits of values: insert, delete, replace, rewire, gate, normalise, mix over time."""

from __future__ import annotations

import random

from asiarch.fuzz import tree
from asiarch.fuzz.edit import GATES
from asiarch.fuzz.term import Term
from asiarch.language import ast
from asiarch.search.researcher.draft import Donors, Draft, operator, swap, tight
from asiarch.search.researcher.place import NEVER, Place, Value, stream_of

BOUNDED = ("sigmoid({})", "exp(-softplus({}))", "sigmoid({}) ^ (1 / 16)", "2 * sigmoid({})")


def _wide(v: Value) -> bool:
    """A stream with axes that names can say."""
    return v.term.seq and bool(v.axes) and not v.term.open


def _header(place: Place, v: Value) -> bool:
    return set(v.axes) <= set(place.axes(v.definition))


def _plain(place: Place, rng: random.Random) -> Value | None:
    return place.one(rng, lambda v: _wide(v) and _header(place, v))


def _sources(place: Place, v: Value) -> list[Term]:
    return stream_of(place.names(v.definition, v.statement))


def mapped_from(place: Place, v: Value, axes: tuple[str, ...], rng: random.Random) -> str | None:
    """A learnt map of a stream known there to those axes."""
    sources = [t for t in _sources(place, v) if t.axes]
    if not sources:
        return None
    model = [t for t in sources if t.axes == ("D",)]
    source = rng.choice(model or sources)
    if not axes:
        return f"mean[{', '.join(source.axes)}]({source.text})"
    kept = [a for a in source.axes if a in axes]
    gone = [a for a in source.axes if a not in kept]
    made = [a for a in axes if a not in kept]
    if not gone and not made:
        return f"linear[{', '.join(axes)}]({source.text})"
    if gone and made:
        return f"linear[{', '.join(gone)} -> {', '.join(made)}]({source.text})"
    if gone:
        return f"mean[{', '.join(gone)}]({source.text})"
    return f"linear[{', '.join(source.axes)} -> {', '.join(axes)}]({source.text})"


@operator("gate", 1.5)
def _gate(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A value times a gate that a stream of the program opens."""
    v = _plain(place, rng)
    if v is None:
        return None
    some = tuple(a for a in v.axes if rng.random() < 0.6) or v.axes
    source = mapped_from(place, v, some, rng)
    if source is None:
        return None
    form = rng.choice(["sigmoid({})", "silu({})", "2 * sigmoid({})"])
    return swap(v, f"({tight(place, v)} * {form.format(source)})", f"gate [{', '.join(some)}]")


@operator("insert", 1.5)
def _insert(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A node on an edge: a conv, a norm, a function, a mix with the token before."""
    v = _plain(place, rng)
    if v is None:
        return None
    last = v.axes[-1]
    name = place.fresh("mu")
    forms = [
        ("conv[4]({})", ""), ("conv[3]({})", ""), (f"rmsnorm[{last}]({{}})", ""),
        (f"l2norm[{last}]({{}})", ""), ("silu({})", ""), ("tanh({})", ""),
        ("ema({}, 0.9)", ""), ("cummean[time]({})", ""), (f"softmax[{last}]({{}})", ""),
        (f"({{0}} + {name} * ({{0}}[t-1] - {{0}}))", f"param {name}[{last}] ~ const(0.5)"),
        (f"({{}} * {name})", f"param {name}[{', '.join(v.axes)}] ~ const(1)"),
        (f"({{}} + {name})", f"param {name}[{', '.join(v.axes)}] ~ const(0)"),
    ]  # fmt: skip
    form, line = rng.choice(forms)
    text = tight(place, v) if "({})" not in form or "{0}" in form else place.piece(v.expr)
    return swap(v, form.format(text), form.split("(")[0] or form, [line] if line else [])


@operator("draw", 1.0)
def _drawn(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A value of the typed generator, added to one or in its place."""
    v = _plain(place, rng)
    if v is None or not _sources(place, v):
        return None
    drawing = place.drawing(v, rng)
    new = drawing.expr(v.axes, 2, seq=True)
    if any(word in new.text for word in NEVER):
        return None
    if rng.random() < 0.5 and not new.open:
        new = Term(f"({tight(place, v)} + {new.tight})", new.axes)
    return swap(v, new.tight, "a drawn value", drawing.lines)


@operator("rewire", 1.5)
def _rewire(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A name where another one of its type stands."""
    v = place.one(rng, lambda v: isinstance(v.expr, ast.Name))
    if v is None:
        return None
    names = place.names(v.definition, v.statement)
    others = [t for t in names if set(t.axes) == set(v.axes) and t.seq >= v.term.seq
              and t.text != place.piece(v.expr)]  # fmt: skip
    if not others:
        return None
    new = rng.choice(others)
    return swap(v, new.text, f"{place.piece(v.expr)} to {new.text}")


@operator("delete", 1.2)
def _delete(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A node less: a value gives way to an operand of its type."""
    v = place.one(rng, lambda v: bool(_operands(place, v)))
    if v is None:
        return None
    kept = rng.choice(_operands(place, v))
    text = place.piece(kept.expr)
    new = text if kept.term.atom else f"({text})"
    return swap(v, new, f"without {type(v.expr).__name__.lower()}")


def _operands(place: Place, v: Value) -> list[Value]:
    if isinstance(v.expr, ast.Attend):
        return []
    inner = {id(e) for e in tree.operands(v.expr)}
    return [
        w for w in place.values
        if id(w.expr) in inner and set(w.axes) == set(v.axes) and w.term.seq == v.term.seq
        and not isinstance(v.expr, ast.Paren)
    ]  # fmt: skip


@operator("replace", 1.0)
def _replace(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A value of the program where another one of its type stands."""
    v = place.one(rng, _wide)
    if v is None:
        return None
    here = {t.text for t in place.names(v.definition, v.statement)}
    others = [
        w for w in place.values
        if w.definition is v.definition and w.expr is not v.expr and set(w.axes) == set(v.axes)
        and w.term.seq and not w.term.open and _reads(w) <= here
        and not isinstance(w.expr, ast.Name)
    ]  # fmt: skip
    if not others:
        return None
    w = rng.choice(others)
    return swap(v, tight(place, w), "a value of the program")


def _reads(v: Value) -> set[str]:
    """Names that an expression reads; what is called is none."""
    found: set[str] = set()
    stack = [v.expr]
    while stack:
        e = stack.pop()
        if isinstance(e, ast.Name):
            found.add(e.id)
        if isinstance(e, ast.Attend):
            return {"attend"}
        stack += tree.operands(e)
    return found


@operator("short read", 0.8)
def _short(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A value as it was one to three tokens ago, or with that added."""
    v = _plain(place, rng)
    if v is None:
        return None
    steps = rng.randint(1, 3)
    old = f"{tight(place, v)}[t-{steps}]"
    new = old if rng.random() < 0.3 else f"({tight(place, v)} + 0.5 * {old})"
    return swap(v, new, f"t-{steps}")


# -- without changing the graph --------------------------------------------------------------------


@operator("activation", 0.6, structural=False)
def _activation(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """Another function of one value."""
    v = place.one(rng, lambda v: isinstance(v.expr, ast.Call) and v.expr.name.id in GATES
                  and v.expr.brackets is None)  # fmt: skip
    if v is None or not isinstance(v.expr, ast.Call):
        return None
    name = v.expr.name
    new = rng.choice([g for g in GATES if g not in ("l2norm", name.id)])
    piece = (name.span.start, name.span.end, new)
    return Draft(v.definition.name.id, f"{name.id} to {new}", (piece,))


@operator("bound", 0.6, structural=False)
def _bound(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """Another form of a gate: what a decay or a rate is made by."""
    v = place.one(rng, lambda v: isinstance(v.expr, ast.Call) and v.expr.name.id == "sigmoid")
    if v is None or not isinstance(v.expr, ast.Call):
        return None
    inner = place.piece(v.expr.arguments[0].value)
    form = rng.choice(BOUNDED[1:])
    return swap(v, f"({form.format(inner)})", form)
