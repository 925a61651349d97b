"""1 where x > 0, else 0; its derivative is 0."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="step",
    doc="1 where x > 0, else 0; its derivative is 0.",
    kind="pointwise",
    build=build_pointwise("step", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.where(x > 0, 1.0, 0.0),
    ring=lambda R, x: R.positive(x),
    derivative=(lambda A, x, out: A.number(0),),
    image=lambda V, x: V.closed(0, 1),
    spelling={"torch": "({0} > 0).to({0}.dtype)", "jax": "({0} > 0).astype({0}.dtype)"},
    signature="step(x)",
    symbol="",
)
