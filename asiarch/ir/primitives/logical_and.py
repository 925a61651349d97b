"""Both truths."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="and",
    doc="Both truths.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: x * y,
    ring=lambda R, x, y: R.mul(x, y),
    derivative=(lambda A, x, y, out: A.number(0), lambda A, x, y, out: A.number(0)),
    image=lambda V, x, y: V.closed(0, 1),
    spelling={"torch": "{0} & {1}", "jax": "{0} & {1}"},
    signature="x and y",
    symbol="and",
)
