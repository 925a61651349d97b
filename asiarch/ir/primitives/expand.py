"""`expand[C](x)`: the same value along new axes C, put in front."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value


def expand(value: Node, axes: tuple[str, ...]) -> Node:
    return make("expand", (value,), value.type.with_axes(axes + value.type.axes), new=axes)


def _build(site: Site) -> Node:
    value, axes = one_value(site, "expand"), site.axis_slots()
    for axis in axes:
        if axis in value.type.axes:
            raise Problem("E0206", f"the value already has axis {axis}", argument=0)
        site.axis_size(axis)
    return expand(value, axes)


def _move(np: Any, ctx: Any, node: Node, x: Any) -> Any:
    sizes = [ctx.size(a) for a in node.attr("new")]
    inner = len(node.args[0].type.axes)
    lead = x.shape[: x.ndim - inner]
    x = x.reshape(*lead, *([1] * len(sizes)), *x.shape[x.ndim - inner :])
    return np.broadcast_to(x, (*lead, *sizes, *x.shape[x.ndim - inner :])) if sizes else x


PRIMITIVE = Primitive(
    name="expand",
    doc="The same value along new axes, put in front.",
    kind="move",
    build=_build,
    evaluate=lambda domain, node, x: domain.move(node, x),
    float64=_move,
    flops=0,
    signature="expand[C](x)",
)
