"""One result of a call or loop. Made by the syntax; the node holds its function."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="result",
    doc="One result of a call or loop.",
    kind="control",
    evaluate=lambda domain, node, *values: domain.result(node, *values),
    flops=0,
)
