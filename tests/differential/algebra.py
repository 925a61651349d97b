"""A core as a small tree, and the algebra that leaves its meaning alone.

A rewriting takes a core and a random generator and gives another core that computes the same
streams, or None where it has no place. Expressions are tuples: ("name", x), ("num", text),
("prev", state), ("neg", e), (operator, left, right), ("dot", axis, left, right), ("sum", axis, e),
("call", function, e, ...).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from asiarch.interface import parse
from asiarch.language import ast

Expr: TypeAlias = tuple[Any, ...]
Axes: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Core:
    """An op over states: equations in order, the last of a state's being carried."""

    name: str
    header: Axes
    inputs: tuple[tuple[str, Axes], ...]
    params: tuple[tuple[str, Axes, str], ...]
    states: tuple[tuple[str, Axes], ...]
    body: tuple[tuple[str, Expr], ...]
    result: Axes
    value: Expr
    helpers: tuple[str, ...] = ()

    def text(self) -> str:
        formals = ", ".join(f"{n}: Seq[{', '.join(a)}]" for n, a in self.inputs)
        lines = [f"  param {n}[{', '.join(a)}] ~ {i}" for n, a, i in self.params]
        lines += [f"  state {n}[{', '.join(a)}]" for n, a in self.states]
        lines += [f"  {n} = {show(e, True)}" for n, e in self.body]
        head = (
            f"op {self.name}[{', '.join(self.header)}]({formals}) -> Seq[{', '.join(self.result)}]"
        )
        body = "\n".join([*lines, f"  return {show(self.value, True)}"])
        return "\n\n".join([*self.helpers, f"{head} {{\n{body}\n}}"]) + "\n"


# -- text to tree and back -------------------------------------------------------------------------


def read(text: str) -> Core:
    """The core that a text of one op spells."""
    (d,) = parse(text).definitions
    states, params, body, value = [], [], [], None
    for s in d.body:
        match s:
            case ast.State():
                states.append((s.name.id, _axes(s.axes)))
            case ast.Param():
                initial = text[s.initialiser.span.start : s.initialiser.span.end]
                params.append((s.name.id, _axes(s.axes), initial))
            case ast.Equation():
                body.append((s.targets[0].id, _tree(s.value)))
            case ast.Return():
                value = _tree(s.values[0])
            case _:
                raise ValueError(f"no core has a {type(s).__name__}")
    assert value is not None
    inputs = tuple((f.name.id, _axes(f.type.axes)) for f in d.formals if f.type is not None)
    return Core(
        d.name.id, tuple(h.name.id for h in d.header), inputs, tuple(params), tuple(states),
        tuple(body), _axes(d.results[0].axes), value,
    )  # fmt: skip


def _axes(names: Any) -> Axes:
    return tuple(n.id for n in names or ())


def _tree(e: ast.Expr) -> Expr:
    match e:
        case ast.Paren():
            return _tree(e.inner)
        case ast.Name():
            return ("name", e.id)
        case ast.Number():
            return ("num", e.text)
        case ast.Unary():
            return ("neg", _tree(e.operand))
        case ast.Binary():
            return (e.op, _tree(e.left), _tree(e.right))
        case ast.Index(base=ast.Name(id=state)):
            return ("prev", state)
        case ast.Call():
            return ("call", e.name.id, *(_tree(a.value) for a in e.arguments))
        case _:
            raise ValueError(f"no core has a {type(e).__name__}")


def show(e: Expr, outer: bool = False) -> str:
    match e:
        case ("name", x) | ("num", x):
            return str(x)
        case ("prev", x):
            return f"{x}[t-1]"
        case ("neg", x):
            said = f"-{show(x)}"
        case ("dot", axis, x, y):
            return f"dot[{axis}]({show(x, True)}, {show(y, True)})"
        case ("sum", axis, x):
            return f"sum[{axis}]({show(x, True)})"
        case ("call", name, *values):
            return f"{name}({', '.join(show(v, True) for v in values)})"
        case (op, x, y):
            said = f"{show(x)} {op} {show(y)}"
        case _:
            raise ValueError(f"no expression {e}")
    return said if outer else f"({said})"


# -- places ----------------------------------------------------------------------------------------


def parts(e: Expr) -> list[int]:
    """Positions of the operands in an expression's tuple; none inside a call: it is an atom."""
    match e[0]:
        case "name" | "num" | "prev" | "call":
            return []
        case "neg":
            return [1]
        case "sum":
            return [2]
        case "dot":
            return [2, 3]
        case _:
            return [1, 2]


def places(e: Expr) -> Iterator[tuple[tuple[int, ...], Expr]]:
    """Every subexpression with its path."""
    yield (), e
    for i in parts(e):
        for path, inner in places(e[i]):
            yield (i, *path), inner


def put(e: Expr, path: tuple[int, ...], new: Expr) -> Expr:
    if not path:
        return new
    i, *rest = path
    return (*e[:i], put(e[i], tuple(rest), new), *e[i + 1 :])


def mapped(e: Expr, rule: Callable[[Expr], Expr]) -> Expr:
    """Every leaf replaced, those inside calls too."""
    if e[0] in ("name", "num", "prev"):
        return rule(e)
    first = 1 if e[0] not in ("dot", "sum", "call") else 2
    return (*e[:first], *(mapped(x, rule) for x in e[first:]))


def leaves(e: Expr) -> set[Expr]:
    found: set[Expr] = set()
    mapped(e, lambda x: found.add(x) or x)
    return found


def axes(e: Expr, known: Mapping[str, Axes]) -> Axes:
    """The axes of a value, last one last."""
    match e:
        case ("name", x) | ("prev", x):
            return known[x]
        case ("num", _):
            return ()
        case ("neg", x):
            return axes(x, known)
        case ("sum", axis, x):
            return tuple(a for a in axes(x, known) if a != axis)
        case ("dot", axis, x, y):
            left, right = axes(x, known), axes(y, known)
            return tuple(a for a in dict.fromkeys([*left, *right]) if a != axis)
        case ("@", x, y):
            left, right = axes(x, known), axes(y, known)
            return tuple(a for a in dict.fromkeys([*left, *right]) if a != left[-1])
        case ("call", _, *values):
            return tuple(dict.fromkeys(a for v in values for a in axes(v, known)))
        case (_, x, y):
            left, right = axes(x, known), axes(y, known)
            if set(left) < set(right):
                return right
            return tuple(dict.fromkeys([*left, *right]))
    raise ValueError(f"no expression {e}")


def scope(core: Core) -> dict[str, Axes]:
    known = dict(core.inputs) | {n: a for n, a, _ in core.params} | dict(core.states)
    for name, value in core.body:
        known.setdefault(name, axes(value, known))
    known[INPUTS] = tuple(n for n, _ in core.inputs)
    return known


# -- rules of one expression -----------------------------------------------------------------------

Rule: TypeAlias = Callable[[Expr, Mapping[str, Axes]], "Expr | None"]

ONE: Expr = ("num", "1")
INPUTS = "the inputs"
"""Under this key a scope lists the inputs' names."""


def distribute(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("*" | "@" as op, x, ("+" | "-" as s, y, z)):
            return (s, (op, x, y), (op, x, z))
        case ("*" | "/" | "@" as op, ("+" | "-" as s, y, z), x):
            return (s, (op, y, x), (op, z, x))
        case ("dot", axis, x, ("+" | "-" as s, y, z)):
            return (s, ("dot", axis, x, y), ("dot", axis, x, z))
        case ("sum", axis, ("+" | "-" as s, y, z)):
            return (s, ("sum", axis, y), ("sum", axis, z))
        case ("neg", ("+" | "-" as s, y, z)):
            return ("-" if s == "+" else "+", ("neg", y), z)
        case _:
            return None


def factor(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    """x y + x z = x (y + z) for a common first or last factor."""
    match e:
        case ("+" | "-" as s, ("*", x, y), ("*", u, z)) if x == u:
            return ("*", x, (s, y, z))
        case ("+" | "-" as s, ("*", y, x), ("*", z, u)) if x == u:
            return ("*", (s, y, z), x)
        case _:
            return None


def commute(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("*" | "+" as op, x, y):
            return (op, y, x)
        case ("-", x, y):
            return ("+", ("neg", y), x)
        case ("dot", axis, x, y):
            return ("dot", axis, y, x)
        case _:
            return None


def regroup(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("*" | "+" as op, (inner, x, y), z) if inner == op:
            return (op, x, (op, y, z))
        case ("*" | "+" as op, x, (inner, y, z)) if inner == op:
            return (op, (op, x, y), z)
        case ("-", ("+" | "-" as s, x, y), z):
            return (s, x, ("-" if s == "+" else "+", y, z))
        case ("+", x, ("-", y, z)):
            return ("-", ("+", x, y), z)
        case _:
            return None


def subtract_by_adding(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("+", e[1], ("neg", e[2])) if e[0] == "-" else None


def move_sign(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("neg", ("*" | "@" as op, x, y)):
            return (op, ("neg", x), y)
        case ("*" | "@" as op, ("neg", x), y):
            return (op, x, ("neg", y))
        case ("-", x, ("*", y, z)):
            return ("+", x, ("*", ("neg", y), z))
        case _:
            return None


def negate_twice(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("neg", ("neg", e))


def times_one(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("*", ONE, e)


def over_one(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("/", e, ONE)


def plus_nothing(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("+", e, ("num", "0"))


def double_and_halve(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    return ("/", ("+", e, e), ("num", "2"))


def divide_by_reciprocal(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    """x y = x / (1 / y) for an input y, which is not 0."""
    match e:
        case ("*", x, ("name", y)) if y in known[INPUTS]:
            return ("/", x, ("/", ONE, ("name", y)))
        case ("*", ("name", x), y) if x in known[INPUTS]:
            return ("/", y, ("/", ONE, ("name", x)))
        case _:
            return None


def contract_by_name(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("@", x, y):
            return ("dot", axes(x, known)[-1], x, y)
        case ("dot", axis, x, y) if axes(x, known)[-1] == axis:
            return ("@", x, y)
        case _:
            return None


def contract_by_sum(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    match e:
        case ("@", x, y):
            return ("sum", axes(x, known)[-1], ("*", x, y))
        case ("dot", axis, x, y):
            return ("sum", axis, ("*", x, y))
        case ("sum", axis, ("*", x, y)) if axis in axes(x, known) and axis in axes(y, known):
            return ("dot", axis, x, y)
        case _:
            return None


def move_out_of_contraction(e: Expr, known: Mapping[str, Axes]) -> Expr | None:
    """x @ (a y) = (x a) @ y, or a (x @ y) where a has not the contracted axis."""
    match e:
        case ("@", x, ("*", a, y)) if axes(x, known)[-1] in axes(y, known):
            inside = axes(x, known)[-1] in axes(a, known)
            return ("@", ("*", a, x), y) if inside else ("*", a, ("@", x, y))
        case ("*", a, ("@", x, y)) if axes(x, known)[-1] not in axes(a, known):
            return ("@", x, ("*", a, y))
        case ("@", ("*", a, x), y):
            c = axes(("*", a, x), known)[-1]
            return ("*", a, ("@", x, y)) if axes(x, known)[-1] == c not in axes(a, known) else None
        case _:
            return None


LOCAL: dict[str, Rule] = {
    r.__name__: r
    for r in (
        distribute, factor, commute, regroup, subtract_by_adding, move_sign, negate_twice,
        times_one, over_one, plus_nothing, double_and_halve, divide_by_reciprocal,
        contract_by_name, contract_by_sum, move_out_of_contraction,
    )
}  # fmt: skip


def locally(rule: Rule) -> Rewriting:
    """The rule at a random place of the core."""

    def apply(core: Core, rng: random.Random) -> Core | None:
        known = scope(core)
        found: list[Core] = []
        for number, (name, value) in enumerate([*core.body, ("", core.value)]):
            for path, inner in places(value):
                new = rule(inner, known)
                if new is None:
                    continue
                whole = put(value, path, new)
                if number == len(core.body):
                    found.append(replace(core, value=whole))
                else:
                    body = (*core.body[:number], (name, whole), *core.body[number + 1 :])
                    found.append(replace(core, body=body))
        return rng.choice(found) if found else None

    return apply


# -- rules of the whole core -----------------------------------------------------------------------

Rewriting: TypeAlias = Callable[[Core, random.Random], "Core | None"]


def _fresh(core: Core, stem: str) -> str:
    taken = {n for n, _ in core.inputs} | set(scope(core)) | set(core.header)
    return next(n for i in range(1000) if (n := f"{stem}{i}") not in taken)


def _pieces(core: Core) -> list[tuple[int, tuple[int, ...], Expr]]:
    return [
        (number, path, inner)
        for number, (_, value) in enumerate([*core.body, ("", core.value)])
        for path, inner in places(value)
        if inner[0] not in ("name", "num", "prev")
    ]


def _with_value(core: Core, number: int, value: Expr) -> Core:
    if number == len(core.body):
        return replace(core, value=value)
    name = core.body[number][0]
    return replace(core, body=(*core.body[:number], (name, value), *core.body[number + 1 :]))


def name_a_piece(core: Core, rng: random.Random) -> Core | None:
    """A subexpression gets an equation of its own, just before."""
    number, path, inner = rng.choice(_pieces(core))
    name, values = _fresh(core, "piece"), [*(v for _, v in core.body), core.value]
    changed = _with_value(core, number, put(values[number], path, ("name", name)))
    body = (*changed.body[:number], (name, inner), *changed.body[number:])
    return replace(changed, body=body)


def inline_names(core: Core, rng: random.Random) -> Core | None:
    """Every equation that is no state's is put where it is used."""
    states = {n for n, _ in core.states}
    known: dict[str, Expr] = {}
    body: list[tuple[str, Expr]] = []

    def inline(e: Expr) -> Expr:
        return mapped(e, lambda x: known.get(x[1], x) if x[0] == "name" else x)

    for name, value in core.body:
        value = inline(value)
        if name in states:
            if any(("name", name) in leaves(e) for e in known.values()):
                return None
            body.append((name, value))
        else:
            known[name] = value
    return replace(core, body=tuple(body), value=inline(core.value)) if known else None


def outline_a_helper(core: Core, rng: random.Random) -> Core | None:
    """A subexpression becomes a call of an op of its own."""
    known = scope(core)
    number, path, inner = rng.choice(_pieces(core))
    free = sorted(x for x in leaves(inner) if x[0] != "num")
    if not free:
        return None
    names = {x: f"x{i}" for i, x in enumerate(free)}
    formals = ", ".join(f"{names[x]}: Seq[{', '.join(known[x[1]])}]" for x in free)
    result = axes(inner, known)
    inner_axes = sorted({a for x in free for a in known[x[1]]})
    if any(x[1] in {n for n, _, _ in core.params} for x in free):
        return None
    value = mapped(inner, lambda x: ("name", names[x]) if x in names else x)
    helper = f"helper{len(core.helpers)}"
    text = (
        f"op {helper}[{', '.join(inner_axes)}]({formals}) -> Seq[{', '.join(result)}] {{\n"
        f"  return {show(value, True)}\n}}"
    )
    values = [*(v for _, v in core.body), core.value]
    changed = _with_value(core, number, put(values[number], path, ("call", helper, *free)))
    return replace(changed, helpers=(*core.helpers, text))


def rename_values(core: Core, rng: random.Random) -> Core | None:
    """Inputs, states and equations get other names, in another order of the alphabet."""
    names = [n for n, _ in core.inputs] + [n for n, _ in core.states]
    names += [n for n, _ in core.body if n not in names]
    shuffled = rng.sample(names, len(names))
    new = {n: f"{chr(97 + i % 26)}_{shuffled.index(n)}" for i, n in enumerate(names)}

    def rename(e: Expr) -> Expr:
        return mapped(e, lambda x: (x[0], new.get(x[1], x[1])))

    return replace(
        core,
        inputs=tuple((new[n], a) for n, a in core.inputs),
        states=tuple((new[n], a) for n, a in core.states),
        body=tuple((new[n], rename(e)) for n, e in core.body),
        value=rename(core.value),
    )


def rename_axes(core: Core, rng: random.Random) -> Core | None:
    """Axes get other names, in another order of the alphabet."""
    if core.helpers:
        return None
    letters = rng.sample("ABCDEFGILMOPQRUWXYZ", len(core.header))
    new = {a: f"{letter}{a}" for a, letter in zip(core.header, letters, strict=True)}

    def named(given: Axes) -> Axes:
        return tuple(new[a] for a in given)

    def rename(e: Expr) -> Expr:
        done = tuple(rename(x) if isinstance(x, tuple) else x for x in e)
        return (done[0], new[done[1]], *done[2:]) if done[0] in ("dot", "sum") else done

    return replace(
        core,
        header=named(core.header),
        inputs=tuple((n, named(a)) for n, a in core.inputs),
        params=tuple((n, named(a), i) for n, a, i in core.params),
        states=tuple((n, named(a)) for n, a in core.states),
        body=tuple((n, rename(e)) for n, e in core.body),
        result=named(core.result),
        value=rename(core.value),
    )


def transpose_the_state(core: Core, rng: random.Random) -> Core | None:
    """The state's axes are declared in another order."""
    turned = tuple((n, tuple(rng.sample(a, len(a)))) for n, a in core.states)
    return None if turned == core.states else replace(core, states=turned)


def split_the_update(core: Core, rng: random.Random) -> Core | None:
    """S = x + y becomes S = x, then S = S + y; where y holds x, it may now say S."""
    states = {n for n, _ in core.states}
    options = [
        i
        for i, (n, e) in enumerate(core.body)
        if n in states and e[0] in ("+", "-") and ("name", n) not in leaves(e[2])
    ]
    if not options:
        return None
    i = rng.choice(options)
    name, (op, x, y) = core.body[i]
    if rng.random() < 0.5:
        for path, inner in list(places(y)):
            if inner == x:
                y = put(y, path, ("name", name))
                break
    body = (*core.body[:i], (name, x), (name, (op, ("name", name), y)), *core.body[i + 1 :])
    return replace(core, body=body)


def reorder_inputs_of_header(core: Core, rng: random.Random) -> Core | None:
    """The header lists its axes in another order."""
    return replace(core, header=tuple(rng.sample(core.header, len(core.header))))


WHOLE: dict[str, Rewriting] = {
    r.__name__: r
    for r in (
        name_a_piece, inline_names, outline_a_helper, rename_values, rename_axes,
        transpose_the_state, split_the_update, reorder_inputs_of_header,
    )
}  # fmt: skip

REWRITINGS: dict[str, Rewriting] = {n: locally(r) for n, r in LOCAL.items()} | WHOLE
