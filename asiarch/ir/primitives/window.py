"""`window[W = n](x)`: the last n tokens as a new axis W, the current one last; 0 before the
document.
"""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value
from asiarch.ir.types import Type


def _build(site: Site) -> Node:
    value = one_value(site, "window")
    if not value.type.stream:
        raise Problem("E0207", "`window` wants a stream, this is a Tensor", argument=0)
    axis, size = site.axis_or_size_slot(0)
    if axis in value.type.axes:
        raise Problem("E0206", f"the value already has an axis {axis}", argument=0)
    site.define_axis(axis, size)
    dilation = site.size_slot(1, "dilation", 1)
    return make(
        "window", (value,), Type("seq", (axis, *value.type.axes)), axis=axis, dilation=dilation
    )


PRIMITIVE = Primitive(
    name="window",
    doc="The last n tokens as a new axis, the current token last.",
    kind="time",
    build=_build,
    evaluate=lambda domain, node, x: domain.window(node, x),
    flops=0,
    signature="window[W = n, dilation = d](x)",
)
