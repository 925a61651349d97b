"""`zeros[A]()`: a Tensor of zeros."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.expand import expand
from asiarch.ir.rules import number


def _build(site: Site) -> Node:
    axes = site.axis_slots()
    if site.args:
        raise Problem("E0208", "`zeros` takes no values: `zeros[A]()`")
    for axis in axes:
        site.axis_size(axis)
    return expand(number(0), axes)


PRIMITIVE = Primitive(
    name="zeros",
    doc="A Tensor of zeros.",
    kind="form",
    build=_build,
    signature="zeros[A]()",
    form=True,
)
