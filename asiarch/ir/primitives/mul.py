"""Product that joins axes: the outer product where they differ."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="mul",
    doc="Product that joins axes: the outer product where they differ.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: x * y,
    ring=lambda R, x, y: R.mul(x, y),
    derivative=(lambda A, x, y, out: y, lambda A, x, y, out: x),
    image=lambda V, x, y: V.mul(x, y),
    spelling={"torch": "{0} * {1}", "jax": "{0} * {1}"},
    signature="x * y",
    symbol="*",
)
