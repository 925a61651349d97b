"""Expressions: each becomes a function of the token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from asiarch.fuzz.surface import calls
from asiarch.fuzz.surface.entries import OPERATORS
from asiarch.fuzz.surface.frame import Counted, Frame, Shared, State, at_tokens
from asiarch.fuzz.surface.static import NotStatic, number, whole
from asiarch.fuzz.surface.value import (
    NOWHERE,
    Thunk,
    Value,
    contracted,
    entrywise,
    joined,
    scalar,
    zeros_like,
)
from asiarch.language import ast


def value(f: Frame, e: ast.Expr) -> Thunk:
    """What an expression is at each token. Raises KeyError for a name that is not bound."""
    found = _value(f, e)
    return found if f.pair else at_tokens(found)


def _value(f: Frame, e: ast.Expr) -> Thunk:
    match e:
        case ast.Number():
            return constant(float(e.text))
        case ast.Name():
            return _named(f, e.id)
        case ast.Paren():
            return value(f, e.inner)
        case ast.Unary():
            return _each(_denied if e.op == "not" else np.negative, [value(f, e.operand)])
        case ast.Binary():
            return _binary(e.op, value(f, e.left), value(f, e.right))
        case ast.Compare():
            return _chain(e.ops, [value(f, x) for x in e.operands])
        case ast.Call() | ast.Pipe():
            (result,) = calls.results(f, e)
            return result
        case ast.Index():
            return _index(f, e)
        case ast.Attend():
            from asiarch.fuzz.surface.attend import attend

            return attend(f, e)
        case _:
            raise ValueError(f"{type(e).__name__} has no meaning")


def constant(x: float) -> Thunk:
    known = scalar(x)
    return lambda t, j: known


def _denied(x: Any) -> Any:
    return np.asarray(x == 0).astype(np.float64)


def _each(rule: Callable[..., Any], operands: Sequence[Thunk]) -> Thunk:
    return lambda t, j: entrywise(rule, [x(t, j) for x in operands])


def _binary(op: str, a: Thunk, b: Thunk) -> Thunk:
    match op:
        case "*":
            return lambda t, j: joined(np.multiply, a(t, j), b(t, j))
        case "/":
            return lambda t, j: joined(np.divide, a(t, j), b(t, j))
        case "@":

            def at(t: int, j: int) -> Value:
                left = a(t, j)
                return contracted(left, b(t, j), left.axes[-1:])

            return at
        case _:
            return _each(OPERATORS[op], [a, b])


def _chain(ops: Sequence[str], sides: Sequence[Thunk]) -> Thunk:
    """`a < b <= c`: every link holds."""
    links = [_each(OPERATORS[op], sides[n : n + 2]) for n, op in enumerate(ops)]
    return links[0] if len(links) == 1 else _each(lambda *xs: np.prod(xs, axis=0), links)


def _named(f: Frame, name: str) -> Thunk:
    bound = f.names.get(name)
    match bound:
        case State():
            assert bound.now is not None
            return bound.now
        case Counted():
            return constant(bound.number)
        case Shared():
            raise ValueError(f"`{name}` is an operator")
        case None:
            return _word(f, name)
        case _:
            return bound


def _word(f: Frame, name: str) -> Thunk:
    if name == "t":
        return lambda t, j: scalar(max(t, 0))
    if name == f.pair:
        return lambda t, j: scalar(max(j, 0))
    if name in f.numbers:
        return constant(float(f.numbers[name]))
    return constant(f.extents[f.axis(name)])


# -- brackets behind a value -----------------------------------------------------------------------


def _index(f: Frame, e: ast.Index) -> Thunk:
    slots = e.brackets.slots
    if slots[0].name is not None:
        found = value(f, e.base)
        for slot in slots:
            assert slot.name is not None
            found = _pick(f, found, f.axis(slot.name), cast("ast.Expr", slot.value))
        return found
    slot = _bare(cast("ast.Expr", slots[0].value))
    base = _bare(e.base)
    if isinstance(slot, ast.Name) and slot.id == f.pair:
        return _other_token(f, base)
    steps = _steps(f, slot)
    if steps is None:
        return _loop_pick(f, value(f, base), slot)
    state = f.names.get(base.id) if isinstance(base, ast.Name) else None
    if isinstance(state, State) and steps:
        return _past(state, steps)
    return _delayed(f, value(f, base), steps)


def _bare(e: ast.Expr) -> ast.Expr:
    while isinstance(e, ast.Paren):
        e = e.inner
    return e


def _other_token(f: Frame, base: ast.Expr) -> Thunk:
    """`x[j]` in an `attend`; of a state, what it carries after token j."""
    state = f.names.get(base.id) if isinstance(base, ast.Name) else None
    if isinstance(state, State):
        return lambda t, j: state.blank if j == NOWHERE else state.after(j)
    read = value(f, base)
    return lambda t, j: read(j, j)


def _past(state: State, steps: int) -> Thunk:
    return lambda t, j: state.blank if t == NOWHERE else state.after(t - steps)


def _delayed(f: Frame, base: Thunk, steps: int) -> Thunk:
    """0 outside of the document."""

    def at(t: int, j: int) -> Value:
        if t == NOWHERE:
            return base(t, t)
        place = t - steps
        return base(place, place) if 0 <= place < f.run.time else zeros_like(base(NOWHERE, NOWHERE))

    return at


def _steps(f: Frame, e: ast.Expr) -> int | None:
    """k of `t-k`, -k of `t+k`; None where the index is none of time."""
    match e:
        case ast.Name(id="t"):
            return 0
        case ast.Binary(op="-", left=ast.Name(id="t")):
            return whole(f, e.right)
        case ast.Binary(op="+", left=ast.Name(id="t")):
            return -whole(f, e.right)
        case _:
            return None


def _pick(f: Frame, base: Thunk, axis: str, chosen: ast.Expr) -> Thunk:
    """`x[P = 1]`, or the row of a table that a token names."""
    try:
        place = int(number(f, chosen))
    except NotStatic:
        ids = value(f, chosen)
        return lambda t, j: _slice(base(t, j), axis, int(ids(t, j).data))
    return lambda t, j: _slice(base(t, j), axis, place)


def _slice(x: Value, axis: str, place: int) -> Value:
    n = x.axes.index(axis)
    return Value(x.axes[:n] + x.axes[n + 1 :], np.take(x.data, place, axis=n))


def _loop_pick(f: Frame, base: Thunk, slot: ast.Expr) -> Thunk:
    """`k[n]`: along the axis that bounds the loop of n, or the only one."""
    loop = f.names.get(slot.id) if isinstance(slot, ast.Name) else None
    place, bound = whole(f, slot), loop.axis if isinstance(loop, Counted) else None

    def at(t: int, j: int) -> Value:
        x = base(t, j)
        return _slice(x, bound if bound in x.axes else x.axes[0], place)

    return at
