"""A static repetition. Made by the syntax; the node holds its function."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="loop",
    doc="A static repetition.",
    kind="control",
    evaluate=lambda domain, node, *values: domain.loop(node, *values),
    flops=0,
)
