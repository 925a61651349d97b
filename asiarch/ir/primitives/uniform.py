"""`uniform`: a draw for every entry of a parameter; in initialisers only."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.types import Type


def _build(site: Site) -> Node:
    if len(site.args) != 2:
        raise Problem("E0208", f"`uniform` takes 2 numbers, got {len(site.args)}")
    return make("draw", tuple(site.args), Type("tensor"), which="uniform", path=site.label())


PRIMITIVE = Primitive(
    name="uniform",
    doc="A draw for every entry of a parameter.",
    kind="form",
    build=_build,
    signature="uniform(low, high)",
    form=True,
)
