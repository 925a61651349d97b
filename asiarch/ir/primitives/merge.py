"""`merge[A, B -> D](x)`: axes A, B as one axis D, put last (row-major)."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value, order, want_axes
from asiarch.ir.size import total


def _build(site: Site) -> Node:
    value, parts, target = one_value(site, "merge"), site.axis_slots(), site.arrow()
    if not parts or not target or len(target) != 1:
        raise Problem("E0209", "`merge` names the parts and the axis: `merge[H, K -> D](x)`")
    want_axes(value, parts, "`merge`")
    kept = tuple(a for a in value.type.axes if a not in parts)
    if target[0] in kept:
        raise Problem("E0206", f"the value already has axis {target[0]}", argument=0)
    site.define_axis(target[0], total([site.axis_size(p) for p in parts]))
    ordered = order(value, kept + parts)
    kind = value.type.with_axes((*kept, target[0]))
    return make("merge", (ordered,), kind, axis=target[0], parts=parts)


def _move(np: Any, ctx: Any, node: Node, x: Any) -> Any:
    rank, parts = len(node.args[0].type.axes), len(node.attr("parts"))
    return x.reshape(*x.shape[: x.ndim - rank], *x.shape[x.ndim - rank : x.ndim - parts], -1)


PRIMITIVE = Primitive(
    name="merge",
    doc="Several axes as one, row-major, put last.",
    kind="move",
    build=_build,
    evaluate=lambda domain, node, x: domain.move(node, x),
    float64=_move,
    flops=0,
    signature="merge[A, B -> D](x)",
)
