"""A weighted sum over tokens chosen by a condition. Made by the syntax; the node holds its
function.
"""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="attend",
    doc="A weighted sum over tokens chosen by a condition.",
    kind="control",
    evaluate=lambda domain, node, *values: domain.attend(node, *values),
    flops=0,
    signature="attend j where j <= t { score: q[t] @ k[j]  value: v[j] }",
    symbol="attend",
)
