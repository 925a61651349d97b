"""The reference: a flat function on numpy arrays, recurrent groups token by token.

A stream is `[batch, time, *axes]`, a Tensor `[*axes]`. What arithmetic means is the algebra's
business (`float64`, `ring`, `dual`); this file knows time, axes, and the loop over tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import lookup
from asiarch.ir.size import Size
from asiarch.ir.types import Type


@dataclass(slots=True)
class Arrays:
    """`algebra` gives arithmetic; `params` holds arrays by path; `sizes` the axes as numbers."""

    algebra: Any
    function: Function
    params: Mapping[str, Any]
    batch: int
    time: int

    # -- what primitives ask ---------------------------------------------------------------------

    def size(self, axis: str) -> int:
        return self.number(self.function.axes[axis])

    def number(self, size: Size) -> int:
        value = size.integer
        if value is None:
            raise ValueError(f"{size} is no known whole number")
        return value

    # -- leaves ----------------------------------------------------------------------------------

    def leaf(self, node: Node, frame: Frame) -> Any:
        match node.op:
            case "size":
                return self.algebra.constant(node.attr("value").constant)
            case "const":
                return self.algebra.constant(node.attr("value"))
            case "param":
                return self.params[node.attr("path")]
            case "position":
                return self.algebra.encode(np.arange(self.time).reshape(1, self.time))
            case _:
                raise KeyError(f"no value for {node!r}")

    def ramp(self, node: Node) -> Any:
        return self.algebra.encode(np.arange(self.size(node.type.axes[0])))

    # -- families --------------------------------------------------------------------------------

    def pointwise(self, node: Node, *values: Any) -> Any:
        aligned = [align(v, a.type, node.type.axes) for v, a in zip(values, node.args, strict=True)]
        return self.algebra.pointwise(node, *aligned)

    def contract(self, node: Node, x: Any, y: Any) -> Any:
        over = node.attr("over")
        full = node.type.axes + over
        left, right = node.args
        return self.algebra.contract(
            align(x, left.type, full), align(y, right.type, full), len(over)
        )

    def reduce(self, node: Node, x: Any) -> Any:
        return self.algebra.reduce(node, x, dims(node.args[0].type, node.attr("over")))

    def keep(self, node: Node, x: Any) -> Any:
        count = node.attr("count")
        extra = () if count is None else (self.number(count),)
        return self.algebra.keep(node, x, dims(node.args[0].type, node.attr("over")), *extra)

    def move(self, node: Node, *values: Any) -> Any:
        rule = lookup(node.op).float64
        assert rule is not None
        return self.algebra.move(lambda *xs: rule(np, self, node, *xs), *values)

    def gather(self, node: Node, table: Any, ids: Any) -> Any:
        axes, own = node.args[0].type.axes, node.args[1].type.axes
        place = axes.index(node.attr("axis"))
        if own:
            return self.algebra.move(lambda x: _rows_of_each(x, axes, place, own, ids), table)
        return self.algebra.move(lambda x: np.moveaxis(x, place, 0)[ids], table)

    # -- time ------------------------------------------------------------------------------------

    def delay(self, node: Node, x: Any) -> Any:
        steps, full = node.attr("steps"), self.full(node.args[0].type, x)
        return self.algebra.move(lambda a: shifted(a, steps), full)

    def window(self, node: Node, x: Any) -> Any:
        n, dilation = self.size(node.attr("axis")), self.number(node.attr("dilation"))
        full = self.full(node.args[0].type, x)
        return self.algebra.move(
            lambda a: np.stack([shifted(a, (n - 1 - i) * dilation) for i in range(n)], axis=2), full
        )

    def cumulative(self, node: Node, x: Any) -> Any:
        return self.algebra.cumulative(node.attr("which"), self.full(node.type, x))

    def whole(self, node: Node, x: Any) -> Any:
        axes = tuple(a for a in node.attr("over") if a != "time")
        kind = node.args[0].type
        count = node.attr("count")
        return self.algebra.whole(
            node.attr("which"),
            self.full(kind, x),
            (1, *dims(kind, axes)),
            None if count is None else self.number(count),
        )

    def full(self, kind: Type, x: Any) -> Any:
        """A stream with both leading axes at their length (a Tensor is the same at every token)."""
        rank = len(kind.axes)
        lead = (self.batch, self.time)

        def spread(a: Any) -> Any:
            inner = a.shape[a.ndim - rank :] if rank else ()
            front = a.shape[: a.ndim - rank]
            shape = tuple(np.broadcast_shapes(front[:2], lead)) if front else lead
            return np.broadcast_to(a, shape + tuple(inner))

        return self.algebra.move(spread, x)

    def attend(self, node: Node, *values: Any) -> Any:
        ready = [
            self.full(a.type, v) if a.type.stream and not a.type.positional else v
            for a, v in zip(node.args, values, strict=True)
        ]
        return attend(self, node, ready, np.arange(self.time), np.arange(self.time))

    # -- states ----------------------------------------------------------------------------------

    def solve(self, group: Group, frame: Frame) -> None:
        from asiarch.ir.domains.tokens import solve_tokens

        solve_tokens(self, group, frame)


# -- axes ------------------------------------------------------------------------------------------


def dims(kind: Type, axes: tuple[str, ...]) -> tuple[int, ...]:
    """Axes as negative dimensions."""
    return tuple(kind.axes.index(a) - len(kind.axes) for a in axes)


def align(x: Any, kind: Type, axes: tuple[str, ...]) -> Any:
    """Put a value's axes in the order of `axes`, missing ones as size 1."""
    if kind.axes == axes:
        return x
    move = getattr(x, "moved", None)
    return move(lambda a: _align(a, kind, axes)) if move else _align(x, kind, axes)


def _align(x: Any, kind: Type, axes: tuple[str, ...]) -> Any:
    rank = len(kind.axes)
    lead = x.ndim - rank
    present = [a for a in axes if a in kind.axes]
    x = np.transpose(x, (*range(lead), *(lead + kind.axes.index(a) for a in present)))
    sizes = iter(x.shape[lead:])
    return x.reshape(*x.shape[:lead], *(next(sizes) if a in kind.axes else 1 for a in axes))


def shifted(x: Any, steps: int) -> Any:
    """x[t - steps] along axis 1, 0 outside."""
    if steps == 0:
        return x
    out = np.zeros_like(x)
    time = x.shape[1]
    if abs(steps) < time:
        if steps > 0:
            out[:, steps:] = x[:, : time - steps]
        else:
            out[:, : time + steps] = x[:, -steps:]
    return out


# -- attend ----------------------------------------------------------------------------------------


def attend(domain: Arrays, node: Node, values: list[Any], t: Any, j: Any) -> Any:
    """One attend over the rows t and the columns j (positions), given full streams per operand.

    Streams read at t hold the rows t in order, streams read at j the columns j.
    """
    body: Function = node.attr("body")
    env: dict[Node, Any] = {}
    algebra = domain.algebra
    for leaf, value in zip(body.inputs, values, strict=True):
        if leaf.op == "at" and leaf.attr("which") == "t":
            env[leaf] = algebra.move(lambda a: a[:, :, None], value)
        elif leaf.op == "at":
            env[leaf] = algebra.move(lambda a: a[:, None], value)
        elif leaf.type.stream:
            env[leaf] = algebra.move(lambda a: a[:, :, None], value)
        else:
            env[leaf] = value
    inner = Frame(body, domain, env)
    for term in topological(body.outputs):
        if term in env:
            continue
        if term.op == "position":
            rows = t.reshape(1, -1, 1) if term.attr("which") == "t" else j.reshape(1, 1, -1)
            env[term] = algebra.encode(rows)
            continue
        with np.errstate(all="ignore"):  # pairs that are not admissible are computed too
            env[term] = inner.evaluate(term)
    return algebra.attend(domain, node, [env[o] for o in body.outputs], len(t), len(j))


def _rows_of_each(
    table: Any, axes: tuple[str, ...], place: int, own: tuple[str, ...], ids: Any
) -> Any:
    """Rows at ids `[batch, time, *own]`, each from the part of the table that `own` names."""
    first = [axes.index(a) for a in own]
    ordered = np.moveaxis(table, [*first, place], range(len(own) + 1))
    return ordered[(*np.ix_(*map(range, ordered.shape[: len(own)])), ids)]
