"""log(sigmoid(x)) without overflow, in (-inf, 0]."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="logsigmoid",
    doc="log(sigmoid(x)) without overflow, in (-inf, 0].",
    kind="pointwise",
    build=build_pointwise("logsigmoid", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: -np.logaddexp(0.0, -x),
    ring=lambda R, x: R.logsigmoid(x),
    derivative=(lambda A, x, out: A.sub(A.number(1), A.call("sigmoid", x)),),
    image=lambda V, x: V.between(x, "logsigmoid", -V.INF, 0),
    spelling={"torch": "F.logsigmoid({0})", "jax": "jax.nn.log_sigmoid({0})"},
    signature="logsigmoid(x)",
    symbol="",
)
