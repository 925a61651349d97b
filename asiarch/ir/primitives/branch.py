"""A choice between two values by a static condition. Made by the syntax; the node holds its
function.
"""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="branch",
    doc="A choice between two values by a static condition.",
    kind="control",
    evaluate=lambda domain, node, *values: domain.branch(node, *values),
    flops=0,
)
