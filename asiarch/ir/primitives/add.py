"""Sum of equal axes; numbers and Tensors spread."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="add",
    doc="Sum of equal axes; numbers and Tensors spread.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: x + y,
    ring=lambda R, x, y: R.add(x, y),
    derivative=(lambda A, x, y, out: A.number(1), lambda A, x, y, out: A.number(1)),
    image=lambda V, x, y: V.add(x, y),
    spelling={"torch": "{0} + {1}", "jax": "{0} + {1}"},
    signature="x + y",
    symbol="+",
)
