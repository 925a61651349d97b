"""`rename[A -> B](x)`: axis A called B, an axis of the same size."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value, want_axes


def rename(value: Node, old: str, new: str) -> Node:
    axes = tuple(new if a == old else a for a in value.type.axes)
    return make("rename", (value,), value.type.with_axes(axes, open=value.type.open))


def _build(site: Site) -> Node:
    value, old, new = one_value(site, "rename"), site.axis_slots(), site.arrow()
    if len(old) != 1 or not new or len(new) != 1:
        raise Problem("E0209", "`rename` names the old and the new axis: `rename[K -> J](x)`")
    want_axes(value, old, "`rename`")
    if new[0] in value.type.axes:
        raise Problem("E0206", f"the value already has axis {new[0]}", argument=0)
    site.define_axis(new[0], site.axis_size(old[0]))
    return rename(value, old[0], new[0])


PRIMITIVE = Primitive(
    name="rename",
    doc="An axis under another name of the same size.",
    kind="move",
    build=_build,
    evaluate=lambda domain, node, x: domain.move(node, x),
    float64=lambda np, ctx, node, x: x,
    flops=0,
    signature="rename[A -> B](x)",
)
