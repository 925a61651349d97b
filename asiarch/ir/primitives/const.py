"""`const(x)`: every entry x; in initialisers."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Problem, Site


def _build(site: Site) -> Node:
    if len(site.args) != 1:
        raise Problem("E0208", f"`const` takes one number, got {len(site.args)}")
    return site.args[0]


PRIMITIVE = Primitive(
    name="const",
    doc="Every entry the same number.",
    kind="form",
    build=_build,
    signature="param p[A] ~ const(x)",
    form=True,
)
