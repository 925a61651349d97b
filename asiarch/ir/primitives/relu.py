"""max(x, 0)."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="relu",
    doc="max(x, 0).",
    kind="pointwise",
    build=build_pointwise("relu", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.maximum(x, 0.0),
    ring=lambda R, x: R.relu(x),
    derivative=(lambda A, x, out: A.call("step", x),),
    image=lambda V, x: V.maximum(x, V.point(0)),
    spelling={"torch": "F.relu({0})", "jax": "jax.nn.relu({0})"},
    signature="relu(x)",
    symbol="",
)
