"""`clamp(x, low, high)`: max(low, min(x, high))."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import pointwise


def _build(site: Site) -> Node:
    if len(site.args) != 3:
        raise Problem("E0208", f"`clamp` takes a value and two bounds, got {len(site.args)}")
    x, low, high = site.args
    return pointwise("maximum", pointwise("minimum", x, high), low)


PRIMITIVE = Primitive(
    name="clamp",
    doc="A value held between two bounds.",
    kind="form",
    build=_build,
    signature="clamp(x, low, high)",
    form=True,
)
