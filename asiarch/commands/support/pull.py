"""Which way a loss pulls: the sign of its derivative by each value that it is made of, from ranges.

The derivatives are those of the primitives' files, evaluated over intervals; sums over axes and
tokens count a derivative many times and keep its sign. What has no such rule pulls either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asiarch.ir import interval as I
from asiarch.ir.interval import INF, Range
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import Primitive, lookup

NOTHING, UP, DOWN, EITHER = "not at all", "up", "down", "either way"


class _Intervals:
    """What a derivative may ask of its arithmetic, over ranges."""

    number = staticmethod(I.point)
    mul, sub, div, add = (staticmethod(f) for f in (I.mul, I.sub, I.div, I.add))

    @staticmethod
    def less(a: Range, b: Range) -> Range:
        return I.closed(0, 1)

    @staticmethod
    def call(name: str, *values: Range) -> Range:
        image = lookup(name).image
        return I.top() if image is None else image(I, *values)


def pulls(loss: Node, ranges: Mapping[Node, Any], stop: Callable[[Node], bool]) -> dict[Node, str]:
    """Where minimising moves each value that the loss is made of, down to where `stop` holds."""
    found: dict[Node, Range] = {loss: I.point(1)}
    out: dict[Node, str] = {}
    for node in reversed(topological([loss])):
        slope = found.get(node)
        if slope is None:
            continue
        if node is not loss and (stop(node) or node.is_leaf):
            if node.op not in ("size", "const", "position"):
                out[node] = _way(slope)
            continue
        for arg, local in _locals(node, ranges):
            part = _sign(I.mul(slope, local))
            found[arg] = part if arg not in found else _sign(I.add(found[arg], part))
    return out


def _way(slope: Range) -> str:
    """Minimising moves a value against the slope."""
    if slope.low == slope.high == 0:
        return NOTHING
    return DOWN if slope.low >= 0 else UP if slope.high <= 0 else EITHER


def _sign(x: Range) -> Range:
    """The range with its size forgotten: sums over axes and tokens scale it by a count above 0."""
    return Range(-INF if x.low < 0 else 0, INF if x.high > 0 else 0)


def _locals(node: Node, ranges: Mapping[Node, Any]) -> Iterator[tuple[Node, Range]]:
    """The derivative of a node by each of its operands, as a range."""
    primitive = lookup(node.op)
    values = [_range(ranges, a) for a in node.args]
    match primitive.kind:
        case "pointwise" if len(primitive.derivative) == len(node.args):
            for arg, rule in zip(node.args, primitive.derivative, strict=True):
                yield arg, rule(_Intervals, *values, _range(ranges, node))
        case "contract":
            yield node.args[0], values[1]
            yield node.args[1], values[0]
        case _:
            for arg in node.args:
                yield arg, _passed(node, primitive)


def _passed(node: Node, primitive: Primitive) -> Range:
    """Families that move, add up or choose entries have a derivative of entries in [0, 1]."""
    if primitive.kind in ("reduce", "move", "gather") or node.op in ("delay", "window", "topk"):
        return I.closed(0, 1)
    if node.op in ("cumulative", "whole") and node.attr("which") in ("sum", "mean", "max", "min"):
        return I.closed(0, 1)
    return I.top()


def _range(ranges: Mapping[Node, Any], node: Node) -> Range:
    found = ranges.get(node)
    return found if isinstance(found, Range) else I.top()
