"""The logistic function 1 / (1 + exp(-x)), in (0, 1]."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="sigmoid",
    doc="The logistic function 1 / (1 + exp(-x)), in (0, 1].",
    kind="pointwise",
    build=build_pointwise("sigmoid", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.exp(-np.logaddexp(0.0, -x)),
    ring=lambda R, x: R.sigmoid(x),
    derivative=(lambda A, x, out: A.mul(out, A.sub(A.number(1), out)),),
    image=lambda V, x: V.between(x, "sigmoid", 0, 1),
    spelling={"torch": "torch.sigmoid({0})", "jax": "jax.nn.sigmoid({0})"},
    signature="sigmoid(x)",
    symbol="",
)
