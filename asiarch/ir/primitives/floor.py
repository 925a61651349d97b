"""The largest integer not above x; its derivative is 0."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="floor",
    doc="The largest integer not above x; its derivative is 0.",
    kind="pointwise",
    build=build_pointwise("floor", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.floor(x),
    ring=lambda R, x: R.tag("floor", x),
    derivative=(lambda A, x, out: A.number(0),),
    image=lambda V, x: V.floor(x),
    spelling={"torch": "torch.floor({0})", "jax": "jnp.floor({0})"},
    signature="floor(x)",
    symbol="",
)
