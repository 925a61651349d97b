"""Draws of initialisers: `uniform(low, high)`, `normal(deviation)`. A fresh one for every entry."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="draw",
    doc="A random number for every entry of a parameter.",
    kind="draw",
    evaluate=lambda domain, node, *values: domain.draw(node, *values),
    image=lambda V, *bounds: V.top(),
    flops=0,
    signature="param p[A] ~ uniform(low, high)",
)
