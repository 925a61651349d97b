"""Quotient that joins axes; real division."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="div",
    doc="Quotient that joins axes; real division.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: x / y,
    ring=lambda R, x, y: R.mul(x, R.inverse(y)),
    derivative=(
        lambda A, x, y, out: A.div(A.number(1), y),
        lambda A, x, y, out: A.sub(A.number(0), A.div(out, y)),
    ),
    image=lambda V, x, y: V.div(x, y),
    spelling={"torch": "{0} / {1}", "jax": "{0} / {1}"},
    signature="x / y",
    symbol="/",
)
