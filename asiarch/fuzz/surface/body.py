"""Statements, from top to bottom. A loop is written out; of an `if` the arm that holds is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asiarch.fuzz.surface import calls, labels
from asiarch.fuzz.surface.expression import value
from asiarch.fuzz.surface.frame import Bound, Counted, Frame, Shared, State, at_tokens
from asiarch.fuzz.surface.static import number, whole
from asiarch.fuzz.surface.value import NOWHERE, Axes, Thunk, Value
from asiarch.language import ast


def results_of(f: Frame, definition: ast.Definition) -> list[Thunk]:
    """The results of one use, in the axes of the definition."""
    f.targets = labels.targets(definition.body)
    found: list[Thunk] = []
    for n, x in enumerate(statements(f, definition.body)):
        kind = definition.results[n] if n < len(definition.results) else None
        if kind is not None and kind.name.id in ("Seq", "Tensor"):
            found.append(_ordered(x, calls.listed(f, kind.axes or ())))
        elif kind is not None:  # the type of a formal
            like = f.names[kind.name.id]
            assert callable(like)
            found.append(_as(x, like))
        else:
            found.append(x)
    return found


def _ordered(x: Thunk, axes: Axes) -> Thunk:
    return at_tokens(lambda t, j: x(t, j).ordered(axes))


def _as(x: Thunk, like: Thunk) -> Thunk:
    return at_tokens(lambda t, j: x(t, j).ordered(like(t, j).axes))


def statements(f: Frame, body: Sequence[ast.Statement]) -> list[Thunk]:
    """What the block returns; nothing where it does not."""
    returned: list[Thunk] = []
    for s in body:
        f.target = f.targets.get(id(s), "")
        match s:
            case ast.Equation():
                _equation(f, s)
            case ast.Param():
                f.names[s.name.id] = f.parameter(f.under(s.name.id), calls.listed(f, s.axes))
            case ast.State():
                f.names[s.name.id] = _state(f, s)
            case ast.Share():
                path = f.under(f"{s.name.id}.{s.op.id}")
                f.names[s.name.id] = Shared(s.op, s.brackets, path)
            case ast.Loss():
                _loss(f, s)
            case ast.For():
                _for(f, s)
            case ast.If():
                statements(f, s.then if number(f, s.condition) else s.otherwise)
            case ast.Return():
                f.target, f.labels = "out", labels.calls(s.values)
                returned = [value(f, e) for e in s.values]
    return returned


def _loss(f: Frame, s: ast.Loss) -> None:
    f.labels = labels.calls([s.value])
    if f.called:
        f.run.more = True
    else:
        f.run.losses.append(value(f, s.value))


def _equation(f: Frame, s: ast.Equation) -> None:
    f.labels = labels.calls([s.value])
    found = _several(f, s.value) if len(s.targets) > 1 else [value(f, s.value)]
    for target, x in zip(s.targets, found, strict=True):
        bound = f.names.get(target.id)
        if isinstance(bound, State):
            bound.now = _ordered(x, bound.blank.axes)
        else:
            f.names[target.id] = x


def _several(f: Frame, e: ast.Expr) -> list[Thunk]:
    while isinstance(e, ast.Paren):
        e = e.inner
    assert isinstance(e, (ast.Call, ast.Pipe))
    return calls.results(f, e)


def _state(f: Frame, s: ast.State) -> State:
    axes = calls.listed(f, s.axes)
    blank = np.zeros([f.extents[a] for a in axes])
    if s.initial is None:
        return State(lambda t, j: Value(axes, blank), Value(axes, blank))
    f.target, f.labels = s.name.id, labels.calls([s.initial])
    first = value(f, s.initial)

    def start(t: int, j: int) -> Value:
        return Value(axes, np.broadcast_to(first(t, j).along(axes), blank.shape))

    return State(start, Value(axes, blank))


def _for(f: Frame, s: ast.For) -> None:
    """One block after another; names from above are carried, others end with their iteration."""
    axis = f.axis(s.bound.id) if isinstance(s.bound, ast.Name) else None
    for n in range(whole(f, s.bound)):
        inner = replace(f, path=f.under(f"{s.variable.id}s.{n}"), names=dict(f.names))
        inner.names[s.variable.id] = Counted(n, axis)
        statements(inner, s.body)
        own = {x.name.id for x in s.body if isinstance(x, (ast.Param, ast.State, ast.Share))}
        for name in f.names:
            if name not in own:
                f.names[name] = _carried(f.names[name], inner.names[name])


def _carried(before: Bound, after: Bound) -> Bound:
    """What an iteration hands on has the type of what it was given, the order of its axes too."""
    if before is after or not callable(before) or not callable(after):
        return after

    def turned(t: int, j: int) -> Value:
        x, axes = after(t, j), before(NOWHERE, NOWHERE).axes
        return x.ordered(axes) if set(axes) == set(x.axes) else x

    return at_tokens(turned)
