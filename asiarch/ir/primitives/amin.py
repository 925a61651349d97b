"""The smallest value along the named axes."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Site
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import one_value, pointwise, want_axes


def reduce(value: Node, axes: tuple[str, ...]) -> Node:
    """The node that reduces `axes` away."""
    kept = tuple(a for a in value.type.axes if a not in axes)
    return make("amin", (value,), value.type.with_axes(kept), over=axes)


def _build(site: Site) -> Node:
    if len(site.args) == 2 and not site.axis_slots():
        return pointwise("minimum", *site.args)
    value, axes = one_value(site, "min"), site.axis_slots()
    if "time" in axes:
        return whole(value, "min", axes)
    want_axes(value, axes, "`min`")
    return reduce(value, axes)


PRIMITIVE = Primitive(
    name="amin",
    doc="The smallest value along the named axes.",
    kind="reduce",
    build=_build,
    evaluate=lambda domain, node, x: domain.reduce(node, x),
    float64=lambda np, x, dims: np.min(x, axis=dims),
    ring=lambda R, x, dims: R.amin(x, dims),
    image=lambda V, x, count: x,
    spelling={"torch": "{0}.amin(dim={dims})", "jax": "{0}.min(axis={dims})"},
    signature="min[C](x), min(x, y)",
    symbol="min",
)
