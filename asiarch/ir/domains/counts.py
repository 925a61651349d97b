"""Counts: the operations that the reference really executes, by the sizes of its arrays.

The same conventions as `cost`: one operation per entry of a pointwise result, two per product of a
contraction, one per entry that a reduction reads. A pair of tokens of an `attend` counts where its
condition holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.arrays import Arrays
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, run
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import lookup


class _Pairs(Float64):
    """Float64 that counts the pairs of every `attend`."""

    operations = 0

    def attend(self, domain: Any, node: Node, outputs: list[Any], rows: int, columns: int) -> Any:
        mask = np.broadcast_to(outputs[0] != 0, (1, rows, columns))
        self.operations += int(mask.sum()) * _per_pair(domain, node)
        return super().attend(domain, node, outputs, rows, columns)


def _per_pair(domain: Arrays, node: Node) -> int:
    body: Function = node.attr("body")

    def entries(axes: tuple[str, ...]) -> int:
        return int(np.prod([domain.size(a) for a in axes], dtype=int))

    total = 0
    for term in topological(body.outputs):
        if term.is_leaf:
            continue
        over = term.attr("over", ())
        rate = 1 if lookup(term.op).kind == "reduce" else lookup(term.op).flops
        inner = term.args[0].type.axes if lookup(term.op).kind == "reduce" else term.type.axes
        total += entries(inner) * rate * (entries(over) if term.op == "contract" else 1)
    score, value = body.outputs[1].type.axes, body.outputs[2].type.axes
    joined = tuple(dict.fromkeys(score + value))
    return total + 2 * entries(score) + 2 * entries(joined)


class Counting(Arrays):
    """The reference on rows of `time` tokens, batch 1, with a count of its operations."""

    def __init__(self, function: Function, params: Any, time: int) -> None:
        super().__init__(_Pairs(), function, params, 1, time)
        self.skipped = {
            term
            for node in topological(function.roots())
            if node.op == "attend"
            for term in topological(node.attr("body").outputs)
        }

    @property
    def operations(self) -> int:
        return self.algebra.operations

    def _paid(self, node: Node, out: Any, operations: int) -> Any:
        kind = node.type
        known = kind.positional and not kind.stream and not kind.axes  # by sizes alone: not paid
        if node not in self.skipped and not known:
            self.algebra.operations += operations
        return out

    def pointwise(self, node: Node, *values: Any) -> Any:
        out = super().pointwise(node, *values)
        return self._paid(node, out, _size(node, out) * lookup(node.op).flops)

    def contract(self, node: Node, x: Any, y: Any) -> Any:
        out = super().contract(node, x, y)
        over = int(np.prod([self.size(a) for a in node.attr("over")], dtype=int))
        return self._paid(node, out, 2 * _size(node, out) * over)

    def reduce(self, node: Node, x: Any) -> Any:
        return self._paid(node, super().reduce(node, x), _size(node.args[0], x))

    def keep(self, node: Node, x: Any) -> Any:
        out = super().keep(node, x)
        return self._paid(node, out, _size(node, out) * lookup(node.op).flops)

    def cumulative(self, node: Node, x: Any) -> Any:
        out = super().cumulative(node, x)
        return self._paid(node, out, _size(node, out))

    def whole(self, node: Node, x: Any) -> Any:
        full = self.full(node.args[0].type, x)
        return self._paid(node, super().whole(node, x), _size(node.args[0], full))


def _size(node: Node, array: Any) -> int:
    return int(np.size(array))


def counted(function: Function, params: Any, streams: list[Any], time: int) -> tuple[Frame, int]:
    """A run of the reference on `[1, time, *axes]` streams, and its operations."""
    domain = Counting(function, params, time)
    frame = run(function, domain, streams)
    return frame, domain.operations
