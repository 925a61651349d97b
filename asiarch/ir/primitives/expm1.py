"""exp(x) - 1 without cancellation near 0."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="expm1",
    doc="exp(x) - 1 without cancellation near 0, in [-1, inf).",
    kind="pointwise",
    build=build_pointwise("expm1", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.expm1(x),
    ring=lambda R, x: R.sub(R.exp(x), 1),
    derivative=(lambda A, x, out: A.add(out, A.number(1)),),
    image=lambda V, x: V.between(x, "expm1", -1, V.INF),
    spelling={"torch": "torch.expm1({0})", "jax": "jnp.expm1({0})"},
    signature="expm1(x)",
    symbol="",
)
