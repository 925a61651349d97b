"""`mean[C](x)`: the sum over C divided by its size."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Site
from asiarch.ir.primitives.sum import reduce
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import number, one_value, pointwise, want_axes
from asiarch.ir.size import total


def _build(site: Site) -> Node:
    value, axes = one_value(site, "mean"), site.axis_slots()
    if "time" in axes:
        return whole(value, "mean", axes)
    want_axes(value, axes, "`mean`")
    count = total([site.axis_size(a) for a in axes])
    return pointwise("div", reduce(value, axes), number(count))


PRIMITIVE = Primitive(
    name="mean",
    doc="Mean over the named axes.",
    kind="form",
    build=_build,
    signature="mean[C](x)",
    form=True,
)
