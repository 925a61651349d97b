"""The opposite truth."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="not",
    doc="The opposite truth.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: 1.0 - x,
    ring=lambda R, x: R.sub(R.number(1), x),
    derivative=(lambda A, x, out: A.number(0),),
    image=lambda V, x: V.closed(0, 1),
    spelling={"torch": "~{0}", "jax": "~{0}"},
    signature="not x",
    symbol="not",
)
