"""Edits of recurrences: where the decay stands, what is erased, what is read, a state more."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asiarch.fuzz import tree
from asiarch.fuzz.recurrences import draw_state
from asiarch.fuzz.term import Term
from asiarch.language import ast
from asiarch.search.researcher.draft import Donors, Draft, operator, swap, tight
from asiarch.search.researcher.place import NEVER, Place, Value, stream_of
from asiarch.search.researcher.values import mapped_from

DECAYS = (
    "sigmoid({} + {})", "exp(-softplus({} - {}))", "exp(-exp({1}) * softplus({0}))",
    "sigmoid({} + {}) ^ (1 / 16)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """A state of a definition, and an equation of it. `old`: where its last value stands."""

    name: str
    axes: tuple[str, ...]
    definition: ast.Definition
    equation: ast.Equation
    old: tuple[ast.Index, ...]


def memories(place: Place) -> Iterator[Memory]:
    """States with axes, each with every equation that reads its last value."""
    for definition in place.definitions():
        declared = {s.name.id: s for s in definition.body if isinstance(s, ast.State)}
        for equation in definition.body:
            if not isinstance(equation, ast.Equation) or equation.targets[0].id not in declared:
                continue
            name = equation.targets[0].id
            old = tuple(
                e for e in _inside(equation.value)
                if isinstance(e, ast.Index) and isinstance(e.base, ast.Name) and e.base.id == name
            )  # fmt: skip
            axes = tuple(a.id for a in declared[name].axes)
            if old and axes:
                yield Memory(name, axes, definition, equation, old)


def _inside(e: ast.Expr) -> Iterator[ast.Expr]:
    yield e
    for operand in tree.operands(e):
        yield from _inside(operand)


def _value(place: Place, m: Memory) -> Value:
    """The equation as a value, for what is asked of a value's place."""
    return Value(m.equation.value, Term("", m.axes), m.equation, m.definition)


def _new_decay(
    place: Place, m: Memory, axes: tuple[str, ...], rng: random.Random
) -> tuple[str, list[str]] | None:
    """The name of a decay over those axes, and its equation."""
    source = mapped_from(place, _value(place, m), axes, rng)
    if source is None:
        return None
    name, bias = place.fresh("a"), place.fresh("bias")
    brackets = f"[{', '.join(axes)}]" if axes else ""
    equation = f"{name} = {rng.choice(DECAYS).format(source, bias)}"
    return name, [f"param {bias}{brackets} ~ const(2)", equation]


def _placements(m: Memory, place: Place) -> list[tuple[str, ...]]:
    """Axes over which a decay may differ: heads, heads and one side, all."""
    heads = tuple(a for a in m.axes if a == "H")
    rest = [a for a in m.axes if a not in heads]
    return list(dict.fromkeys([heads, *((*heads, a) for a in rest), m.axes]))


@operator("decay", 2.0)
def _decay(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """The decay of a state moves: to heads, to keys, to values, to all, to none; or begins."""
    found = list(memories(place))
    if not found:
        return None
    m = rng.choice(found)
    products = [(o, _product(m.equation.value, o, m.old)) for o in m.old]
    decayed = [(o, p) for o, p in products if p is not None]
    if decayed and rng.random() < 0.3:
        pieces = [(p.span.start, p.span.end, place.piece(o)) for o, p in decayed]
        return Draft(m.definition.name.id, f"{m.name} without decay", tuple(pieces))
    axes = rng.choice(_placements(m, place))
    made = _new_decay(place, m, axes, rng)
    if made is None:
        return None
    name, lines = made
    pieces = [
        (e.span.start, e.span.end, f"({name} * {place.piece(o)})")
        for o, e in ((o, p or o) for o, p in products)
    ]
    start = m.equation.span.start
    pieces.append((start, start, "".join(f"{line}\n  " for line in lines)))
    return Draft(m.definition.name.id, f"decay of {m.name} over [{', '.join(axes)}]", tuple(pieces))


def _product(root: ast.Expr, old: ast.Index, olds: Sequence[ast.Index]) -> ast.Binary | None:
    """The product `a * S[t-1]` whose side the old value is; no decay has the state in it."""
    for e in _inside(root):
        if isinstance(e, ast.Binary) and e.op == "*" and (e.left is old or e.right is old):
            return e if sum(o in olds for o in _inside(e)) == 1 else None
    return None


@operator("erase", 2.0)
def _erase(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """What a write erases first: nothing, what its key holds, what another key holds."""
    found = [m for m in memories(place) if len(m.axes) >= 2]
    if not found:
        return None
    m = rng.choice(found)
    reads = [e for e in _inside(m.equation.value) if _is_read(e, m)]
    if reads:
        return _other_key(place, m, rng.choice(reads), rng)
    return _begin(place, m, rng)


def _is_read(e: ast.Expr, m: Memory) -> bool:
    """`k @ (... S[t-1])`, which an erase term is made of."""
    if not isinstance(e, ast.Binary) or e.op != "@":
        return False
    return any(o in list(_inside(e.right)) for o in m.old)


def _keys(place: Place, m: Memory, axes: Sequence[str]) -> list[Term]:
    return stream_of(place.names(m.definition, m.equation), axes)


def _other_key(place: Place, m: Memory, read: ast.Expr, rng: random.Random) -> Draft | None:
    assert isinstance(read, ast.Binary)
    key = next((v for v in place.values if v.expr is read.left), None)
    if key is None:
        return None
    where = m.definition.name.id
    others = [t for t in _keys(place, m, key.axes) if t.text != place.piece(key.expr)]
    if others and rng.random() < 0.4:
        new = rng.choice(others).text
        return swap(key, new, f"{m.name} erased along {new}")
    if rng.random() < 0.3:
        factor = rng.choice(["0.5 * ", "2 * "])
        piece = (read.span.start, read.span.end, f"({factor}{place.piece(read)})")
        return Draft(where, f"erase of {m.name} times {factor[:-3]}", (piece,))
    source = mapped_from(place, key, key.axes, rng)
    if source is None:
        return None
    name = place.fresh("w")
    return swap(key, name, f"{m.name} erased along a key of its own",
                [f"{name} = l2norm[{key.axes[-1]}]({source})"])  # fmt: skip


def _begin(place: Place, m: Memory, rng: random.Random) -> Draft | None:
    """The value of a write `k * v` becomes its difference to what the state says of the key."""
    old = m.old[0]
    writes = [
        (key, value)
        for e in _inside(m.equation.value)
        if isinstance(e, ast.Binary) and e.op == "*"
        for key in place.values if key.expr is e.left
        for value in place.values if value.expr is e.right
        if set(key.axes) | set(value.axes) == set(m.axes) and key.axes and value.axes
        and set(key.axes) - set(value.axes)
    ]  # fmt: skip
    if not writes:
        return None
    key, value = rng.choice(writes)
    over = [a for a in key.axes if a not in value.axes]
    held = f"dot[{', '.join(over)}]({place.piece(key.expr)}, {place.piece(old)})"
    new = f"({tight(place, value)} - {held})"
    if rng.random() < 0.5:
        heads = tuple(a for a in m.axes if a == "H")
        rate = mapped_from(place, value, heads, rng)
        if rate is not None:
            bound = rng.choice(["sigmoid({})", "2 * sigmoid({})"])
            new = f"({bound.format(rate)} * {new})"
    return swap(value, new, f"{m.name} erases what its key holds")


@operator("read point", 1.0)
def _read_point(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A state read before its update, or after it."""
    states = {m.name for m in memories(place)}

    def reads(v: Value) -> bool:
        if isinstance(v.statement, ast.Equation) and v.statement.targets[0].id in states:
            return False
        e = v.expr.base if isinstance(v.expr, ast.Index) else v.expr
        return isinstance(e, ast.Name) and e.id in states

    v = place.one(rng, reads)
    if v is None:
        return None
    if isinstance(v.expr, ast.Index):
        return swap(v, place.piece(v.expr.base), "read after the update")
    return swap(v, f"{place.piece(v.expr)}[t-1]", "read before the update")


@operator("state", 1.0)
def _state(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A recurrence of the typed generator, what it reads added to a value."""
    v = place.one(rng, lambda v: v.term.seq and bool(v.axes) and not v.term.open
                  and set(v.axes) <= set(place.axes(v.definition)))  # fmt: skip
    if v is None or len(place.axes(v.definition)) < 2:
        return None
    drawing = place.drawing(v, rng)
    before = {t.text for t in drawing.scope}
    if not stream_of(drawing.scope):
        return None
    draw_state(drawing)
    new = [t for t in drawing.scope if t.text not in before and t.seq and t.text[0] in "ohmsS"]
    if not new or any(word in line for line in drawing.lines for word in NEVER):
        return None
    read = drawing.adapted(new[-1], v.axes)
    return swap(v, f"({tight(place, v)} + {read.tight})", "a state more", drawing.lines)
