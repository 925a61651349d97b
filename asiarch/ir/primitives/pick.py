"""`x[P = n]`: the n-th slice along P, n known before running."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem
from asiarch.ir.rules import show
from asiarch.ir.size import Size


def pick(value: Node, axis: str, index: Size, size: Size) -> Node:
    if axis not in value.type.axes:
        raise Problem("E0206", f"the value has {show(value.type.axes)}, no axis {axis}")
    place, count = index.integer, size.integer
    if place is not None and (place < 0 or (count is not None and place >= count)):
        raise Problem("E0503", f"{axis} = {place} is out of range: {axis} has size {size}")
    kept = tuple(a for a in value.type.axes if a != axis)
    return make("pick", (value,), value.type.with_axes(kept), axis=axis, index=index)


def _move(np: Any, ctx: Any, node: Node, x: Any) -> Any:
    axes = node.args[0].type.axes
    return np.take(
        x, ctx.number(node.attr("index")), axis=axes.index(node.attr("axis")) - len(axes)
    )


PRIMITIVE = Primitive(
    name="pick",
    doc="One slice along an axis.",
    kind="move",
    evaluate=lambda domain, node, x: domain.move(node, x),
    float64=_move,
    flops=0,
    signature="x[P = n]",
    symbol="x[P = n]",
)
