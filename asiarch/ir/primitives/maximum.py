"""The larger of two."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="maximum",
    doc="The larger of two.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.maximum(x, y),
    ring=lambda R, x, y: R.maximum(x, y),
    derivative=(
        lambda A, x, y, out: A.less(y, x),
        lambda A, x, y, out: A.sub(A.number(1), A.less(y, x)),
    ),
    image=lambda V, x, y: V.maximum(x, y),
    spelling={"torch": "torch.maximum({0}, {1})", "jax": "jnp.maximum({0}, {1})"},
    signature="max(x, y)",
    symbol="max",
)
