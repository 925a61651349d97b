"""A call of a definition. Made by the syntax; the node holds its function."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="call",
    doc="A call of a definition.",
    kind="control",
    evaluate=lambda domain, node, *values: domain.call(node, *values),
    flops=0,
)
