"""Sum over the named axes."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Site
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import one_value, want_axes


def reduce(value: Node, axes: tuple[str, ...]) -> Node:
    """The node that reduces `axes` away."""
    kept = tuple(a for a in value.type.axes if a not in axes)
    return make("sum", (value,), value.type.with_axes(kept), over=axes)


def _build(site: Site) -> Node:
    value, axes = one_value(site, "sum"), site.axis_slots()
    if "time" in axes:
        return whole(value, "sum", axes)
    want_axes(value, axes, "`sum`")
    return reduce(value, axes)


PRIMITIVE = Primitive(
    name="sum",
    doc="Sum over the named axes.",
    kind="reduce",
    build=_build,
    evaluate=lambda domain, node, x: domain.reduce(node, x),
    float64=lambda np, x, dims: np.sum(x, axis=dims),
    ring=lambda R, x, dims: R.sum(x, dims),
    image=lambda V, x, count: V.scale(x, count),
    spelling={"torch": "{0}.sum(dim={dims})", "jax": "{0}.sum(axis={dims})"},
    signature="sum[C](x)",
    symbol="sum",
)
